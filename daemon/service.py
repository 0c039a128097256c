"""The life of one daemon: signals, supervision, reload, drain, exit status."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

from weirlog.daemon import exit_status
from weirlog.daemon.assemble import Assembly
from weirlog.daemon.systemd import Notifier
from weirlog.pipeline.timing import Clock, Deadline

log = structlog.get_logger(__name__)

SHUTDOWN_S = 25.0
"""One deadline for the whole drain; the unit's TimeoutStopSec=40 leaves room above it."""
TICK_S = 0.25
WATCH_INTERVAL_S = 1.0
STATUS_INTERVAL_S = 10.0


class Service:
    """Runs an assembly until a signal or a crash ends it. Belongs to the main thread.

    Args:
        assembly: everything wired and not yet started.
        reload: builds what SIGHUP replaces and puts it in place; raises when it cannot, and then nothing has changed.
        notifier: tells the service manager.
        clock: time.
        run_for_s: stop by itself after so long; None to run until told.
        on_ready: called once when everything runs.
        before_drain: called once when the end has come and reading still goes on.
    """

    def __init__(
        self,
        assembly: Assembly,
        *,
        reload: Callable[[], None] | None,
        notifier: Notifier,
        clock: Clock,
        run_for_s: float | None = None,
        on_ready: Callable[[], None] | None = None,
        before_drain: Callable[[], None] | None = None,
    ) -> None:
        self._assembly = assembly
        self._reload = reload
        self._notifier = notifier
        self._clock = clock
        self._run_for_s = run_for_s
        self._on_ready = on_ready
        self._before_drain = before_drain
        self._stop = threading.Event()
        self._hangup = threading.Event()

    def run(self) -> int:
        """Start, supervise, drain; return the exit status. Blocks until the end."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_hangup)
        try:
            with self._assembly as assembly:
                assembly.start()
                self._supervise(assembly)
                if self._before_drain is not None:
                    self._before_drain()
                return self._drain(assembly)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _supervise(self, assembly: Assembly) -> None:
        pipeline = assembly.pipeline
        end = None if self._run_for_s is None else Deadline(self._clock, self._run_for_s)
        told_ready = False
        next_status = next_watch = self._clock.monotonic()
        gets_on = True
        while not self._stop.is_set() and not pipeline.ended.is_set() and not (end and end.passed):
            if not told_ready and pipeline.settled_in:
                told_ready = True
                self._notifier.ready()
                log.info("ready", model=assembly.detector.name, digest=assembly.detector.digest[:12])
                if self._on_ready is not None:
                    self._on_ready()
            if self._hangup.is_set():
                self._hangup.clear()
                self._do_reload()
            if self._clock.monotonic() >= next_watch:
                next_watch = self._clock.monotonic() + WATCH_INTERVAL_S
                gets_on = assembly.watch()
            if gets_on:
                self._notifier.watchdog()
            if self._clock.monotonic() >= next_status:
                next_status = self._clock.monotonic() + STATUS_INTERVAL_S
                self._notifier.status(assembly.status_line())
                assembly.sweep()
            self._clock.wait(self._stop, TICK_S)

    def _do_reload(self) -> None:
        if self._reload is None:
            return
        self._notifier.reloading()
        try:
            self._reload()
        finally:
            self._notifier.ready()

    def _drain(self, assembly: Assembly) -> int:
        self._notifier.stopping()
        log.info("stopping", within_s=SHUTDOWN_S)
        complete = assembly.stop(Deadline(self._clock, SHUTDOWN_S))
        failure = assembly.pipeline.failure
        if failure is not None:
            log.error("stopped by a failure", reason=str(failure))
            return exit_status.FAILED
        if not complete:
            log.error(
                "stopped before everything that was read could be kept; it is read again at the next start",
                reason=assembly.pipeline.left_because or f"it was not done within {SHUTDOWN_S:g} s",
                records_left=assembly.pipeline.left,
            )
            return exit_status.INCOMPLETE
        log.info("stopped; everything read is settled and committed")
        return exit_status.DONE

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the handler's signature
        if self._stop.is_set():
            # The second interrupt: whoever sends it does not want to wait. Nothing unsettled was committed.
            os._exit(exit_status.FAILED)
        self._stop.set()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the handler's signature
        self._hangup.set()
