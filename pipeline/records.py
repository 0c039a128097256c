"""The value types that flow: a Record is one log line or message with its Receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from weirlog.pipeline.ledger import Ledger

Position: TypeAlias = int
"""Where to resume in one partition: the byte after the newline, or the Kafka offset + 1."""

SourceType: TypeAlias = Literal["file", "kafka"]


@dataclass(frozen=True, slots=True)
class Partition:
    """One independently resumable part of a source: one file, or one partition of one Kafka topic.

    Attributes:
        source: which configured source it belongs to (its metrics label), e.g. "file-0".
        type: what kind of system it is.
        name: the path as opened, or the topic.
        key: an identity that survives restart, rotation and rebalance. Every alert id is derived from it, so for the
            same stored bytes it must always be the same text: inode and fingerprint of a file, number of a Kafka
            partition.
    """

    source: str
    type: SourceType
    name: str
    key: str


# Receipts and records are made for every line: a Struct takes a fifth of the time of a frozen dataclass.
class Receipt(msgspec.Struct, frozen=True, eq=False):
    """One record's place in its partition's Ledger; settled exactly once; a stale epoch is ignored."""

    ledger: Ledger
    epoch: int
    sequence: int
    position: Position


class Record(msgspec.Struct, frozen=True, eq=False):
    """The raw bytes of one log line (newline and carriage return stripped) or message; never changed.

    Attributes:
        payload: the bytes; for a flawed record no more than a bounded beginning of them.
        receipt: to be settled once the record's outcome is durable.
        read_at: `Clock.monotonic()` when it was read, for the latency metric.
        flaw: why the source could not deliver the record whole ("line longer than 1 MiB"), or None. A flawed record
            is never parsed; it goes to the dead letters with this reason.
    """

    payload: bytes
    receipt: Receipt
    read_at: float
    flaw: str | None = None

    @property
    def partition(self) -> Partition:
        return self.receipt.ledger.partition
