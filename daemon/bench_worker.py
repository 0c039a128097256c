"""One engine in a process of its own, for `weirlog bench`: so that its memory and its start are its own.

Speaks JSON lines: first it says that it has scored something, then what it scores some requests with; then it answers each
line on standard input, a number of seconds, with what it scored in that time.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice

import numpy as np

from weirlog.models.artifact import Artifact, load
from weirlog.models.corpus.traffic import demo_traffic
from weirlog.models.engines import FloatArray, TokenBatch, engine
from weirlog.models.formats import log_format
from weirlog.models.keras_network import build, load_weights
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import pad

KERAS_PREDICT = "keras-predict"
REQUESTS = 4_096
BATCH = 128
COMPARED = 256
"""Requests whose scores are handed back, to be compared with Keras'."""
SEED = 20_200


def unique_requests(artifact: Artifact, count: int) -> list[TokenBatch]:
    """Return micro-batches of `count` distinct synthetic requests in all, as token ids."""
    prepare, parse = text_preparation(artifact.text).prepare, log_format("hapi").parse
    texts: dict[str, None] = {}
    for line, _ in demo_traffic(SEED, 0.05):
        texts[prepare(parse(line)).text] = None
        if len(texts) == count:
            break
    found = list(texts)
    return [artifact.tokenizer.encode(found[start : start + BATCH]) for start in range(0, count, BATCH)]


def scorer(name: str, artifact: Artifact) -> Callable[[TokenBatch], FloatArray]:
    """Return a function from a micro-batch to probabilities, for an engine's name or KERAS_PREDICT."""
    if name != KERAS_PREDICT:
        score = engine(name, artifact).score
        return lambda batch: score(batch).probability
    model = build(artifact.network)
    load_weights(model, artifact.weights)
    length = artifact.network.sequence.length

    def predict(batch: TokenBatch) -> FloatArray:
        outputs = model.predict(pad(batch, length), batch_size=BATCH, verbose=0)
        verdicts: FloatArray = np.asarray(outputs["verdict"], np.float32)[:, 0]
        return verdicts

    return predict


def serve(name: str, ref: str) -> None:
    """Answer on standard output until standard input ends."""
    artifact = load(ref)
    score = scorer(name, artifact)
    score(artifact.tokenizer.encode(["get /"]))
    _say({"ready": True})
    batches = unique_requests(artifact, REQUESTS)
    compared = np.concatenate([score(batch) for batch in islice(batches, COMPARED // BATCH)])
    _say({"scores": [float(value) for value in compared], "characters": _characters(batches)})
    endless = cycle(batches)
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        requests, begun = 0, time.perf_counter()
        while time.perf_counter() < end:
            batch = next(endless)
            score(batch)
            requests += len(batch)
        _say(
            {
                "requests_per_s": requests / (time.perf_counter() - begun),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )


def _characters(batches: list[TokenBatch]) -> float:
    return float(sum(int(batch.lengths.sum()) for batch in batches) / sum(len(batch) for batch in batches))


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(sys.argv[1], sys.argv[2])
