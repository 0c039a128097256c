"""How long an attack takes in `weirlog bench` from its line in the log to its line in the alert file, at a steady pace."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weirlog.daemon.bench_pipeline import START_LIMIT_S, WARM_LINES, Running, daemon, file_source, mark
from weirlog.pipeline.errors import StopError

PACES = (1_000, 5_000, 10_000)
"""Lines a second."""
MARKS_PER_S = 50
"""Attacks that are waited for, at any pace: as many alerts cost as much."""
TICK_S = 0.001
DRAIN_LIMIT_S = 10.0
"""How long alerts are waited for after the last line. What comes later counts as missing."""


def latency(lines: Sequence[bytes], log_format: str, lines_per_s: int, seconds: float) -> dict[str, Any]:
    """Return what a fresh daemon takes at a pace, as `--json` prints it.

    `drain_s` is how long after the last line the last alert came: far more than `p50_ms` where the daemon falls behind.

    Raises:
        StopError: the daemon ends, or does not start to alert.
    """
    with tempfile.TemporaryDirectory(prefix="weirlog-bench-") as name:
        log = Path(name, "access.log")
        log.write_bytes(b"".join(line + b"\n" for line in lines[:WARM_LINES]) + mark(0))
        with daemon(Path(name), file_source(log, log_format)) as running:
            if not running.until(lambda seen: 0 in seen, START_LIMIT_S):
                raise StopError(f"the benchmarked daemon raised no alert within {START_LIMIT_S:.0f} s")
            return _paced(running, log, lines, lines_per_s, seconds)


def _paced(running: Running, log: Path, lines: Sequence[bytes], lines_per_s: int, seconds: float) -> dict[str, Any]:
    total = int(lines_per_s * seconds)
    every = max(1, lines_per_s // MARKS_PER_S)
    written_at: dict[int, float] = {}
    seen_at: dict[int, float] = {}

    def note(seen: list[int]) -> bool:
        now = time.monotonic()
        for serial in seen:
            seen_at.setdefault(serial, now)
        return len(seen_at) >= len(written_at)

    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        begun, written = time.monotonic(), 0
        while written < total:
            due = min(total, int((time.monotonic() - begun) * lines_per_s) + 1)
            block, marks = _block(lines, written, due, every)
            now = time.monotonic()
            os.write(descriptor, block)
            written_at.update(dict.fromkeys(marks, now))
            written = due
            note(running.poll())
            time.sleep(TICK_S)
        ended = time.monotonic()
    finally:
        os.close(descriptor)
    running.until(note, DRAIN_LIMIT_S)
    return report(lines_per_s, written / (ended - begun), written_at, seen_at, ended)


def _block(lines: Sequence[bytes], start: int, end: int, every: int) -> tuple[bytes, list[int]]:
    """Return the lines from number `start` to `end`, every so many a mark, and the serial numbers of those."""
    parts: list[bytes] = []
    marks: list[int] = []
    for number in range(start, end):
        if (number + 1) % every == 0:
            marks.append((number + 1) // every)
            parts.append(mark(marks[-1]))
        else:
            # A stream that begins anew is no help to what remembers: thousands of others came between.
            parts.append(lines[(WARM_LINES + number) % len(lines)] + b"\n")
    return b"".join(parts), marks


def report(
    lines_per_s: int, written_per_s: float, written_at: dict[int, float], seen_at: dict[int, float], ended: float
) -> dict[str, Any]:
    """Return a row; a quantile among the missing alerts is null."""
    times = sorted((seen_at.get(serial, float("inf")) - at) * 1000 for serial, at in written_at.items())
    return {
        "lines_per_s": lines_per_s,
        "written_per_s": written_per_s,
        "p50_ms": _quantile(times, 0.5),
        "p99_ms": _quantile(times, 0.99),
        "alerts": len(seen_at.keys() & written_at.keys()),
        "missing": len(written_at.keys() - seen_at.keys()),
        "drain_s": max(ended, *seen_at.values()) - ended if seen_at else None,
    }


def _quantile(times: Sequence[float], share: float) -> float | None:
    value = float(np.quantile(times, share, method="higher")) if times else float("inf")
    return value if np.isfinite(value) else None
