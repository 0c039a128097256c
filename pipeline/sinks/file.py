"""Alerts to a file of JSON lines, which others may rotate away at any time."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import RetryableError

MODE = 0o640
"""The owner writes, the group (a log shipper's, say) reads: alerts quote requests."""
LAST_BYTES = 64 << 10
"""How far back a line without its end is looked for; what is longer is ended where it is."""


class FileSink:
    """Appends one line an alert; one fsync a batch. The only writer of its file.

    Args:
        name: see Sink.
        path: the file; made where there is none, also after it was renamed or removed.
    """

    max_alerts = 256

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._descriptor: int | None = None

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """See Sink. Blocks for one write and one fsync.

        Raises:
            RetryableError: the file cannot be opened or written; what was partly written is taken back.
        """
        try:
            descriptor = self._current()
            before = os.fstat(descriptor).st_size
            self._append(descriptor, _lines(alerts, behind=_torn(descriptor, before)), before)
        except OSError as error:
            self.close()
            raise RetryableError(
                f"alerts cannot be written to {self._path}: {error.strerror or error}; make room, or look at the owner "
                "and mode of it and its directory"
            ) from error

    def close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _current(self) -> int:
        """Return a descriptor of the file that the path names now."""
        if self._descriptor is not None and self._is_rotated(self._descriptor):
            self.close()
        if self._descriptor is None:
            # O_NONBLOCK: a named pipe there must not hold us up before we see what it is.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags, MODE)
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                raise OSError("it is no regular file")
            _sync_directory(self._path.parent)
        return self._descriptor

    def _is_rotated(self, descriptor: int) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return True
        opened = os.fstat(descriptor)
        return (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino)

    @staticmethod
    def _append(descriptor: int, block: bytes, before: int) -> None:
        written = 0
        try:
            while written < len(block):
                written += os.write(descriptor, block[written:])
            os.fsync(descriptor)
        except OSError:
            # Only what is ours: if the size is another, someone else has written or truncated meanwhile.
            if written and os.fstat(descriptor).st_size == before + written:
                os.ftruncate(descriptor, before)
            raise


def _torn(descriptor: int, size: int) -> bytes:
    """Return what of a file's last line stands there without its end: a crash in the middle of a write leaves such."""
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return b""
    start = max(0, size - LAST_BYTES)
    return os.pread(descriptor, size - start, start).rpartition(b"\n")[2]


def _lines(alerts: Sequence[Alert], *, behind: bytes) -> bytes:
    """Return alerts as lines, to stand behind a torn one, or nothing.

    The alert that was torn was not settled, so it comes again: it is finished where it stands, and no reader meets half of one.
    """
    if not behind:
        return b"".join(alert.body + b"\n" for alert in alerts)
    torn = next((alert for alert in alerts if alert.body.startswith(behind)), None)
    rest = b"" if torn is None else torn.body[len(behind) :]
    return rest + b"\n" + b"".join(alert.body + b"\n" for alert in alerts if alert is not torn)


def _sync_directory(path: Path) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
