"""`weirlog bench`: every engine and the whole pipeline, interleaved in one run, as ratios to Keras `predict`.

Single figures drift with whoever shares the machine; what is taken in turn within one run can be compared.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from weirlog.daemon.bench_worker import BATCH, KERAS_PREDICT, SEED
from weirlog.models import artifact
from weirlog.models.corpus.traffic import demo_traffic
from weirlog.models.network import Network
from weirlog.pipeline.errors import StopError

ROUNDS = 3
PIPELINE_SHARE = 0.25
"""Of the time, for the end-to-end measurement."""
SGEMM_SIZE = 1536
START_LIMIT_S = 60.0
BACKLOG = 40_000
"""Lines that wait in the log: more than the daemon takes between two looks at it."""
POLL_S = 0.1


@dataclass
class Contestant:
    """One engine in its own process, pinned to one core or free to use all."""

    engine: str
    one_core: bool
    process: subprocess.Popen[str]
    complaints: IO[str]
    hello: dict[str, Any] = field(default_factory=dict)
    rounds: list[float] = field(default_factory=list)
    rss_mb: float = 0.0
    start_s: float = 0.0
    """From the start of the process to its first score."""

    @classmethod
    def start(cls, engine: str, *, one_core: bool) -> Self:
        core = min(os.sched_getaffinity(0))
        begun = time.monotonic()
        complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        process = subprocess.Popen(  # noqa: S603 - our own worker
            [sys.executable, "-m", "weirlog.daemon.bench_worker", engine, "default"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if one_core else None,  # noqa: PLW1509 - one thread here
        )
        contestant = cls(engine, one_core, process, complaints)
        try:
            contestant._read()
            contestant.start_s = time.monotonic() - begun
            contestant.hello = contestant._read()
        except StopError:
            contestant.stop()
            raise
        return contestant

    def run(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self._read()
        self.rounds.append(answer["requests_per_s"])
        self.rss_mb = answer["rss_mb"]

    def stop(self) -> None:
        self.process.communicate()
        self.complaints.close()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.complaints.seek(0)
            reason = self.complaints.read().strip().rpartition("\n")[2]
            raise StopError(f"engine {self.engine} ended early: {reason}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def run(seconds: float, *, as_json: bool) -> None:
    """Measure for about `seconds`, start-up aside, and print the result."""
    report = measure(seconds)
    if as_json:
        print(json.dumps(report))  # noqa: T201 - the command's output
    else:
        _show(report, Console(highlight=False, markup=False))


def measure(seconds: float) -> dict[str, Any]:
    """Return the report as `--json` prints it."""
    network = artifact.load("default").network
    engines = ["numpy"]
    if importlib.util.find_spec("tensorflow") is not None:
        engines += ["tensorflow", KERAS_PREDICT]
    contestants = [Contestant.start(engine, one_core=one_core) for engine in engines for one_core in (False, True)]
    each_s = seconds * (1 - PIPELINE_SHARE) / (ROUNDS * len(contestants))
    for _ in range(ROUNDS):
        for contestant in contestants:
            contestant.run(each_s)
    for contestant in contestants:
        contestant.stop()
    rows = [_row(engine, contestants) for engine in engines]
    sgemm = sgemm_gflops()
    numpy_row = next(row for row in rows if row["engine"] == "numpy")
    flop = flop_per_request(network, next(c for c in contestants if c.engine == "numpy").hello["characters"])
    return {
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "rows": rows,
        "end_to_end": end_to_end(seconds * PIPELINE_SHARE),
        "sgemm_gflops": sgemm,
        "fraction_of_peak": numpy_row["requests_per_s_one_core"] * flop / (sgemm * 1e9),
    }


def flop_per_request(network: Network, characters: float) -> float:
    """Return the floating-point operations that cannot be avoided: the recurrent products, 2 each, a character."""
    shapes = network.shapes()
    products = sum(math.prod(shapes[f"recurrent.{index}.recurrent"]) for index in range(len(network.recurrent)))
    return 2.0 * products * characters


def sgemm_gflops() -> float:
    """Return this machine's single-precision matrix product on one core, in 10^9 operations a second, best of five."""
    script = (
        "import time, numpy as np\n"
        f"n = {SGEMM_SIZE}\n"
        "a = np.random.default_rng(1).random((n, n), np.float32)\n"
        "best = 9e9\n"
        "for _ in range(6):\n"
        "    begun = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - begun)\n"
        "print(2 * n**3 / best / 1e9)\n"
    )
    core = min(os.sched_getaffinity(0))
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return float(ended.stdout)


