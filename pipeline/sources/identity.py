"""Which file is which, when inodes do not say: a compressed copy, a copy before truncation, an inode that came again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import msgspec

from weirlog.pipeline.records import Position
from weirlog.pipeline.sources.checkpoint import Mark
from weirlog.pipeline.sources.content import BEFORE_BYTES, Content

FINGERPRINT_BYTES = 1024


def fingerprint(content: Content) -> str:
    """Return the hash of a file's first line, or "" while it has no whole first line.

    The hash covers at most FINGERPRINT_BYTES, so it is known as soon as there is a record, and never changes as the
    file grows. It is that of the unpacked first line, whose newline may be missing where a compressed file ends.
    """
    head = content.pread(FINGERPRINT_BYTES, 0)
    end = head.find(b"\n")
    if end < 0 and len(head) < FINGERPRINT_BYTES and not content.ended:
        return ""
    return hashlib.sha256(head if end < 0 else head[: end + 1]).hexdigest()[:24]


def hash_before(before: bytes) -> str:
    """Return what a mark holds of the BEFORE_BYTES before its position: two files may share a first line, not these."""
    return hashlib.sha256(before).hexdigest()[:16]


def before(content: Content, position: Position) -> bytes:
    """Return the bytes just before `position`, which `content` must reach; BEFORE_BYTES, or all there are."""
    start = max(0, position - BEFORE_BYTES)
    return content.pread(position - start, start)


def fits(content: Content, mark: Mark) -> bool:
    """Whether a file still holds what was read of it: it reaches so far, and stands there as it did."""
    points = [*mark.trail[-1:], (mark.position, mark.before)]
    return all(content.reaches(position) for position, _ in points) and all(
        not hashed or hash_before(before(content, position)) == hashed for position, hashed in points
    )


def is_copy(content: Content, of: Content) -> bool:
    """Whether two plain files with the same first line are equal as far as both go: one is, or becomes, a copy."""
    end = min(content.size(), of.size())
    return before(content, end) == before(of, end)


class Claims:
    """The marks that a file with their first line may continue; decided as far as it is unpacked.

    The furthest point of a mark that the file reaches tells, be it before the mark's position (a copy that was made
    before the last lines were read) or behind it (lines that were read and not settled). Where there is none behind the
    first line, that line alone tells: enough for a rotated name, and not for a file that stands where the other stood.

    Args:
        content: of the file.
        path: where it stands.
        marks: with its fingerprint.
        otherwise: what to do with the file when none of them fits.
    """

    def __init__(
        self,
        content: Content,
        path: str,
        marks: Iterable[Mark],
        otherwise: Literal["begin", "finish", "drop"] = "begin",
    ) -> None:
        self.otherwise = otherwise
        self._content = content
        self._path = path
        self._marks = list(marks)
        head = content.pread(FINGERPRINT_BYTES, 0)
        self._first_line = head.find(b"\n") + 1 or len(head)
        # In order of position: a compressed file is unpacked once, forwards.
        points = [(*point, mark) for mark in self._marks for point in (*mark.trail, (mark.position, mark.before))]
        self._left = sorted(points, key=lambda point: point[0], reverse=True)
        self._reached: dict[str, Position] = {}
        self._evidence: dict[str, tuple[Position, str, bool]] = {}
        self.best: Mark | None = None
        """The mark whose position is the furthest of those that fit, moved back to where the file is known to be its
        copy; final once `decided`."""

    def decided(self) -> bool:
        """Go on deciding, a bounded way; return whether it is done."""
        while self._left:
            position, hashed, mark = self._left[-1]
            if self._content.reaches(position):
                self._reached[mark.key] = position
                if hashed and position > self._first_line:
                    holds = hash_before(before(self._content, position)) == hashed
                    self._evidence[mark.key] = (position, hashed, holds)
            elif self._content.packing is not None and not self._content.ended:
                return False
            self._left.pop()
        fitting = [point for mark in self._marks if (point := self._fitting(mark)) is not None]
        self.best = max(fitting, key=lambda mark: mark.position, default=None)
        return True

    def _fitting(self, mark: Mark) -> Mark | None:
        """Return the mark, at its position or where the file is known to hold what was read, or None."""
        evidence = self._evidence.get(mark.key)
        if evidence is None:
            reaches = self._reached.get(mark.key, -1) >= mark.position
            return mark if reaches and mark.path != self._path else None
        position, hashed, holds = evidence
        if not holds:
            return None
        if self._reached[mark.key] >= mark.position:
            return mark
        return msgspec.structs.replace(mark, position=position, before=hashed)
