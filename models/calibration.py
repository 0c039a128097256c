"""Score → false-positive rate: what share of benign requests a threshold would let alert.

A model's scores are no rates: 0.99 may be one benign request in a hundred or in a million. So the rate is measured, as
quantiles of the logits of benign requests that the model has not learnt from, down to where so few requests scored
higher that their share is chance. Below that a generalised Pareto distribution goes on (Pickands, 1975): whatever
distribution the logits have, their excess over a high level tends to one. What comes of it is told as extrapolated.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from weirlog.models.errors import ArtifactError
from weirlog.models.request import JSON

Values = npt.NDArray[np.floating]

LOGIT_LIMIT: Final = math.log(2.0**25 - 1)
"""Stands for a score of 1: between it and the next lower one that float32 knows, 1 - 2^-24, it is rounding that decides."""
LEAST_EXCEEDANCES: Final = 10
"""A share counted from so many requests is right within a third of itself (1/√10); from fewer, it is a guess."""
LEAST_REQUESTS: Final = 1_000
TAIL_REQUESTS: Final = 200
"""The tail is fitted to so many of the highest; to a twentieth of all where that is fewer."""
POINTS_PER_DECADE: Final = 12
STEEPEST_SHAPE: Final = 0.5
"""From this shape on a generalised Pareto distribution has no variance, and what is fitted to 200 values says nothing."""


class _Tail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scale: float
    shape: float


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requests: dict[str, int]
    logits: tuple[float, ...]
    rates: tuple[float, ...]
    tail: _Tail


@dataclass(frozen=True, slots=True)
class Estimate:
    """A threshold and what it does.

    Attributes:
        threshold: the score from which a request counts as an attack.
        fp_rate: share of benign requests that reach it.
        extrapolated: the rate is below what was measured.
    """

    threshold: float
    fp_rate: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """The rates of one model, as measured.

    Attributes:
        requests: how many benign requests were scored, by where they come from.
        logits: increasing.
        rates: decreasing; the share of the requests whose logit was at least that. Between two the logarithm of the
            rate is taken for linear.
        scale: of the generalised Pareto distribution of excesses over the last logit, in logits.
        shape: of the same; 0 is the exponential distribution. Never below 0, for that would promise that no benign
            request ever scores higher than some score.

    Raises:
        ArtifactError: the table is not monotone, or not finite.
    """

    requests: Mapping[str, int]
    logits: tuple[float, ...]
    rates: tuple[float, ...]
    scale: float
    shape: float

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.logits, self.logits[1:], strict=False))
        falling = all(high > low for high, low in zip(self.rates, self.rates[1:], strict=False))
        finite = all(map(math.isfinite, (*self.logits, self.scale, self.shape)))
        fits = len(self.logits) == len(self.rates) >= 2 and all(0.0 < rate <= 1.0 for rate in self.rates)
        if not (rising and falling and finite and fits and self.scale > 0.0 and 0.0 <= self.shape <= STEEPEST_SHAPE):
            raise ArtifactError(
                "the table of false-positive rates is no falling curve of at least two points; calibrate the model again"
            )

    @property
    def least_measured(self) -> float:
        """The lowest rate that was measured; what is below is extrapolated."""
        return self.rates[-1]

    def fp_rate(self, score: float) -> float:
        """Return the share of benign requests that score `score` or more."""
        place = logit(score)
        if place <= self.logits[0]:
            return self.rates[0]
        if place > self.logits[-1]:
            return self.rates[-1] * _survival((place - self.logits[-1]) / self.scale, self.shape)
        right = bisect_right(self.logits, place, hi=len(self.logits) - 1)
        share = (place - self.logits[right - 1]) / (self.logits[right] - self.logits[right - 1])
        return float(math.exp(_between(math.log(self.rates[right - 1]), math.log(self.rates[right]), share)))

    def threshold_for(self, rate: float) -> Estimate:
        """Return the lowest threshold that keeps the false-positive rate at or below `rate`.

        Raises:
            ArtifactError: even among scores of 1 the rate is higher; says how low it gets.
        """
        if not 0.0 < rate < 1.0:
            raise ArtifactError(f"a false-positive rate of {rate:g} is not between 0 and 1")
        least = self.fp_rate(1.0)
        if rate < least:
            raise ArtifactError(
                f"no threshold keeps to a false-positive rate of {rate:g}: {least:.1g} of benign requests are expected "
                "to score 1; ask for that or more"
            )
        if rate >= self.rates[0]:
            return Estimate(_score(self.logits[0]), self.rates[0], extrapolated=False)
        if rate < self.rates[-1]:
            place = self.logits[-1] + self.scale * _quantile(rate / self.rates[-1], self.shape)
            return Estimate(_score(min(place, LOGIT_LIMIT)), rate, extrapolated=True)
        right = bisect_right(self.rates, -rate, key=lambda known: -known, hi=len(self.rates) - 1)
        before, after = math.log(self.rates[right - 1]), math.log(self.rates[right])
        share = (math.log(rate) - before) / (after - before)
        return Estimate(_score(_between(self.logits[right - 1], self.logits[right], share)), rate, extrapolated=False)

    def to_json(self) -> dict[str, JSON]:
        """Return the table for an artifact's metrics."""
        return {
            "requests": dict(self.requests),
            "logits": list(self.logits),
            "rates": list(self.rates),
            "tail": {"scale": self.scale, "shape": self.shape},
        }

    @classmethod
    def from_json(cls, value: JSON) -> Calibration:
        """Return what `to_json` wrote.

        Raises:
            ArtifactError: it is no such table.
        """
        try:
            table = msgspec.convert(value, _Table)
        except msgspec.ValidationError as error:
            raise ArtifactError(f"the table of false-positive rates: {error}; calibrate the model again") from error
        return cls(table.requests, table.logits, table.rates, table.tail.scale, table.tail.shape)


