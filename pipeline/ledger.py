"""One partition's in-flight window.

The source's thread opens a receipt for each record it reads, in order; the scorer settles them, in any order. The
watermark is the highest position up to which everything is settled: what may be committed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from weirlog.pipeline.records import Partition, Position, Receipt


class Ledger:
    """The open receipts of one partition. All methods may be called from any thread and none of them blocks.

    Args:
        partition: whose window this is.
        start: the position already settled, where reading begins.
    """

    def __init__(self, partition: Partition, start: Position) -> None:
        self.partition = partition
        self._lock = threading.Lock()
        self._epoch = 0
        self._watermark = start
        self._first = 0  # sequence number of the oldest open receipt
        self._positions: deque[Position] = deque()
        self._settled: deque[bool] = deque()

    def open(self, position: Position) -> Receipt:
        """Return the receipt of the record that ends at `position`; positions must grow."""
        return self.open_all((position,))[0]

    def open_all(self, positions: Iterable[Position]) -> list[Receipt]:
        """Return a receipt for each of `positions`, which must grow."""
        with self._lock:
            receipts = []
            last = self._positions[-1] if self._positions else self._watermark
            for position in positions:
                if position <= last:
                    raise ValueError(f"position {position} in {self.partition.name} is not after {last}")
                receipts.append(Receipt(self, self._epoch, self._first + len(self._positions), position))
                self._positions.append(position)
                self._settled.append(False)
                last = position
            return receipts

    def settle(self, receipt: Receipt) -> None:
        """Mark one record's outcome as durable.

        Raises:
            ValueError: the receipt was settled before. A receipt of an earlier epoch is ignored.
        """
        with self._lock:
            if receipt.epoch != self._epoch:
                return
            index = receipt.sequence - self._first
            if index < 0 or self._settled[index]:
                raise ValueError(f"position {receipt.position} in {self.partition.name} was settled twice")
            self._settled[index] = True
            while self._settled and self._settled[0]:
                self._settled.popleft()
                self._watermark = self._positions.popleft()
                self._first += 1

    def reset(self, start: Position) -> None:
        """Forget every open receipt, as after a rebalance: those still in flight become stale."""
        with self._lock:
            self._epoch += 1
            self._first += len(self._positions)
            self._positions.clear()
            self._settled.clear()
            self._watermark = start

    @property
    def watermark(self) -> Position:
        """The highest position up to which every record is settled."""
        with self._lock:
            return self._watermark

    @property
    def in_flight(self) -> int:
        """How many receipts are open or wait for an earlier one."""
        with self._lock:
            return len(self._positions)


def settle_all(receipts: Iterable[Receipt]) -> None:
    """Settle each of `receipts` in its own ledger."""
    for receipt in receipts:
        receipt.ledger.settle(receipt)
