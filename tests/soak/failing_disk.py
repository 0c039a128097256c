"""A disk that fills up, and power that goes off, between the steps of writing a checkpoint."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any


class PowerCut(BaseException):
    """The process ended here: nothing that it still wanted to do was done."""


class FailingDisk:
    """Stands in for the module `os` where a checkpoint is written. It syncs nothing: the machine stays up.

    Attributes:
        full: whether there is no room for a byte.
        steps_left: before the power goes off, or None while it stays on.
    """

    O_WRONLY, O_CREAT, O_TRUNC, O_CLOEXEC = os.O_WRONLY, os.O_CREAT, os.O_TRUNC, os.O_CLOEXEC
    O_RDONLY, O_DIRECTORY = os.O_RDONLY, os.O_DIRECTORY

    def __init__(self) -> None:
        self.full = False
        self.steps_left: int | None = None

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        self._step()
        return os.open(path, flags, mode)

    def write(self, descriptor: int, content: bytes) -> int:
        self._step()
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # In two parts, so that the power can go off with half of it written.
        return os.write(descriptor, content[: max(1, len(content) // 2)] if len(content) > 64 else content)

    def fsync(self, descriptor: int) -> None:
        self._step()

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the checkpoint calls os.{name}, which this disk cannot fail yet: add it here")

    def _step(self) -> None:
        if self.steps_left is None:
            return
        if self.steps_left == 0:
            raise PowerCut
        self.steps_left -= 1
