"""How many requests a day a log stands for."""

from __future__ import annotations

import math
from typing import Final

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
LEAST_SPAN_S: Final = 600.0
"""What a log of fewer minutes says about a day is chance."""
MOST_HOURS: Final = 100_000
"""Eleven years of hours with a request in them; whatever lies in further ones is not counted."""
STRAY_SHARE: Final = 1e-3
"""Share at either end that may lie far off: a host whose clock was wrong for a minute must not stretch a day to a year."""


class Volume:
    """Counts requests and the time that they span, in bounded memory and whatever their order.

    Attributes:
        requests: how many there were, with and without a time.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._hours: dict[int, list[float]] = {}  # by hour since 1970: how many, the earliest, the latest

    def add(self, time: float | None) -> None:
        """Count one request; `time` is in seconds since 1970-01-01 UTC, where the log tells it."""
        self.requests += 1
        if time is None or not math.isfinite(time):
            return
        hour = int(time // HOUR_S)
        seen = self._hours.get(hour)
        if seen is not None:
            seen[0] += 1
            seen[1], seen[2] = min(seen[1], time), max(seen[2], time)
        elif len(self._hours) < MOST_HOURS:
            self._hours[hour] = [1, time, time]

    @property
    def span_s(self) -> float | None:
        """Seconds from the first request to the last, but for strays; None where that is too short or no time is known."""
        if not self._hours:
            return None
        hours = [self._hours[hour] for hour in sorted(self._hours)]
        strays = STRAY_SHARE * sum(count for count, _, _ in hours)
        first, last = _kept(hours, strays), len(hours) - 1 - _kept(hours[::-1], strays)
        span = hours[last][2] - hours[first][1]
        return span if span >= LEAST_SPAN_S else None

    @property
    def per_day(self) -> float | None:
        """Requests a day, where the span is known."""
        span = self.span_s
        return None if span is None else self.requests * DAY_S / span


def _kept(hours: list[list[float]], strays: float) -> int:
    """Return the place of the first of `hours` that is not among so many strays."""
    for place, (count, _, _) in enumerate(hours):
        strays -= count
        if strays < 0:
            return place
    return 0
