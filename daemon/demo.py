"""`weirlog demo`: everything embedded. Synthetic traffic goes to a log, the real daemon tails it and alerts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from weirlog.daemon.printable import printable
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.timing import Clock, Deadline

REQUESTS_PER_S = 60
TICK_S = 0.1
ATTACK_SHARE = 0.05
SETTLE_S = 5.0
"""The longest wait for the last requests to be read, once traffic has ended."""


class Traffic:
    """Writes synthetic requests to a log, at a steady rate, from a thread of its own.

    Args:
        path: the log, in the reference schema.
        requests: lines (no newline) and whether each is an attack.
        clock: time.
    """

    def __init__(self, path: Path, requests: Iterator[tuple[bytes, bool]], clock: Clock) -> None:
        self.written = 0
        self.attack_positions: set[int] = set()
        self._path = path
        self._requests = requests
        self._stopping = threading.Event()
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="demo traffic", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with self._path.open("ab", buffering=0) as log:
            while not self._clock.wait(self._stopping, TICK_S):
                for _ in range(round(REQUESTS_PER_S * TICK_S)):
                    line, is_attack = next(self._requests)
                    log.write(line + b"\n")
                    self.written += 1
                    if is_attack:
                        self.attack_positions.add(log.tell())


class TerminalSink:
    """Shows alerts on a terminal as they come, and remembers where they came from."""

    name = "terminal"
    max_alerts = 64

    def __init__(self, console: Console) -> None:
        self.positions: set[int] = set()
        self._console = console

    def deliver(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            document: dict[str, Any] = alert.document()
            if alert.is_notice:
                self._console.print(f"weirlog: {printable(document['message'])}", soft_wrap=True)
                continue
            self.positions.add(document["source"]["position"])
            self._console.print(self._line(document), soft_wrap=True)

    def close(self) -> None:
        """Nothing is held."""

    def _line(self, document: dict[str, Any]) -> Text:
        explanation = document["explanation"]
        line = Text(f"{document['time'][11:19]} ", "dim")
        line.append(f"{document['kind'] or 'attack':<16} ", "bold red")
        line.append(f"{document['score']:.4f} ")
        line.append(f"{printable(document['client']['address'] or 'unknown', 40):<16} ", "cyan")
        if explanation is not None:
            marked = explanation["excerpt"][explanation["start"] : explanation["end"]]
            line.append(f"{printable(explanation['field'], 30)}: ")
            line.append(printable(marked, 80), "bold")
        return line


def summary(traffic: Traffic, sink: TerminalSink) -> str:
    """Return what was written and what was found, told apart by the log's own positions."""
    attacks = traffic.attack_positions
    found = len(attacks & sink.positions)
    false = len(sink.positions - attacks)
    return (
        f"{traffic.written} requests, {len(attacks)} of them attacks: "
        f"{found} alerted, {len(attacks) - found} missed, {false} false alert{'' if false == 1 else 's'}"
    )


def wait_until(condition: Callable[[], bool], deadline: Deadline, clock: Clock) -> None:
    """Wait until `condition` holds or `deadline` has passed."""
    pause = threading.Event()
    while not condition() and not deadline.passed:
        clock.wait(pause, 0.05)
