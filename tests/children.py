"""Processes that a test starts, and that have ended when it has, whatever happens in between."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def child(command: Sequence[str], **settings: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process, with settings as for Popen; in the end kill it if it still runs, and wait for it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has its jobs in the background ignore Ctrl-C, and they hand that on.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, **settings) as process:
        try:
            yield process
        finally:
            process.kill()
