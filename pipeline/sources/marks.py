"""What is remembered of files that are not followed at present: moved away, not mounted, deleted, read to their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from weirlog.pipeline.sources.checkpoint import MAX_MARKS, Mark

KEEP_S = 30 * 86400.0
"""A file that comes back within so long is read on; after it, anew from its beginning."""
MAX_GONE = 256
"""Deleted files of which a compressed copy may still turn up; containers delete logs all day."""

_Key: TypeAlias = tuple[int, int, int, str]


class Marks:
    """The marks of absent files, at most MAX_MARKS. Belongs to the source's thread.

    Args:
        marks: what the checkpoint held.
    """

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._marks: dict[_Key, Mark] = {}
        for mark in marks:
            self.keep(mark)

    def keep(self, mark: Mark) -> None:
        """Remember `mark`; of a file without a whole line there is nothing to remember but its presence."""
        # Put last: the dictionary stays in the order in which files went away.
        self._marks.pop(_key(mark), None)
        self._marks[_key(mark)] = mark
        if len(self._marks) > MAX_MARKS:
            self._marks.pop(next(iter(self._marks)))
        if mark.inode == 0:
            gone = [key for key in self._marks if key[0] == 0]
            if len(gone) > MAX_GONE:
                self._marks.pop(gone[0])

    def take(self, inode: int, fingerprint: str) -> Mark | None:
        """Return and forget the mark of a file that is there again, or None.

        A mark without a fingerprint fits whatever its inode holds now: nothing had been read of that file.
        """
        return self.pop(inode, fingerprint) or self.pop(inode, "")

    def pop(self, inode: int, fingerprint: str) -> Mark | None:
        """Return and forget the mark of just this inode and first line, or None."""
        return self._marks.pop((inode, 0, 0, fingerprint), None)

    def __contains__(self, mark: Mark) -> bool:
        return self._marks.get(_key(mark)) == mark

    def drop(self, mark: Mark) -> bool:
        """Forget `mark`; return whether it was still held, and not that of another file which got its inode."""
        held = self._marks.get(_key(mark))
        if held is None or held.key != mark.key:
            return False
        del self._marks[_key(mark)]
        return True

    def of_inode(self, inode: int) -> list[Mark]:
        return [mark for mark in self._marks.values() if mark.inode == inode]

    def of_first_line(self, fingerprint: str) -> list[Mark]:
        """Return the marks of all files that began with this line; none for ""."""
        return [mark for mark in self._marks.values() if mark.fingerprint == fingerprint] if fingerprint else []

    def fresh(self, now: float) -> list[Mark]:
        """Forget what was not seen within KEEP_S before `now`, in seconds since 1970-01-01 UTC; return the others."""
        self._marks = {key: mark for key, mark in self._marks.items() if now - mark.seen < KEEP_S}
        return list(self._marks.values())


def _key(mark: Mark) -> _Key:
    if mark.inode:
        return mark.inode, 0, 0, mark.fingerprint
    return 0, mark.origin, mark.generation, mark.fingerprint
