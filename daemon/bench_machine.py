"""What the processor can do at most: the matrix product that any network comes down to, in a process of its own.

    python -m weirlog.daemon.bench_machine

answers each line on standard input, {"seconds"}, with {"gflops"}; ends with it.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

SGEMM_SIZE = 1536
"""Rows and columns of the matrices: 28 MB in all, and half a second's work for a slow core."""


def sgemm_gflops(seconds: float, size: int = SGEMM_SIZE) -> float:
    """Return the best of several single-precision matrix products, in 10^9 operations a second; at least two are made.

    The libraries' own threads follow what cores the process may use: pin it to one for the figure of one.
    """
    matrix = np.random.default_rng(1).random((size, size), np.float32)
    matrix @ matrix  # pages and threads come into being
    best, end = float("inf"), time.perf_counter() + seconds
    for number in range(1_000):
        begun = time.perf_counter()
        if begun > end and number:
            break
        matrix @ matrix
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 / best / 1e9


def processor() -> str:
    """Return what the machine calls its processor."""
    models = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return next(models, platform.machine()).split(":")[-1].strip()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps({"gflops": sgemm_gflops(json.loads(line)["seconds"])}), flush=True)  # noqa: T201 - the protocol
