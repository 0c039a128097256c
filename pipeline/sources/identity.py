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
HEADER_BYTES = 4096
"""No header is taken to be longer."""
HALF = "~"
"""Begins the hash of what ends amid a line."""


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


def hash_at(before: bytes) -> str:
    """Return what a mark holds of the BEFORE_BYTES before its position: two files may share a first line, not these.

    It begins with HALF where they end amid a line that begins among them: half a line may be no more than a date, and says
    nothing but of a file that ends there too.
    """
    if not before:
        return ""
    is_half = not before.endswith(b"\n") and (b"\n" in before or len(before) < BEFORE_BYTES)
    return (HALF if is_half else "") + hashlib.sha256(before).hexdigest()[:16]


def hash_before(before: bytes) -> str:
    """Return the same, or "" for half a line."""
    hashed = hash_at(before)
    return "" if hashed.startswith(HALF) else hashed


def holds_at(content: Content, position: Position, hashed: str) -> bool:
    """Whether a file, which reaches to `position`, is there what `hashed` says by `hash_at`, as far as that tells."""
    if not hashed or hash_at(before(content, position)) != hashed:
        return False
    return not hashed.startswith(HALF) or not content.reaches(position + 1)


def before(content: Content, position: Position) -> bytes:
    """Return the bytes just before `position`, which `content` must reach; BEFORE_BYTES, or all there are."""
    start = max(0, position - BEFORE_BYTES)
    return content.pread(position - start, start)


def fits(content: Content, mark: Mark) -> bool:
    """Whether a file still holds what was read of it: it reaches so far, and stands there as it did."""
    return content.reaches(mark.position) and all(
        content.reaches(position) and hash_before(before(content, position)) == hashed
        for position, hashed in points_of(mark)[-2:]
    )


def points_of(mark: Mark) -> list[tuple[Position, str]]:
    """Return the places at which it is known what stood before them, in order."""
    points = (*mark.trail, (mark.position, mark.before))
    return sorted({point for point in points if point[0] and point[1] and not point[1].startswith(HALF)})


def is_known_by_more(content: Content, mark: Mark) -> bool:
    """Whether something is known of a mark's file behind the header, whose first line `content` shares with it."""
    header = header_bytes(content)
    return any(position > header for position, _ in points_of(mark))


def was_read_amid(content: Content, mark: Mark) -> bool:
    """Whether a mark's file was read further than it is known: amid the line behind its header, or its first.

    Half a line may stand in another file as well.
    """
    header = header_bytes(content) if mark.fingerprint else 0
    return mark.position > header and not is_known_by_more(content, mark)


def header_bytes(content: Content) -> int:
    """Return how much of the beginning may stand in other logs of the same program as well; 0 for an empty file.

    That is the first line, and what follows it of lines that are empty or begin with "#"; or as much of them as there is.
    """
    head = content.pread(HEADER_BYTES, 0)
    end = head.find(b"\n") + 1
    while end and head[end : end + 1] in (b"#", b"\r", b"\n"):
        end = head.find(b"\n", end) + 1
    return end or len(head)


def is_copy(content: Content, of: Content) -> bool:
    """Whether a plain file is, or becomes, a copy of another with the same first line: it is equal as far as it goes."""
    end = content.size()
    return end <= of.size() and before(content, end) == before(of, end)


class Claims:
    """The marks that a file with their first line may continue; decided as far as it is unpacked.

    The furthest point of a mark that the file reaches tells, be it before the mark's position (a copy that was made
    before the last lines were read) or behind it (lines that were read and not settled). What may be no more than a
    header tells only where nothing behind it was handed out, and never for a file that stands where the other stood.

    Args:
        content: of the file.
        path: where it stands.
        marks: with its fingerprint.
        otherwise: what to do with the file when none of them fits.
        own: the mark of its inode, which is known by a header alone: it is taken where no other fits by more than that.
    """

    def __init__(
        self,
        content: Content,
        path: str,
        marks: Iterable[Mark],
        otherwise: Literal["begin", "finish", "drop"] = "begin",
        own: Mark | None = None,
    ) -> None:
        self.otherwise = otherwise
        self.own = own
        self.marks = list(marks)
        self.fitting: list[Mark] = []
        """Those that fit, moved back to where the file is known to be a copy: what is known by more than its header
        comes first, then the furthest. Final once `decided`."""
        self.known: frozenset[str] = frozenset()
        """Keys of those that fit by more than their header. Final once `decided`."""
        self._content = content
        self._path = path
        self._header = header_bytes(content)
        # In order of position: a compressed file is unpacked once, forwards.
        points = [(*point, mark) for mark in self.marks for point in (*mark.trail, (mark.position, mark.before))]
        self._left = sorted(points, key=lambda point: point[0], reverse=True)
        self._reached: dict[str, Mark] = {}  # by key: the mark at the furthest point so far that the file reaches
        self._holds: dict[str, bool] = {}  # by key: whether the file is the same there, where that is known

    def decided(self) -> bool:
        """Go on deciding, a bounded way; return whether it is done."""
        while self._left:
            position, hashed, mark = self._left[-1]
            if self._content.reaches(position):
                is_half = hashed.startswith(HALF)
                if is_half and not (self._content.reaches(position + 1) or self._has_ended):
                    return False
                same = holds_at(self._content, position, hashed)
                if is_half and not same:
                    hashed = ""
                if same and position >= mark.position:
                    self._reached[mark.key] = mark
                elif position <= mark.position and (hashed or not position):
                    self._reached[mark.key] = msgspec.structs.replace(mark, position=position, before=hashed)
                if hashed and position > self._header:
                    self._holds[mark.key] = same
            elif not self._has_ended:
                return False
            self._left.pop()
        fitting = [self._reached[mark.key] for mark in self.marks if mark.key in self._reached and self._fits(mark)]
        self.known = frozenset(key for key, holds in self._holds.items() if holds)
        self.fitting = sorted(fitting, key=lambda mark: (mark.key in self.known, mark.position), reverse=True)
        return True

    @property
    def _has_ended(self) -> bool:
        return self._content.packing is None or self._content.ended

    def _fits(self, mark: Mark) -> bool:
        holds = self._holds.get(mark.key)
        if holds is not None:
            return holds
        return mark.path != self._path and mark.furthest <= self._header
