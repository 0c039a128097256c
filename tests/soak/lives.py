"""The real daemon with a cheap model, in forked processes that may be killed at any time.

`weirlog run` as users run it, from configuration to signals, except for the model: a request whose path holds MARKER is
an attack. A fork of a process that has imported everything lives 50 ms after it was asked for; 1,000 of them can die.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from artifacts import random_artifact
from fakes import eventually

from weirlog.daemon import assemble, running
from weirlog.models.detector import Detector
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.sinks import file as file_sink
from weirlog.pipeline.sources import file as file_source

MARKER = "/attack/"
PR_SET_PDEATHSIG = 1
LOADED = (file_sink, file_source)
"""What the daemon loads when it is asked for: loaded before the fork, once for all lives."""


class MarkerDetector(Detector):
    """A model that costs nothing; everything but its verdicts is a detector's."""

    def __init__(self) -> None:
        artifact = random_artifact("lstm")
        super().__init__(artifact, NumpyEngine(artifact))

    def classify(self, requests: Sequence[Request]) -> list[Verdict]:
        return [Verdict(float(request.path.startswith(MARKER)), self.threshold, "marked") for request in requests]

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]:
        return [None] * len(requests)


def line(number: int, *, attack: bool) -> bytes:
    """Return the request with this number in the reference schema, some 110 bytes."""
    path = f"{MARKER}{number}" if attack else f"/shop/{number}"
    return (
        b'{"method":"get","path":"%s","query":{"q":"ordinary"},"statusCode":200,"requestPayload":null}\n'
        % path.encode()
    )


def write_config(folder: Path, *patterns: Path, **sections: object) -> Path:
    """Write a configuration with a source for each pattern and one alert for each attack; return its path."""
    config = {
        "sources": [
            {"type": "file", "paths": [str(pattern)], "format": "hapi", "start_at": "beginning"} for pattern in patterns
        ],
        "sinks": [{"type": "file", "path": str(folder / "alerts.jsonl")}],
        "alerts": {"group_by": []},
        "state_dir": str(folder / "state"),
        "http": None,
        **sections,
    }
    path = folder / "weirlog.yaml"
    path.write_text(json.dumps(config))  # which is YAML, too
    return path


class Life:
    """One forked daemon.

    Args:
        config: its configuration.
        before: called in the child, to put wrappers in place.
        patches: attributes of `weirlog.daemon.assemble` to replace in the child, beside the model.
    """

    def __init__(
        self,
        config: Path,
        before: Callable[[], None] = lambda: None,
        patches: Mapping[str, object] | None = None,
    ) -> None:
        self.status: int | None = None
        self._log = config.with_name(f"stderr-{time.monotonic_ns()}")
        self.pid = os.fork()
        if self.pid == 0:
            _live(config, self._log, before, patches or {})

    def is_over(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def is_ready(self) -> bool:
        """Whether it has opened its sources and hears signals."""
        return self._log.exists() and b'"event": "ready"' in self._log.read_bytes()

    def stop(self, within_s: float) -> int:
        """Tell it to end in order, once it can hear it, and return its exit status."""
        end = time.monotonic() + within_s
        eventually(lambda: self.is_ready() or self.is_over(), within_s)
        self.send(signal.SIGTERM)
        return self.wait(max(0.0, end - time.monotonic()))

    def send(self, number: signal.Signals) -> None:
        if not self.is_over():
            os.kill(self.pid, number)

    def wait(self, within_s: float) -> int:
        """Return the exit status, negative for a signal; kill what does not end in time."""
        if not self.is_over():
            descriptor = os.pidfd_open(self.pid)
            try:
                ended, _, _ = select.select([descriptor], [], [], within_s)
            finally:
                os.close(descriptor)
            if not ended:
                self.send(signal.SIGKILL)
            if self.status is None:
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert self.status is not None
        return self.status


def _live(config: Path, log_path: Path, before: Callable[[], None], patches: Mapping[str, object]) -> None:
    """Run the daemon in this process and end it: nothing returns from here."""
    status = 1
    try:
        # Whoever started it may be killed, too.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        before()
        status = run_daemon(config, patches)
    finally:
        os._exit(status)


def run_daemon(config: Path, patches: Mapping[str, object] | None = None) -> int:
    """Run it in this process, as `weirlog run` does, and return its exit status."""
    replaced = {"load_live": lambda _model: MarkerDetector(), **(patches or {})}
    with mock.patch.multiple(assemble, **replaced):
        return running.run(config)


@dataclass(slots=True)
class AlertFile:
    """What the sink's file says so far, read on at each look. Survives its rotation if told.

    Attributes:
        ids: by path of the request, every id that it was alerted with.
        lines: of all alerts, repeats among them.
        notices: the kinds of the daemon's notices about itself.
    """

    path: Path
    ids: dict[str, set[str]] = field(default_factory=dict)
    lines: int = 0
    notices: list[str] = field(default_factory=list)
    _offset: int = 0
    _rest: bytes = b""

    def look(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as alerts:
            alerts.seek(self._offset)
            new = alerts.read()
        self._offset += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        for entry in whole:
            document = json.loads(entry)
            if document["request"] is None:
                self.notices.append(document["kind"])
                continue
            self.ids.setdefault(document["request"]["path"], set()).add(document["id"])
            self.lines += 1

    def start_over(self) -> None:
        """The file was renamed away, and read to its end before."""
        self._offset = 0
        self._rest = b""

    @property
    def ambiguous(self) -> dict[str, set[str]]:
        """Requests that were alerted with more than one id."""
        return {path: ids for path, ids in self.ids.items() if len(ids) > 1}
