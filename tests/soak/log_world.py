"""A server's logs and one source that follows them, with a plain record beside it of what is owed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fakes import FakeClock, RecordingMetrics

from soak.log_files import Line, LogFile
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources import Source
from weirlog.pipeline.timing import Clock

MakeSource = Callable[[Sequence[str], Path, Clock, Metrics], Source]
"""Patterns, file of the state, clock, metrics → a source named `NAME` that is not open yet."""
NAME = "file-0"
Held = Callable[["LogWorld"], list[LogFile]]


class LogWorld:
    """Everything in a temporary folder.

    Args:
        make_source: makes the source under test, again at each restart.
        follows_names: whether the pattern matches renamed files too, or the one name alone.
        line_bytes: the longest line that is no flaw.
        scan_s: within how long the source looks at everything.
        grace_s: how long it keeps what was renamed.
        holds_files: whether the source keeps files open; else it can be asked only for what stands at the log's path.
    """

    def __init__(
        self,
        make_source: MakeSource,
        *,
        follows_names: bool,
        line_bytes: int,
        scan_s: float,
        grace_s: float,
        holds_files: bool = True,
    ) -> None:
        self._root = tempfile.TemporaryDirectory()
        root = Path(self._root.name)
        self.folder, self.away = root / "logs", root / "away"
        self.log = self.folder / "access.log"
        self.state = root / "state.json"
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.source: Source | None = None
        self.paused = False
        self.follows_names = follows_names
        self.files: list[LogFile] = []
        self.outstanding: list[tuple[Record, Line]] = []
        self._make_source = make_source
        self._line_bytes = line_bytes
        self._scan_s = scan_s
        self._grace_s = grace_s
        self._holds_files = holds_files
        self._numbers = self._names = self._sources = 0
        self._settled: set[bytes] = set()
        self._cut_off: list[Line] = []  # known to the present source, unread, and truncated since it last looked
        self._gap: list[Line] = []  # the same, and the source has had time to notice
        self._destroyed_bytes = 0
        self.folder.mkdir()

    def remove(self) -> None:
        if self.source is not None:
            self.source.close()
        self._root.cleanup()

    # --- the server ---

    def lines(self, more: Sequence[int], *, carriage_return: bool = False) -> list[Line]:
        """Return new lines: each a number and so many bytes more, or empty where that is 13."""
        lines = []
        for extra in more:
            self._numbers += 1
            data = b"" if extra == 13 else b"%06d" % self._numbers + b"x" * extra
            lines.append(Line(data + (b"\r" if carriage_return else b"")))
        return lines

    def create(self) -> LogFile:
        self.log.touch()
        os.utime(self.log, (self.clock.time(), self.clock.time()))
        self.files.append(LogFile(self.log, self.log.stat().st_ino))
        return self.files[-1]

    def write(self, file: LogFile, lines: list[Line], *, partly: bool) -> None:
        file.append(lines, partly=partly)
        assert file.path is not None
        os.utime(file.path, (self.clock.time(), self.clock.time()))

    def rename(self, file: LogFile, path: Path | None = None) -> None:
        """Rename `file` to `path`, else to the next number."""
        assert file.path is not None
        path = path or self._next_name()
        file.left_at = self.clock.monotonic()
        file.left_in = self._sources if self.holds(file) else None
        file.path.rename(path)
        file.path = path
        if self._is_out_of_sight(file) and not self.holds(file):
            file.excuse()

    def copy(self, file: LogFile) -> None:
        assert file.path is not None
        path = self._next_name()
        shutil.copy(file.path, path)
        self.files.append(file.copied_to(path, excused=not self.follows_names))

    def compress(self, file: LogFile) -> None:
        assert file.path is not None
        held = self.holds(file)
        self.files.append(file.packed_to(file.path.with_name(f"{file.path.name}.gz")))
        if not held:
            self.files.remove(file)

    def truncate(self, file: LogFile) -> None:
        if self.holds(file):
            # What it has in hand may still be settled; what it has seen and not read it must find elsewhere or count.
            self._cut_off += file.known_and_unread
        self._destroyed_bytes += file.size
        file.empty()

    def delete(self, file: LogFile) -> None:
        held = self.holds(file)
        self._destroyed_bytes += file.size
        assert file.path is not None
        file.path.unlink(missing_ok=True)  # it may have gone with its directory
        file.path = None
        if not held:
            file.excuse()
            self.files.remove(file)

    def remove_directory(self) -> None:
        # The record first: it looks at what is held.
        for file in self.visible:
            self.delete(file)
        shutil.rmtree(self.folder)

    def move_directory(self, source: Path, target: Path) -> None:
        source.rename(target)
        for file in self.files:
            if file.path is not None and file.path.parent == source:
                file.path = target / file.path.name

    # --- the source ---

    def start(self) -> bool:
        """Open a source; return False when its disk was full."""
        source = self._make_source(
            [f"{self.log}*" if self.follows_names else str(self.log)], self.state, self.clock, self.metrics
        )
        try:
            source.open()
        except RetryableError:
            source.close()
            return False
        self.source = source
        self._sources += 1
        self.paused = False
        self._committed()
        return True

    def poll(self, timeout_s: float) -> int:
        """Return how many records came."""
        assert self.source is not None
        records = self.source.poll(timeout_s)
        assert not (records and self.paused), "a paused source yields nothing"
        for record in records:
            self._received(record)
        if not records and not self.paused and timeout_s >= self._scan_s:
            for file in self.held:
                file.looked = file.size
        self._forget_what_was_let_go()
        return len(records)

    def settle(self, indices: Sequence[int]) -> None:
        for index in indices:
            if self.outstanding:
                record, line = self.outstanding.pop(index % len(self.outstanding))
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
        self._cut_off.clear()
        for file in list(self.files):
            if file.path is None:
                file.excuse()
                self.files.remove(file)
            elif self._is_out_of_sight(file):
                file.excuse()
            file.found = False
            file.polled = file.looked = 0

    def check_that_nothing_is_lost(self, quiet_s: float) -> None:
        """Work until nothing came for `quiet_s`: then everything owed is settled, and nothing comes again after that."""
        assert self.source is not None
        self.pause(paused=False)
        last_words = [file.last_words for file in self.held if self._seems_finished(file)]
        waited_s = 0.0
        while waited_s < quiet_s:
            waited_s = 0.0 if self.poll(1.0) else waited_s + 1.0
            self.settle(range(len(self.outstanding)))
        assert self.commit()
        reachable = [file for file in self.files if file.path is None or file.path.parent == self.folder]
        lost = [line.data[:12] for file in reachable for line in self.owed(file)]
        assert not lost, f"lost: {lost}"
        assert all(line is None or line.settled for line in last_words), "lost: a last line without a newline"
        assert self.source.in_flight == 0
        self._check_gap()
        self._check_files()
        self.end()
        assert self.start()
        self.poll(quiet_s)
        # A piece of a line is not remembered; if it is an attack, its alert has the same id again.
        again = [line.data[:12] for _, line in self.outstanding if line.settled and not line.torn]
        assert not again, f"settled and committed, and yet it comes again: {again}"

    # --- the record ---

    def owed(self, file: LogFile) -> list[Line]:
        """The lines of `file` that must yet be settled; one that was settled in a copy is."""
        return [line for line in file.owed if line.data not in self._settled]

    @property
    def visible(self) -> list[LogFile]:
        return [file for file in self.files if file.path is not None and file.path.parent == self.folder]

    @property
    def rotated(self) -> list[LogFile]:
        return [file for file in self.visible if file.path != self.log and not file.is_packed]

    @property
    def writable_rotated(self) -> list[LogFile]:
        """Those that a server may still write to; where names are not followed, only within the time of grace."""
        soon = self.clock.monotonic() - self._grace_s / 2
        running = None if self.source is None else self._sources
        return [
            file
            for file in self.rotated
            if self.follows_names or (file.left_in is not None and file.left_in == running and file.left_at > soon)
        ]

    @property
    def current(self) -> LogFile | None:
        return next((file for file in self.files if file.path == self.log), None)

    @property
    def held(self) -> list[LogFile]:
        """The files that the source holds open."""
        if self.source is None:
            return []
        if not self._holds_files:
            return [file for file in self.files if file.path == self.log]
        inodes = set(_open_inodes())
        return [file for file in self.files if file.inode in inodes]

    def holds(self, file: LogFile) -> bool:
        return file in self.held

    def _received(self, record: Record) -> None:
        file, line = self._source_of(record)
        line.torn = line.torn or line.end is None
        line.key = line.key or record.partition.key
        # A copy goes on under the identity of what it was made from where that is known for certain.
        copied = file.is_copy or file.moved_to is not None
        assert line.torn or copied or record.partition.key == line.key, "the same line is the same alert"
        file.polled = max(file.polled, record.receipt.position)
        file.looked = file.size
        file.found = True
        self.outstanding.append((record, line))

    def _source_of(self, record: Record) -> tuple[LogFile, Line]:
        """Return where a record comes from; of copies of one line, that whose partition it names.

        Pieces of lines are as short as they like, and then alike: they come of files that are finished.
        """
        position, key = record.receipt.position, record.partition.key
        at = [(file, line) for file in self.held if (line := file.line_at(position)) is not None]
        found = [
            (file, line)
            for file, line in at
            if self._may_be(record, line) and (line.end is not None or self._seems_finished(file))
        ]
        assert found, f"{record.payload!r} ends at {position} in no file, or may yet grow there"
        return min(found, key=lambda one: (one[1].end is None, one[1].key != key, one[1].key is not None))

    def _may_be(self, record: Record, line: Line) -> bool:
        """Whether a record is the line, or a piece of one that was not ended or was torn before."""
        if line.end is None or line.torn:
            return record.payload in line.data
        if record.flaw is not None:
            return len(line.data) > self._line_bytes <= len(record.payload) and line.data.startswith(record.payload)
        return record.payload == line.data.removesuffix(b"\r") and len(record.payload) <= self._line_bytes

    def _forget_what_was_let_go(self) -> None:
        """Deleted files that are no longer held are gone, and their inodes free for others."""
        held = self.held
        for file in [file for file in self.files if file.path is None and file not in held]:
            lost = [line.data[:12] for line in self.owed(file)]
            assert not lost, f"lost: {lost} of a deleted file that was let go"
            self.files.remove(file)

    def _check_gap(self) -> None:
        self._gap += self._cut_off
        self._cut_off.clear()
        # What was read in a copy is not lost.
        missing_bytes = sum(len(line.data) + 1 for line in self._gap if line.data not in self._settled)
        counted = self.metrics.counters["bytes_possibly_lost_total", f"source={NAME}"]
        assert missing_bytes <= counted, "lost: truncated lines, and more of them than the source tells"
        assert counted <= self._destroyed_bytes, "more is told to be lost than was destroyed"

    def _check_files(self) -> None:
        """What is watched is held, and nothing else is."""
        if self._holds_files:
            watched = [file.inode for file in self.visible if self.follows_names or file.path == self.log]
            packed = [file.inode for file in self.visible if file.is_packed]
            assert sorted({file.inode for file in self.held} - {*packed}) == sorted({*watched} - {*packed})

    def _committed(self) -> None:
        for file in self.held:
            file.marked = file.marked or file.found

    def _is_out_of_sight(self, file: LogFile) -> bool:
        """Whether neither a pattern nor a mark leads to the file."""
        return not self.follows_names and file.path != self.log and not file.marked

    def _seems_finished(self, file: LogFile) -> bool:
        if file.path is None or file.is_packed or file.path.parent != self.folder:
            return True
        return not (self.follows_names or file.path == self.log)

    def _next_name(self) -> Path:
        self._names += 1
        return self.folder / f"access.log.{self._names}"


def _open_inodes() -> Iterator[int]:
    """Yield the inode of every file that this process holds open."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            yield os.fstat(int(entry.name)).st_ino