def _row(engine: str, contestants: list[Contestant]) -> dict[str, Any]:
    free, pinned = (next(c for c in contestants if c.engine == engine and c.one_core is one) for one in (False, True))
    keras = next((c for c in contestants if c.engine == KERAS_PREDICT and not c.one_core), None)
    difference = None
    if keras is not None:
        difference = float(np.abs(np.subtract(free.hello["scores"], keras.hello["scores"])).max())
    return {
        "engine": engine,
        "requests_per_s": statistics.median(free.rounds),
        "requests_per_s_one_core": statistics.median(pinned.rounds),
        "ratio": statistics.median(free.rounds) / statistics.median(keras.rounds) if keras else None,
        "max_abs_diff": difference,
        "rss_mb": free.rss_mb,
        "start_s": free.start_s,
    }


def end_to_end(seconds: float) -> dict[str, float]:
    """Return how fast a real daemon takes a finished log, from file to alert file, for about `seconds`."""
    with tempfile.TemporaryDirectory(prefix="weirlog-bench-") as folder:
        log = Path(folder, "access.log")
        traffic = demo_traffic(SEED, 0.01)
        pool = [next(traffic)[0] + b"\n" for _ in range(20_000)]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = Path(folder, "weirlog.yaml")
        config.write_text(
            f"sources: [{{type: file, paths: ['{log}'], format: hapi, start_at: beginning}}]\n"
            f"sinks: [{{type: file, path: '{folder}/alerts.jsonl'}}]\n"
            f"state_dir: '{folder}/state'\nhttp: {{listen: '127.0.0.1:{port}'}}\n"
        )
        log.touch()
        daemon = subprocess.Popen(  # noqa: S603 - our own daemon
            [sys.executable, "-m", "weirlog.daemon.cli", "run", "--config", str(config)], stderr=subprocess.DEVNULL
        )
        try:
            return _timed(lambda: _scored(port), log, pool, seconds)
        finally:
            daemon.terminate()
            daemon.wait()


def _timed(scored: Callable[[], float], log: Path, pool: list[bytes], seconds: float) -> dict[str, float]:
    """Keep BACKLOG lines waiting, and count what was scored between the first scored line and the end."""
    written, first, begun = 0, 0.0, 0.0
    deadline = time.monotonic() + START_LIMIT_S
    with log.open("ab") as stream:
        while time.monotonic() < deadline:
            done = scored()
            if done and not begun:
                first, begun = done, time.monotonic()
                deadline = begun + seconds
            if written - done < BACKLOG:
                stream.writelines(pool)
                stream.flush()
                written += len(pool)
            time.sleep(POLL_S)
    done, now = scored(), time.monotonic()
    if not begun:
        raise StopError(f"the daemon scored nothing within {START_LIMIT_S:.0f} s; try `weirlog demo`")
    return {"requests_per_s": (done - first) / (now - begun), "seconds": now - begun, "requests": done - first}


def _scored(port: int) -> float:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.HTTPError:
        return 0.0
    lines = (line for line in text.splitlines() if line.startswith("weirlog_records_scored_total "))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _processor() -> str:
    models = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return next(models, platform.machine()).split(":")[-1].strip()


def _show(report: dict[str, Any], console: Console) -> None:
    machine = report["machine"]
    console.print(f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}; batches of {BATCH}")
    table = Table(box=None, pad_edge=False)
    columns = ("engine", "req/s", "req/s, one core", "× Keras predict", "max. difference", "MB", "start, s")
    for column in columns:
        table.add_column(column, justify="left" if column == "engine" else "right")
    for row in report["rows"]:
        table.add_row(
            row["engine"],
            f"{row['requests_per_s']:,.0f}",
            f"{row['requests_per_s_one_core']:,.0f}",
            "" if row["ratio"] is None else f"{row['ratio']:.1f}",
            "" if row["max_abs_diff"] is None else f"{row['max_abs_diff']:.1e}",
            f"{row['rss_mb']:.0f}",
            f"{row['start_s']:.1f}",
        )
    console.print(table)
    console.print(f"end to end, file to alert file: {report['end_to_end']['requests_per_s']:,.0f} requests a second")
    console.print(f"sgemm, one core: {report['sgemm_gflops']:.0f} GF/s; numpy reaches {report['fraction_of_peak']:.0%}")
