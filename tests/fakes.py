"""Fakes that the whole suite shares."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable

from weirlog.pipeline.metrics import Counter, Gauge, Histogram


class FakeClock:
    """A clock that stands still until it is advanced; waiting on it advances it at once."""

    def __init__(self, start_s: float = 1_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = start_s

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def time(self) -> float:
        return self.monotonic() + 1_700_000_000.0

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if not event.is_set():
            self.advance(max(0.0, timeout_s))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


class RecordingMetrics:
    """Keeps every figure for a test to look at, under its name and its sorted labels."""

    def __init__(self) -> None:
        self.counters: dict[tuple[str, ...], float] = defaultdict(float)
        self.gauges: dict[tuple[str, ...], float] = {}
        self.histograms: dict[tuple[str, ...], list[float]] = defaultdict(list)

    @staticmethod
    def _key(name: str, labels: dict[str, str]) -> tuple[str, ...]:
        return (name, *(f"{key}={labels[key]}" for key in sorted(labels)))

    def count(self, name: Counter, amount: float = 1, **labels: str) -> None:
        self.counters[self._key(name, labels)] += amount

    def gauge(self, name: Gauge, value: float, **labels: str) -> None:
        self.gauges[self._key(name, labels)] = value

    def observe(self, name: Histogram, value: float, **labels: str) -> None:
        self.histograms[self._key(name, labels)].append(value)


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Return whether `condition` came true within so many seconds of real time."""
    end = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            return False
        pause.wait(0.01)
    return True
