"""What is remembered of files that are not followed at present: moved away, on a file system that is not mounted."""

from __future__ import annotations

from collections.abc import Iterable

from weirlog.pipeline.sources.checkpoint import MAX_MARKS, Mark

KEEP_S = 30 * 86400.0
"""A file that comes back within so long is read on; after it, anew from its beginning."""


class Marks:
    """The marks of absent files, at most MAX_MARKS. Belongs to the source's thread.

    Args:
        marks: what the checkpoint held.
    """

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._marks: dict[tuple[int, str], Mark] = {}
        for mark in marks:
            self.keep(mark)

    def keep(self, mark: Mark) -> None:
        """Remember `mark`; of a file without a whole line there is nothing to remember but its presence."""
        # Put last: the dictionary stays in the order in which files went away.
        self._marks.pop((mark.inode, mark.fingerprint), None)
        self._marks[mark.inode, mark.fingerprint] = mark
        if len(self._marks) > MAX_MARKS:
            self._marks.pop(next(iter(self._marks)))

    def take(self, inode: int, fingerprint: str) -> Mark | None:
        """Return and forget the mark of a file that is there again, or None.

        A mark without a fingerprint fits whatever its inode holds now: nothing had been read of that file.
        """
        return self._marks.pop((inode, fingerprint), None) or self._marks.pop((inode, ""), None)

    def of_inode(self, inode: int) -> list[Mark]:
        return [mark for (number, _), mark in self._marks.items() if number == inode]

    def fresh(self, now: float) -> list[Mark]:
        """Forget what was not seen within KEEP_S before `now`, in seconds since 1970-01-01 UTC; return the others."""
        self._marks = {key: mark for key, mark in self._marks.items() if now - mark.seen < KEEP_S}
        return list(self._marks.values())
