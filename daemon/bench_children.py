"""Processes that `weirlog bench` starts: bounded in time, and never left behind, however the benchmark ends."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from weirlog.daemon.printable import printable
from weirlog.pipeline.errors import StopError

# Linux ends the process with its parent (prctl, PR_SET_PDEATHSIG = 1, SIGKILL = 9): the daemon would go on for ever.
_MORTAL = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])\n"
)
REASON_BYTES = 4096


class Child:
    """A Python program of ours with its complaints kept.

    Args:
        name: what errors call it.
        arguments: of the interpreter.
        mortal: whether it must be told to end with us; one that ends with its standard input need not.
        output: where its standard output goes; None discards it.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, mortal: bool = False, output: int = subprocess.DEVNULL
    ) -> None:
        self.name = name
        guard = ["-P", "-c", _MORTAL, str(os.getpid())] if mortal else []
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *guard, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=self._complaints,
            bufsize=0,
            process_group=0,  # Ctrl-C is for us alone: children that end by it fill the terminal with tracebacks
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def reason(self) -> str:
        """Return the last line that it complained with, fit for a terminal."""
        self._complaints.seek(max(0, self._complaints.seek(0, os.SEEK_END) - REASON_BYTES))
        text = self._complaints.read().decode("utf-8", "replace").strip()
        return printable(text.rpartition("\n")[2] or "it says nothing")

    def close(self) -> None:
        """Kill it and wait until it has ended. Nothing that it holds is of worth."""
        if self.running:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._complaints):
            if stream is not None:
                stream.close()


class Answering(Child):
    """A child that answers JSON lines."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        super().__init__(name, arguments, output=subprocess.PIPE)
        self._unread = b""

    def ask(self, question: dict[str, Any], *, limit_s: float) -> dict[str, Any]:
        """Return its answer.

        Raises:
            StopError: it has ended, or gives no answer within `limit_s`.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
        except BrokenPipeError as error:
            raise self._ended() from error
        return self.hear(limit_s=limit_s)

    def hear(self, *, limit_s: float) -> dict[str, Any]:
        """Return the next thing that it says; raises as `ask` does."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise StopError(
                        f"{self.name} gives no answer within {limit_s:.0f} s; try again on a quieter machine"
                    )
                read = os.read(self.process.stdout.fileno(), 1 << 16)
                if not read:
                    raise self._ended()
                self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> StopError:
        self.process.wait()
        return StopError(f"{self.name} ended early: {self.reason()}")


@contextmanager
def pinned(one_core: bool) -> Iterator[None]:
    """Let children that are started within run on the first of this process's cores alone, if `one_core`."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)} if one_core else every)
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def own_program(module: str, *arguments: str | Path) -> list[str]:
    """Return the interpreter's arguments for a module of ours; what lies in the working directory is not imported."""
    return ["-P", "-m", f"weirlog.daemon.{module}", *map(str, arguments)]
