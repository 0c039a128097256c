"""The judge: which records become alerts, which dead letters, and what a broken request costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import FakeClock, RecordingMetrics

from weirlog.models.errors import UnparsableError
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.scoring import Judge


class WordFormat:
    """Takes a line for the path of a request; refuses what says so."""

    name = "word"

    def parse(self, line: bytes) -> Request:
        if line.startswith(b"unparsable"):
            raise UnparsableError("no request")
        return Request({"method": "get", "path": line.decode(), "query": {}}, client="192.0.2.1")


class WordClassifier:
    """Calls a path with "attack" in it an attack, and chokes on "poison"."""

    name = "words"
    digest = "d" * 64

    def __init__(self, *, broken: bool = False, explains: bool = True) -> None:
        self.broken = broken
        self.explains = explains
        self.calls: list[int] = []

    def classify(self, requests: Sequence[Request]) -> list[Verdict]:
        self.calls.append(len(requests))
        if self.broken or any("poison" in request.path for request in requests):
            raise ZeroDivisionError("a bug")
        return [Verdict(0.9, 0.5, "sqli") if "attack" in request.path else Verdict(0.1, 0.5) for request in requests]

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]:
        if not self.explains:
            raise IndexError("a bug")
        return [Explanation("path", request.path, 0, len(request.path)) for request in requests]


def records(*payloads: bytes, flaw: str | None = None) -> list[Record]:
    ledger = Ledger(Partition("file-0", "file", "access.log", "1:a"), 0)
    return [Record(payload, ledger.open(index + 1), 0.0, flaw) for index, payload in enumerate(payloads)]


def judge(classifier: WordClassifier, metrics: RecordingMetrics | None = None) -> Judge:
    return Judge(classifier, {"file-0": WordFormat()}, Redactor(), FakeClock(), metrics or RecordingMetrics())


def test_attacks_become_alerts_in_order_and_benign_requests_nothing() -> None:
    metrics = RecordingMetrics()
    judgement = judge(WordClassifier(), metrics).judge(records(b"/a", b"/attack1", b"/b", b"/attack2"))
    assert [alert.document()["request"]["path"] for alert in judgement.alerts] == ["/attack1", "/attack2"]
    assert judgement.dead == []
    assert metrics.counters["attacks_total", "kind=sqli"] == 2
    assert metrics.counters[("records_scored_total",)] == 4


def test_what_does_not_parse_is_dead_lettered_with_its_reason_and_place() -> None:
    judgement = judge(WordClassifier()).judge(records(b"/a", b"unparsable!", b"/attack"))
    (letter,) = judgement.dead
    assert (letter.stage, letter.reason, letter.position, letter.payload) == ("parse", "no request", 2, b"unparsable!")
    assert len(judgement.alerts) == 1


def test_a_flawed_record_is_never_parsed() -> None:
    judgement = judge(WordClassifier()).judge(records(b"/attack", flaw="line longer than 1 MiB"))
    assert [letter.reason for letter in judgement.dead] == ["line longer than 1 MiB"]
    assert judgement.alerts == []


def test_a_request_that_breaks_the_model_is_found_and_the_others_are_scored() -> None:
    """One request that a bug cannot digest must not stop the watch, nor crash every restart anew."""
    judgement = judge(WordClassifier()).judge(records(b"/attack1", b"/b", b"/poison", b"/c", b"/attack2"))
    assert [alert.document()["request"]["path"] for alert in judgement.alerts] == ["/attack1", "/attack2"]
    assert [(letter.position, letter.reason) for letter in judgement.dead] == [(3, "not scorable: ZeroDivisionError")]


def test_a_model_that_scores_nothing_at_all_stops_the_process() -> None:
    with pytest.raises(StopError, match="model words fails on every request"):
        judge(WordClassifier(broken=True)).judge(records(b"/a", b"/b"))


def test_an_alert_does_not_depend_on_its_explanation() -> None:
    (explained,) = judge(WordClassifier()).judge(records(b"/attack")).alerts
    assert explained.document()["explanation"]["excerpt"] == "/attack"
    (alert,) = judge(WordClassifier(explains=False)).judge(records(b"/attack")).alerts
    assert alert.document()["explanation"] is None


def test_a_batch_without_a_single_request_asks_the_model_nothing() -> None:
    classifier = WordClassifier()
    judge(classifier).judge(records(b"unparsable"))
    assert classifier.calls == []
