"""A source and the logs that it follows, with a plain record beside it of what is owed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fakes import FakeClock, RecordingMetrics

from soak.log_files import HEADER, Line, LogFile
from soak.log_folder import LogFolder
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources import Source
from weirlog.pipeline.timing import Clock

MakeSource = Callable[[Sequence[str], Path, Clock, Metrics, Callable[[Gap], None]], Source]
"""Patterns, file of the state, clock, metrics, who is told of gaps → a source named `NAME` that is not open yet."""
NAME = "file-0"


class LogWorld:
    """Everything in a temporary folder.

    Args:
        make_source: makes the source under test, again at each restart.
        follows_names: whether the pattern matches renamed files too, or the one name alone.
        has_headers: whether every file begins with the same line.
        line_bytes: the longest line that is no flaw.
        scan_s: within how long the source looks at everything.
        grace_s: how long it keeps what was renamed.
        disk_is_full: whether the source's disk has no room at present.
        holds_files: whether the source keeps files open; else it can be asked only for what stands at the log's path.

    Attributes:
        hears_of_gaps: whether somebody takes the gaps that the source tells.
    """

    def __init__(
        self,
        make_source: MakeSource,
        *,
        follows_names: bool,
        has_headers: bool,
        line_bytes: int,
        scan_s: float,
        grace_s: float,
        disk_is_full: Callable[[], bool] = lambda: False,
        holds_files: bool = True,
    ) -> None:
        self._root = tempfile.TemporaryDirectory()
        root = Path(self._root.name)
        self.state = root / "state.json"
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.source: Source | None = None
        self.paused = False
        self.logs = LogFolder(
            root,
            self.clock,
            follows_names=follows_names,
            has_headers=has_headers,
            scan_s=scan_s,
            grace_s=grace_s,
            holds=self.holds,
        )
        self.hears_of_gaps = True
        self.outstanding: list[tuple[Record, Line]] = []
        self._make_source = make_source
        self._line_bytes = line_bytes
        self._scan_s = scan_s
        self._disk_is_full = disk_is_full
        self._holds_files = holds_files
        self._settled: set[bytes] = set()
        self._gap: list[Line] = []  # cut off, and the source has had time to notice
        self._told: set[Gap] = set()
        self._identities: dict[bytes, tuple[str, int]] = {}
        self._lines: dict[tuple[str, int], bytes] = {}

    def remove(self) -> None:
        if self.source is not None:
            self.source.close()
        self._root.cleanup()

    # --- the source ---

    def start(self) -> bool:
        """Open a source; return False when its disk was full."""
        source = self._make_source(
            [f"{self.logs.log}*" if self.logs.follows_names else str(self.logs.log)],
            self.state,
            self.clock,
            self.metrics,
            self._tell,
        )
        try:
            source.open()
        except RetryableError:
            source.close()
            return False
        self.source = source
        self.paused = False
        self._committed()
        return True

    def poll(self, timeout_s: float) -> int:
        """Return how many records came."""
        assert self.source is not None
        try:
            records = self.source.poll(timeout_s)
        except RetryableError:
            assert self._disk_is_full(), "nothing else fails here"
            records, timeout_s = (), 0.0  # it did not wait, and so did not look again
        assert not (records and self.paused), "a paused source yields nothing"
        for record in records:
            self._received(record)
        if not records and not self.paused and timeout_s >= self._scan_s:
            for file in self.held:
                file.looked = file.size
        self._forget_what_was_let_go()
        return len(records)

    def settle(self, indices: Sequence[int]) -> None:
        """Settle some of what is outstanding, counted from the newest: out of order rather than in it."""
        for index in indices:
            if self.outstanding:
                record, line = self.outstanding.pop(-1 - index % len(self.outstanding))
                record.receipt.ledger.settle(record.receipt)
                line.settled = True
                self._settled.add(line.data)

    def commit(self) -> bool:
        """Return False when the disk was full."""
        assert self.source is not None
        try:
            self.source.commit()
        except RetryableError:
            return False
        self._committed()
        return True

    def pause(self, *, paused: bool) -> None:
        assert self.source is not None
        self.paused = paused
        if paused:
            self.source.pause()
        else:
            self.source.resume()

    def end(self) -> None:
        """Drop the source without a commit, and with it what only it held."""
        assert self.source is not None
        self.source.close()
        self.source = None
        self.outstanding.clear()
        self.logs.cut_off.clear()
        for file in list(self.logs.files):
            if file.path is None:
                file.excuse()
                self.logs.files.remove(file)
            elif self.logs.is_out_of_sight(file):
                file.excuse()
            file.found = file.left_held = False
            file.polled = file.looked = 0

    def check_that_nothing_is_lost(self, quiet_s: float) -> None:
        """Work until nothing came for `quiet_s`: then everything owed is settled, and nothing comes again after that."""
        assert self.source is not None
        self.pause(paused=False)
        # A sibling may be held only to find out whether it is one that was read; a header alone does not tell.
        last_words = [
            file.last_words
            for file in self.held
            if self.logs.is_finished(file) and (file.is_told_apart or self.logs.follows_names or not file.is_packed)
        ]
        waited_s = 0.0
        while waited_s < quiet_s:
            waited_s = 0.0 if self.poll(1.0) else waited_s + 1.0
            self.settle(range(len(self.outstanding)))
        assert self.commit()
        reachable = [file for file in self.logs.files if file.path is None or file.path.parent == self.logs.path]
        lost = [line.data[:12] for file in reachable for line in self.owed(file)]
        assert not lost, f"lost: {lost}"
        unsaid = [line.data for line in last_words if line is not None and line.data not in self._settled]
        assert not unsaid, f"lost: last lines without a newline: {unsaid}"
        assert self.source.in_flight == 0
        self._check_gap()
        self._check_files()
        self.end()
        assert self.start()
        self.poll(quiet_s)
        # A piece of a line is not remembered, and neither is a file of which no more than a header and that was read.
        again = [
            line.data[:12] for _, line in self.outstanding if line.settled and not line.torn and line.data != HEADER
        ]
        assert not again, f"settled and committed, and yet it comes again: {again}"

    # --- the record ---

    def _tell(self, gap: Gap) -> None:
        if not self.hears_of_gaps:
            raise RetryableError("the outbox is full")
        self._told.add(gap)

    def owed(self, file: LogFile) -> list[Line]:
        """The lines of `file` that must yet be settled; one that was settled in a copy is."""
        return [line for line in file.owed if line.data not in self._settled]

    @property
    def held(self) -> list[LogFile]:
        """The files that the source holds open."""
        if self.source is None:
            return []
        if not self._holds_files:
            return [file for file in self.logs.files if file.path == self.logs.log]
        inodes = set(_open_inodes(self.state.parent.stat().st_dev))
        return [file for file in self.logs.files if file.inode in inodes]

    def holds(self, file: LogFile) -> bool:
        return file in self.held

    def _received(self, record: Record) -> None:
        file, line = self._source_of(record)
        line.torn = line.torn or line.end is None
        line.key = line.key or record.partition.key
        identity = (record.partition.key, record.receipt.position)
        if not line.torn:
            assert self._lines.setdefault(identity, line.data) == line.data, "two lines are two alerts"
        if not line.torn and line.data != HEADER:
            known = self._identities.setdefault(line.data, identity)
            # Of a first line that is all that was read of its file nobody can say whether it came again; nor of a copy
            # that ends before every place that is remembered of its original.
            excused = file.is_short or record.receipt.position == len(line.data) + 1
            assert excused or known == identity, (
                f"the same line is the same alert: {line.data[:12]!r} was {known}, is {identity}"
            )
        if line.data != HEADER or sum(bool(other.lines) for other in self.held) == 1:  # else nobody knows whose it is
            file.polled = max(file.polled, record.receipt.position)
            file.looked = file.size
            file.found = True
        self.outstanding.append((record, line))

    def _source_of(self, record: Record) -> tuple[LogFile, Line]:
        """Return where a record comes from; of copies of one line, that whose partition it names.

        Pieces of lines are as short as they like, and then alike: they come of files that are finished, and rather of
        one that other lines of their partition came of.
        """
        position, key = record.receipt.position, record.partition.key
        at = [(file, line) for file in self.held if (line := file.line_at(position)) is not None]
        found = [
            (file, line)
            for file, line in at
            if self._may_be(record, line) and (line.end is not None or self.logs.may_seem_finished(file))
        ]
        assert found, f"{record.payload!r} ends at {position} in no file, or may yet grow there"

        def doubt(one: tuple[LogFile, Line]) -> tuple[bool, ...]:
            file, line = one
            strange = all(other.key != key for other in file.lines)
            return line.end is None, line.key != key, strange, line.key is not None

        return min(found, key=doubt)

    def _may_be(self, record: Record, line: Line) -> bool:
        """Whether a record is the line, or a piece of one that was not ended or was torn before."""
        if line.end is None or line.torn:
            return record.payload in line.data
        if record.flaw is not None:
            too_long = len(line.data.removesuffix(b"\r")) > self._line_bytes
            return too_long and self._line_bytes <= len(record.payload) and line.data.startswith(record.payload)
        return record.payload == line.data.removesuffix(b"\r") and len(record.payload) <= self._line_bytes

    def _forget_what_was_let_go(self) -> None:
        """Deleted files that are no longer held are gone, and their inodes free for others."""
        held = self.held
        for file in [file for file in self.logs.files if file.path is None and file not in held]:
            lost = [line.data[:12] for line in self.owed(file)]
            assert not lost, f"lost: {lost} of a deleted file that was let go"
            self.logs.files.remove(file)

    def _check_gap(self) -> None:
        self._gap += self.logs.cut_off
        self.logs.cut_off.clear()
        # What was read in a copy is not lost; what was cut off in a log and in its copy is lost once.
        missing_bytes = sum(len(data) + 1 for data in {line.data for line in self._gap} - self._settled)
        told_bytes = sum(gap.bytes_at_most for gap in self._told)
        assert missing_bytes <= told_bytes, "lost: truncated lines, and nobody is told of all of them"
        counted = self.metrics.counters["bytes_possibly_lost_total", f"source={NAME}"]
        assert missing_bytes <= counted, "lost: truncated lines, and more of them than the source tells"
        assert counted <= self.logs.destroyed_bytes, "more is told to be lost than was destroyed"

    def _check_files(self) -> None:
        """What is watched is held, and nothing else is."""
        if self._holds_files:
            watched = [
                file.inode for file in self.logs.visible if self.logs.follows_names or file.path == self.logs.log
            ]
            # Compressed files are let go when they are read; what holds nothing more than the log waits.
            others = {file.inode for file in self.logs.visible if file.is_packed or self.logs.holds_no_more(file)}
            assert sorted({file.inode for file in self.held} - others) == sorted({*watched} - others)

    def _committed(self) -> None:
        for file in self.held:
            file.marked = file.marked or file.found


def _open_inodes(device: int) -> Iterator[int]:
    """Yield the inode of every file of `device` that this process holds open."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            status = os.fstat(int(entry.name))
            if status.st_dev == device:
                yield status.st_ino
