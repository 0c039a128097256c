"""The benchmark's own arithmetic, and the worker that it asks."""

from __future__ import annotations

import math

import pytest

from weirlog.daemon.bench import Contestant, flop_per_request, sgemm_gflops
from weirlog.daemon.bench_worker import COMPARED, unique_requests
from weirlog.models.artifact import load
from weirlog.models.presets import PRESETS
from weirlog.pipeline.errors import StopError


def test_the_unavoidable_work_is_the_recurrent_products() -> None:
    """64 × 256 multiplications and additions a character for the reference's LSTM."""
    assert flop_per_request(PRESETS["lstm"].network, 100) == 2 * 64 * 256 * 100
    assert flop_per_request(PRESETS["stacked-lstm"].network, 1) == 2 * (64 * 256 + 64 * 256)


def test_requests_are_distinct_and_as_many_as_asked_for() -> None:
    batches = unique_requests(load("default"), 256)
    assert [len(batch) for batch in batches] == [128, 128]
    texts = {tuple(batch.ids[start : start + size]) for batch in batches for start, size in _spans(batch.lengths)}
    assert len(texts) == 256


def test_a_worker_says_how_it_started_and_how_fast_it_is() -> None:
    worker = Contestant.start("numpy", one_core=True)
    try:
        worker.run(0.2)
        worker.run(0.2)
    finally:
        worker.stop()
    assert len(worker.hello["scores"]) == COMPARED
    assert all(0 <= score <= 1 for score in worker.hello["scores"])
    assert len(worker.rounds) == 2
    assert min(worker.rounds) > 0
    assert worker.rss_mb > 10


def test_the_machine_does_some_arithmetic() -> None:
    assert math.isfinite(sgemm_gflops())
    assert sgemm_gflops() > 0


def _spans(lengths: object) -> list[tuple[int, int]]:
    sizes = [int(size) for size in lengths]  # type: ignore[attr-defined]
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return list(zip(starts, sizes, strict=True))


def test_a_worker_that_cannot_start_is_told_as_such() -> None:
    with pytest.raises(StopError, match="engine abacus ended early: .*abacus"):
        Contestant.start("abacus", one_core=False)
