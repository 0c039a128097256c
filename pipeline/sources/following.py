"""Which files are followed, and where each is begun: new ones, those that are back, copies of what was read before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import DAMAGED, DELETED, MISSING, REPLACED, TRUNCATED, Gap, GapLedger
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Position, Record
from weirlog.pipeline.sources.checkpoint import Mark, State
from weirlog.pipeline.sources.content import UNKNOWN_SIZE, open_content
from weirlog.pipeline.sources.discovery import Complaints, matches
from weirlog.pipeline.sources.identity import Claims, fits, is_copy
from weirlog.pipeline.sources.marks import Marks
from weirlog.pipeline.sources.rotation import Sibling, is_related, is_rotated, siblings
from weirlog.pipeline.sources.tail import Tail, TailLimits, end_of_lines
from weirlog.pipeline.sources.turns import Inode
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

MAX_FILES = 512
"""Files followed at once; below the 1,024 descriptors that a process may usually have."""
REFRESH_S = 86400.0
"""How old the checkpoint's word may be that an idle file is still there."""
LIVE_BYTES = 1 << 20
"""A file that appears with no more than this in it is live at once, not backlog."""
SEEN_SLACK_S = 2.0
"""A file's time stamp may lag behind the clock that a mark's `seen` was taken from (a kernel tick, a file server)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a file source looks, and how long it waits.

    Attributes:
        poll_s: between two looks at the files' sizes when nothing came.
        scan_s: between two resolutions of the patterns.
        grace_s: how long a file that was renamed away or deleted is held open after its last line: a server goes on
            writing there until it is told to reopen its log. As long a damaged compressed file may still grow.
        deleted_s: the longest that a deleted file is held open, whatever is unread: its disk space is not free before.
        settle_s: a compressed file written to within so long is still being made.
    """

    poll_s: float = 0.1
    scan_s: float = 2.0
    grace_s: float = 30.0
    deleted_s: float = 3600.0
    settle_s: float = 2.0


