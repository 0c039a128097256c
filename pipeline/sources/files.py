"""The files that one source holds open, what it remembers of others, and how it lets go of one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import DAMAGED, DELETED, Gap, GapLedger
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Position, Record
from weirlog.pipeline.sources.checkpoint import Mark
from weirlog.pipeline.sources.content import UNKNOWN_SIZE, open_content
from weirlog.pipeline.sources.discovery import Complaints
from weirlog.pipeline.sources.identity import fingerprint, is_copy
from weirlog.pipeline.sources.marks import Marks
from weirlog.pipeline.sources.rotation import is_related, is_rotated
from weirlog.pipeline.sources.tail import Tail, TailLimits
from weirlog.pipeline.sources.turns import Inode
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

MAX_FILES = 512
"""Files followed at once; below the 1,024 descriptors that a process may usually have."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a file source looks, and how long it waits.

    Attributes:
        poll_s: between two looks at the files' sizes when nothing came.
        busy_s: the same while lines came within the last second: a look costs 30 µs, an alert's delay is what it saves.
        scan_s: between two resolutions of the patterns.
        grace_s: how long a file that was renamed away or deleted is held open after its last line: a server goes on
            writing there until it is told to reopen its log. As long a damaged compressed file may still grow.
        deleted_s: the longest that a deleted file is held open, whatever is unread: its disk space is not free before.
        settle_s: a compressed file written to within so long is still being made.
    """

    poll_s: float = 0.1
    busy_s: float = 0.02
    scan_s: float = 2.0
    grace_s: float = 30.0
    deleted_s: float = 3600.0
    settle_s: float = 2.0


class Files:
    """Files by inode. Belongs to its source's thread.

    Args:
        source: name of the source.
        clock: time.
        metrics: where figures go.
        limits: how much is read at once.
        pace: how long it waits.
        gaps: told of every suspected loss.
    """

    def __init__(
        self, source: str, *, clock: Clock, metrics: Metrics, limits: TailLimits, pace: Pace, gaps: GapLedger
    ) -> None:
        self.source = source
        self.clock = clock
        self.pace = pace
        self.gaps = gaps
        self.complaints = Complaints(source, metrics, limit=MAX_FILES)
        self.tails: dict[Inode, Tail] = {}
        """Those that are followed, the oldest first as far as that is known."""
        self.finished: dict[Inode, Mark] = {}
        """Compressed files that stand there and have been read."""
        self.marks = Marks()
        """What is remembered of all others."""
        self._limits = limits

    def close(self) -> None:
        """Let go of everything and remember nothing of it."""
        for tail in self.tails.values():
            tail.close()
        self.tails.clear()
        self.finished.clear()

    def opened(self, path: str) -> Tail | None:
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
            written_s = self.clock.time() - content.status().st_mtime
            if content.packing is not None and 0 <= written_s < self.pace.settle_s:
                # Most are small, and whole at once; a large one waits.
                content.reaches(UNKNOWN_SIZE)
                if not content.ended or content.damage is not None:
                    content.close()
                    return None
            tail = Tail(content, Path(path), self.source, self._limits)
            content.release()
        except BaseException:
            content.close()
            raise
        return tail

    def fresh(self, tail: Tail) -> Tail:
        """Return a tail at the beginning of the same file, to take `tail`'s place."""
        return Tail(tail.content.duplicate(), tail.path, self.source, self._limits)

    def name(self, tail: Tail) -> bool:
        """Give the records of a new file their identity, once there is a whole line; return whether they have one."""
        if tail.is_named:
            return True
        tail.fingerprint = tail.fingerprint or fingerprint(tail.content)
        if tail.claims is not None or not tail.fingerprint:
            return False
        inode, same = tail.content.inode, tail.fingerprint
        generations = [
            mark.generation for mark in self.marks.of_first_line(same) if (mark.origin or mark.inode) == inode
        ]
        generations += [
            other.generation
            for other in self.tails.values()
            if other is not tail and (other.origin, other.fingerprint) == (inode, same)
        ]
        tail.name(1 + max(generations, default=-1))
        return True

    def is_copy_of_followed(self, tail: Tail) -> bool:
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

    def last_words(self, inode: Inode, now: float) -> list[Record]:
        """Let go of a file of which nothing more will come; first return a last line that has no newline."""
        tail = self.tails[inode]
        packed = tail.content.packing is not None
        if not tail.is_saved and (tail.fingerprint or tail.has_lines):
            return []
        if packed:
            # Its end is seen at the look after the one that read it, so that damage has its time to heal.
            waits = not tail.content.ended or tail.size != tail.content.size()
            waits = waits or (tail.content.damage is not None and now < tail.grew_at + self.pace.grace_s)
        else:
            waits = tail.left_since is None or now < max(tail.left_since, tail.grew_at) + self.pace.grace_s
        if waits or (not packed and tail.has_lines):
            return []
        if last := tail.rest(now):
            return last
        if not tail.in_flight:
            self._remember(inode, tail, packed=packed)
            self.let_go(inode)
        return []

    def _remember(self, inode: Inode, tail: Tail, *, packed: bool) -> None:
        mark = tail.mark(self.clock.time(), ended=True)
        self.tell_lacking(tail, tail.lines_end)
        if tail.content.damage is not None:
            lost_bytes = tail.content.left(tail.position)
            self.gaps.found(Gap(self.source, str(tail.path), tail.key, tail.position, lost_bytes, DAMAGED))
            self.complaints.about(str(tail.path), f"{tail.content.damage}; what comes before that was read")
        if packed:
            self.finish(inode, mark)
        elif tail.is_deleted:
            # Its inode is free for another file; only a compressed copy may still come.
            if mark.fingerprint:
                self.marks.keep(mark.without_inode)
        else:
            self.marks.keep(mark)  # it may come back

    def tell_lacking(self, tail: Tail, end: Position) -> None:
        """Tell what was written to a file between its copy, whose lines reach to `end`, and its truncation."""
        gap, tail.lacks = tail.lacks, None
        if gap is None:
            return
        position = max(end, gap.position)
        if (lost_bytes := gap.position + gap.bytes_at_most - position) > 0:
            self.gaps.found(dataclasses.replace(gap, position=position, bytes_at_most=lost_bytes))

    def finish(self, inode: Inode, mark: Mark) -> None:
        """Remember a compressed file as read: nobody unpacks it again as long as it stays as large."""
        self.marks.keep(mark)
        self.finished[inode] = mark

    def hold_no_longer(self, inode: Inode, now: float) -> None:
        """Let go of a file that was deleted long ago, whatever is unread or in flight: its disk space waits for it.

        Where it still grows, as its server was never told to reopen its log, that is a gap of a size that nobody knows.
        """
        tail = self.tails[inode]
        tail.look(now)
        tail.deleted_since = (tail.deleted_since or now) if tail.is_deleted else None
        if tail.deleted_since is None or now < tail.deleted_since + self.pace.deleted_s:
            return
        grows = tail.content.packing is None and now < tail.grew_at + self.pace.grace_s
        if (tail.unread or grows) and tail.claims is None:
            self.gaps.found(Gap(self.source, str(tail.path), tail.key, tail.position, tail.unread, DELETED))
        self.let_go(inode)

    def give_up(self, inode: Inode, error: OSError) -> None:
        """Let go of a file that fails to be read, and remember how far it was: a scan opens what stands there anew."""
        tail = self.tails[inode]
        self.complaints.about(str(tail.path), str(error))
        if tail.claims is None:
            self.marks.keep(tail.mark(self.clock.time(), is_there=False))
        self.let_go(inode)

    def let_go(self, inode: Inode) -> None:
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
