"""Runs the daemon at full speed and measures whether its memory and its descriptors stay as they are.

    python -m soak.steady_state FOLDER

SOAK_SECONDS in the environment says for how long. Prints progress, and last a JSON object of Outcome.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from integration.daemon import free_port

from soak.lives import Life, write_config
from soak.rotating_log import RotatingLog

SAMPLE_S = 1.0
ASK_S = 0.02
"""Between two questions how far the daemon is: answers cost it time that is measured here."""
PROGRESS_S = 60.0
WARM_UP_S = 120.0
"""Until caches, pools and the outbox have their size; of a short run, its first half."""
BACKLOG_LINES = 50_000
"""The server waits for the daemon here: it is never idle, and the disk does not fill."""
BLOCK_LINES = 5_000
ALERTS_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured after the warm-up.

    Attributes:
        lines: scored in all.
        lines_per_s: over the whole run.
        memory_mib: resident, on average.
        memory_mib_per_h: slope of the least-squares line.
        memory_growth_mib: what that line rises over the measured time.
        descriptors: open, at the least and at the most.
        descriptors_per_h: slope of their line.
        status: exit status of the daemon, which was told to stop.
    """

    lines: int
    lines_per_s: float
    memory_mib: float
    memory_mib_per_h: float
    memory_growth_mib: float
    descriptors: tuple[int, int]
    descriptors_per_h: float
    status: int


def run(folder: Path, seconds: float) -> Outcome:
    log = RotatingLog(folder / "logs" / "access.log", 0, 0.0, 0.001, (5.0, 10.0), random.Random(1))
    log.path.parent.mkdir()
    port = free_port()
    config = write_config(
        folder,
        folder / "logs" / "access.log",
        http={"listen": f"127.0.0.1:{port}"},
        outbox={"keep": "30s"},
    )
    alerts = folder / "alerts.jsonl"
    life = Life(config)
    begun = time.monotonic()
    samples: list[tuple[float, float, int]] = []
    scored, told = 0, begun
    while (now := time.monotonic()) < begun + seconds and not life.is_over():
        if log.written - scored < BACKLOG_LINES:
            log.write(BLOCK_LINES, now)
            continue
        if not samples or now >= begun + samples[-1][0] + SAMPLE_S:
            samples.append((now - begun, _resident_mib(life.pid), _descriptors(life.pid)))
        if now >= told + PROGRESS_S:
            told = now
            _tell(f"{now - begun:.0f} s, {scored} lines, {samples[-1][1]:.1f} MiB, {samples[-1][2]} descriptors")
        scored = _scored(port)
        if alerts.exists() and alerts.stat().st_size > ALERTS_BYTES:
            alerts.rename(alerts.with_suffix(".old"))
        log.forget()
        time.sleep(ASK_S)
    log.close()
    took_s = time.monotonic() - begun
    status = life.stop(within_s=40.0)
    return _measured([sample for sample in samples if sample[0] > min(WARM_UP_S, took_s / 2)], scored, took_s, status)


def _measured(samples: list[tuple[float, float, int]], scored: int, took_s: float, status: int) -> Outcome:
    hours = np.array([seconds for seconds, _, _ in samples]) / 3600
    memory = np.array([mib for _, mib, _ in samples])
    descriptors = np.array([count for _, _, count in samples])
    slope = float(np.polyfit(hours, memory, 1)[0])
    return Outcome(
        scored,
        round(scored / took_s, 1),
        round(float(memory.mean()), 1),
        round(slope, 2),
        round(slope * float(hours[-1] - hours[0]), 2),
        (int(descriptors.min()), int(descriptors.max())),
        round(float(np.polyfit(hours, descriptors, 1)[0]), 2),
        status,
    )


def _scored(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0  # it is just starting
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("weirlog_records_scored_total")))


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 - progress of a long run


def main(folder: Path) -> None:
    outcome = run(folder, float(os.environ.get("SOAK_SECONDS", "3600")))
    print(json.dumps(asdict(outcome)), flush=True)  # noqa: T201 - its output is its result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
