"""Requests in, verdicts and explanations out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from artifacts import random_artifact
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from weirlog.models.artifact import Artifact
from weirlog.models.detector import Detector, load_detector
from weirlog.models.engines import FloatArray, Scores, TokenBatch
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.explanation import EXCERPT_CHARACTERS, SLOW, explain, steepest
from weirlog.models.network import Sequence
from weirlog.models.presets import PRESETS
from weirlog.models.request import JSON, Request
from weirlog.models.text import CanonicalText, TextField
from weirlog.models.windows import cut


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    """The shipped network with a window short enough to see what windows do."""
    network = changed(PRESETS["detector"].network, sequence=Sequence(64, overlong="windows", overlap=16), kinds=3)
    return random_artifact(network, seed=1)


@pytest.fixture(scope="module")
def detector(artifact: Artifact) -> Detector:
    return Detector(artifact, NumpyEngine(artifact))


def request(path: str, **query: JSON) -> Request:
    return Request({"method": "get", "path": path, "query": query, "statusCode": 200, "requestPayload": None})


LONG = request("/list", q="a1 b2 c3 " * 60, r="z" * 9)


@dataclass
class ScriptedEngine:
    """Scores a sequence by its first id, and remembers what it was given."""

    name: str = "scripted"
    reuse: None = None
    batches: list[TokenBatch] = field(default_factory=list)

    def score(self, batch: TokenBatch) -> Scores:
        self.batches.append(batch)
        starts = np.cumsum(batch.lengths) - batch.lengths
        first = batch.ids[starts]
        probability = np.where(first == 9, np.float32(np.nan), first.astype(np.float32) / 256)
        return Scores(probability, np.eye(3, dtype=np.float32)[first % 3])


def test_a_verdict_carries_the_score_the_threshold_and_the_kind(artifact: Artifact, detector: Detector) -> None:
    asked = request("/login", user="carl")
    (verdict,) = detector.classify([asked])
    scores = NumpyEngine(artifact).score(artifact.tokenizer.encode([detector.text(asked).text]))
    assert scores.kind is not None
    assert verdict.score == pytest.approx(float(scores.probability[0]), abs=1e-6)
    assert verdict.threshold == artifact.threshold
    assert verdict.kind == artifact.kinds[int(scores.kind[0].argmax())]


def test_verdicts_come_in_the_order_of_the_requests(detector: Detector) -> None:
    requests = [request(f"/{'x' * number}/{number}") for number in (9, 1, 30, 4, 0)] + [LONG]
    together = detector.classify(requests)
    alone = [detector.classify([one])[0] for one in requests]
    assert [verdict.score for verdict in together] == pytest.approx([verdict.score for verdict in alone], abs=1e-6)
    assert len({round(verdict.score, 4) for verdict in together}) == len(requests)


def test_no_requests_have_no_verdicts_and_no_explanations(detector: Detector) -> None:
    assert detector.classify([]) == []
    assert detector.explain_all([]) == []


def test_an_empty_request_has_a_verdict(detector: Detector) -> None:
    (verdict,) = detector.classify([Request({})])
    assert 0.0 <= verdict.score <= 1.0


def test_equal_texts_are_scored_once_and_all_answered(artifact: Artifact) -> None:
    engine = ScriptedEngine()
    detector = Detector(artifact, engine)
    verdicts = detector.classify([request("/a"), request("/b"), request("/a"), request("/a")])
    assert [len(batch) for batch in engine.batches] == [2]
    assert [verdict.score for verdict in verdicts] == [verdicts[0].score] * 4


def test_the_worst_window_of_a_long_text_speaks_for_it_and_names_the_kind(artifact: Artifact) -> None:
    engine = ScriptedEngine()
    (before, verdict) = Detector(artifact, engine).classify([request("/a"), LONG])
    scores = engine.score(engine.batches[0])
    assert scores.kind is not None
    worst = 1 + int(scores.probability[1:].argmax())
    assert len(scores.probability) > 5
    assert verdict.score == scores.probability[worst]
    assert verdict.kind == artifact.kinds[int(scores.kind[worst].argmax())]
    assert before.score == scores.probability[0]


def test_a_score_that_is_no_number_is_an_attack(artifact: Artifact) -> None:
    tokenizer = replace(artifact.tokenizer, index={"g": 9, "e": 1, "t": 2})
    (verdict,) = Detector(replace(artifact, tokenizer=tokenizer, digest=""), ScriptedEngine()).classify([request("/")])
    assert verdict.score == 1.0
    assert verdict.is_attack


def test_a_model_without_kinds_names_none() -> None:
    artifact = random_artifact("lstm")
    (verdict,) = Detector(artifact, NumpyEngine(artifact)).classify([request("/a", b="c")])
    assert verdict.kind is None


def test_a_threshold_of_ones_own_replaces_the_models(artifact: Artifact) -> None:
    detector = Detector(artifact, ScriptedEngine(), threshold=0.9)
    assert detector.classify([request("/")])[0].threshold == 0.9
    with pytest.raises(ArtifactError, match="threshold 1.1"):
        Detector(artifact, ScriptedEngine(), threshold=1.1)


def test_a_model_in_a_directory_is_loaded_with_its_name_and_digest(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    detector = load_detector(tmp_path / "model")
    assert (detector.name, detector.digest, detector.kinds) == (artifact.name, artifact.digest, artifact.kinds)
    assert detector.engine == "numba"
    with pytest.raises(UnsupportedError, match="abacus"):
        load_detector(tmp_path / "model", engine="abacus")


# Explanations


def characters(text: str) -> tuple[np.ndarray, np.ndarray]:
    starts = np.arange(len(text), dtype=np.int32)
    return starts, starts + 1


def logits(text: str, *steep: str, rise: float = 1.0) -> FloatArray:
    """Return a trace that rises over the parts `steep` of `text` alone."""
    gains = np.zeros(len(text))
    for part in steep:
        start = text.index(part)
        gains[start : start + len(part)] = rise
    return np.concatenate(([0.0], np.cumsum(gains))).astype(np.float32) - 4


TEXT = "get /search\nq=shoes size 8' or 1=1 -- and more\npage=2"
FIELDS = (
    TextField("method", 0, 3),
    TextField("path", 4, 11),
    TextField("query.q", 12, TEXT.index("\npage")),
    TextField("query.page", TEXT.index("page"), len(TEXT)),
)


def test_the_part_that_raised_the_score_is_marked_in_its_field() -> None:
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), logits(TEXT, "' or 1=1 --"))
    assert explanation is not None
    assert explanation.field == "query.q"
    assert explanation.excerpt == "q=shoes size 8' or 1=1 -- and more"
    assert explanation.excerpt[explanation.start : explanation.end] == "' or 1=1 --"


def test_a_part_is_widened_to_whole_words() -> None:
    text = "see <script>alert(1)</script>"
    explanation = explain(CanonicalText(text), *characters(text), logits(text, "ript>aler"))
    assert explanation is not None
    assert explanation.field == "text"
    assert explanation.excerpt[explanation.start : explanation.end] == "script>alert"


def test_one_character_is_shown_with_its_neighbours() -> None:
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), logits(TEXT, "'"))
    assert explanation is not None
    assert explanation.end - explanation.start >= 3
    assert "'" in explanation.excerpt[explanation.start : explanation.end]


def test_a_part_over_two_fields_is_clipped_to_the_one_with_more_evidence() -> None:
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), logits(TEXT, "more\npa"))
    assert explanation is not None
    assert explanation.field == "query.q"
    assert explanation.excerpt[explanation.start : explanation.end] == "more"


def test_evidence_between_two_fields_belongs_to_the_one_before() -> None:
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), logits(TEXT, "\npage"[0]))
    assert explanation is not None
    assert explanation.field == "path"


def test_a_long_part_is_cut_and_so_is_what_surrounds_it() -> None:
    text = "a" * 500 + "!" * 400 + "b" * 500
    explanation = explain(CanonicalText(text), *characters(text), logits(text, "!" * 400))
    assert explanation is not None
    assert len(explanation.excerpt) == EXCERPT_CHARACTERS
    assert set(explanation.excerpt[explanation.start : explanation.end]) == {"!"}


def test_a_slow_rise_over_the_text_does_not_swallow_the_steep_one() -> None:
    slow = np.linspace(0, 1, len(TEXT) + 1, dtype=np.float32)
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), slow + logits(TEXT, "' or 1=1 --"))
    assert explanation is not None
    assert explanation.excerpt[explanation.start : explanation.end] == "' or 1=1 --"


@pytest.mark.parametrize("trace", [np.zeros, lambda size, kind: -np.arange(size, dtype=kind)])
def test_where_nothing_rises_there_is_nothing_to_show(trace: type) -> None:
    assert explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), trace(len(TEXT) + 1, np.float32)) is None


def test_where_all_rises_alike_the_beginning_of_the_largest_field_is_shown() -> None:
    explanation = explain(CanonicalText(TEXT, FIELDS), *characters(TEXT), np.arange(len(TEXT) + 1, dtype=np.float32))
    assert explanation is not None
    assert (explanation.field, explanation.start) == ("query.q", 0)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_the_steepest_run_is_the_best_of_all_runs(gains: list[float]) -> None:
    values = np.array(gains)
    excess = values - SLOW * np.maximum(values, 0).mean()
    first, end = steepest(values)
    assert 0 <= first < end <= len(gains)
    best = max(excess[i:j].sum() for i in range(len(gains)) for j in range(i + 1, len(gains) + 1))
    if best > 1e-6:
        assert excess[first:end].sum() == pytest.approx(best, abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(
    path=st.text(max_size=60),
    query=st.dictionaries(st.text(max_size=8), st.text(max_size=150), max_size=3),
    preparation=st.sampled_from(["detection-1", "reference-1", "reference-js-1"]),
)
def test_an_explanation_of_anything_lies_in_the_text_of_its_field(
    artifact: Artifact, path: str, query: dict[str, str], preparation: str
) -> None:
    prepared = replace(artifact, text=preparation, digest="")
    detector = Detector(prepared, ScriptedEngine())
    asked = request("/" + path, **query)
    text, explanation = detector.text(asked), detector.explain(asked)
    if explanation is not None:
        assert 0 <= explanation.start < explanation.end <= len(explanation.excerpt) <= EXCERPT_CHARACTERS
        places = [one for one in text.fields if one.name == explanation.field]
        values = [text.text[one.start : one.end] for one in places] or [text.text]
        assert any(explanation.excerpt in value for value in values)


def test_explaining_many_gives_what_explaining_each_gives(detector: Detector) -> None:
    requests = [request("/a", q="x' or 1"), LONG, Request({}), request("/b" * 20)]
    assert detector.explain_all(requests) == [detector.explain(one) for one in requests]


def test_the_winning_window_of_a_long_text_is_explained(artifact: Artifact, detector: Detector) -> None:
    """What is shown stands in the window that gave the score."""
    explanation = detector.explain(LONG)
    text = detector.text(LONG).text
    windows = cut(artifact.tokenizer.encode([text]), artifact.network.sequence)
    worst = int(NumpyEngine(artifact).score(windows.batch).probability.argmax())
    begin = int(windows.skipped[worst])
    assert explanation is not None
    seen = text[max(0, begin - 60) : begin + 64 + 60]
    assert explanation.excerpt in seen


def test_a_truncating_model_is_explained_by_the_end_that_it_read() -> None:
    network = changed(PRESETS["lstm"].network, sequence=Sequence(40))
    artifact = random_artifact(network, seed=4, text="reference-1")
    detector = Detector(artifact, NumpyEngine(artifact))
    asked = request("/" + "".join(chr(97 + number % 26) for number in range(300)), tail="The End Is Here")
    explanation = detector.explain(asked)
    text = detector.text(asked).text
    assert explanation is not None
    assert explanation.excerpt[explanation.start : explanation.end] in text[-60:]


def test_a_kind_with_a_threshold_of_its_own_alerts_from_it_on_and_the_others_from_the_models() -> None:
    artifact = replace(random_artifact("detector", seed=2), threshold=0.5, digest="")
    asked = [request(f"/{number}", q=str(number)) for number in range(40)]
    plain = Detector(artifact, NumpyEngine(artifact)).classify(asked)
    kind = next(name for name in Counter(verdict.kind for verdict in plain) if name is not None)
    middle = float(np.median([verdict.score for verdict in plain if verdict.kind == kind]))
    own = replace(artifact, kind_thresholds={kind: middle + 1e-6}, digest="")
    judged = Detector(own, NumpyEngine(own)).classify(asked)
    assert {verdict.threshold for verdict in judged} == {0.5}
    for before, verdict in zip(plain, judged, strict=True):
        if verdict.kind == kind:
            assert verdict.is_attack == (before.score > middle + 1e-6)
        else:
            assert verdict == before
