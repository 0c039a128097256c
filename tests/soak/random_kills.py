"""Kills the daemon at random moments under traffic and rotation, and looks for each attack among the alerts.

    python -m soak.random_kills FOLDER

SOAK_KILLS, SOAK_SEED and SOAK_LINES_PER_S in the environment say how often, with which random numbers, how fast. Prints
progress, and last a JSON object of Outcome.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from fakes import eventually

from soak.lives import AlertFile, Life, write_config
from soak.rotating_log import RotatingLog

TICK_S = 0.01
"""Of the servers that write."""
LONGEST_LIFE_S = 2.0
PATIENCE_S = 60.0
"""The last daemon may work off what the others left as long as something comes."""
PROGRESS_EVERY = 25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    Attributes:
        kills: daemons that ended by SIGKILL.
        lines: requests written.
        attacks: of them.
        repeats: alerts that were written again.
        lost: attacks that were never alerted.
        ambiguous: attacks that were alerted under several ids.
        status: exit status of the last daemon, which was told to stop.
    """

    kills: int
    lines: int
    attacks: int
    repeats: int
    lost: list[str]
    ambiguous: list[str]
    status: int


def run(folder: Path, *, kills: int, seed: int, lines_per_s: float) -> Outcome:
    """Kill so many times, then let one daemon finish."""
    chance = random.Random(seed)
    # Often, where the pattern finds every name; else no sooner than a commit and a start can follow each other.
    logs = [
        RotatingLog(folder / "a" / "access.log", 0, lines_per_s / 2, 0.01, (0.2, 1.5), chance),
        RotatingLog(folder / "b" / "access.log", 10**9, lines_per_s / 2, 0.01, (5.0, 8.0), chance),
    ]
    for log in logs:
        log.path.parent.mkdir()
    config = write_config(folder, folder / "a" / "access.log*", folder / "b" / "access.log")
    alerts = AlertFile(folder / "alerts.jsonl")
    for killed in range(kills):
        life = Life(config)
        _watch(logs, alerts, life, time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_S))
        if life.is_over():
            raise RuntimeError(f"the daemon ended by itself with {life.status}; see {folder}")
        life.send(signal.SIGKILL)
        life.wait(10.0)
        if (killed + 1) % PROGRESS_EVERY == 0:
            _tell(f"{killed + 1} kills, {sum(log.written for log in logs)} lines, {len(alerts.ids)} attacks alerted")
    for log in logs:
        log.close()
    life = Life(config)
    while any(log.missing for log in logs) and not life.is_over() and _goes_on(logs, alerts, life):
        pass
    status = life.stop(within_s=30.0)
    _look(logs, alerts)
    return Outcome(
        kills,
        sum(log.written for log in logs),
        sum(len(log.missing) for log in logs) + len(alerts.ids),
        alerts.lines - len(alerts.ids),
        [path for log in logs for path in log.missing if path not in alerts.ids],
        sorted(alerts.ambiguous),
        status,
    )


def _watch(logs: list[RotatingLog], alerts: AlertFile, life: Life, until: float) -> None:
    while (now := time.monotonic()) < until and not life.is_over():
        for log in logs:
            log.tick(now)
        _look(logs, alerts)
        time.sleep(TICK_S)


def _goes_on(logs: list[RotatingLog], alerts: AlertFile, life: Life) -> bool:
    """Return whether another alert came, or the daemon ended, before patience did."""
    known = len(alerts.ids)

    def has_news() -> bool:
        _look(logs, alerts)
        return life.is_over() or len(alerts.ids) > known

    return eventually(has_news, within_s=PATIENCE_S)


def _look(logs: list[RotatingLog], alerts: AlertFile) -> None:
    alerts.look()
    for log in logs:
        log.saw(alerts.ids)


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 - progress of a long run


def main(folder: Path) -> None:
    outcome = run(
        folder,
        kills=int(os.environ.get("SOAK_KILLS", "1000")),
        seed=int(os.environ.get("SOAK_SEED", "1")),
        lines_per_s=float(os.environ.get("SOAK_LINES_PER_S", "2000")),
    )
    print(json.dumps(asdict(outcome)), flush=True)  # noqa: T201 - its output is its result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