def calibrate(scores: Mapping[str, Values]) -> Calibration:
    """Return the table that benign scores in [0, 1] give, by where they come from; each request counts the same.

    Raises:
        ValueError: there are fewer than LEAST_REQUESTS, or hardly two different scores among them.
    """
    benign = np.concatenate([np.asarray(part, np.float64) for part in scores.values()] or [np.zeros(0)])
    count = len(benign)
    if count < LEAST_REQUESTS:
        raise ValueError(f"{count} benign requests tell no rates: give at least {LEAST_REQUESTS}")
    ordered = np.sort(_logits(benign))
    decades = math.log10(count / LEAST_EXCEEDANCES)
    above = np.round(count / 10.0 ** np.linspace(0.0, decades, 1 + math.ceil(decades * POINTS_PER_DECADE))).astype(int)
    # Cut downwards: a rounded logit above the highest of its requests would be one that nothing reaches.
    levels = np.unique(np.floor(ordered[count - above] * 1e4) / 1e4)
    rates = (count - np.searchsorted(ordered, levels, side="left")) / count
    kept = np.append(True, np.diff(rates) < 0.0)
    if kept.sum() < 2:
        raise ValueError("the benign scores are all alike: they tell no rates")
    levels, rates = levels[kept], rates[kept]
    start = ordered[count - min(TAIL_REQUESTS, count // 20)]
    scale, shape = fit_tail(ordered[ordered > start] - start)
    # A generalised Pareto distribution stays one over a higher level: its scale moves by shape × distance.
    scale = max(scale + shape * float(levels[-1] - start), 1e-3)
    return Calibration(
        {name: len(part) for name, part in scores.items()},
        tuple(levels.tolist()),
        tuple(float(f"{rate:.6g}") for rate in rates),
        round(scale, 4),
        round(shape, 4),
    )


def fit_tail(excesses: Values) -> tuple[float, float]:
    """Return (scale, shape) of the generalised Pareto distribution of `excesses`, the shape kept in [0, STEEPEST_SHAPE].

    By probability-weighted moments (Hosking and Wallis, 1987), which stay sane where maximum likelihood wanders off.
    Where the shape is at a bound, the scale is what keeps the mean.
    """
    count = len(excesses)
    mean = float(excesses.mean()) if count else 0.0
    if count < 2 or mean <= 0.0:
        return 1.0, 0.0  # hardly anything is known: the tail of a logistic distribution
    ranks = np.arange(count - 1, -1, -1) / (count - 1)
    weighted = float((np.sort(excesses) * ranks).mean())
    spread = mean - 2.0 * weighted
    shape = 2.0 - mean / spread if spread > 0.0 else 0.0
    shape = min(max(shape, 0.0), STEEPEST_SHAPE)
    return mean * (1.0 - shape), shape


def logit(score: float) -> float:
    """Return ln(p / (1 - p)), kept within ±LOGIT_LIMIT."""
    return float(_logits(np.array([score]))[0])


def _logits(scores: Values) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        values = np.log(scores) - np.log1p(-scores)
    clipped: npt.NDArray[np.float64] = np.clip(values, -LOGIT_LIMIT, LOGIT_LIMIT)
    return clipped


def _score(place: float) -> float:
    return 1.0 / (1.0 + math.exp(-place)) if place < LOGIT_LIMIT else 1.0


def _survival(excess: float, shape: float) -> float:
    return math.exp(-excess) if shape == 0.0 else (1.0 + shape * excess) ** (-1.0 / shape)


def _quantile(share: float, shape: float) -> float:
    return -math.log(share) if shape == 0.0 else (share**-shape - 1.0) / shape


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
