"""Counts the steps from a line's reading to its alert's delivery, and ends the process at one of them by SIGKILL."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weirlog.pipeline import reading, scorer
from weirlog.pipeline.alert_database import AlertDatabase
from weirlog.pipeline.channel import Channel
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.scoring import Judge
from weirlog.pipeline.sinks import file as file_sink
from weirlog.pipeline.sources import checkpoint

NAMES = frozenset(
    {
        "channel.put",
        "judge",
        "outbox.begin",
        "outbox.commit",
        "settle",
        "checkpoint.open",
        "checkpoint.write",
        "checkpoint.fsync",
        "checkpoint.rename",
        "sink.write",
        "sink.fsync",
        "outbox.delivered",
    }
)
"""Every step, by what comes next when the process ends there."""


class Steps:
    """Wrappers around the steps of one process.

    Args:
        kill_at: the number of the step at which the process ends, from 1; 0 for none.
        told: where the name of that step is written first.
    """

    def __init__(self, kill_at: int, told: Path) -> None:
        self._kill_at = kill_at
        self._told = told
        self._lock = threading.Lock()
        self._count = 0

    def install(self) -> None:
        """Wrap everything in this process, for good: it will not outlive the run."""
        # At every step instead of every second: a run is over within one, and a commit that comes too early is a loss.
        reading.COMMIT_INTERVAL_S = 0.0
        self._wrap(Channel, "put", "channel.put", when=lambda channel, chunk, timeout_s: bool(chunk))
        self._wrap(Judge, "judge", "judge")
        self._wrap(scorer, "settle_all", "settle")
        self._wrap(Outbox, "delivered", "outbox.delivered")
        AlertDatabase.transaction = self._transaction(AlertDatabase.transaction)  # type: ignore[method-assign]
        checkpoint.os = _CountedOs(self, "checkpoint")  # type: ignore[assignment]
        file_sink.os = _CountedOs(self, "sink")  # type: ignore[assignment]
        self._wrap(os, "rename", "checkpoint.rename")  # what Path.rename calls; nothing else here renames
        self._wrap(os, "replace", "checkpoint.rename")

    def reach(self, name: str) -> None:
        """Count a step that comes next; end here if it is the one."""
        with self._lock:
            self._count += 1
            if self._count == self._kill_at:
                self._told.write_text(name)
                os.kill(os.getpid(), signal.SIGKILL)

    def _wrap(self, owner: Any, attribute: str, name: str, when: Callable[..., bool] = lambda *_args: True) -> None:
        original = getattr(owner, attribute)

        def counted(*args: Any, **named: Any) -> Any:
            if when(*args):
                self.reach(name)
            return original(*args, **named)

        setattr(owner, attribute, counted)

    def _transaction(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def counted(database: AlertDatabase) -> Iterator[Any]:
            self.reach("outbox.begin")
            with original(database) as connection:
                yield connection
                self.reach("outbox.commit")

        return counted


class _CountedOs:
    """The module `os`, with the calls that change a disk counted."""

    def __init__(self, steps: Steps, room: str) -> None:
        self._steps = steps
        self._room = room

    def __getattr__(self, name: str) -> Any:
        original = getattr(os, name)
        step = f"{self._room}.{name}"
        if step not in NAMES:
            return original

        def counted(*args: Any, **named: Any) -> Any:
            self._steps.reach(step)
            return original(*args, **named)

        return counted
