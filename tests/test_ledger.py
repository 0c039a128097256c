"""The ledger: what may be committed is what is settled without a gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirlog.pipeline.ledger import Ledger, settle_all
from weirlog.pipeline.records import Partition

PARTITION = Partition("file-0", "file", "/var/log/access.log", "17:ab")


def test_the_watermark_waits_for_the_oldest_open_receipt() -> None:
    ledger = Ledger(PARTITION, 0)
    first, second, third = ledger.open_all([10, 20, 30])

    settle_all([third, second])
    assert (ledger.watermark, ledger.in_flight) == (0, 3)

    ledger.settle(first)
    assert (ledger.watermark, ledger.in_flight) == (30, 0)


def test_a_receipt_is_settled_once() -> None:
    ledger = Ledger(PARTITION, 0)
    first, second = ledger.open_all([10, 20])
    ledger.settle(second)
    with pytest.raises(ValueError, match="position 20 in /var/log/access.log was settled twice"):
        ledger.settle(second)
    ledger.settle(first)
    with pytest.raises(ValueError, match="twice"):
        ledger.settle(first)


def test_positions_must_grow() -> None:
    ledger = Ledger(PARTITION, 100)
    with pytest.raises(ValueError, match="position 100 .* is not after 100"):
        ledger.open(100)
    ledger.open(101)
    with pytest.raises(ValueError, match="position 101 .* is not after 101"):
        ledger.open(101)


def test_receipts_from_before_a_reset_are_stale() -> None:
    """After a rebalance a late settlement must not move what another member now reads."""
    ledger = Ledger(PARTITION, 0)
    stale = ledger.open(10)
    ledger.reset(5)
    fresh = ledger.open(10)

    ledger.settle(stale)
    assert ledger.watermark == 5

    ledger.settle(fresh)
    assert ledger.watermark == 10


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_in_any_order_of_settling_the_watermark_is_the_end_of_the_settled_prefix(
    steps: list[int], random: object
) -> None:
    positions = [sum(steps[: index + 1]) for index in range(len(steps))]
    ledger = Ledger(PARTITION, 0)
    receipts = ledger.open_all(positions)
    order = list(range(len(steps)))
    random.shuffle(order)  # type: ignore[attr-defined]
    settled: set[int] = set()
    for index in order:
        ledger.settle(receipts[index])
        settled.add(index)
        prefix = next((i for i in range(len(steps)) if i not in settled), len(steps))
        assert ledger.watermark == (positions[prefix - 1] if prefix else 0)
        assert ledger.in_flight == len(steps) - prefix
