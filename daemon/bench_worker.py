"""One engine in a process of its own, for `weirlog bench`: so that its memory and its start are its own.

    python -m weirlog.daemon.bench_worker ENGINE MODEL REQUESTS

MODEL is a bundled model's name or a directory, REQUESTS a file that `Requests.save` wrote. Speaks JSON lines: first that it
has scored something, then what it scores some requests with; then it answers each line on standard input, a stream's name
and a number of seconds, with how fast it was. What counts is from text to probability, in micro-batches, on as many
threads as this process may use cores. Ends with standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from weirlog.daemon.logs import configure_logging
from weirlog.models.artifact import Artifact, load
from weirlog.models.duplicates import VerdictCache
from weirlog.models.engines import FloatArray, ReuseLimits, Scores, TokenBatch, engine
from weirlog.models.errors import ModelError
from weirlog.models.keras_network import build, load_weights
from weirlog.models.tokenizer import pad
from weirlog.models.verdict import Verdict
from weirlog.models.windows import cut

KERAS_PREDICT = "keras-predict"
NUMBA_AVX2 = "numba-avx2"
"""The numba engine as a processor without AVX-512 would run it."""
SHARED = "-shared"
"""Ends the name of an engine that may keep what it has computed; without it, engines compute everything anew."""
NO_REUSE = ReuseLimits(share_prefixes=False, prefix_bytes=0, duplicate_bytes=0)
BATCH = 128
PREDICT_ROWS = 4 * BATCH
"""Rows of one call of `predict`, which costs 0.1 s whatever it is given: who scores a log would give it many."""
COMPARED = 256
"""Requests whose scores are handed back, to be compared with Keras'."""

Scorer = Callable[[Sequence[str]], FloatArray]


class Scoring(Protocol):
    """The part of an Engine that is measured."""

    def score(self, batch: TokenBatch) -> Scores: ...


class Stream:
    """Requests to be taken by several threads, each once a pass."""

    def __init__(self, texts: Sequence[str], chunk: int) -> None:
        self._texts = texts
        self._chunk = chunk
        self._next = 0
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        return self._next >= len(self._texts)

    def rewind(self) -> None:
        self._next = 0

    def take(self) -> Sequence[str]:
        """Return the next texts, none at the end."""
        with self._lock:
            start = self._next
            self._next = min(start + self._chunk, len(self._texts))
        return self._texts[start : self._next]


class Worker:
    """Scores streams against the clock.

    Args:
        make: gives a scorer that remembers nothing.
        streams: by name.
        threads: how many score at once.
    """

    def __init__(self, make: Callable[[], Scorer], streams: Mapping[str, Stream], threads: int) -> None:
        self._make = make
        self._streams = streams
        self._threads = threads
        self._name = ""
        self._score = make()

    def run(self, name: str, seconds: float) -> float:
        """Return requests a second on a stream, over about `seconds`; at least one micro-batch a thread is scored.

        A stream goes on where it was left. Where it begins anew, or another goes on, there is a new scorer, made off
        the clock: what was remembered of these requests must not help.
        """
        stream, requests, spent = self._streams[name], 0, 0.0
        with ThreadPoolExecutor(self._threads) as pool:
            while spent < seconds:
                if stream.exhausted or self._name != name:
                    self._score, self._name = self._make(), name
                if stream.exhausted:
                    stream.rewind()
                begun = time.perf_counter()
                deadline = begun + seconds - spent
                runs = [pool.submit(self._run, stream, deadline) for _ in range(self._threads)]
                requests += sum(run.result() for run in runs)
                spent += time.perf_counter() - begun
        return requests / spent

    def _run(self, stream: Stream, deadline: float) -> int:
        requests = 0
        while time.perf_counter() < deadline and (texts := stream.take()):
            self._score(texts)
            requests += len(texts)
        return requests


