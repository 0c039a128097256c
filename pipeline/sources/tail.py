"""One log file, followed by its descriptor: whole lines out, however the file is renamed, deleted or truncated."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Position, Receipt, Record

FINGERPRINT_BYTES = 1024
PACKED_NAMES = (".gz", ".zst", ".xz", ".bz2")
PACKED_BYTES = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh")
FLAWED_BYTES = 1024
"""How much of a line that is too long is kept for the dead letters."""
SKIP_BYTES = 256 << 10
SKIP_READS = 64
"""One poll skips at most 16 MiB of a line without end: its thread has other things to do."""


@dataclass(frozen=True, slots=True)
class TailLimits:
    """How much is read at once.

    Attributes:
        line_bytes: the longest line that is a record; a longer one is flawed.
        read_bytes: asked of the kernel at once.
        chunk_records: the most records that one read gives.
    """

    line_bytes: int = 1 << 20
    read_bytes: int = 256 << 10
    chunk_records: int = 512


def fingerprint(descriptor: int) -> str:
    """Return the hash of a file's first line, or "" while it has no whole first line.

    The hash covers at most FINGERPRINT_BYTES, so it is known as soon as there is a record, and never changes as the
    file grows.
    """
    head = os.pread(descriptor, FINGERPRINT_BYTES, 0)
    end = head.find(b"\n")
    if end < 0 and len(head) < FINGERPRINT_BYTES:
        return ""
    return hashlib.sha256(head if end < 0 else head[: end + 1]).hexdigest()[:24]


def is_packed(path: str, descriptor: int) -> bool:
    """Whether a file is compressed, by its name (it may be empty yet) or by its first bytes."""
    return path.endswith(PACKED_NAMES) or os.pread(descriptor, 6, 0).startswith(PACKED_BYTES)


def end_of_lines(descriptor: int, size: int) -> Position:
    """Return the position after the last newline within `size` bytes, or 0."""
    step = 64 << 10
    end = size
    while end > 0:
        start = max(0, end - step)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class Tail:
    """Reads one file's lines from a position on. Belongs to the source's thread.

    Args:
        descriptor: of the file, opened for reading; the tail closes it.
        path: where it stands, for people.
        source: name of the source it belongs to.
        position: where to begin; after a newline.
        limits: how much is read at once.
    """

    def __init__(self, descriptor: int, path: Path, source: str, position: Position, limits: TailLimits) -> None:
        status = os.fstat(descriptor)
        self.path = path
        self.inode = status.st_ino
        self.device = status.st_dev
        self.fingerprint = fingerprint(descriptor)
        self.size = status.st_size
        self.grew_at = 0.0
        """`Clock.monotonic()` when its size was last seen to change."""
        self.left_since: float | None = None
        """When the file stopped standing at a path that is watched and had nothing more to read, or None."""
        self._descriptor = descriptor
        self._source = source
        self._limits = limits
        self._position = position  # after the last whole line that was read
        self._cursor = position  # as far as a line that is too long has been skipped
        self._too_long: bytes | None = None
        self._start = position
        self._ledger: Ledger | None = None

    @property
    def position(self) -> Position:
        """After the last whole line that was read."""
        return self._position

    @property
    def in_flight(self) -> int:
        return 0 if self._ledger is None else self._ledger.in_flight

    @property
    def committable(self) -> Position:
        """The position up to which every line is settled, empty ones included."""
        if self._ledger is None or self._ledger.in_flight == 0:
            return self._position
        return self._ledger.watermark

    @property
    def unread(self) -> int:
        """Bytes behind the last whole line that was read, as of the last look at the file."""
        return max(0, self.size - self._position)

    @property
    def unread_or_shrunk(self) -> bool:
        """Whether the file, at the last look, was of another size than what was read of it."""
        return self.size != self._cursor

    def look(self, now: float) -> None:
        """Ask the file system for the present size."""
        size = os.fstat(self._descriptor).st_size
        if size != self.size:
            self.size, self.grew_at = size, now

    def was_rewritten(self) -> bool:
        """Whether the file was truncated, or its first line is another one: what was read is no longer there."""
        return self.size < self._cursor or (
            bool(self.fingerprint) and fingerprint(self._descriptor) != self.fingerprint
        )

    @property
    def is_deleted(self) -> bool:
        """Whether no name leads to the file any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    def duplicate(self) -> int:
        """Return another descriptor of the same file."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, now: float) -> list[Record]:
        """Return the next records, or none; never more than the limits say. `now` becomes their `read_at`."""
        if self.size <= self._cursor:
            return []
        if self._too_long is not None:
            return self._skip(now)
        data = os.pread(self._descriptor, self._limits.read_bytes, self._cursor)
        if b"\n" not in data and len(data) == self._limits.read_bytes:
            data = os.pread(self._descriptor, self._limits.line_bytes + 1, self._cursor)
        if b"\n" not in data:
            if len(data) > self._limits.line_bytes:
                self._too_long = data[:FLAWED_BYTES]
                self._cursor += len(data)
                return self._skip(now)
            return []
        return self._records(self._lines(data), now)

    def rest(self, now: float) -> list[Record]:
        """Return what stands behind the last newline as a record: nobody will end that line any more."""
        data = os.pread(self._descriptor, self._limits.line_bytes, self._position)
        if not data:
            return []
        self._too_long = None
        self._cursor = self._position = self._position + len(data)
        (receipt,) = self._opened([self._position])
        return [Record(data.removesuffix(b"\r"), receipt, now)]

    def _lines(self, data: bytes) -> Iterator[tuple[bytes, Position]]:
        """Yield whole lines of `data`, and the position after each."""
        start, yielded = 0, 0
        while yielded < self._limits.chunk_records and (end := data.find(b"\n", start)) >= 0:
            # A writer that does not append leaves a hole of zeros in front when its file is truncated under it.
            whole = data[start:end].removesuffix(b"\r")
            line = whole.lstrip(b"\0") or whole
            yield line, self._position + 1 + end - start
            self._position += end + 1 - start
            start = end + 1
            yielded += bool(line)
        self._cursor = self._position

    def _skip(self, now: float) -> list[Record]:
        """Go on skipping a line that is too long; return it, flawed, once its end is found."""
        for _ in range(SKIP_READS):
            data = os.pread(self._descriptor, max(self._limits.read_bytes, SKIP_BYTES), self._cursor)
            end = data.find(b"\n")
            if end >= 0:
                break
            self._cursor += len(data)
            if not data:
                return []
        else:
            return []
        assert self._too_long is not None
        self._cursor += end + 1
        self._position = self._cursor
        payload, self._too_long = self._too_long, None
        (receipt,) = self._opened([self._position])
        return [Record(payload, receipt, now, self._too_long_flaw)]

    def _records(self, lines: Iterator[tuple[bytes, Position]], now: float) -> list[Record]:
        found = [(line, position) for line, position in lines if line]
        whole = [(line if len(line) <= self._limits.line_bytes else line[:FLAWED_BYTES]) for line, _ in found]
        receipts = self._opened([position for _, position in found])
        return [
            Record(payload, receipt, now, self._flaw(line))
            for payload, receipt, (line, _) in zip(whole, receipts, found, strict=True)
        ]

    def _flaw(self, line: bytes) -> str | None:
        return None if len(line) <= self._limits.line_bytes else self._too_long_flaw

    @property
    def _too_long_flaw(self) -> str:
        return f"line longer than {self._limits.line_bytes} bytes"

    def _opened(self, positions: list[Position]) -> list[Receipt]:
        if self._ledger is None:
            self.fingerprint = self.fingerprint or fingerprint(self._descriptor)
            partition = Partition(self._source, "file", str(self.path), f"{self.inode}:{self.fingerprint}")
            self._ledger = Ledger(partition, self._start)
        return self._ledger.open_all(positions)
