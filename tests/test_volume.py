"""How many requests a day a log stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest

from weirlog.daemon.volume import Volume

START = 1_700_000_000.0


def volume_of(times: Iterator[float | None] | Sequence[float | None]) -> Volume:
    volume = Volume()
    for time in times:
        volume.add(time)
    return volume


def test_a_days_volume_follows_from_the_times_in_any_order() -> None:
    times = [START + 10.0 * number for number in range(10_000)]
    assert volume_of(times[::-1]).per_day == pytest.approx(8640, rel=1e-3)


def test_a_clock_that_was_wrong_for_a_moment_does_not_stretch_the_log() -> None:
    times = [START + 10.0 * number for number in range(10_000)]
    assert volume_of([0.0, *times, 4e9, math.inf, math.nan]).per_day == pytest.approx(8640, rel=1e-2)


@pytest.mark.parametrize("times", [[], [None] * 500, [START] * 500, [START, START + 60]])
def test_without_a_span_no_volume_is_made_up(times: list[float | None]) -> None:
    assert volume_of(times).per_day is None
