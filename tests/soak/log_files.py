"""Log files with a memory: what was written to each, and what of it a source still owes."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path

HEADER = b"#fields"
"""What every file of a log with headers begins with."""


@dataclass(slots=True, eq=False)
class Line:
    """One line that was written.

    Attributes:
        data: without its newline.
        end: the position after its newline, or None while it has none.
        settled: its outcome is durable.
        excused: nobody can be asked for it any more.
        torn: a piece of it was delivered before it had its newline, in a file that seemed to be finished.
        key: of the partition that it was first delivered in.
    """

    data: bytes
    end: int | None = None
    settled: bool = False
    excused: bool = False
    torn: bool = False
    key: str | None = None

    @property
    def is_owed(self) -> bool:
        return self.end is not None and bool(self.data.strip()) and not (self.settled or self.excused or self.torn)


@dataclass(slots=True, eq=False)
class LogFile:
    """One file: an inode with its content since it was last truncated.

    Attributes:
        path: where it stands, or None when it was deleted.
        inode: its number.
        size: in bytes.
        lines: what it holds; the last one may be without its newline.
        begun: how much of the last line is written while it has no newline, else 0.
        polled: the position after the last line that the present source returned.
        looked: the size that the present source is known to have seen.
        found: the present source has returned something of the present content.
        marked: a source had, and committed after that: the next one finds the file under another name too.
        is_packed: compressed; nobody writes to it any more.
        moved_to: the compressed file that holds its lines now; this one is deleted, and a source may still hold it.
        is_copy: of another file, made before that was truncated.
        is_short: a copy without lines that were written to the other before that was truncated.
        left_at: when it was renamed.
        back_at: when its directory came back.
        left_held: the present source held it open then.
    """

    path: Path | None
    inode: int
    size: int = 0
    lines: list[Line] = field(default_factory=list)
    begun: int = 0
    polled: int = 0
    looked: int = 0
    found: bool = False
    marked: bool = False
    is_packed: bool = False
    moved_to: LogFile | None = None
    is_copy: bool = False
    is_short: bool = False
    left_at: float = 0.0
    back_at: float = float("-inf")
    left_held: bool = False

    @property
    def owed(self) -> list[Line]:
        return [line for line in self.lines if line.is_owed]

    @property
    def last_words(self) -> Line | None:
        """The line that has no newline yet."""
        return self.lines[-1] if self.begun else None

    @property
    def known_and_unread(self) -> list[Line]:
        """Owed lines that the source has seen and not returned."""
        return [line for line in self.owed if self.polled < (line.end or 0) <= self.looked]

    @property
    def is_told_apart(self) -> bool:
        """Whether the next source knows it by more than a header, which other files have as well."""
        return self.marked and any(line.end and line.data.strip() not in {b"", HEADER} for line in self.lines)

    def append(self, lines: list[Line], *, partly: bool) -> None:
        """End the line that has no newline, then write `lines`, the last one perhaps by half and without newline."""
        assert self.path is not None
        block = b""
        if (begun := self.last_words) is not None:
            block = begun.data[self.begun :] + b"\n"
            begun.end = self.size + len(block)
            self.begun = 0
        for line in lines:
            self.lines.append(line)
            if partly and line is lines[-1] and len(line.data) > 1:
                self.begun = len(line.data) // 2
                block += line.data[: self.begun]
            else:
                block += line.data + b"\n"
                line.end = self.size + len(block)
        with self.path.open("ab") as log:
            log.write(block)
        self.size += len(block)
        assert self.path.stat().st_size == self.size

    def copied_to(self, path: Path, *, excused: bool) -> LogFile:
        """Return the record of a copy at `path`."""
        lines = [Line(line.data, line.end, excused=excused) for line in self.lines]
        return LogFile(path, path.stat().st_ino, self.size, lines, self.begun, is_copy=True)

    def packed_to(self, path: Path) -> LogFile:
        """Compress it as gzip does, to `path`; return the record of that, with the same lines."""
        assert self.path is not None
        status = self.path.stat()
        path.write_bytes(gzip.compress(self.path.read_bytes()))
        os.utime(path, (status.st_mtime, status.st_mtime))
        self.path.unlink()
        self.path = None
        self.moved_to = LogFile(
            path,
            path.stat().st_ino,
            self.size,
            self.lines,
            self.begun,
            is_packed=True,
            is_copy=True,
            is_short=self.is_short,
            marked=self.marked,
        )
        return self.moved_to

    def empty(self) -> None:
        """Truncate it: its present content ends here."""
        assert self.path is not None
        os.truncate(self.path, 0)
        self.size = self.begun = self.polled = self.looked = 0
        self.excuse()
        self.lines = []
        self.found = self.marked = False

    def excuse(self) -> None:
        """Ask nobody for what it holds any more, unless that is elsewhere."""
        if self.moved_to is not None:
            return
        for line in self.lines:
            line.excused = True

    def line_at(self, position: int) -> Line | None:
        """Return the line that ends at `position`, or the one without a newline where that is its end so far."""
        return next((line for line in self.lines if (line.end or self.size) == position), None)
