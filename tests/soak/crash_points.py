"""Ends the daemon between every pair of steps, starts it again, and looks whether each attack is alerted in effect once.

    python -m soak.crash_points FOLDER [naive]

Prints a JSON object a crash: {"step", "name", "lost": [paths], "ambiguous": [paths], "status"}. Runs until a run ends
before it reaches its step. With `naive`, the naive tailer reads, and its log is spared the rotation, which it does not
survive in any case.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from fakes import eventually

from soak.lives import MARKER, AlertFile, Life, line, write_config
from soak.naive_tail import NaiveTail
from soak.steps import Steps
from weirlog.daemon.config import Config
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.timing import Clock

AT_ONCE = 8
"""A life waits most of the time: for its poll, its commit, its batch to fill."""
LIFE_S = 90.0
"""It ends as soon as all alerts have come; on a starved machine they take their time."""
NAIVE_LIFE_S = 3.0
"""It may wait in vain."""
ATTACKS = (2, 3, 5, 8)
LINES = 8


def naive_sources(config: Config, clock: Clock, metrics: Metrics, *_others: object) -> list[NaiveTail]:
    """Instead of `build_sources`."""
    (section,) = config.sources
    return [NaiveTail(section.name, Path(section.paths[0]), config.state_dir / "offset", clock)]  # type: ignore[union-attr]


class Server:
    """Writes a log, renames it, and goes on in a new one, while the alerts come.

    Args:
        log: its path.
        rotates: whether it renames it.
    """

    def __init__(self, log: Path, *, rotates: bool) -> None:
        self._log = log
        self._rotates = rotates
        self.written = 0
        log.parent.mkdir()

    def go_on(self, *, alerted: bool) -> None:
        """Do what comes next; only the first lines come before the first alert."""
        if self.written == 0:
            self._write(range(1, 5))
        elif alerted and self.written == 4:
            # It has not reopened its log yet when that is renamed.
            self._write(range(5, 6))
            if self._rotates:
                self._log.rename(self._log.with_name("access.log.1"))
        elif alerted and self.written == 5:
            self._write(range(6, LINES + 1))

    def _write(self, numbers: range) -> None:
        with self._log.open("ab") as log:
            log.write(b"".join(line(number, attack=number in ATTACKS) for number in numbers))
        self.written = numbers[-1]


def crash(folder: Path, kill_at: int, *, naive: bool) -> dict[str, object]:
    """End a daemon at one step, start it again, and return what became of the attacks."""
    told = folder / "step"
    server = Server(folder / "logs" / "access.log", rotates=not naive)
    config = write_config(folder, folder / "logs" / "access.log")
    patches = {"build_sources": naive_sources} if naive else {}
    life_s = NAIVE_LIFE_S if naive else LIFE_S
    status = _work(server, Life(config, Steps(kill_at, told).install, patches), folder, life_s)
    if status == -signal.SIGKILL and told.exists():
        status = _work(server, Life(config, patches=patches), folder, life_s)
    alerts = AlertFile(folder / "alerts.jsonl")
    alerts.look()
    return {
        "step": kill_at,
        "name": told.read_text() if told.exists() else None,
        "lost": [
            path for number in ATTACKS if number <= server.written and (path := f"{MARKER}{number}") not in alerts.ids
        ],
        "ambiguous": sorted(alerts.ambiguous),
        "status": status,
    }


def _work(server: Server, life: Life, folder: Path, life_s: float) -> int:
    """Stop the daemon when all alerts have come or the time is over; return its exit status."""
    alerts = AlertFile(folder / "alerts.jsonl")

    def is_done() -> bool:
        alerts.look()
        server.go_on(alerted=bool(alerts.ids))
        return life.is_over() or len(alerts.ids) == len(ATTACKS)

    eventually(is_done, within_s=life_s)
    return life.stop(within_s=30.0)


def _crash_in_a_fork(root: Path, kill_at: int, *, naive: bool) -> int:
    """Return the process in which it happens; the result stands in a file in the end."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            folder = root / str(kill_at)
            folder.mkdir()
            (folder / "result").write_text(json.dumps(crash(folder, kill_at, naive=naive)))
            status = 0
        finally:
            os._exit(status)
    return pid


def main(root: Path, *, naive: bool) -> None:
    running: dict[int, int] = {}
    kill_at = 0
    ended = False
    while running or not ended:
        while not ended and len(running) < AT_ONCE:
            kill_at += 1
            running[_crash_in_a_fork(root, kill_at, naive=naive)] = kill_at
        pid, _ = os.wait()
        folder = root / str(running.pop(pid))
        result = json.loads((folder / "result").read_text())
        print(json.dumps(result), flush=True)  # noqa: T201 - its output is its result
        ended = ended or result["name"] is None


if __name__ == "__main__":
    main(Path(sys.argv[1]), naive=sys.argv[2:] == ["naive"])
