"""Engines against each other in `weirlog bench`: each in its own process, once on all cores and once on one."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from weirlog.daemon.bench_children import Answering, own_program, pinned
from weirlog.daemon.bench_worker import KERAS_PREDICT, SHARED
from weirlog.models.network import Network

START_LIMIT_S = 180.0
"""The first start on a machine compiles kernels, which may take two minutes on a slow one."""
TURN_LIMIT_S = 60.0
"""Beyond the time given: one call of `predict` on a slow core."""


@dataclass(slots=True)
class Contestant:
    """One engine, on all cores or pinned to one.

    Attributes:
        start_s: from the start of the process to its first score.
        scores: of the first requests, to be compared.
        characters: what a request has on average, as far as the model reads it.
        rates: requests a second by stream, one a turn.
        rss_mb: the most memory that it has held.
    """

    engine: str
    one_core: bool
    child: Answering
    start_s: float
    scores: list[float]
    characters: float
    rates: dict[str, list[float]] = field(default_factory=lambda: {"unique": [], "repeating": []})
    rss_mb: float = 0.0

    @classmethod
    def start(cls, engine: str, model: str, requests: Path, *, one_core: bool) -> Self:
        """Start its process and wait for what it says first.

        Raises:
            StopError: it cannot start; says why.
        """
        begun = time.monotonic()
        with pinned(one_core):
            child = Answering(f"engine {engine}", own_program("bench_worker", engine, model, requests))
        try:
            child.hear(limit_s=START_LIMIT_S)
            start_s = time.monotonic() - begun
            hello = child.hear(limit_s=START_LIMIT_S)
        except BaseException:
            child.close()
            raise
        return cls(engine, one_core, child, start_s, hello["scores"], hello["characters"])

    def turn(self, stream: str, seconds: float) -> None:
        """Score a stream for about so long."""
        answer = self.child.ask({"stream": stream, "seconds": seconds}, limit_s=seconds + TURN_LIMIT_S)
        self.rates[stream].append(answer["requests_per_s"])
        self.rss_mb = answer["rss_mb"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An engine's two contestants, or why there are none."""

    engine: str
    free: Contestant | None = None
    pinned: Contestant | None = None
    absent: str | None = None


def entries(free: Sequence[Contestant], one_core: Sequence[Contestant], absent: dict[str, str]) -> list[Entry]:
    """Return contestants and absent engines in pairs, by the order of `free`; the absent ones last."""
    alone = {contestant.engine: contestant for contestant in one_core}
    present = [Entry(one.engine, one, alone.get(one.engine)) for one in free]
    return present + [Entry(engine, absent=reason) for engine, reason in absent.items()]


def rows(entered: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return a row an engine as `--json` prints it; what could not be measured is null, and `absent` says why."""
    reference = next((entry.free for entry in entered if entry.engine == KERAS_PREDICT), None)
    return [_row(entry, reference) for entry in entered]


def _row(entry: Entry, reference: Contestant | None) -> dict[str, Any]:
    free = entry.free
    rate = None if free is None else _median(free.rates["unique"])
    keras = None if reference is None else _median(reference.rates["unique"])
    difference = None
    if free is not None and reference is not None:
        difference = float(np.abs(np.subtract(free.scores, reference.scores)).max())
    return {
        "engine": entry.engine,
        "requests_per_s": rate,
        "requests_per_s_one_core": None if entry.pinned is None else _median(entry.pinned.rates["unique"]),
        "requests_per_s_repeating": None if free is None else _median(free.rates["repeating"]),
        "ratio": ratio(rate, keras),
        "max_abs_diff": difference,
        "rss_mb": None if free is None else free.rss_mb,
        "start_s": None if free is None else free.start_s,
        "absent": entry.absent,
    }


def ratio(rate: float | None, reference: float | None) -> float | None:
    """Return how many times `reference` a rate is, None where either was not measured."""
    return None if not rate or not reference else rate / reference


def _median(rates: Sequence[float]) -> float | None:
    return statistics.median(rates) if rates else None


def flop_per_request(network: Network, characters: float) -> float:
    """Return the floating-point operations that no engine avoids: the recurrent products, 2 each, a character.

    What a table can hold, the embedding and the first layer's input product, is not counted, nor are pads.
    """
    shapes = network.shapes()
    layers = range(len(network.recurrent))
    matrices = [f"recurrent.{index}.recurrent" for index in layers] + [
        f"recurrent.{index}.kernel" for index in layers[1:]
    ]
    return 2.0 * sum(math.prod(shapes[matrix]) for matrix in matrices) * characters


def add_fractions(rows: Sequence[dict[str, Any]], network: Network, characters: float, gflops: float | None) -> None:
    """Add to each row what part of the matrix product's peak it reaches on one core; none where work is skipped."""
    for row in rows:
        rate: float | None = None if row["engine"].endswith(SHARED) else row["requests_per_s_one_core"]
        fraction = None
        if rate is not None and gflops is not None:
            fraction = rate * flop_per_request(network, characters) / (gflops * 1e9)
        row["fraction_of_peak"] = fraction