def maker(name: str, artifact: Artifact) -> Callable[[], Scorer]:
    """Return what gives a scorer of texts, by an engine's name (with SHARED behind it or not) or KERAS_PREDICT."""
    if name.endswith(SHARED):
        reuse = ReuseLimits()
        bare = name.removesuffix(SHARED)
        return lambda: _remembering(_of_texts(artifact, engine(bare, artifact, reuse)), reuse.duplicate_bytes)
    if name == NUMBA_AVX2:
        from weirlog.models.engines.machine_code import AVX2  # noqa: PLC0415 - only this row needs them
        from weirlog.models.engines.numba import NumbaEngine  # noqa: PLC0415

        only = _of_texts(artifact, NumbaEngine(artifact, NO_REUSE, processor=AVX2))
    elif name == KERAS_PREDICT:
        only = _of_texts(artifact, KerasPredict(artifact))
    else:
        only = _of_texts(artifact, engine(name, artifact, NO_REUSE))
    # What remembers nothing need not be made again: TensorFlow would take a second to trace its graph.
    return lambda: only


def _of_texts(artifact: Artifact, chosen: Scoring) -> Scorer:
    def worst(texts: Sequence[str]) -> FloatArray:
        """As a Detector does: the worst window speaks for a text that is longer than the network reads at once."""
        windows = cut(artifact.tokenizer.encode(texts), artifact.network.sequence)
        scores: FloatArray = np.maximum.reduceat(chosen.score(windows.batch).probability, windows.first)
        return scores

    return worst


def _remembering(score: Scorer, limit_bytes: int) -> Scorer:
    """Return a scorer that asks `score` only for texts that it does not remember, as a Detector does."""
    seen = VerdictCache(limit_bytes)

    def remembered(texts: Sequence[str]) -> FloatArray:
        known = seen.find(dict.fromkeys(texts))
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            verdicts = [Verdict(value, threshold=1.0) for value in score(new).tolist()]
            seen.keep(new, verdicts)
            known.update(zip(new, verdicts, strict=True))
        return np.array([known[text].score for text in texts], np.float32)

    return remembered


class KerasPredict:
    """What others are compared with: `Model.predict` on rows padded to the network's whole length."""

    def __init__(self, artifact: Artifact) -> None:
        self._model = build(artifact.network)
        load_weights(self._model, artifact.weights)
        self._sequence = artifact.network.sequence

    def score(self, batch: TokenBatch) -> Scores:
        padded = pad(batch, self._sequence.length, padding=self._sequence.padding)
        outputs = self._model.predict(padded, batch_size=BATCH, verbose=0)
        return Scores(np.asarray(outputs["verdict"], np.float32)[:, 0])


def serve(name: str, ref: str, requests: Path) -> None:
    """Answer on standard output until standard input ends."""
    artifact = load(ref)
    make = maker(name, artifact)
    score = make()
    score(["get /"])
    _say({"ready": True})
    stored = json.loads(requests.read_text())
    texts: list[str] = stored["texts"]
    chunk, threads = (PREDICT_ROWS, 1) if name == KERAS_PREDICT else (BATCH, len(os.sched_getaffinity(0)))
    # The part of the repeating stream that is as long as the other: memory and passes of both are then alike.
    streams = {
        "unique": Stream(texts, chunk),
        "repeating": Stream([texts[index] for index in stored["order"][: len(texts)]], chunk),
    }
    scores = [float(value) for value in score(texts[:COMPARED])]
    _say({"scores": scores, "characters": _characters(texts, artifact)})
    del score  # with what it remembers
    worker = Worker(make, streams, threads)
    for line in sys.stdin:
        asked = json.loads(line)
        _say({"requests_per_s": worker.run(asked["stream"], asked["seconds"]), "rss_mb": peak_rss_mb()})


def _characters(texts: Sequence[str], artifact: Artifact) -> float:
    """Return how many tokens a network reads of a request on average."""
    read = 0
    for start in range(0, len(texts), BATCH):  # all at once they would be the most that this process ever holds
        windows = cut(artifact.tokenizer.encode(texts[start : start + BATCH]), artifact.network.sequence)
        read += int(np.minimum(windows.batch.lengths, artifact.network.sequence.length).sum())
    return read / len(texts)


def peak_rss_mb() -> float:
    """Return the most memory that this process has held, in MiB.

    `getrusage` does not tell it: a new program inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    configure_logging(level="warning")  # to standard error: standard output is the protocol's
    try:
        serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except ModelError as error:
        sys.exit(str(error))
