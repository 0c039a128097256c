"""Log files, followed while they are written to, renamed, truncated, deleted and made again.

Polling is the truth: every file's size is looked at several times a second, and the patterns are resolved anew every few
seconds. watchdog only wakes the poll up when something is created or renamed in a watched directory, since its events
are lost on some file systems and cost a quarter of a core when every write is one.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Position, Record
from weirlog.pipeline.sources.checkpoint import Checkpoint, Mark, State
from weirlog.pipeline.sources.discovery import Complaints, matches, regular_files
from weirlog.pipeline.sources.marks import Marks
from weirlog.pipeline.sources.tail import Tail, TailLimits, end_of_lines, fingerprint, is_packed
from weirlog.pipeline.sources.watching import DirectoryWatch
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

Inode: TypeAlias = tuple[int, int]
"""Device and inode: which file it is, while it exists."""

MAX_FILES = 512
"""Files followed at once; below the 1,024 descriptors that a process may usually have."""
REFRESH_S = 86400.0
"""How old the checkpoint's word may be that an idle file is still there."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a file source looks.

    Attributes:
        poll_s: between two looks at the files' sizes when nothing came.
        scan_s: between two resolutions of the patterns.
        grace_s: how long a file that was renamed away or deleted is held open after its last line: a server goes on
            writing there until it is told to reopen its log.
    """

    poll_s: float = 0.1
    scan_s: float = 2.0
    grace_s: float = 30.0


class FileSource:
    """Follows every file that matches one of the patterns.

    Args:
        name: unique among the sources.
        patterns: paths, which may hold `*` and `?`.
        start_at: where to begin in files that were there before this source first ran. Files that appear later are
            read from their beginning.
        checkpoint: where positions are kept.
        clock: time.
        metrics: where figures go.
        limits: how much is read at once.
        pace: how often it looks.
    """

    def __init__(
        self,
        name: str,
        patterns: Sequence[str],
        *,
        start_at: Literal["end", "beginning"],
        checkpoint: Checkpoint,
        clock: Clock,
        metrics: Metrics,
        limits: TailLimits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.name = name
        self._patterns = tuple(patterns)
        self._start_at = start_at
        self._checkpoint = checkpoint
        self._clock = clock
        self._metrics = metrics
        self._limits = limits or TailLimits()
        self._pace = pace or Pace()
        self._tails: dict[Inode, Tail] = {}
        self._marks = Marks()
        self._known_patterns: frozenset[str] = frozenset()
        self._complaints = Complaints(name, metrics, limit=MAX_FILES)
        self._wake = threading.Event()
        self._watch = DirectoryWatch(self._wake)
        self._next_scan = self._scanned_at = 0.0
        self._saved: tuple[list[tuple[int, str, Position, str]], list[Mark]] | None = None
        self._saved_at = 0.0
        self._turn = 0
        self._paused = False

    def open(self) -> None:
        self.close()
        state = self._checkpoint.load()
        self._marks = Marks(state.marks)
        self._known_patterns = frozenset(state.patterns)
        self._scan()
        self._resume_moved()
        # From now on whatever appears is new, and read from its beginning.
        self._known_patterns = frozenset(self._patterns)
        # At once: after a crash before the first commit, "the end" would be a later one, and the gap be lost.
        self.commit()

    def poll(self, timeout_s: float) -> Sequence[Record]:
        end = self._clock.monotonic() + timeout_s
        while True:
            now = self._clock.monotonic()
            if self._wake.is_set():
                self._wake.clear()
                # A directory where files come and go all the time must not cost a scan for each of them.
                self._next_scan = min(self._next_scan, self._scanned_at + self._pace.poll_s)
            if now >= self._next_scan:
                self._scan()
            if not self._paused and (records := self._read(now)):
                return records
            left_s = end - self._clock.monotonic()
            if left_s <= 0:
                return ()
            self._clock.wait(self._wake, min(left_s, self._pace.poll_s))

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self) -> None:
        now = self._clock.time()
        places = [(tail.inode, tail.fingerprint, tail.committable, str(tail.path)) for tail in self._tails.values()]
        absent = self._marks.fresh(now)
        # An idle source costs no fsync, but for telling now and then that its files are still there.
        if (places, absent) != self._saved or now - self._saved_at >= REFRESH_S:
            self._checkpoint.save(State([*(Mark(*place, now) for place in places), *absent], list(self._patterns)))
            self._saved, self._saved_at = (places, absent), now

    def close(self) -> None:
        self._watch.close()
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()
        self._saved = None

    @property
    def in_flight(self) -> int:
        return sum(tail.in_flight for tail in self._tails.values())

    @property
    def lag(self) -> int | None:
        return sum(tail.unread for tail in self._tails.values())

    # --- reading ---

    def _read(self, now: float) -> list[Record]:
        """Return the next records of the first file that has some, beginning behind the one that had some last."""
        inodes = list(self._tails)
        for step in range(len(inodes)):
            inode = inodes[(self._turn + step) % len(inodes)]
            tail = self._tails[inode]
            before = tail.size
            tail.look(now)
            # A few µs a read: a file that was truncated and has grown again since must not be read from its middle.
            if tail.unread_or_shrunk and tail.was_rewritten():
                tail = self._start_over(inode, before)
            if records := tail.read(now) or self._last_words(inode, now):
                self._turn = (self._turn + step + 1) % len(inodes)
                return records
        return []

    def _start_over(self, inode: Inode, size_before: int) -> Tail:
        """Begin again in a file that was truncated, and say how much may have been lost by it."""
        tail = self._tails[inode]
        lost = max(0, size_before - tail.position)
        self._metrics.count("bytes_possibly_lost_total", lost, source=self.name)
        log.warning(
            "a file was truncated; what was written between the last look and the truncation is lost",
            path=str(tail.path),
            bytes_known_to_be_lost=lost,
        )
        self._tails[inode] = fresh = Tail(tail.duplicate(), tail.path, self.name, 0, self._limits)
        tail.close()
        return fresh

    def _last_words(self, inode: Inode, now: float) -> list[Record]:
        """Let go of a file that left the patterns some time ago; first return a last line that has no newline."""
        tail = self._tails[inode]
        if tail.left_since is None or now < max(tail.left_since, tail.grew_at) + self._pace.grace_s:
            return []
        if last := tail.rest(now):
            return last
        if not tail.in_flight:
            log.info("let go of a file that was moved away or deleted", path=str(tail.path))
            # It may come back, unless it is deleted and its inode free for another file.
            if not tail.is_deleted:
                place = (tail.inode, tail.fingerprint, tail.position, str(tail.path))
                self._marks.keep(Mark(*place, self._clock.time()))
            tail.close()
            del self._tails[inode]
        return []

    # --- discovery ---

    def _scan(self) -> None:
        """Resolve the patterns: find new files, follow renamed ones, notice those that are gone or were rewritten."""
        self._scanned_at = now = self._clock.monotonic()
        self._next_scan = now + self._pace.scan_s
        present: set[Inode] = set()
        for path, pattern in matches(self._patterns):
            if (inode := self._follow(path, pattern)) is not None:
                present.add(inode)
        for inode, tail in list(self._tails.items()):
            tail.left_since = None if inode in present else (tail.left_since or now)
            if tail.was_rewritten():
                self._start_over(inode, tail.size)
        self._watch.follow({str(Path(pattern).parent) for pattern in self._patterns} | self._folders())

    def _folders(self) -> set[str]:
        return {str(tail.path.parent) for tail in self._tails.values()}

    def _follow(self, path: str, pattern: str) -> Inode | None:
        """Follow the file at `path` from now on; return which one it is, or None when it cannot be read."""
        try:
            status = Path(path).stat()
            inode = (status.st_dev, status.st_ino)
            if inode in self._tails:
                self._tails[inode].path = Path(path)
            else:
                self._admit(path, pattern)
        except FileNotFoundError:
            return None  # it was there a moment ago; the next scan tells
        except (OSError, RetryableError) as error:
            self._complaints.about(path, str(error))
            return None
        self._complaints.settle(path)
        return inode

    def _admit(self, path: str, pattern: str) -> None:
        if len(self._tails) >= MAX_FILES:
            raise RetryableError(f"{path} waits: {MAX_FILES} files are followed already; use fewer or closer patterns")
        # O_NONBLOCK: a named pipe must not hold the source up; regular files do not mind.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RetryableError(f"{path} is no regular file; point the pattern at log files")
            if is_packed(path, descriptor):
                raise RetryableError(
                    f"{path} is compressed; narrow the pattern, and read old logs with `weirlog score`"
                )
            position = self._position_of(descriptor, path, pattern, status)
            tail = Tail(descriptor, Path(path), self.name, position, self._limits)
        except BaseException:
            os.close(descriptor)
            raise
        self._tails[status.st_dev, status.st_ino] = tail
        log.info("following", path=path, position=position)

    def _position_of(self, descriptor: int, path: str, pattern: str, status: os.stat_result) -> Position:
        mark = self._marks.take(status.st_ino, fingerprint(descriptor))
        if mark is not None and mark.position <= status.st_size:
            return mark.position
        if mark is not None:
            log.warning("a file is shorter than it was when it was read; beginning anew", path=path)
            return 0
        if pattern in self._known_patterns or self._start_at == "beginning":
            return 0
        return end_of_lines(descriptor, status.st_size)

    def _resume_moved(self) -> None:
        """Find files that were renamed while nobody watched, among their siblings, and read them to their end."""
        followed = {tail.inode for tail in self._tails.values()}
        marks = self._marks.fresh(self._clock.time())
        wanted = [mark for mark in marks if mark.fingerprint and mark.inode not in followed]
        numbers = {mark.inode for mark in wanted}
        for folder in sorted({str(Path(mark.path).parent) for mark in wanted}):
            for path, inode in regular_files(folder):
                for mark in self._marks.of_inode(inode) if inode in numbers else ():
                    self._resume(path, mark)

    def _resume(self, path: str, mark: Mark) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            self._complaints.about(path, str(error))
            return
        status = os.fstat(descriptor)
        if fingerprint(descriptor) != mark.fingerprint or status.st_size <= mark.position:
            os.close(descriptor)
            return
        log.info("reading a renamed file to its end", path=path, formerly=mark.path, position=mark.position)
        self._marks.take(mark.inode, mark.fingerprint)
        tail = Tail(descriptor, Path(path), self.name, mark.position, self._limits)
        tail.left_since = self._clock.monotonic()
        # Before all others: what is older comes first.
        self._tails = {(status.st_dev, status.st_ino): tail, **self._tails}
