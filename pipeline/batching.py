"""Micro-batches: closed by count, by bytes or by age, whichever comes first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from weirlog.pipeline.records import Record


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a micro-batch is closed.

    Attributes:
        max_records: records in it; one LSTM pass over 128 requests takes some milliseconds, over 512 some tens.
        max_bytes: sum of payloads; a single larger record makes a batch of its own.
        max_delay_s: age of its oldest record since it was read.
    """

    max_records: int = 128
    max_bytes: int = 1 << 20
    max_delay_s: float = 0.05


class MicroBatcher:
    """Cuts a stream of records into batches, order kept. Belongs to one thread and never blocks.

    What it holds is bounded by its caller, who adds a chunk only when `next_batch` gave nothing.
    """

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._waiting: deque[Record] = deque()

    def add(self, records: Iterable[Record]) -> None:
        self._waiting.extend(records)

    def next_batch(self, now: float, *, flush: bool = False) -> list[Record]:
        """Return the next batch that is due at `now` (`Clock.monotonic`), or nothing.

        Args:
            now: the present moment.
            flush: close the batch whatever it holds.
        """
        if not self._waiting:
            return []
        records = size = 0
        full = False
        for record in self._waiting:
            if records and size + len(record.payload) > self._limits.max_bytes:
                full = True
                break
            records += 1
            size += len(record.payload)
            if records == self._limits.max_records or size >= self._limits.max_bytes:
                full = True
                break
        if not (full or flush or self.due_in_s(now) <= 0):
            return []
        return [self._waiting.popleft() for _ in range(records)]

    def __len__(self) -> int:
        return len(self._waiting)

    def due_in_s(self, now: float) -> float:
        """Return the seconds until the oldest record has waited long enough; infinity when none waits."""
        if not self._waiting:
            return float("inf")
        return self._waiting[0].read_at + self._limits.max_delay_s - now
