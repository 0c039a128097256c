"""A model in the shadow of another: it reads along, is counted, and alerts nobody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from artifacts import random_artifact
from configurations import LEAST, Load, load_text, problems
from fakes import FakeClock, RecordingMetrics, eventually
from integration.daemon import running
from requests_by_hand import ATTACKS, BENIGN, hapi_line
from structlog.testing import capture_logs

from weirlog.daemon.config_report import describe
from weirlog.daemon.configured_model import load_shadow
from weirlog.models.errors import ArtifactError
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.shadow import TOLD_EVERY_S, WHO, ShadowedClassifier


class Scored:
    """Takes each request's path for a digit of its score; explains by its own name."""

    def __init__(self, name: str, *, digit: int, fails: bool = False) -> None:
        self.name = name
        self.digest = name * 8
        self.fails = fails
        self._digit = digit

    def classify(self, requests: Sequence[Request]) -> list[Verdict]:
        if self.fails:
            raise ZeroDivisionError("a bug")
        return [Verdict(int(request.path[self._digit]) / 10, 0.5) for request in requests]

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]:
        return [Explanation("path", self.name, 0, 1) for _ in requests]


def requests(*paths: str) -> list[Request]:
    """Each path is two digits: what the model at work makes of it, and what the other does."""
    return [Request({"method": "get", "path": path}) for path in paths]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> RecordingMetrics:
    return RecordingMetrics()


def shadowed(metrics: RecordingMetrics, clock: FakeClock, *, fails: bool = False) -> ShadowedClassifier:
    return ShadowedClassifier(Scored("live", digit=0), Scored("new", digit=1, fails=fails), metrics, clock)


def test_only_the_model_at_work_is_heard(metrics: RecordingMetrics, clock: FakeClock) -> None:
    both = shadowed(metrics, clock)
    assert [verdict.score for verdict in both.classify(requests("91", "19"))] == [0.9, 0.1]
    assert (both.name, both.digest) == ("live", "live" * 8)
    assert [explanation and explanation.excerpt for explanation in both.explain_all(requests("91"))] == ["live"]


def test_agreement_and_both_ways_of_differing_are_counted(metrics: RecordingMetrics, clock: FakeClock) -> None:
    both = shadowed(metrics, clock)
    both.classify(requests("99", "91", "91", "19", "11", "11", "11"))
    both.classify(requests("19"))
    both.classify([])
    counted = {who: metrics.counters["shadow_verdicts_total", f"kind={who}"] for who in WHO.values()}
    assert counted == {"both": 1, "live": 2, "shadow": 2, "neither": 3}


def test_every_series_begins_at_nought(metrics: RecordingMetrics, clock: FakeClock) -> None:
    shadowed(metrics, clock)
    assert list(metrics.counters.values()) == [0] * 5


def test_a_shadow_that_fails_costs_no_verdict_and_is_told_once_a_minute(
    metrics: RecordingMetrics, clock: FakeClock
) -> None:
    both = shadowed(metrics, clock, fails=True)
    with capture_logs() as told:
        for wait_s in (0.0, 1.0, TOLD_EVERY_S):
            clock.advance(wait_s)
            assert [verdict.score for verdict in both.classify(requests("91"))] == [0.9]
    assert metrics.counters[("shadow_failures_total",)] == 3
    assert [entry["model"] for entry in told] == ["new", "new"]


def test_what_the_model_at_work_raises_is_raised(metrics: RecordingMetrics, clock: FakeClock) -> None:
    both = ShadowedClassifier(Scored("live", digit=0, fails=True), Scored("new", digit=1), metrics, clock)
    with pytest.raises(ZeroDivisionError):
        both.classify(requests("11"))
    assert sum(metrics.counters.values()) == 0


# --- the configuration ---------------------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


def test_check_config_says_who_reads_along(load: Load, tmp_path: Path) -> None:
    assert f"shadow: {tmp_path}/new reads along and alerts nobody" in describe(
        load(f"{LEAST}model: {{shadow: ./new}}\n")
    )


def test_a_model_is_not_its_own_shadow(load: Load) -> None:
    assert problems(load, f"{LEAST}model: {{ref: ./a, shadow: ./b/../a}}\n").keys() == {"model"}


def test_a_rate_holds_for_the_shadow_too_and_a_score_does_not(load: Load, tmp_path: Path) -> None:
    """A score of one model says nothing about another's."""
    replace(random_artifact("detector"), threshold=0.25, digest="").save(tmp_path / "new")
    shadow = load_shadow(load(f"{LEAST}model: {{shadow: ./new, threshold: 0.9, engine: numpy}}\n").model)
    assert shadow is not None
    assert shadow.threshold == 0.25
    with pytest.raises(ArtifactError, match="tells no false-positive rates"):
        load_shadow(load(f"{LEAST}model: {{shadow: ./new, threshold: 'fp-rate:1e-3', engine: numpy}}\n").model)


def test_a_daemon_counts_what_the_shadow_says_and_alerts_for_the_model_at_work_alone(tmp_path: Path) -> None:
    sees_attacks_everywhere = replace(random_artifact("detector"), threshold=0.0, digest="")
    sees_attacks_everywhere.save(tmp_path / "new")
    log = tmp_path / "access.log"
    log.write_text("".join(hapi_line(each) + "\n" for each in (ATTACKS[0], *BENIGN[:2])))
    source = f"{{type: file, paths: ['{log}'], start_at: beginning}}"
    with running(tmp_path, source, more="model: {engine: numpy, shadow: ./new}\n") as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert eventually(lambda: daemon.figure("weirlog_records_scored_total") == 3), daemon.stderr
        stats = json.loads(daemon.get("/api/stats")[1])
    assert stats["figures"]["shadow_verdicts_total"] == {"both": 1, "live": 0, "shadow": 2, "neither": 0}
    assert (stats["shadow"]["name"], stats["shadow"]["threshold"]) == ("random", 0.0)
