"""What the service manager is told: sd_notify(3), a datagram to the socket that it names in the environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Self

import structlog

from weirlog.daemon.printable import printable
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S = 1.0
"""A manager that reads nothing must not hold up the main thread, which also handles signals."""


class Notifier:
    """Tells systemd how the daemon is. Does nothing where no service manager asked. Belongs to one thread.

    Args:
        address: path of the manager's socket, `@name` for an abstract one, or None.
        watchdog_s: seconds within which the manager wants a sign of life, or None.
        clock: time.
    """

    def __init__(self, address: str | None, watchdog_s: float | None, clock: Clock) -> None:
        self._address = address
        self._beat_s = None if watchdog_s is None else watchdog_s / 2  # as sd_watchdog_enabled(3) advises
        self._clock = clock
        self._next_beat = clock.monotonic()
        self._complained = False

    @classmethod
    def from_environment(cls, clock: Clock, environ: Mapping[str, str] | None = None, pid: int | None = None) -> Self:
        """Return what NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID ask for."""
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET") or None
        usec, owner = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        # A watchdog that was set up for a parent process is not ours to feed.
        ours = owner in {"", str(os.getpid() if pid is None else pid)}
        watchdog_s = int(usec) / 1e6 if ours and usec.isascii() and usec.isdigit() and int(usec) > 0 else None
        return cls(address, watchdog_s, clock)

    def ready(self) -> None:
        """Say that start or reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Say that the stop has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        # A line break would begin another assignment: text of a log line could then say READY=1.
        self._send(f"STATUS={printable(text, 200)}")

    def watchdog(self) -> None:
        """Give a sign of life, at most one each half of the time allowed; call it as often as you like."""
        if self._beat_s is not None and self._clock.monotonic() >= self._next_beat:
            self._next_beat = self._clock.monotonic() + self._beat_s
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(SEND_TIMEOUT_S)
                channel.connect(address)
                channel.send(message.encode())
        except OSError as error:
            if not self._complained:
                log.warning("the service manager cannot be told", socket=self._address, reason=str(error))
            self._complained = True
