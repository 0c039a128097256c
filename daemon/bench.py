"""`weirlog bench`: every engine and the whole pipeline, interleaved in one run, as ratios to Keras `predict`.

Single figures drift with whoever shares the machine; what is taken in turn within one run can be compared.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from weirlog.daemon import bench_engines, bench_kafka, bench_requests
from weirlog.daemon.bench_children import Answering, own_program, pinned
from weirlog.daemon.bench_engines import Contestant
from weirlog.daemon.bench_latency import PACES, latency
from weirlog.daemon.bench_machine import processor
from weirlog.daemon.bench_page import draw, show
from weirlog.daemon.bench_pipeline import rate_of_file
from weirlog.daemon.bench_requests import Requests
from weirlog.daemon.bench_turns import Turns, in_turn
from weirlog.daemon.bench_worker import BATCH, KERAS_PREDICT, NUMBA_AVX2, SHARED
from weirlog.models import artifact
from weirlog.models.artifact import Artifact
from weirlog.models.engines import ENGINES
from weirlog.models.presets import PRESETS
from weirlog.models.report_plots import import_figure
from weirlog.pipeline.errors import PipelineError, StopError

SHARING = ("numba",)
"""Engines that can keep what they have computed: they stand in the table once with that and once without."""
LATENCY_SHARE = 0.2
"""Of the time, for all paces together."""
PIPELINE_TURNS = 2.0
"""A turn of the daemon against an engine's: it does more work a request, and its alerts come in batches."""
LEAST_LINES = 20_000
"""Of a backlog: a shorter log is repeated."""
SGEMM_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured.

    Attributes:
        seconds: of measuring in all, about; starting processes comes on top.
        model: what engines run: a bundled model's name or a directory; None for the reference network.
        log: a finished log to take requests from; None generates them.
        log_format: of the log.
        brokers: of Kafka, "host:port" each; none for a mock cluster.
        engines: to compare; None for all that there are, and Keras.
        paces: lines a second at which the time to an alert is taken.
    """

    seconds: float
    model: str | None = None
    log: str | None = None
    log_format: str = "auto"
    brokers: tuple[str, ...] = ()
    engines: tuple[str, ...] | None = None
    paces: tuple[int, ...] = PACES


def run(options: Options, *, as_json: bool, plot: Path | None) -> None:
    """Measure and print the result; progress goes to standard error where that is a terminal.

    Raises:
        MissingExtraError: there is to be a plot, and matplotlib is not installed.
        StopError: a part that is always there cannot be measured.
    """
    if plot is not None:
        import_figure()  # before a minute of measuring, not after it
    told = Console(stderr=True, highlight=False, markup=False)
    tell: Callable[[str], None] = told.print if told.is_terminal else (lambda _: None)
    with _ended_tidily():
        report = measure(options, tell)
    if as_json:
        print(json.dumps(report))  # noqa: T201 - the command's output
    else:
        show(report, Console(highlight=False, markup=False))
    if plot is not None:
        draw(report, import_figure(), plot)


def measure(options: Options, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the report as `--json` prints it. Every process that it starts has ended when it returns or raises."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weirlog-bench-")))
        tell("preparing requests")
        model, ref, requests = _prepared(options, folder)
        requests.save(folder / "requests.json")
        free, alone, absent = _start(options, ref, folder / "requests.json", stack, tell)
        with pinned(one_core=True):
            multiplier = stack.enter_context(Answering("the matrix product", own_program("bench_machine")))

        def sgemm(seconds: float) -> float:
            gflops: float = multiplier.ask({"seconds": seconds}, limit_s=seconds + SGEMM_LIMIT_S)["gflops"]
            return gflops

        measured = [
            *(_of_engine(one, "unique") for one in (*free, *alone)),
            # What remembers nothing is as fast on either stream.
            *(_of_engine(one, "repeating") for one in free if one.engine.endswith(SHARED)),
            Turns("sgemm", sgemm, weight=0.5),
        ]
        pipeline, brokers = _pipeline(requests, options, stack)
        latency_s = options.seconds * LATENCY_SHARE
        in_turn([*measured, *pipeline.values()], options.seconds - latency_s, tell)
        for one in [*free, *alone]:
            one.child.close()
        latencies = [_latency(requests, rate, latency_s / len(options.paces), tell) for rate in options.paces]
    rows = bench_engines.rows(bench_engines.entries(free, alone, absent))
    keras = next((row["requests_per_s"] for row in rows if row["engine"] == KERAS_PREDICT), None)
    gflops = next(turns for turns in measured if turns.name == "sgemm").median
    characters = free[0].characters if free else 0.0
    bench_engines.add_fractions(rows, model.network, characters, gflops)
    fractions = [row["fraction_of_peak"] for row in rows if row["fraction_of_peak"] is not None]
    return {
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "model": {"name": model.name, "digest": model.digest, "layers": model.network.layers()},
        "requests": {
            "log": options.log,
            "different": len(requests.lines),
            "repeated_share": 1 - len(requests.lines) / len(requests.order),
            "characters": characters,
            "batch": BATCH,
        },
        "rounds": len(measured[-1].results),
        "rows": rows,
        "end_to_end": _end_to_end(pipeline, keras),
        "kafka": _kafka(pipeline["kafka"], brokers, keras),
        "latency": latencies,
        "sgemm_gflops": gflops,
        "fraction_of_peak": max(fractions, default=None),
    }


def names(engines: Sequence[str] | None) -> list[str]:
    """Return the rows of the table: every engine, with what it can keep and without, and Keras itself.

    Where the processor has more than AVX2, a row shows what the numba engine does on those that have not.
    """
    found: list[str] = []
    for engine in engines or (*(engine for engine in ENGINES if engine != "auto"), KERAS_PREDICT):
        found += [engine, f"{engine}{SHARED}"] if engine in SHARING else [engine]
        if engine == "numba" and _has_more_than_avx2():
            found.append(NUMBA_AVX2)
    return found


def _has_more_than_avx2() -> bool:
    try:
        from weirlog.models.engines.machine_code import AVX2, Processor  # noqa: PLC0415 - 40 MB, for this alone
    except ImportError:
        return False
    here = Processor.this()
    return here.has("avx512f") and here.runs(AVX2)


def _prepared(options: Options, folder: Path) -> tuple[Artifact, str, Requests]:
    """Return the model that engines run, what workers call it, and the requests."""
    model = None if options.model is None else artifact.load(options.model)
    text = PRESETS[bench_requests.REFERENCE].text if model is None else model.text
    if options.log is None:
        requests = bench_requests.generated(text)
    else:
        requests = bench_requests.from_log(options.log, options.log_format, text)
    if model is not None:
        return model, str(options.model), requests
    model = bench_requests.reference_artifact(requests.texts)
    model.save(folder / "reference")
    return model, str(folder / "reference"), requests


def _start(
    options: Options, ref: str, requests: Path, stack: ExitStack, tell: Callable[[str], None]
) -> tuple[list[Contestant], list[Contestant], dict[str, str]]:
    """Start every engine, first on all cores, then on one; return both and why others could not start."""
    free: list[Contestant] = []
    alone: list[Contestant] = []
    absent: dict[str, str] = {}
    for one_core, kept in ((False, free), (True, alone)):
        for engine in names(options.engines):
            if engine in absent:
                continue
            tell(f"starting {engine}{', on one core' if one_core else ''}")
            try:
                one = Contestant.start(engine, ref, requests, one_core=one_core)
            except StopError as error:
                if one_core:
                    raise
                absent[engine] = str(error)
                continue
            stack.callback(one.child.close)
            kept.append(one)
    return free, alone, absent


def _of_engine(one: Contestant, stream: str) -> Turns:
    def take(seconds: float) -> None:
        one.turn(stream, seconds)

    return Turns(f"{one.engine}, {stream}{', one core' if one.one_core else ''}", take)


def _pipeline(requests: Requests, options: Options, stack: ExitStack) -> tuple[dict[str, Turns], str | None]:
    """Return the daemon's turns by name, and what brokers it reads from."""
    unique, repeated = (list(islice(cycle(lines), LEAST_LINES)) for lines in (requests.lines, requests.repeated))
    form = requests.log_format
    turns = {
        "file": Turns("file to alert file", lambda s: rate_of_file(unique, form, s), PIPELINE_TURNS),
        "repeating": Turns("file to alert file, repeating", lambda s: rate_of_file(repeated, form, s), PIPELINE_TURNS),
    }
    try:
        brokers = (
            bench_kafka.given_brokers(options.brokers)
            if options.brokers
            else stack.enter_context(bench_kafka.mock_brokers())
        )
    except StopError as error:
        turns["kafka"] = Turns("Kafka to alert file", lambda _: None, 0.0, failure=str(error))
        return turns, None

    def from_kafka(seconds: float) -> float | None:
        # Somebody else's brokers: what fails there is told in its place, and the rest goes on.
        if kafka.failure is None:
            try:
                return bench_kafka.rate_of_topic(brokers, unique, form, seconds)
            except PipelineError as error:
                kafka.failure = str(error)
        return None

    kafka = turns["kafka"] = Turns("Kafka to alert file", from_kafka, PIPELINE_TURNS)
    return turns, brokers.described


def _latency(requests: Requests, rate: int, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    tell(f"from line to alert at {rate:,} lines a second")
    return latency(requests.repeated, requests.log_format, rate, seconds)


def _end_to_end(pipeline: dict[str, Turns], keras: float | None) -> dict[str, Any]:
    rate = pipeline["file"].median
    return {
        "requests_per_s": rate,
        "requests_per_s_repeating": pipeline["repeating"].median,
        "ratio": bench_engines.ratio(rate, keras),
    }


def _kafka(turns: Turns, brokers: str | None, keras: float | None) -> dict[str, Any]:
    return {
        "requests_per_s": turns.median,
        "ratio": bench_engines.ratio(turns.median, keras),
        "brokers": brokers,
        "absent": turns.failure,
    }


@contextmanager
def _ended_tidily() -> Iterator[None]:
    """Let SIGTERM end the benchmark as an error does, so that its processes and folders go with it."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
