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
    """Whether a file that reaches `mark`'s position holds before it what was read there."""
    return not mark.before or hash_before(before(content, mark.position)) == mark.before


def is_copy(content: Content, of: Content) -> bool:
    """Whether two plain files with the same first line are equal as far as both go: one is, or becomes, a copy."""
    end = min(content.size(), of.size())
    return before(content, end) == before(of, end)


class Claims:
    """The marks that a file with their first line may continue; decided as far as it is unpacked.

    A file that ends before a mark's position is known by the furthest point of the mark's trail that it reaches.

    Args:
        content: of the file.
        marks: with its fingerprint.
        otherwise: what to do with the file when none of them fits.
    """

    def __init__(
        self, content: Content, marks: Iterable[Mark], otherwise: Literal["begin", "finish", "drop"] = "begin"
    ) -> None:
        self.otherwise = otherwise
        self._content = content
        # In order of position: a compressed file is unpacked once, forwards.
        points = [(*point, mark) for mark in marks for point in (*mark.trail, (mark.position, mark.before))]
        self._left = sorted(points, key=lambda point: point[0], reverse=True)
        self._shorter: dict[str, Mark] = {}
        self.best: Mark | None = None
        """The mark whose position is the furthest of those that fit, moved back to where the file is known to be its
        copy; final once `decided`."""

    def decided(self) -> bool:
        """Go on deciding, a bounded way; return whether it is done."""
        while self._left:
            position, hashed, mark = self._left[-1]
            point = (
                mark if position == mark.position else msgspec.structs.replace(mark, position=position, before=hashed)
            )
            if self._content.reaches(position):
                if fits(self._content, point):
                    self._take(point, mark)
            elif self._content.packing is not None and not self._content.ended:
                return False
            elif position == mark.position:
                self.best = self._shorter.get(mark.key, self.best)
            self._left.pop()
        return True

    def _take(self, point: Mark, mark: Mark) -> None:
        if point is mark:
            self.best = mark
        else:
            # Whether it counts is known at the mark's own position: what reaches that must fit there.
            self._shorter[mark.key] = point
