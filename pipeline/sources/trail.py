"""By what a followed file is known: places of which it is remembered what stood before them."""

from __future__ import annotations

from collections.abc import Iterable

from weirlog.pipeline.records import Position
from weirlog.pipeline.sources.content import BEFORE_BYTES, Content
from weirlog.pipeline.sources.identity import before, hash_before, header_bytes

TRAIL_LIMIT = 12
"""Earlier positions that are remembered of a file, some 30 bytes each in the checkpoint."""
THINNED = 8
"""Of so many of the oldest every second one goes when there are too many: the last seconds densely, hours sparsely."""


class Trail:
    """The places that were passed in one file, and the furthest one that is known, which may lie ahead of its reader.

    Logs that begin with a header all begin with the same lines: a place behind it tells them apart.

    Args:
        content: of the file.
        points: positions, and hashes of what stood before them, that are remembered of it.
        position: where it is read on; points behind that lie ahead.
    """

    def __init__(self, content: Content, points: Iterable[tuple[Position, str]] = (), position: Position = 0) -> None:
        reached = sorted(point for point in points if content.reaches(point[0]))
        self._content = content
        self._passed = [point for point in reached if point[0] <= position]
        self._furthest: tuple[Position, str] = max(reached, default=(0, ""))
        self._whole_header = 0

    @property
    def points(self) -> tuple[tuple[Position, str], ...]:
        """Those that were passed, and the furthest one where that lies ahead of them."""
        return (*self._passed, self._furthest) if self._furthest[0] > self._last_passed else tuple(self._passed)

    def last(self, position: Position) -> tuple[tuple[Position, str], ...]:
        """Return the last of them alone, where `position`, to which the file was read, is amid a line; else nothing."""
        return () if self._last_passed == position else self.points[-1:]

    @property
    def is_proven(self) -> bool:
        """Whether the furthest point by which the file is known lies behind its header."""
        return max(self._last_passed, self._furthest[0]) > self._header > 0

    @property
    def _header(self) -> int:
        """The bytes of its header, or of what there is of it."""
        if self._whole_header:
            return self._whole_header
        header = header_bytes(self._content)
        if self._content.reaches(header + 1):
            self._whole_header = header
        return header

    @property
    def _last_passed(self) -> Position:
        return self._passed[-1][0] if self._passed else 0

    def passed(self, position: Position, behind: bytes) -> None:
        """Remember that `behind` stands before `position`, to which it was read, if that tells anything."""
        if hashed := hash_before(behind):
            self._passed.append((position, hashed))
        if len(self._passed) > TRAIL_LIMIT:
            self._passed[:THINNED] = self._passed[:THINNED:2]

    def look_ahead(self, position: Position, limit: int) -> None:
        """Look for a place behind the header, within `limit` bytes after `position`: the end of a line, or far in one."""
        near = before(self._content, position)
        # What is not written yet may be zeros.
        lines = self._content.pread(limit + BEFORE_BYTES, position).rstrip(b"\0")
        end = lines.rfind(b"\n") + 1
        if position + end <= self._header:
            end = len(lines)
        if hashed := hash_before((near + lines[:end])[-BEFORE_BYTES:]):
            self._furthest = (position + end, hashed)

    def holds_ahead(self, position: Position) -> bool:
        """Whether the file is still what it was at the furthest point, where that does not lie before `position`."""
        ahead, hashed = self._furthest
        if ahead < position or not hashed:
            return True
        return self._content.reaches(ahead) and hash_before(before(self._content, ahead)) == hashed
