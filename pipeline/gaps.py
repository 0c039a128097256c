"""Gaps: stretches of a source that were probably never read, each told once.

A watcher that misses lines without a word is worse than one that says so: somebody may have made it miss them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Position

log = structlog.get_logger(__name__)

MAX_GAPS = 256
"""Gaps that wait to be told; who can truncate a log can do so without end, and the checkpoint must stay small."""

TRUNCATED = "truncated"
"""A file was cut off under its reader, and no copy of its former content was found."""
DELETED = "deleted"
"""A deleted file was let go with lines unread, or while it was still written to: its descriptor had been held for as long
as is configured."""
DAMAGED = "damaged"
"""A compressed file ends too early or is corrupt; what came before that was read."""
REPLACED = "replaced"
"""The file that was being read holds something else now, or less, and the rest of it was not found elsewhere."""
MISSING = "missing"
"""The file was rotated away while nobody watched, and none of its siblings continues it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One suspected loss. The same loss found again after a crash is an equal value: an identity can be made of it.

    Attributes:
        source: which configured source it belongs to.
        partition: the file's path when it was opened; written by an administrator, yet to be printed with care.
        key: the partition's identity, as in Partition.key.
        position: where the gap begins: what lies before it was read.
        bytes_at_most: how many unread bytes were known of (of a compressed file: of its compressed bytes); 0 where
            none were, and what was written after the last look may still be lost.
        reason: TRUNCATED, DELETED, DAMAGED, REPLACED or MISSING.
    """

    source: str
    partition: str
    key: str
    position: Position
    bytes_at_most: int
    reason: str


class GapLedger:
    """The gaps of one source that were found and are not yet known to be told. Belongs to the source's thread.

    What stands here is saved with the source's positions before it is told, and taken out after: so a gap is told at
    least once, and after a crash in between once more as an equal value.

    Args:
        metrics: where a gap's bytes are counted.
        on_gap: told of each gap, in the source's thread; a RetryableError from it lets the gap wait.
    """

    def __init__(self, metrics: Metrics, on_gap: Callable[[Gap], None] | None = None) -> None:
        self._metrics = metrics
        self._on_gap = on_gap
        self._waiting: dict[Gap, None] = {}

    @property
    def waiting(self) -> list[Gap]:
        """In the order in which they were found."""
        return list(self._waiting)

    def restore(self, gaps: Iterable[Gap]) -> None:
        """Begin with what an earlier run had found and not told; it has been counted and logged there."""
        self._waiting = dict.fromkeys(gaps)

    def found(self, gap: Gap) -> None:
        """Count, log and keep a gap, to be told at the next `tell`."""
        self._metrics.count("bytes_possibly_lost_total", gap.bytes_at_most, source=gap.source)
        log.warning(
            "lines were probably lost",
            source=gap.source,
            path=gap.partition,
            reason=gap.reason,
            position=gap.position,
            bytes_at_most=gap.bytes_at_most,
        )
        self._waiting[gap] = None
        if len(self._waiting) > MAX_GAPS:
            log.error("too many gaps wait to be told; the oldest is forgotten", source=gap.source, limit=MAX_GAPS)
            self._waiting.pop(next(iter(self._waiting)))

    def tell(self) -> bool:
        """Tell every waiting gap, the oldest first; return whether any was told. To be called once they are durable."""
        told = False
        for gap in list(self._waiting):
            if self._on_gap is not None:
                try:
                    self._on_gap(gap)
                except RetryableError as error:
                    log.warning("a gap cannot be told yet", source=gap.source, path=gap.partition, reason=str(error))
                    return told
            del self._waiting[gap]
            told = True
        return told
