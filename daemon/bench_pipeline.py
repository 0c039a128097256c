"""The whole daemon in `weirlog bench`: from a line in a log or a topic to an alert in a file.

Among the lines stand marked attacks with serial numbers; the alert file is watched for them. Nothing is asked of the
daemon, so nothing but what users see is measured.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from weirlog.daemon.bench_children import Child, own_program
from weirlog.pipeline.errors import StopError

MARK_EVERY = 250
"""Lines to a mark in a backlog: an alert costs more than a harmless line, and few must not slow the many."""
WARM_LINES = 1_000
"""Lines at the beginning that no figure is taken of."""
START_LIMIT_S = 60.0
STALL_LIMIT_S = 30.0
LOOK_S = 0.002
"""Between two looks at the alert file."""
READ_BYTES = 1 << 20

RUN = (*own_program("cli", "run"), "--config")
"""`weirlog run --config`, as the interpreter's arguments."""

_MARK = re.compile(rb"/weirlog-bench-mark/(\d{9})")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a daemon reads.

    Attributes:
        section: of the configuration.
        program: what runs the daemon, as the interpreter's arguments; the configuration's path follows.
    """

    section: dict[str, Any]
    program: tuple[str, ...] = RUN


def mark(serial: int) -> bytes:
    """Return a marked attack in the reference schema, newline included."""
    attack = {
        "method": "get",
        "path": f"/weirlog-bench-mark/{serial:09d}",
        "query": {"id": "1' UNION SELECT username, password FROM users -- "},
        "statusCode": 200,
        "source": {"remoteAddress": "192.0.2.1"},
        "requestPayload": None,
    }
    return json.dumps(attack, separators=(",", ":")).encode() + b"\n"


def blocks(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield MARK_EVERY lines at a time, the last of them a mark."""
    each = MARK_EVERY - 1
    for serial, start in zip(count(), range(0, len(lines) - each + 1, each), strict=False):
        yield b"\n".join((*lines[start : start + each], mark(serial)))


class Alerts:
    """Follows an alert file, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._unfinished = b""

    def poll(self) -> list[int]:
        """Return the serial numbers of marks in the alerts that were written since the last call."""
        if self._descriptor is None:
            if not self._path.exists():
                return []
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        lines = (self._unfinished + os.read(self._descriptor, READ_BYTES)).split(b"\n")
        self._unfinished = lines.pop()
        return [int(found[1]) for line in lines if (found := _MARK.search(line)) is not None]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon at work."""

    child: Child
    alerts: Alerts

    def poll(self) -> list[int]:
        """See Alerts.

        Raises:
            StopError: the daemon has ended.
        """
        if not self.child.running:
            raise StopError(f"the benchmarked daemon ended early: {self.child.reason()}")
        return self.alerts.poll()

    def until(self, is_seen: Callable[[list[int]], bool], limit_s: float) -> bool:
        """Poll until `is_seen` says of the marks of one poll that it is enough; return whether it did in time."""
        deadline = time.monotonic() + limit_s
        while not is_seen(self.poll()):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True


@contextmanager
def daemon(folder: Path, source: Source) -> Iterator[Running]:
    """Run a daemon over the shipped model, one alert an attack, its state and alerts in `folder`."""
    config = {
        "sources": [source.section],
        "alerts": {"group_by": []},
        "sinks": [{"type": "file", "path": str(folder / "alerts.jsonl")}],
        "state_dir": str(folder / "state"),
        "http": {"listen": None},
    }
    path = folder / "weirlog.yaml"
    path.write_text(json.dumps(config))  # which is YAML
    alerts = Alerts(folder / "alerts.jsonl")
    try:
        with Child("the daemon", [*source.program, str(path)], mortal=True) as child:
            yield Running(child, alerts)
    finally:
        alerts.close()


def rate_of_file(lines: Sequence[bytes], log_format: str, seconds: float) -> float:
    """Return how many lines a second a fresh daemon takes from a finished log, over at most `seconds`.

    Raises:
        StopError: it ends, or stands still.
    """
    with tempfile.TemporaryDirectory(prefix="weirlog-bench-") as name:
        log = Path(name, "access.log")
        with log.open("wb") as stream:
            stream.writelines(blocks(lines))
        with daemon(Path(name), file_source(log, log_format)) as running:
            return rate_of_backlog(running, marks_in(lines), seconds)


def file_source(log: Path, log_format: str) -> Source:
    """Return a source that reads a log from its beginning, with marks among its lines."""
    # Marks are in the reference schema, which `auto` finds among whatever other lines.
    form = log_format if log_format == "hapi" else "auto"
    return Source({"type": "file", "paths": [str(log)], "format": form, "start_at": "beginning"})


def marks_in(lines: Sequence[bytes]) -> int:
    """Return how many marks `blocks` puts among `lines`."""
    return len(lines) // (MARK_EVERY - 1)


def rate_of_backlog(running: Running, marks: int, seconds: float) -> float:
    """Return how many lines a second a daemon takes of a backlog, from the alerts to its marks.

    Measures for `seconds` from when WARM_LINES are through, or until all marks have come.

    Raises:
        StopError: the daemon ends, or stands still.
    """
    warm = WARM_LINES // MARK_EVERY
    seen, base, begun, last = 0, 0, 0.0, 0.0
    stalled = time.monotonic() + START_LIMIT_S
    while seen < marks and not (base and last > begun and time.monotonic() > begun + seconds):
        found = len(running.poll())
        now = time.monotonic()
        if found:
            seen, last, stalled = seen + found, now, now + STALL_LIMIT_S
            if not base and seen >= warm:
                base, begun = seen, now
        elif now > stalled:
            raise StopError(
                f"the benchmarked daemon stands still after {seen * MARK_EVERY} of {marks * MARK_EVERY} lines"
            )
        else:
            time.sleep(LOOK_S)
    if last <= begun:
        raise StopError(f"{marks * MARK_EVERY} lines are too few to measure a daemon by; give a longer log")
    return (seen - base) * MARK_EVERY / (last - begun)
