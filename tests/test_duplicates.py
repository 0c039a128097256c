"""Verdicts that are remembered: exact, bounded, and asked for once."""

from __future__ import annotations

import pytest
from artifacts import random_artifact

from weirlog.models.detector import Detector
from weirlog.models.duplicates import TEXT_CHARACTERS, VerdictCache
from weirlog.models.engines import ReuseLimits, Scores, TokenBatch
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.request import Request
from weirlog.models.verdict import Verdict


def get(path: str) -> Request:
    return Request({"method": "get", "path": path, "query": {}, "requestPayload": None})


class CountingEngine(NumpyEngine):
    """Counts the sequences that it is asked to score."""

    rows = 0

    def score(self, batch: TokenBatch) -> Scores:
        self.rows += len(batch)
        return super().score(batch)


def test_a_text_is_scored_once_in_a_batch_and_not_again_in_the_next() -> None:
    artifact = random_artifact("detector")
    engine = CountingEngine(artifact)
    detector = Detector(artifact, engine)
    first = detector.classify([get("/a"), get("/b"), get("/a")])
    again = detector.classify([get("/b"), get("/c"), get("/a")])
    assert engine.rows == 3
    assert (again[0], again[2]) == (first[1], first[0])
    assert detector.spared["duplicates"] == pytest.approx(2 / 5)


def test_with_the_setting_off_every_batch_is_scored() -> None:
    artifact = random_artifact("detector")
    engine = CountingEngine(artifact)
    detector = Detector(artifact, engine, reuse=ReuseLimits(duplicate_bytes=0))
    for _ in range(2):
        detector.classify([get("/a")])
    assert engine.rows == 2


def test_memory_is_bounded_and_what_was_seen_last_stays() -> None:
    cache = VerdictCache(100_000)
    for number in range(2_000):
        cache.keep([f"/page/{number}", "/home"], [Verdict(number / 2_000, 0.5), Verdict(0.1, 0.5)])
        cache.find(["/home"])
    assert 100 < len(cache) < 400
    assert cache.find(["/home", "/page/1999", "/page/3"]) == {
        "/home": Verdict(0.1, 0.5),
        "/page/1999": Verdict(1999 / 2_000, 0.5),
    }


def test_a_text_of_an_attackers_length_pushes_nothing_out() -> None:
    cache = VerdictCache(100_000)
    cache.keep(["/home"], [Verdict(0.1, 0.5)])
    cache.keep(["x" * (TEXT_CHARACTERS + 1)], [Verdict(0.9, 0.5)])
    assert len(cache) == 1
