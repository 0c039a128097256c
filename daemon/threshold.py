"""How people say from which score on a request is an attack: by a score, a false-positive rate, or alerts a day.

    0.98                      the score itself
    fp-rate:1e-5              so that about one benign request in 100,000 reaches it
    alerts-per-day:20         so that about 20 benign requests a day reach it, of as many as the site has
    alerts-per-day:20@1e6     … of a million a day

Rates need a model that was calibrated (`weirlog.models.calibration`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final

from weirlog.daemon.printable import printable

FORMS: Final = "a score such as 0.98, fp-rate:1e-5, alerts-per-day:20, or alerts-per-day:20@1e6 (of a million requests)"
MOST_PER_DAY: Final = 1e12

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{0,15})?(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]{1,15}(?:[eE][+-]?[0-9]{1,3})?"
_SCORE = re.compile(_NUMBER)
_RATE = re.compile(rf"fp-rate:({_NUMBER})")
_DAILY = re.compile(rf"alerts-per-day:({_NUMBER})(?:@({_NUMBER}))?")


class ThresholdError(ValueError):
    """A threshold that says nothing, or not enough; the message names it and what to write."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A choice of threshold; with nothing set, the model's own.

    Attributes:
        score: in [0, 1].
        fp_rate: share of benign requests that may reach it, between 0 and 1.
        alerts_per_day: benign requests a day that may reach it.
        requests_per_day: of how many.
    """

    score: float | None = None
    fp_rate: float | None = None
    alerts_per_day: float | None = None
    requests_per_day: float | None = None

    @property
    def needs_volume(self) -> bool:
        """Whether it means something only together with how many requests a day there are."""
        return self.alerts_per_day is not None and self.requests_per_day is None

    def at_volume(self, requests_per_day: float | None) -> Threshold:
        """Return the same for a site of so many requests a day, unless it names a number itself."""
        return replace(self, requests_per_day=requests_per_day) if self.needs_volume else self

    def rate(self) -> float | None:
        """Return the false-positive rate that is asked for, or None where it is not asked for by one.

        Raises:
            ThresholdError: it depends on a volume that is not known, or every request may alert.
        """
        if self.alerts_per_day is None:
            return self.fp_rate
        if self.requests_per_day is None:
            raise ThresholdError(
                f"{self} depends on how many requests a day there are: write {self}@REQUESTS, as in {self}@1e6"
            )
        if self.alerts_per_day >= self.requests_per_day:
            raise ThresholdError(f"{self}: with {self.requests_per_day:g} requests a day, every one of them may alert")
        return self.alerts_per_day / self.requests_per_day

    def __str__(self) -> str:
        if self.score is not None:
            return f"{self.score:g}"
        if self.fp_rate is not None:
            return f"fp-rate:{self.fp_rate:g}"
        if self.alerts_per_day is None:
            return "its own"
        volume = "" if self.requests_per_day is None else f"@{self.requests_per_day:g}"
        return f"alerts-per-day:{self.alerts_per_day:g}{volume}"


OWN: Final = Threshold()
"""The model's own threshold."""


def parse_threshold(text: str) -> Threshold:
    """Return what `text` says.

    Raises:
        ThresholdError: it is none of the FORMS.
    """
    if _SCORE.fullmatch(text) and 0.0 <= float(text) <= 1.0:
        return Threshold(score=float(text))
    if (match := _RATE.fullmatch(text)) and 0.0 < float(match[1]) < 1.0:
        return Threshold(fp_rate=float(match[1]))
    if (match := _DAILY.fullmatch(text)) and _is_daily(match[1]) and (match[2] is None or _is_daily(match[2])):
        return Threshold(alerts_per_day=float(match[1]), requests_per_day=None if match[2] is None else float(match[2]))
    raise ThresholdError(f"{printable(text, 60)!r} is no threshold; write {FORMS}")


def _is_daily(text: str) -> bool:
    return math.isfinite(float(text)) and 0.0 < float(text) <= MOST_PER_DAY
