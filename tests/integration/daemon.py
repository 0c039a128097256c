"""A real `weirlog run` in a process of its own, as users run it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes import eventually

WEIRLOG = str(Path(sys.executable).with_name("weirlog"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Daemon:
    """A running daemon and where its things are."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Whole lines of the alert file; one that is being written is not counted."""
        path = self.folder / "alerts.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def figure(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def write_config(
    folder: Path, sources: str, *, port: int, sinks: str = "", alerts: str = "group_by: []", more: str = ""
) -> Path:
    path = folder / "weirlog.yaml"
    path.write_text(
        f"sources: [{sources}]\n"
        f"sinks: [{{type: file, path: '{folder}/alerts.jsonl'}}{', ' + sinks if sinks else ''}]\n"
        f"alerts: {{{alerts}}}\n"
        f"state_dir: '{folder}/state'\n"
        f"http: {{listen: '127.0.0.1:{port}'}}\n{more}"
    )
    return path


@contextlib.contextmanager
def running(
    folder: Path, sources: str, *, sinks: str = "", alerts: str = "group_by: []", more: str = "", ready: bool = True
) -> Iterator[Daemon]:
    """Run a daemon with a file sink and whatever else is given; kill it in the end if it still runs."""
    port = free_port()
    config = write_config(folder, sources, port=port, sinks=sinks, alerts=alerts, more=more)
    with (folder / "stderr").open("ab") as stderr:
        process = subprocess.Popen(
            [WEIRLOG, "run", "--config", str(config)],
            stdout=stderr,
            stderr=stderr,
            cwd=folder,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
    daemon = Daemon(process, folder, port)
    try:
        if ready:
            assert eventually(lambda: daemon.get("/readyz")[0] == 200, within_s=30), daemon.stderr
        yield daemon
    finally:
        if process.poll() is None:
            daemon.kill()
