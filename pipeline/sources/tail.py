"""One log file, followed by its descriptor: whole lines out, however the file is renamed, deleted or truncated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Position, Receipt, Record
from weirlog.pipeline.sources.checkpoint import Mark, partition_key
from weirlog.pipeline.sources.content import BEFORE_BYTES, Content
from weirlog.pipeline.sources.identity import Claims, before, fingerprint, hash_at, points_of
from weirlog.pipeline.sources.trail import Trail

FLAWED_BYTES = 1024
"""How much of a line that is too long is kept for the dead letters."""
SKIP_BYTES = 256 << 10
SKIP_READS = 64
"""One poll skips at most 16 MiB of a line without end, or of empty lines: its thread has other things to do."""


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


def end_of_lines(content: Content, size: int) -> Position:
    """Return the position after the last newline within `size` bytes, or 0."""
    step = 64 << 10
    end = size
    while end > 0:
        start = max(0, end - step)
        found = content.pread(end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class Tail:
    """Reads one file's lines from a position on. Belongs to the source's thread.

    Args:
        content: of the file; the tail closes it.
        path: where it stands, for people.
        source: name of the source it belongs to.
        limits: how much is read at once.
        claims: of which marks it may be the continuation; until that is decided it is not read.
    """

    def __init__(
        self, content: Content, path: Path, source: str, limits: TailLimits, *, claims: Claims | None = None
    ) -> None:
        self.content = content
        self.path = path
        self.fingerprint = fingerprint(content)
        self.size: Position = content.size()
        self.grew_at = 0.0
        """`Clock.monotonic()` when its size was last seen to change."""
        self.left_since: float | None = None
        """When the file stopped standing at a path that is watched and had nothing more to read, or None."""
        self.deleted_since: float | None = None
        """When no name was seen to lead to the file any more, or None."""
        self.is_live = False
        """Whether it was read to its end once: from then on its lines are news, not backlog."""
        self.claims = claims
        self._saved_proof: bool | None = None  # whether it was proven when its identity was saved; None before
        self.lines_end: Position = 0
        """After the last line that was read and had its newline."""
        self.lacks: Gap | None = None
        """What was unread of the file that it is a copy of, when that was cut off; it may be in neither."""
        self._source = source
        self._limits = limits
        self._origin = 0
        self._generation: int | None = None
        self._trail = Trail(content)
        self._ledger: Ledger | None = None
        self._place(0)

    def begin(self, position: Position, of: Mark | None = None) -> None:
        """Read from `position` on, which comes after a newline; nothing may have been read yet.

        Args:
            position: where to begin.
            of: what was read before, under whose identity it goes on; None for a file that is new.
        """
        self.claims = None
        self._saved_proof = None
        self._origin, self._generation, self._trail = 0, None, Trail(self.content)
        if of is not None and of.fingerprint:
            origin = of.origin or of.inode
            self._origin = 0 if origin == self.content.inode else origin
            self._generation = of.generation
            self._trail = Trail(self.content, points_of(of), position)
        self._place(position)

    def name(self, generation: int) -> None:
        """Give the records of a new file their identity."""
        self._generation = generation
        self.prove()

    def prove(self) -> None:
        """Look for a place behind the header by which the file can be told from others.

        Logs that begin with a header all begin with the same lines: of such a file nothing more may be handed out.
        """
        if not self.is_proven and not self.was_rewritten():
            self._trail.look_ahead(self._position, self._limits.read_bytes)

    @property
    def is_saved(self) -> bool:
        """Whether its identity is durable, and by what it is known: before that no record of it may be handed out."""
        return self._saved_proof is not None and self._saved_proof == self.is_proven

    def saved(self) -> None:
        """Say that its mark of a moment ago is durable."""
        self._saved_proof = self.is_proven if self.is_named else None

    def _place(self, position: Position) -> None:
        self._start = self._position = position  # after the last whole line that was read
        self._cursor = position  # as far as a line that is too long has been skipped
        self._too_long: bytes | None = None
        self.lines_end = position
        self._before: bytes | None = None  # what stands before the position; None before anything was read

    @property
    def position(self) -> Position:
        """After the last whole line that was read."""
        return self._position

    @property
    def inode(self) -> tuple[int, int]:
        """Device and inode."""
        return self.content.device, self.content.inode

    @property
    def in_flight(self) -> int:
        return 0 if self._ledger is None else self._ledger.in_flight

    @property
    def key(self) -> str:
        """The identity of its partition."""
        return partition_key(self.origin, self._generation or 0, self.fingerprint)

    @property
    def is_proven(self) -> bool:
        """Whether the furthest point by which the file is known lies behind its header."""
        return self._trail.is_proven

    @property
    def is_named(self) -> bool:
        """Whether the identity of its records is decided."""
        return self._generation is not None

    @property
    def origin(self) -> int:
        """The inode of which the identity of its records is made."""
        return self._origin or self.content.inode

    @property
    def generation(self) -> int:
        """As in Mark; 0 while it is not decided."""
        return self._generation or 0

    @property
    def unread(self) -> int:
        """Bytes behind the last whole line that was read; of a compressed file about as many compressed ones."""
        if self.content.packing is not None:
            return self.content.left(self._position)
        return max(0, self.size - self._position)

    @property
    def unread_or_shrunk(self) -> bool:
        """Whether the file, at the last look, was of another size than what was read of it."""
        return self.size != self._cursor

    @property
    def has_lines(self) -> bool:
        """Whether a whole line is still to be read, as far as one may be long."""
        return b"\n" in self.content.pread(self._limits.line_bytes + len(b"\r\n"), self._cursor)

    @property
    def is_unpacking(self) -> bool:
        """Whether reading on may give more at once, though the last read gave nothing."""
        if self.claims is not None or (self.is_named and not self.is_saved):
            return True
        return self.content.packing is not None and not self.content.ended

    @property
    def is_deleted(self) -> bool:
        """Whether no name leads to the file any more."""
        return self.content.status().st_nlink == 0

    def look(self, now: float) -> None:
        """Ask the file system for the present size."""
        size = self.content.size()
        if size != self.size:
            self.size, self.grew_at = size, now
            if self.is_named:
                self.prove()

    def was_rewritten(self) -> bool:
        """Whether the file was truncated, or its first line is another one: what was read is no longer there."""
        if self.content.packing is not None:
            return self.content.ended and self.content.size() < self._cursor
        if self.content.size() < self._cursor:
            return True
        if self.fingerprint and fingerprint(self.content) != self.fingerprint:
            return True
        # Logs that begin with a header all have the same first line.
        if self._before is not None and before(self.content, self._position) != self._before:
            return True
        return not self._trail.holds_ahead(self._position)

    def mark(self, now: float, *, ended: bool = False, is_there: bool = True) -> Mark:
        """Return how far every line is settled, empty ones included.

        Args:
            now: seconds since 1970-01-01 UTC.
            ended: there is nothing more to read.
            is_there: the file still holds what was read.
        """
        settled = self._ledger is None or self._ledger.in_flight == 0
        position = self._ledger.watermark if self._ledger is not None and not settled else self._position
        return Mark(
            self.content.inode,
            self.fingerprint,
            position,
            str(self.path),
            now,
            self._origin,
            self._hash_before(position, is_there=is_there),
            ended,
            self.content.status().st_size if ended and self.content.packing is not None else 0,
            self._generation or 0,
            self._trail.last(position) if ended else self._trail.points,
        )

    def close(self) -> None:
        self.content.close()

    def _hash_before(self, position: Position, *, is_there: bool) -> str:
        if position == self._position and self._before is not None:
            return hash_at(self._before)
        if not is_there or self.content.packing is not None:
            # Gone, or it would have to be unpacked again for it.
            return dict(self._trail.points).get(position, "")
        return hash_at(before(self.content, position))

    def read(self, now: float, limit: int = 0) -> list[Record]:
        """Return the next records, or none; never more than the limits say. `now` becomes their `read_at`.

        Args:
            now: `Clock.monotonic()`.
            limit: of records, at most chunk_records; 0 for that.
        """
        records: list[Record] = []
        for _ in range(SKIP_READS):
            begun = self._cursor
            records = self._read(now, limit)
            if records or self._cursor == begun or self._too_long is not None:
                break  # else it read empty lines alone
        if self.content.packing is None and self._too_long is None and (not records or self._cursor >= self.size):
            self.is_live = True
        return records

    def _read(self, now: float, limit: int) -> list[Record]:
        if self.size <= self._cursor:
            return []
        if self._too_long is not None:
            return self._skip(now)
        data = self.content.pread(self._limits.read_bytes, self._cursor)
        if b"\n" not in data and len(data) == self._limits.read_bytes:
            data = self.content.pread(self._limits.line_bytes + len(b"\r\n"), self._cursor)
        if b"\n" not in data:
            # The carriage return of a line that is as long as it may be stands behind the limit.
            if len(data.removesuffix(b"\r")) > self._limits.line_bytes:
                self._too_long = data[:FLAWED_BYTES]
                self._cursor += len(data)
                return self._skip(now)
            return []
        return self._records(self._lines(data, limit or self._limits.chunk_records), now)

    def rest(self, now: float) -> list[Record]:
        """Return what stands behind the last newline as a record: nobody will end that line any more."""
        flaw: str | None = None
        if self._too_long is not None:
            payload, self._too_long, flaw = self._too_long, None, self._too_long_flaw
            self._move_to(self._cursor)
        else:
            payload = self.content.pread(self._limits.line_bytes + len(b"\r"), self._position)
            if not payload:
                return []
            flaw = None if self.content.damage is None else "cut off where its compressed file is damaged"
            self._move_to(self._position + len(payload))
        (receipt,) = self._opened([self._position])
        return [Record(payload.removesuffix(b"\r")[: None if flaw is None else FLAWED_BYTES], receipt, now, flaw)]

    def _lines(self, data: bytes, limit: int) -> Iterator[tuple[bytes, Position]]:
        """Yield whole lines of `data`, and the position after each."""
        begin, start, yielded = self._position, 0, 0
        while yielded < limit and (end := data.find(b"\n", start)) >= 0:
            # A writer that does not append leaves a hole of zeros in front when its file is truncated under it.
            whole = data[start:end].removesuffix(b"\r")
            line = whole.lstrip(b"\0") or whole
            start = end + 1
            yield line, begin + start
            yielded += bool(line)
        self._move_to(begin + start, data[start - BEFORE_BYTES : start] if start >= BEFORE_BYTES else None)
        self.lines_end = self._position

    def _move_to(self, position: Position, behind: bytes | None = None) -> None:
        self._cursor = self._position = position
        self._before = before(self.content, position) if behind is None else behind
        self._trail.passed(position, self._before)

    def _skip(self, now: float) -> list[Record]:
        """Go on skipping a line that is too long; return it, flawed, once its end is found."""
        for _ in range(SKIP_READS):
            data = self.content.pread(max(self._limits.read_bytes, SKIP_BYTES), self._cursor)
            end = data.find(b"\n")
            if end >= 0:
                break
            self._cursor += len(data)
            if not data:
                return []
        else:
            return []
        assert self._too_long is not None
        self._move_to(self._cursor + end + 1)
        self.lines_end = self._position
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
            self.fingerprint = self.fingerprint or fingerprint(self.content)
            self._ledger = Ledger(Partition(self._source, "file", str(self.path), self.key), self._start)
        return self._ledger.open_all(positions)
