"""Deadlines and backoff, on a clock that stands still."""

from __future__ import annotations

import random

from fakes import FakeClock

from weirlog.pipeline.timing import Backoff, Deadline


def test_a_deadline_is_shared_by_all_who_hold_it() -> None:
    clock = FakeClock()
    deadline = Deadline(clock, 25.0)
    clock.advance(20.0)
    assert deadline.remaining_s == 5.0
    assert not deadline.passed
    clock.advance(6.0)
    assert deadline.remaining_s == 0.0
    assert deadline.passed


def test_backoff_draws_evenly_below_a_doubling_ceiling() -> None:
    """Full jitter: many clients that fail together must not come back together."""
    waits = [Backoff(first_s=1.0, limit_s=8.0, attempt=2, random=random.Random(seed)).next_s() for seed in range(300)]
    assert 0 <= min(waits) < 0.3
    assert 3.7 < max(waits) <= 4.0


def test_backoff_stops_growing_at_its_limit_and_never_overflows() -> None:
    backoff = Backoff(first_s=1.0, limit_s=8.0, attempt=5000, random=random.Random(1))
    assert 0 <= backoff.next_s() <= 8.0


def test_a_wait_that_the_other_side_asked_for_is_the_least() -> None:
    backoff = Backoff(first_s=1.0, limit_s=8.0, random=random.Random(1))
    assert all(backoff.next_s(30.0) >= 30.0 for _ in range(20))


def test_a_success_starts_the_backoff_anew() -> None:
    backoff = Backoff(first_s=1.0, limit_s=64.0, attempt=6, random=random.Random(1))
    backoff.reset()
    assert backoff.next_s() <= 1.0