class Following:
    """The files of one source. Belongs to its thread.

    Args:
        source: name of the source.
        start_at: where to begin in files that were there before this source first ran.
        clock: time.
        metrics: where figures go.
        limits: how much is read at once.
        pace: how long it waits.
        gaps: told of every suspected loss.
    """

    def __init__(
        self,
        source: str,
        *,
        start_at: Literal["end", "beginning"],
        clock: Clock,
        metrics: Metrics,
        limits: TailLimits,
        pace: Pace,
        gaps: GapLedger,
    ) -> None:
        self.tails: dict[Inode, Tail] = {}
        """Those that are followed; after `open`, those written to longest ago come first."""
        self._source = source
        self._start_at = start_at
        self._clock = clock
        self._limits = limits
        self._pace = pace
        self._gaps = gaps
        self._complaints = Complaints(source, metrics, limit=MAX_FILES)
        self._marks = Marks()
        self._known_patterns: frozenset[str] = frozenset()
        self._finished: dict[Inode, Mark] = {}  # compressed files that stand there and have been read
        self._sought: dict[str, tuple[Mark, Gap]] = {}  # by key: the rest of a file, and what it is if not found
        self._search_until: float | None = None
        self._rotated: list[Mark] = []  # beside these there may be files that came and went while nobody watched

    def open(self, state: State, patterns: Sequence[str]) -> None:
        """Follow every file that matches, and the rest of those that were rotated away while nobody watched."""
        self._marks = Marks(state.marks)
        self._known_patterns = frozenset(state.patterns)
        # By inode first: a file that is found so needs no copy of it.
        for path, pattern in matches(patterns):
            self._follow(path, pattern, only_known=True)
        away = [mark for mark in self._marks.fresh(self._clock.time()) if mark.inode or not mark.ended]
        for sibling in self._siblings(away):
            self._resume_renamed(sibling)
        self._rotated = [mark for mark in away if not mark.ended]
        for mark in self._rotated:
            if mark.fingerprint and mark in self._marks:
                self._seek(mark, MISSING)
        self._scan(patterns)
        self._search()
        # What is older comes first.
        self.tails = dict(sorted(self.tails.items(), key=lambda item: item[1].content.status().st_mtime))
        for tail in self.tails.values():
            tail.is_live = tail.is_live and tail.unread == 0
        # From now on whatever appears is new, and read from its beginning.
        self._known_patterns = frozenset(patterns)

    def scan(self, patterns: Iterable[str]) -> None:
        """Resolve the patterns: find new files, follow renamed ones, notice those that are gone or were rewritten."""
        self._scan(patterns)
        if self._sought or self._rotated:
            self._search()

    def marks(self) -> tuple[list[Mark], list[Mark]]:
        """Return the marks of followed files, with `seen` 0, and of all others."""
        followed = [tail.mark(0.0) for tail in self.tails.values() if tail.claims is None]
        return followed, self._marks.fresh(self._clock.time())

    def close(self) -> None:
        """Let go of everything and remember nothing."""
        for tail in self.tails.values():
            tail.close()
        self.tails.clear()
        self._finished.clear()
        self._sought.clear()
        self._rotated.clear()

    # --- what is there ---

    def _scan(self, patterns: Iterable[str]) -> None:
        # Before new files are looked at: one of them may be the copy of a file that was truncated after it was made.
        for inode, tail in list(self.tails.items()):
            if tail.was_rewritten():
                self.start_over(inode, tail.size)
        now = self._clock.monotonic()
        present = {self._follow(path, pattern) for path, pattern in matches(patterns)}
        self._finished = {inode: mark for inode, mark in self._finished.items() if inode in present}
        for inode, tail in list(self.tails.items()):
            tail.left_since = None if inode in present else (tail.left_since or now)
            self._hold_no_longer(inode, now)

    def _follow(self, path: str, pattern: str, *, only_known: bool = False) -> Inode | None:
        """Follow the file at `path` from now on; return which one it is, or None when it cannot be read."""
        try:
            status = Path(path).stat()
            inode = (status.st_dev, status.st_ino)
            if inode in self.tails:
                self.tails[inode].path = Path(path)
            elif (mark := self._finished.get(inode)) is not None and mark.packed_bytes == status.st_size:
                if self._clock.time() - mark.seen > REFRESH_S:
                    self._finish(inode, msgspec.structs.replace(mark, path=path, seen=self._clock.time()))
            elif not only_known or self._marks.of_inode(status.st_ino):
                self._admit(path, pattern, only_known=only_known)
        except FileNotFoundError:
            return None  # it was there a moment ago; the next scan tells
        except (OSError, RetryableError) as error:
            self._complaints.about(path, str(error))
            return None
        self._complaints.settle(path)
        return inode

    def _admit(self, path: str, pattern: str, *, only_known: bool) -> None:
        if (tail := self._opened(path)) is None:
            return
        try:
            mark = self._marks.take(tail.content.inode, tail.fingerprint)
            follow = self._read_on(tail, mark) if mark else not only_known and self._begin(tail, pattern)
        except BaseException:
            tail.close()
            raise
        if not follow:
            tail.close()
            return
        is_new = mark is None and pattern in self._known_patterns and not self._sought
        plain = tail.content.packing is None
        tail.is_live = plain and (tail.unread == 0 or (is_new and tail.unread <= LIVE_BYTES))
        self.tails[tail.inode] = tail
        log.info("following", path=path, position=tail.position)

    def _opened(self, path: str) -> Tail | None:
        """Return a tail at the beginning of a file, or None while it is too early to say what it holds.

        Raises:
            OSError: it cannot be opened.
            RetryableError: it is nothing that can be followed, or too many are.
        """
        if len(self.tails) >= MAX_FILES:
            raise RetryableError(f"{path} waits: {MAX_FILES} files are followed already; use fewer or closer patterns")
        content = open_content(path)
        if content is None:
            return None
        try:
            written_s = self._clock.time() - content.status().st_mtime
            if content.packing is not None and 0 <= written_s < self._pace.settle_s:
                # Most are small, and whole at once; a large one waits.
                content.reaches(UNKNOWN_SIZE)
                if not content.ended or content.damage is not None:
                    content.close()
                    return None
            tail = Tail(content, Path(path), self._source, self._limits)
            content.release()
        except BaseException:
            content.close()
            raise
        return tail

    # --- where to begin ---

    def _read_on(self, tail: Tail, mark: Mark, otherwise: Literal["begin", "drop"] = "begin") -> bool:
        """Begin where `mark`, of the same inode and first line, says; return whether there is something to follow.

        Args:
            tail: of the file.
            mark: no longer among the marks.
            otherwise: what to do with a compressed file when it turns out to be another one.
        """
        content = tail.content
        if content.packing is not None:
            if mark.ended and mark.packed_bytes == content.status().st_size:
                self._finish(tail.inode, msgspec.structs.replace(mark, path=str(tail.path)))
                return False
            if mark.position and mark.before:
                # An inode comes again soon after its file was compressed and removed: what was read must be in it.
                gone = self._disown(mark)
                tail.claims = Claims(content, [gone, *self._related(tail)], otherwise)
            else:
                tail.begin(mark.position, mark.origin)
        elif content.reaches(mark.position) and fits(content, mark):
            tail.begin(mark.position, mark.origin)
        else:
            log.warning("a file is not what it was when it was read; beginning anew", path=str(tail.path))
            self._disown(mark)
            tail.begin(0)
        return True

    def _begin(self, tail: Tail, pattern: str) -> bool:
        """Begin a file that has no mark; return whether there is something to follow."""
        if self._is_copy_of_followed(tail):
            return False
        from_end = self._start_at == "end" and pattern not in self._known_patterns
        if tail.content.packing is not None:
            if marks := self._related(tail):
                tail.claims = Claims(tail.content, marks, "finish" if from_end else "begin")
            elif from_end:
                self._finish(tail.inode, tail.mark(self._clock.time(), ended=True))
                return False
        elif not self._continue_sought(tail):
            tail.begin(end_of_lines(tail.content, tail.content.size()) if from_end else 0)
        return True

    def decided(self, inode: Inode) -> bool:
        """Go on deciding where a file is begun; return whether it can be read now. It may be let go by this."""
        tail = self.tails[inode]
        if tail.claims is None:
            return True
        if not tail.claims.decided():
            return False
        best, otherwise = tail.claims.best, tail.claims.otherwise
        if best is not None and self._marks.drop(best):
            self._continue(tail, best)
            return True
        if otherwise == "begin":
            tail.begin(0)
            return True
        if otherwise == "finish":
            self._finish(inode, tail.mark(self._clock.time(), ended=True))
        self._let_go(inode)
        return False

    def _related(self, tail: Tail) -> list[Mark]:
        """Return the marks that a compressed file may continue."""
        path = str(tail.path)
        return [mark for mark in self._marks.of_first_line(tail.fingerprint) if is_related(path, mark.path)]

    def _continue_sought(self, tail: Tail) -> bool:
        """Let a plain file continue one that is looked for, if it is a copy of that; return whether it does."""
        sought = [
            mark
            for mark, _ in self._sought.values()
            if mark.fingerprint == tail.fingerprint and is_related(str(tail.path), mark.path)
        ]
        claims = Claims(tail.content, sought)
        if not claims.decided() or claims.best is None or not self._marks.drop(claims.best):
            return False
        self._continue(tail, claims.best)
        return True

    def _continue(self, tail: Tail, mark: Mark) -> None:
        self._sought.pop(mark.key, None)
        tail.begin(mark.position, mark.origin or mark.inode)
        log.info("reading the rest of a file in a copy", path=str(tail.path), was=mark.path, position=mark.position)

    def _is_copy_of_followed(self, tail: Tail) -> bool:
        """Whether a new file is, or may become, a copy of one that is followed: then that one is read, and this waits."""
        path = tail.path
        for other in self.tails.values():
            if other.content.packing is not None or other.fingerprint != tail.fingerprint or not tail.fingerprint:
                continue
            stands = _stands(other)
            if tail.content.packing is not None:
                # Rotated and compressed since: once its own file is let go, the mark of that tells how much is left.
                if path.with_suffix("") == other.path or (not stands and is_related(str(path), str(other.path))):
                    return True
            elif (
                stands
                and path.parent == other.path.parent
                and is_rotated(path.name, other.path.name)
                and is_copy(tail.content, other.content)
            ):
                return True  # what copytruncate makes, just before it truncates
        return False

    # --- the rest of files that are no longer where they were ---

    def start_over(self, inode: Inode, size_before: Position) -> Tail:
        """Begin again in a file that was truncated, and look for a copy of what it held.

        Args:
            inode: which one.
            size_before: when it was looked at last.
        """
        tail = self.tails[inode]
        lost_bytes = max(0, size_before - tail.position) if tail.content.packing is None else 0
        gap = Gap(self._source, str(tail.path), tail.key, tail.position, lost_bytes, TRUNCATED)
        fresh = Tail(tail.content.duplicate(), tail.path, self._source, self._limits)
        fresh.is_live = fresh.content.packing is None
        self.tails[inode] = fresh
        mark = tail.mark(self._clock.time(), is_there=False)
        tail.close()
        log.warning("a file was truncated", path=str(tail.path), unread_bytes=lost_bytes)
        if tail.fingerprint and tail.content.packing is None:
            self._disown(mark, gap)
            self._search()
        else:
            self._gaps.found(gap)
        return fresh

    def _disown(self, mark: Mark, gap: Gap | None = None) -> Mark:
        """The inode of `mark` may hold something else now: look for what it held by that alone."""
        gone = msgspec.structs.replace(mark, inode=0, origin=mark.origin or mark.inode)
        self._marks.keep(gone)
        if not mark.ended:
            self._seek(gone, REPLACED, gap)
        return gone

    def _seek(self, mark: Mark, reason: str, gap: Gap | None = None) -> None:
        gap = gap or Gap(self._source, mark.path, mark.key, mark.position, 0, reason)
        self._sought.setdefault(mark.key, (mark, gap))

    def _siblings(self, marks: Sequence[Mark]) -> list[Sibling]:
        """Return the files that stand where those of `marks` stood and are not followed, the oldest first."""
        names: dict[str, set[str]] = {}
        for mark in marks:
            names.setdefault(str(Path(mark.path).parent), set()).add(Path(mark.path).name)
        inodes = {mark.inode for mark in marks}
        known = {inode for _, inode in (*self.tails, *self._finished)}
        found = [sibling for folder in names for sibling in siblings(folder, names[folder], inodes)]
        return sorted((one for one in found if one.inode not in known), key=lambda sibling: sibling.written)

    def _resume_renamed(self, sibling: Sibling) -> None:
        """Read a file to its end that was renamed while nobody watched: its inode is known."""
        tail = self._opened_sibling(sibling)
        if tail is None:
            return
        mark = self._marks.take(sibling.inode, tail.fingerprint)
        content = tail.content
        if mark is None or not mark.fingerprint:
            tail.close()
        elif content.packing is None and content.size() <= mark.position:
            # Shorter, it is another file, and what was read may still be in a copy.
            self._marks.keep(msgspec.structs.replace(mark, ended=content.size() == mark.position))
            tail.close()
        elif self._read_on(tail, mark, "drop"):
            self._read_to_end(tail)
        else:
            tail.close()

    def _search(self) -> None:
        """Look for what is sought among the siblings; what nobody can hold any more is a gap."""
        waits = False
        sought = [mark for mark, _ in self._sought.values()]
        for sibling in self._siblings([*sought, *self._rotated]):
            unseen = self._is_unseen(sibling)
            if not unseen and not any(is_related(sibling.path, mark.path) for mark in sought):
                continue
            tail = self._opened_sibling(sibling)
            if tail is None:
                waits = True
            elif self._continues(tail, unseen=unseen):
                self._read_to_end(tail)
            else:
                tail.close()
        now = self._clock.monotonic()
        self._search_until = self._search_until or now + self._pace.grace_s
        if (waits and now < self._search_until) or any(tail.claims is not None for tail in self.tails.values()):
            return
        self._search_until = None
        self._rotated.clear()
        for mark, gap in self._sought.values():
            # Where nothing stands in its place, the whole folder may be away, and come back.
            if self._marks.drop(mark) and Path(mark.path).exists():
                self._gaps.found(gap)
                self._marks.keep(msgspec.structs.replace(mark, ended=True))
            else:
                self._marks.keep(mark)
        self._sought.clear()

    def _is_unseen(self, sibling: Sibling) -> bool:
        """Whether a file came and went while nobody watched: rotated, and written to after its successor's was seen."""
        name = Path(sibling.path).name
        return any(
            is_rotated(name, Path(mark.path).name)
            and Path(sibling.path).parent == Path(mark.path).parent
            and sibling.written >= mark.seen - SEEN_SLACK_S
            for mark in self._rotated
        )

    def _continues(self, tail: Tail, *, unseen: bool) -> bool:
        """Begin a sibling that no pattern names; return whether there is something to follow."""
        content = tail.content
        if self._marks.holds(content.inode, tail.fingerprint) or self._is_copy_of_followed(tail):
            return False
        if content.packing is None:
            return self._continue_sought(tail) or unseen
        marks = self._related(tail)
        if marks:
            tail.claims = Claims(content, marks, "begin" if unseen else "drop")
        return unseen or any(mark.key in self._sought for mark in marks)

    def _opened_sibling(self, sibling: Sibling) -> Tail | None:
        try:
            return self._opened(sibling.path)
        except (OSError, RetryableError) as error:
            self._complaints.about(sibling.path, str(error))
            return None

    def _read_to_end(self, tail: Tail) -> None:
        """Follow a file that no pattern names, before all others: what is older comes first."""
        tail.left_since = self._clock.monotonic()
        self.tails = {tail.inode: tail, **self.tails}
        log.info("reading a rotated file to its end", path=str(tail.path), position=tail.position)

    # --- letting go ---

    def last_words(self, inode: Inode, now: float) -> list[Record]:
        """Let go of a file of which nothing more will come; first return a last line that has no newline."""
        tail = self.tails[inode]
        packed = tail.content.packing is not None
        if packed:
            # Its end is seen at the look after the one that read it, so that damage has its time to heal.
            waits = not tail.content.ended or tail.size != tail.content.size()
            waits = waits or (tail.content.damage is not None and now < tail.grew_at + self._pace.grace_s)
        else:
            waits = tail.left_since is None or now < max(tail.left_since, tail.grew_at) + self._pace.grace_s
        if waits:
            return []
        if last := tail.rest(now):
            return last
        if not tail.in_flight:
            self._remember(inode, tail, packed=packed)
            self._let_go(inode)
        return []

    def _remember(self, inode: Inode, tail: Tail, *, packed: bool) -> None:
        mark = tail.mark(self._clock.time(), ended=True)
        if tail.content.damage is not None:
            lost_bytes = tail.content.left(tail.position)
            self._gaps.found(Gap(self._source, str(tail.path), tail.key, tail.position, lost_bytes, DAMAGED))
            self._complaints.about(str(tail.path), f"{tail.content.damage}; what comes before that was read")
        if packed:
            self._finish(inode, mark)
        elif tail.is_deleted:
            # Its inode is free for another file; only a compressed copy may still come.
            if mark.fingerprint:
                self._marks.keep(msgspec.structs.replace(mark, inode=0, origin=mark.origin or mark.inode))
        else:
            self._marks.keep(mark)  # it may come back

    def _finish(self, inode: Inode, mark: Mark) -> None:
        """Remember a compressed file as read: nobody unpacks it again as long as it stays as large."""
        self._marks.keep(mark)
        self._finished[inode] = mark

    def _hold_no_longer(self, inode: Inode, now: float) -> None:
        """Let go of a file that was deleted long ago, whatever is unread or in flight: its disk space waits for it."""
        tail = self.tails[inode]
        tail.deleted_since = (tail.deleted_since or now) if tail.is_deleted else None
        if tail.deleted_since is None or now < tail.deleted_since + self._pace.deleted_s:
            return
        if tail.unread and tail.claims is None:
            self._gaps.found(Gap(self._source, str(tail.path), tail.key, tail.position, tail.unread, DELETED))
        self._let_go(inode)

    def _let_go(self, inode: Inode) -> None:
        tail = self.tails.pop(inode)
        log.info("let go of a file", path=str(tail.path), position=tail.position)
        tail.close()


def _stands(tail: Tail) -> bool:
    """Whether a followed file is still at its path."""
    try:
        status = tail.path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == tail.inode
