"""A file source in every kind of weather, against a plain record of what was written.

Rules write, rotate, truncate, delete and restore logs, fill the disk, stop and crash the source. After each history the
source gets time and room, and then every line must have been settled, but for those that nobody can be asked for:
    - what was truncated before it was read: the source counts how much it knew of;
    - what was deleted before the source had opened it, and what was deleted and not settled when the source ended;
    - with a pattern that a renamed file does not match, what was renamed before a source had read some of it and
      committed: nothing says that this file was ever a log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from soak.failing_disk import FailingDisk, PowerCut
from soak.log_world import NAME, LogWorld
from soak.naive_tail import NaiveTail
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.sources import Source, checkpoint, file
from weirlog.pipeline.sources.checkpoint import Checkpoint, Mark
from weirlog.pipeline.sources.content import PlainContent
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.files import Pace
from weirlog.pipeline.sources.identity import fingerprint, fits, was_read_amid
from weirlog.pipeline.sources.tail import TailLimits
from weirlog.pipeline.timing import Clock

PACE = Pace(poll_s=0.25, scan_s=1.0, grace_s=4.0)
LIMITS = TailLimits(line_bytes=64, read_bytes=24, chunk_records=3)
"""So small that a handful of lines meets every limit."""
QUIET_S = PACE.grace_s + 3 * PACE.scan_s
MORE = st.lists(st.integers(0, 20) | st.integers(0, 80) | st.integers(57, 59), min_size=1, max_size=6)
"""How much longer than its number each line is; 0 to far beyond the limit, about the limit, and 13 for an empty line."""
SOME = st.lists(st.integers(0, 20), max_size=4)


class LogMachine(RuleBasedStateMachine):
    """The weather. `world` keeps the record."""

    holds_files = True

    def __init__(self) -> None:
        super().__init__()
        self._disk = FailingDisk()
        self._patches = [
            mock.patch.object(checkpoint, "os", self._disk),
            # inotify wakes up whenever it likes; without it every history can be repeated exactly.
            mock.patch.object(file, "DirectoryWatch", Unwatched),
        ]
        for patch in self._patches:
            patch.start()

    def make_source(
        self,
        patterns: Sequence[str],
        state: Path,
        clock: Clock,
        metrics: Metrics,
        on_gap: Callable[[Gap], None],
    ) -> Source:
        return FileSource(
            NAME,
            patterns,
            start_at="beginning",
            checkpoint=Checkpoint(state),
            clock=clock,
            metrics=metrics,
            limits=LIMITS,
            pace=PACE,
            on_gap=on_gap,
        )

    @initialize(follows_names=st.booleans(), has_headers=st.booleans())
    def begin(self, *, follows_names: bool, has_headers: bool) -> None:
        self.world = LogWorld(
            self.make_source,
            follows_names=follows_names,
            has_headers=has_headers,
            line_bytes=LIMITS.line_bytes,
            scan_s=PACE.scan_s,
            grace_s=PACE.grace_s,
            disk_is_full=lambda: self._disk.full,
            holds_files=self.holds_files,
        )
        assert self.world.start()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self._finish()
        finally:
            if hasattr(self, "world"):
                self.world.remove()
            for patch in self._patches:
                patch.stop()

    def _finish(self) -> None:
        """Give it time, room and somebody who listens."""
        self._disk.full = False
        self.world.hears_of_gaps = True
        if not self.world.logs.path.exists():
            if self.world.logs.away.exists():
                self.mount_or_unmount()
            else:
                self.world.logs.path.mkdir()
        if self.world.source is None:
            self.start()
        self.world.check_that_nothing_is_lost(QUIET_S)

    # --- the server ---

    @rule(more=MORE, partly=st.booleans(), carriage_return=st.booleans())
    def write(self, more: list[int], *, partly: bool, carriage_return: bool) -> None:
        """Append lines; end the one that has no newline yet; perhaps leave the last one without."""
        self.world.logs.path.mkdir(exist_ok=True)
        log = self.world.logs.current or self.world.logs.create()
        self.world.logs.write(log, self.world.logs.lines(more, carriage_return=carriage_return), partly=partly)

    @precondition(lambda self: self.world.source is not None)
    @rule(more=MORE, partly=st.booleans(), polls=st.integers(1, 3), settled=SOME)
    def traffic(self, more: list[int], *, partly: bool, polls: int, settled: list[int]) -> None:
        """What happens nearly all of the time: lines are written, read, and some of them settled."""
        self.write(more, partly=partly, carriage_return=False)
        for _ in range(polls):
            self.world.poll(0.5)
        self.world.settle(settled)

    @precondition(lambda self: bool(self.world.logs.writable_rotated))
    @rule(index=st.integers(0, 9), more=MORE, partly=st.booleans())
    def write_late(self, index: int, more: list[int], *, partly: bool) -> None:
        """The server has not been told yet that its log was renamed."""
        rotated = self.world.logs.writable_rotated
        self.world.logs.write(rotated[index % len(rotated)], self.world.logs.lines(more), partly=partly)

    @precondition(lambda self: self.world.logs.current is not None)
    @rule(create=st.booleans())
    def rotate(self, *, create: bool) -> None:
        assert self.world.logs.current is not None
        self.world.logs.rename(self.world.logs.current)
        if create:
            self.world.logs.create()

    @precondition(lambda self: self.world.logs.current is not None)
    @rule(keep=st.booleans(), late=MORE | st.just([]), polls=st.integers(0, 2))
    def copytruncate(self, *, keep: bool, late: list[int], polls: int) -> None:
        """The server goes on writing between copy and truncation."""
        log = self.world.logs.current
        assert log is not None
        if keep:
            self.world.logs.copy(log).is_short = bool(late)
        if late:
            self.world.logs.write(log, self.world.logs.lines(late), partly=False)
        for _ in range(polls if self.world.source is not None else 0):
            self.world.poll(0.5)
        self.world.logs.truncate(log)

    @precondition(lambda self: bool(self.world.logs.rotated) and self.world.logs.current is None)
    @rule(index=st.integers(0, 9))
    def recycle(self, index: int) -> None:
        """An old log becomes the new one, emptied: the same inode under another name."""
        old = self.world.logs.rotated[index % len(self.world.logs.rotated)]
        self.world.logs.truncate(old)
        self.world.logs.rename(old, self.world.logs.log)

    @precondition(lambda self: bool(self.world.logs.rotated))
    @rule(index=st.integers(0, 9))
    def compress(self, index: int) -> None:
        self.world.logs.compress(self.world.logs.rotated[index % len(self.world.logs.rotated)])

    @precondition(lambda self: bool(self.world.logs.visible))
    @rule(index=st.integers(0, 9), directory=st.booleans())
    def delete(self, index: int, *, directory: bool) -> None:
        """One file, or the directory with all of them."""
        if directory:
            self.world.logs.remove_directory()
        else:
            self.world.logs.delete(self.world.logs.visible[index % len(self.world.logs.visible)])

    @precondition(
        lambda self: self.world.logs.follows_names and self.world.logs.path.exists() != self.world.logs.away.exists()
    )
    @rule()
    def mount_or_unmount(self) -> None:
        """The directory goes away with all that is in it, and comes back."""
        places = (self.world.logs.path, self.world.logs.away)
        self.world.logs.move_directory(*(places if self.world.logs.path.exists() else places[::-1]))

    # --- the source ---

    @precondition(lambda self: self.world.source is not None)
    @rule(timeout_s=st.sampled_from([0.0, 1.0, 6.0]))
    def poll(self, timeout_s: float) -> None:
        self.world.poll(timeout_s)

    @precondition(lambda self: bool(self.world.outstanding))
    @rule(indices=SOME)
    def settle(self, indices: list[int]) -> None:
        """In any order: batches may be done out of turn."""
        self.world.settle(indices)

    @precondition(lambda self: self.world.source is not None)
    @rule(power=st.none() | st.integers(0, 6))
    def commit(self, power: int | None) -> None:
        """Perhaps the power goes off after so many steps of it."""
        self._disk.steps_left = power
        try:
            assert self.world.commit() or self._disk.full
        except PowerCut:
            self.world.end()
        finally:
            self._disk.steps_left = None

    @precondition(lambda self: self.world.source is not None)
    @rule(paused=st.booleans())
    def pause(self, *, paused: bool) -> None:
        self.world.pause(paused=paused)

    @precondition(lambda self: self.world.source is not None)
    @rule(orderly=st.booleans(), again=st.booleans())
    def stop(self, *, orderly: bool, again: bool) -> None:
        """In order, with a commit, or in a crash."""
        if orderly:
            assert self.world.commit() or self._disk.full
        self.world.end()
        if again:
            self.start()

    @precondition(lambda self: self.world.source is None)
    @rule()
    def start(self) -> None:
        assert self.world.start() or self._disk.full

    @rule(hears=st.booleans())
    def gaps_can_be_told(self, *, hears: bool) -> None:
        self.world.hears_of_gaps = hears

    @rule(full=st.booleans())
    def fill_the_disk(self, *, full: bool) -> None:
        self._disk.full = full

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @invariant()
    def the_checkpoint_passes_nothing_that_is_open(self) -> None:
        if not (self.holds_files and hasattr(self, "world") and self.world.state.exists()):
            return
        marks = {(mark.inode, mark.fingerprint): mark for mark in Checkpoint(self.world.state).load().marks}
        for log in self.world.logs.files:
            if log.path is not None and not log.is_packed and (mark := _mark_of(log.path, marks)) is not None:
                passed = [line.data[:12] for line in self.world.owed(log) if (line.end or 0) <= mark.position]
                assert not passed, f"lost: the checkpoint stands behind {passed}, which are not settled"


class NaiveMachine(LogMachine):
    """The same weather for the naive tailer, which holds nothing and keeps an offset alone."""

    holds_files = False

    def make_source(
        self, patterns: Sequence[str], state: Path, clock: Clock, metrics: Metrics, on_gap: Callable[[Gap], None]
    ) -> Source:
        return NaiveTail(NAME, Path(patterns[0].rstrip("*")), state, clock)


class Unwatched:
    """Instead of watching directories: sees nothing, as on a network file system."""

    def __init__(self, wake: object) -> None:
        """There is nobody to wake."""

    def follow(self, folders: object) -> None:
        """Look away."""

    def close(self) -> None:
        """Nothing to end."""


def _mark_of(path: Path, marks: dict[tuple[int, str], Mark]) -> Mark | None:
    """Return the mark that a source would find for a plain file: of its inode and first line, and of its content."""
    content = PlainContent(os.open(path, os.O_RDONLY))
    try:
        mark = marks.get((content.inode, fingerprint(content)))
        return mark if mark is not None and fits(content, mark) and not was_read_amid(content, mark) else None
    finally:
        content.close()
