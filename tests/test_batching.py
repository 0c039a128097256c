"""Micro-batches: closed by count, bytes or age, whichever comes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weirlog.pipeline.batching import BatchLimits, MicroBatcher
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record

LIMITS = BatchLimits(max_records=3, max_bytes=100, max_delay_s=0.05)


def records(*sizes: int, read_at: float = 0.0) -> list[Record]:
    ledger = Ledger(Partition("file-0", "file", "access.log", "1:a"), 0)
    return [Record(b"x" * size, ledger.open(index + 1), read_at) for index, size in enumerate(sizes)]


def test_a_batch_is_closed_by_count() -> None:
    batcher = MicroBatcher(LIMITS)
    batcher.add(records(1, 1, 1, 1))
    assert len(batcher.next_batch(0.0)) == 3
    assert batcher.next_batch(0.0) == []


def test_a_batch_is_closed_by_bytes_before_it_exceeds_them() -> None:
    batcher = MicroBatcher(LIMITS)
    batcher.add(records(60, 60))
    assert [len(record.payload) for record in batcher.next_batch(0.0)] == [60]
    assert batcher.next_batch(0.0) == []


def test_a_record_larger_than_the_limit_is_a_batch_of_its_own() -> None:
    batcher = MicroBatcher(LIMITS)
    batcher.add(records(500, 1))
    assert [len(record.payload) for record in batcher.next_batch(0.0)] == [500]


def test_a_batch_is_closed_by_the_age_of_its_oldest_record() -> None:
    batcher = MicroBatcher(LIMITS)
    batcher.add(records(1, read_at=10.0))
    batcher.add(records(1, read_at=10.04))
    assert batcher.next_batch(10.049) == []
    assert 0 < batcher.due_in_s(10.049) < 0.0011
    assert len(batcher.next_batch(10.051)) == 2


def test_a_flush_closes_whatever_is_there() -> None:
    batcher = MicroBatcher(LIMITS)
    batcher.add(records(1))
    assert len(batcher.next_batch(0.0, flush=True)) == 1
    assert batcher.next_batch(0.0, flush=True) == []
    assert batcher.due_in_s(0.0) == float("inf")


@given(st.lists(st.integers(0, 150), max_size=40))
def test_batches_keep_the_order_lose_nothing_and_keep_the_limits(sizes: list[int]) -> None:
    batcher = MicroBatcher(LIMITS)
    given_records = records(*sizes)
    batcher.add(given_records)
    batches = []
    while batch := batcher.next_batch(0.0, flush=True):
        batches.append(batch)
    assert [record for batch in batches for record in batch] == given_records
    for batch in batches:
        assert len(batch) <= 3
        assert len(batch) == 1 or sum(len(record.payload) for record in batch) <= 100
