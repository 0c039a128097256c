"""A server's log with what becomes of it: rotated, compressed, cut off, deleted, moved away with its directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from fakes import FakeClock

from soak.log_files import HEADER, Line, LogFile


class LogFolder:
    """One log, its rotated files, and the record of what they hold.

    Args:
        root: where the folder is made.
        clock: time, also of the files.
        follows_names: whether a source's pattern matches renamed files too, or the one name alone.
        has_headers: whether every file begins with the same line.
        scan_s: within how long a source looks at everything.
        grace_s: how long it keeps what was renamed.
        holds: tells whether a source holds a file open.

    Attributes:
        files: those that stand somewhere, and deleted ones that are held.
        cut_off: lines that were truncated after a source had seen and before it had read them.
        destroyed_bytes: of all content that was truncated or deleted.
    """

    def __init__(
        self,
        root: Path,
        clock: FakeClock,
        *,
        follows_names: bool,
        has_headers: bool,
        scan_s: float,
        grace_s: float,
        holds: Callable[[LogFile], bool],
    ) -> None:
        self.path, self.away = root / "logs", root / "away"
        self.log = self.path / "access.log"
        self.follows_names = follows_names
        self._has_headers = has_headers
        self.files: list[LogFile] = []
        self.cut_off: list[Line] = []
        self.destroyed_bytes = 0
        self._clock = clock
        self._scan_s = scan_s
        self._grace_s = grace_s
        self._holds = holds
        self._numbers = self._names = 0
        self.path.mkdir()

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
        os.utime(self.log, (self._clock.time(), self._clock.time()))
        self.files.append(LogFile(self.log, self.log.stat().st_ino))
        return self.files[-1]

    def write(self, file: LogFile, lines: list[Line], *, partly: bool) -> None:
        if self._has_headers and file.size == 0:
            lines = [Line(HEADER), *lines]
        file.append(lines, partly=partly)
        assert file.path is not None
        os.utime(file.path, (self._clock.time(), self._clock.time()))

    def rename(self, file: LogFile, path: Path | None = None) -> None:
        """Rename `file` to `path`, else to the next number."""
        assert file.path is not None
        path = path or self._next_name()
        file.left_at = self._clock.monotonic()
        file.left_held = self._holds(file)
        file.path.rename(path)
        file.path = path
        if self.is_out_of_sight(file) and not self._holds(file):
            file.excuse()

    def copy(self, file: LogFile) -> LogFile:
        assert file.path is not None
        path = self._next_name()
        shutil.copy(file.path, path)
        self.files.append(file.copied_to(path, excused=not self.follows_names))
        return self.files[-1]

    def compress(self, file: LogFile) -> None:
        assert file.path is not None
        held = self._holds(file)
        self.files.append(file.packed_to(file.path.with_name(f"{file.path.name}.gz")))
        if not held:
            self.files.remove(file)

    def truncate(self, file: LogFile) -> None:
        if self._holds(file):
            # What it has in hand may still be settled; what it has seen and not read it must find elsewhere or count.
            self.cut_off += file.known_and_unread
        self.destroyed_bytes += file.size
        file.empty()

    def delete(self, file: LogFile) -> None:
        held = self._holds(file)
        self.destroyed_bytes += file.size
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
        shutil.rmtree(self.path)

    def move_directory(self, source: Path, target: Path) -> None:
        source.rename(target)
        for file in self.files:
            if file.path is not None and file.path.parent == source:
                file.path = target / file.path.name
                file.back_at = self._clock.monotonic()

    @property
    def visible(self) -> list[LogFile]:
        return [file for file in self.files if file.path is not None and file.path.parent == self.path]

    @property
    def rotated(self) -> list[LogFile]:
        return [file for file in self.visible if file.path != self.log and not file.is_packed]

    @property
    def writable_rotated(self) -> list[LogFile]:
        """Those that a server may still write to; where names are not followed, only within the time of grace."""
        soon = self._clock.monotonic() - self._grace_s / 2
        rotated = [file for file in self.rotated if not file.is_copy]  # a copy is nobody's log
        return [file for file in rotated if self.follows_names or (file.left_held and file.left_at > soon)]

    @property
    def current(self) -> LogFile | None:
        return next((file for file in self.files if file.path == self.log), None)

    def holds_no_more(self, file: LogFile) -> bool:
        """Whether a rotated file is equal to the beginning of the log: a copy, or nothing but a header."""
        if self.current is None or file.path is None or file.path == self.log:
            return False
        return self.log.read_bytes().startswith(file.path.read_bytes())

    def is_out_of_sight(self, file: LogFile) -> bool:
        """Whether neither a pattern nor a mark leads to the file."""
        return not self.follows_names and file.path != self.log and not file.marked

    def is_finished(self, file: LogFile) -> bool:
        """Whether nobody writes to it any more, for all that a source can know."""
        if file.path is None or file.is_packed or file.path.parent != self.path:
            return True
        return not (self.follows_names or file.path == self.log)

    def may_seem_finished(self, file: LogFile) -> bool:
        """The same, or a source has seen it to be away and not yet to be back."""
        return self.is_finished(file) or self._clock.monotonic() <= file.back_at + self._scan_s

    def _next_name(self) -> Path:
        self._names += 1
        return self.path / f"access.log.{self._names}"
