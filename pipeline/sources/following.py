"""Which files are followed, and where each is begun: new ones, those that are back, copies of what was read before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import TRUNCATED, Gap
from weirlog.pipeline.records import Position
from weirlog.pipeline.sources.checkpoint import Mark, State
from weirlog.pipeline.sources.discovery import matches
from weirlog.pipeline.sources.files import Files
from weirlog.pipeline.sources.marks import Marks
from weirlog.pipeline.sources.search import Search
from weirlog.pipeline.sources.tail import Tail, end_of_lines
from weirlog.pipeline.sources.turns import Inode

log = structlog.get_logger(__name__)

REFRESH_S = 86400.0
"""How old the checkpoint's word may be that an idle file is still there."""
LIVE_BYTES = 1 << 20
"""A file that appears with no more than this in it is live at once, not backlog."""


class Following:
    """Follows the files that match the patterns. Belongs to the source's thread.

    Args:
        files: where those that are followed are kept.
        start_at: where to begin in files that were there before this source first ran.
    """

    def __init__(self, files: Files, *, start_at: Literal["end", "beginning"]) -> None:
        self._files = files
        self._search = Search(files)
        self._start_at = start_at
        self._known_patterns: frozenset[str] = frozenset()

    def open(self, state: State, patterns: Sequence[str]) -> None:
        """Follow every file that matches, and the rest of those that were rotated away while nobody watched."""
        self._files.marks = Marks(state.marks)
        self._known_patterns = frozenset(state.patterns)
        # By inode first: a file that is found so needs no copy of it.
        for path, pattern in matches(patterns):
            self._follow(path, pattern, only_known=True)
        self._search.begin()
        self.scan(patterns)
        # What is older comes first.
        tails = self._files.tails
        self._files.tails = dict(sorted(tails.items(), key=lambda item: item[1].content.status().st_mtime))
        for tail in tails.values():
            tail.is_live = tail.is_live and tail.unread == 0
        # From now on whatever appears is new, and read from its beginning.
        self._known_patterns = frozenset(patterns)

    def marks(self) -> tuple[list[Mark], list[Mark]]:
        """Return the marks of followed files, with `seen` 0, and of all others."""
        decided = [tail for tail in self._files.tails.values() if tail.claims is None]
        for tail in decided:
            if self._files.name(tail):
                self._part_from_former(tail)
        return [tail.mark(0.0) for tail in decided], self._files.marks.fresh(self._files.clock.time())

    def saved(self) -> None:
        """Say that the marks of a moment ago are durable: from now on records of these files may be handed out."""
        for tail in self._files.tails.values():
            tail.saved()

    @property
    def has_unsaved(self) -> bool:
        """Whether there is something to read in a file whose identity is not durable yet."""
        # All are asked, not as many as it takes: it lets them prove themselves, and where saving fails the others are read.
        unsaved = [self._asked(tail, self._is_unsaved) for tail in list(self._files.tails.values())]
        return any(unsaved)

    def close(self) -> None:
        """Let go of everything and remember nothing of it."""
        self._files.close()
        self._search.close()

    def decided(self, inode: Inode) -> bool:
        """Go on deciding where a file is begun; return whether it can be read now. It may be let go by this."""
        return self._search.decided(inode)

    def scan(self, patterns: Iterable[str]) -> None:
        """Resolve the patterns: find new files, follow renamed ones, notice those that are gone or were rewritten."""
        # Before new files are looked at: one of them may be the copy of a file that was truncated after it was made.
        for inode, tail in list(self._files.tails.items()):
            if self._asked(tail, Tail.was_rewritten):
                self.start_over(inode, tail.size)
            elif inode in self._files.tails:
                self._asked(tail, self._files.name)
        now = self._files.clock.monotonic()
        present = {self._follow(path, pattern) for path, pattern in matches(patterns)}
        self._files.finished = {inode: mark for inode, mark in self._files.finished.items() if inode in present}
        for inode, tail in list(self._files.tails.items()):
            tail.left_since = None if inode in present else (tail.left_since or now)
            self._asked(tail, lambda tail: self._files.hold_no_longer(tail.inode, now))
        self._search.go_on()

    def _asked(self, tail: Tail, question: Callable[[Tail], object]) -> bool:
        """Return what `question` says of a file; one that fails to be read is given up, and the others go on."""
        try:
            return bool(question(tail))
        except OSError as error:
            self._files.give_up(tail.inode, error)
            return False

    def _follow(self, path: str, pattern: str, *, only_known: bool = False) -> Inode | None:
        """Follow the file at `path` from now on; return which one it is, or None when it cannot be read."""
        try:
            status = Path(path).stat()
            inode = (status.st_dev, status.st_ino)
            if (tail := self._files.tails.get(inode)) is not None:
                tail.path = Path(path)
                if tail.claims is not None and tail.claims.otherwise == "drop":
                    tail.claims.otherwise = "begin"  # it was opened as a sibling, but is a log of ours in any case
            elif (mark := self._files.finished.get(inode)) is not None and mark.packed_bytes == status.st_size:
                if self._files.clock.time() - mark.seen > REFRESH_S:
                    self._files.finish(inode, msgspec.structs.replace(mark, path=path, seen=self._files.clock.time()))
            elif not only_known or self._files.marks.of_inode(status.st_ino):
                self._admit(path, pattern, only_known=only_known)
        except FileNotFoundError:
            return None  # it was there a moment ago; the next scan tells
        except (OSError, RetryableError) as error:
            self._files.complaints.about(path, str(error))
            return None
        self._files.complaints.settle(path)
        return inode

    def _admit(self, path: str, pattern: str, *, only_known: bool) -> None:
        if (tail := self._files.opened(path)) is None:
            return
        try:
            mark = self._own_mark(tail)
            if mark is None:
                follow = not only_known and self._begin(tail, pattern)
            elif (
                tail.content.packing is not None
                and not self._search.is_finished(tail, mark)
                and self._files.is_copy_of_followed(tail)
            ):
                self._files.marks.keep(mark)
                follow = False
            else:
                follow = self._search.read_on(tail, mark)
        except BaseException:
            tail.close()
            raise
        if not follow:
            tail.close()
            return
        is_new = mark is None and pattern in self._known_patterns and not self._search.goes_on
        plain = tail.content.packing is None
        tail.is_live = plain and (tail.unread == 0 or (is_new and tail.unread <= LIVE_BYTES))
        self._files.tails[tail.inode] = tail
        log.info("following", path=path, position=tail.position)

    def _own_mark(self, tail: Tail) -> Mark | None:
        """Take what is remembered of this very file; what its inode alone shares with it is of one that is gone."""
        mark = self._files.marks.take(tail.content.inode, tail.fingerprint)
        if mark is None or not mark.fingerprint:
            return None  # of a file without a whole line nothing is known but its inode
        if tail.content.packing is not None or self._search.is_its_own(tail, mark):
            return mark
        self._search.disown(mark)
        return None

    def _is_unsaved(self, tail: Tail) -> bool:
        if not tail.is_proven and tail.is_named:
            tail.prove()
        return not tail.is_saved and self._files.name(tail)

    def _part_from_former(self, tail: Tail) -> None:
        """Let the mark go that a file left which was removed unseen, where this one has its inode and first line."""
        if (former := self._files.marks.pop(tail.content.inode, tail.fingerprint)) is not None:
            self._search.disown(former)

    def _begin(self, tail: Tail, pattern: str) -> bool:
        """Begin a file that has no mark; return whether there is something to follow."""
        if self._files.is_copy_of_followed(tail):
            return False
        from_end = self._start_at == "end" and pattern not in self._known_patterns
        if tail.content.packing is not None:
            claimed = self._search.claim(tail, "finish" if from_end else "begin")
            if from_end and not claimed:
                self._files.finish(tail.inode, tail.mark(self._files.clock.time(), ended=True))
                return False
        elif not self._search.continue_copied(tail):
            tail.begin(end_of_lines(tail.content, tail.content.size()) if from_end else 0)
        return True

    def start_over(self, inode: Inode, size_before: Position) -> Tail:
        """Begin again in a file that was truncated; the next scan looks for a copy of what it held.

        Args:
            inode: which one.
            size_before: when it was looked at last.
        """
        tail = self._files.tails[inode]
        if tail.fingerprint:
            self._files.name(tail)
        lost_bytes = max(0, size_before - tail.position) if tail.content.packing is None else 0
        gap = Gap(self._files.source, str(tail.path), tail.key, tail.position, lost_bytes, TRUNCATED)
        fresh = self._files.fresh(tail)
        fresh.is_live = fresh.content.packing is None
        self._files.tails[inode] = fresh
        mark = tail.mark(self._files.clock.time(), is_there=False)
        tail.close()
        log.warning("a file was truncated", path=str(tail.path), unread_bytes=lost_bytes)
        if tail.fingerprint and tail.content.packing is None:
            self._search.disown(mark, gap)
        else:
            self._files.gaps.found(gap)
        return fresh
