"""Time as a collaborator: a Clock that tests can turn by hand, a Deadline to share, a Backoff to wait by."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """What the pipeline knows of time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC; may jump."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Block until `event` is set or `timeout_s` have passed; return whether it is set."""
        ...


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(max(0.0, timeout_s))


class Deadline:
    """A moment by which something shared by many must be over, such as a whole shutdown."""

    def __init__(self, clock: Clock, duration_s: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + duration_s

    @property
    def remaining_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining_s <= 0.0


@dataclass(slots=True)
class Backoff:
    """Exponential backoff with full jitter: a wait drawn evenly from 0 to min(limit, first × 2^attempt).

    Full jitter spreads the retries of many clients best (M. Brooker, "Exponential Backoff And Jitter", 2015). A wait
    that the other side asked for is honoured as the least.
    """

    first_s: float = 0.5
    limit_s: float = 60.0
    attempt: int = 0
    random: random.Random = field(default_factory=random.Random)

    def next_s(self, at_least_s: float | None = None) -> float:
        """Return the seconds to wait before the next attempt, and count it."""
        # 2**63 would overflow nothing but patience: the cap is reached long before.
        ceiling = min(self.limit_s, self.first_s * 2.0 ** min(self.attempt, 63))
        self.attempt += 1
        drawn = self.random.uniform(0.0, ceiling)
        return drawn if at_least_s is None else at_least_s + drawn

    def reset(self) -> None:
        """Forget the failures, after a success."""
        self.attempt = 0
