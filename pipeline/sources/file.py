"""Log files, followed while they are written to, renamed, truncated, deleted, compressed and made again.

Polling is the truth: every file's size is looked at several times a second, and the patterns are resolved anew every few
seconds. watchdog only wakes the poll up when something is created or renamed in a watched directory, since its events
are lost on some file systems and cost a quarter of a core when every write is one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import Gap, GapLedger
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.checkpoint import Checkpoint, Mark, State
from weirlog.pipeline.sources.files import Files, Pace
from weirlog.pipeline.sources.following import REFRESH_S, Following
from weirlog.pipeline.sources.tail import Tail, TailLimits
from weirlog.pipeline.sources.turns import Inode, Turns
from weirlog.pipeline.sources.watching import DirectoryWatch
from weirlog.pipeline.timing import Clock

BUSY_S = 1.0
"""For so long after a line more are expected at once."""
BACKLOG_WAIT_S = 0.01
"""Between two looks while there is backlog to read: 2,048 lines in flight at most make 200,000 a second."""


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
        pace: how often it looks, and how long it waits.
        on_gap: told of every suspected loss, once it is durable in the checkpoint, within `open` and `commit`. A
            RetryableError from it lets the gap wait for the next commit.
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
        on_gap: Callable[[Gap], None] | None = None,
    ) -> None:
        self.name = name
        self._patterns = tuple(patterns)
        self._checkpoint = checkpoint
        self._clock = clock
        self._pace = pace or Pace()
        self._busy_until = float("-inf")
        self._limits = limits = limits or TailLimits()
        self._gaps = GapLedger(metrics, on_gap)
        self._files = Files(name, clock=clock, metrics=metrics, limits=limits, pace=self._pace, gaps=self._gaps)
        self._following = Following(self._files, start_at=start_at)
        self._turns = Turns(limits)
        self._wake = threading.Event()
        self._watch = DirectoryWatch(self._wake)
        self._next_scan = self._scanned_at = 0.0
        self._saved: tuple[list[Mark], list[Mark], list[Gap]] | None = None
        self._saved_at = 0.0
        self._paused = False

    def open(self) -> None:
        self.close()
        state = self._checkpoint.load()
        self._gaps.restore(state.gaps)
        self._following.open(state, self._patterns)
        self._scanned()
        self._turns.begin()
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
            if not self._paused:
                failure = self._save_identities()
                if records := self._turns.read(self._files.tails, self._read):
                    self._busy_until = now + BUSY_S
                    return records
                if failure is not None:
                    raise failure
            left_s = end - self._clock.monotonic()
            if left_s <= 0:
                return ()
            wait_s = self._pace.busy_s if now < self._busy_until else self._pace.poll_s
            if self._turns.backlog_waits and not self._paused:
                wait_s = min(wait_s, BACKLOG_WAIT_S)
            self._clock.wait(self._wake, min(left_s, wait_s))

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self) -> None:
        self._save()
        if self._gaps.tell():
            self._save()

    def close(self) -> None:
        self._watch.close()
        self._following.close()
        self._saved = None

    @property
    def in_flight(self) -> int:
        return sum(tail.in_flight for tail in self._files.tails.values())

    @property
    def lag(self) -> int | None:
        return sum(tail.unread for tail in self._files.tails.values() if self._is_readable(tail))

    def _is_readable(self, tail: Tail) -> bool:
        """Whether reading on would give something: a line without its end does not, however long it grows.

        Else a file that never holds a newline would pass for one that is not read, and the daemon be restarted for it.
        """
        if tail.content.packing is not None:
            return tail.unread > 0
        try:
            return tail.unread_or_shrunk and (tail.unread > self._limits.line_bytes or tail.has_lines)
        except OSError:
            return True  # and the next read tells what is wrong

    def _read(self, inode: Inode, limit: int) -> list[Record]:
        """Return the next records of one file, at most `limit`; one that fails to be read is given up, the others go on."""
        try:
            return self._read_on(inode, limit)
        except OSError as error:
            self._files.give_up(inode, error)
            return []

    def _read_on(self, inode: Inode, limit: int) -> list[Record]:
        now = self._clock.monotonic()
        if not self._following.decided(inode):
            return []
        tail = self._files.tails[inode]
        before = tail.size
        tail.look(now)
        shrank = tail.size < before and tail.content.packing is None
        # A few µs a read: a file that was truncated and has grown again since must not be read from its middle.
        if shrank or (tail.unread_or_shrunk and tail.was_rewritten()):
            tail = self._following.start_over(inode, before)
            self._next_scan = now
        records = tail.read(now, limit) if tail.is_saved else []
        return records or self._files.last_words(inode, now)

    def _save_identities(self) -> RetryableError | None:
        """Make durable under which identities records are about to be handed out; return why that failed.

        Else a file that is rotated and compressed, or copied and cut off, between an alert and the next commit would be
        alerted on again as another one.
        """
        if self._following.has_unsaved:
            try:
                self._save()
            except RetryableError as error:
                return error
        return None

    def _scan(self) -> None:
        self._following.scan(self._patterns)
        self._scanned()

    def _scanned(self) -> None:
        self._scanned_at = now = self._clock.monotonic()
        self._next_scan = now + self._pace.scan_s
        followed = {str(tail.path.parent) for tail in self._files.tails.values()}
        self._watch.follow({str(Path(pattern).parent) for pattern in self._patterns} | followed)

    def _save(self) -> None:
        now = self._clock.time()
        state = (*self._following.marks(), self._gaps.waiting)
        # An idle source costs no fsync, but for telling now and then that its files are still there.
        if state != self._saved or now - self._saved_at >= REFRESH_S:
            followed, absent, gaps = state
            seen = [msgspec.structs.replace(mark, seen=now) for mark in followed]
            self._checkpoint.save(State([*seen, *absent], list(self._patterns), gaps))
            self._saved, self._saved_at = state, now
        self._following.saved()
