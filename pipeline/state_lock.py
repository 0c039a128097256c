"""One daemon to a state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from weirlog.pipeline.errors import StopError


class StateLock:
    """Holds a state directory for this process, as a context manager. The kernel lets go of it however we end.

    Args:
        state_dir: the directory; made, for its owner alone, where there is none.
    """

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock, without waiting.

        Raises:
            StopError: another process holds it, or the directory cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StopError(
                f"state directory {self.path.parent} cannot be used: {error.strerror}; look at its owner and mode"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise StopError(f"{self.path} cannot be locked: {error.strerror}; use a local file system") from error
            raise StopError(
                f"state directory {self.path.parent} is in use by process {holder if holder.isdigit() else 'unknown'}; "
                "stop it, or give this one another state_dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: to remove it would let two processes lock two files of one name.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
