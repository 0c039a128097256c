"""What a site's tuning says is what the daemon does: the words of a threshold, known benign requests, the file, a reload."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from configurations import LEAST, load_text, problems
from fakes import FakeClock, eventually
from integration.daemon import running
from requests_by_hand import ATTACKS, BENIGN, hapi_line

from weirlog.daemon.assemble import Assembly
from weirlog.daemon.config import Config
from weirlog.daemon.threshold import Threshold, ThresholdError, parse_threshold
from weirlog.daemon.tuning import read_tuning, write_tuning
from weirlog.models.detector import Detector, load_detector
from weirlog.models.errors import ArtifactError
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.known_benign import KnownBenign, Pattern, Place, path_shape, place_of
from weirlog.models.request import Request
from weirlog.models.verdict import Verdict

# --- the words of a threshold ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("0.98", Threshold(score=0.98)),
        ("0", Threshold(score=0.0)),
        ("1", Threshold(score=1.0)),
        ("fp-rate:1e-5", Threshold(fp_rate=1e-5)),
        ("alerts-per-day:20", Threshold(alerts_per_day=20.0)),
        ("alerts-per-day:20@1e6", Threshold(alerts_per_day=20.0, requests_per_day=1e6)),
        ("alerts-per-day:.5@2500", Threshold(alerts_per_day=0.5, requests_per_day=2500.0)),
    ],
)
def test_a_threshold_is_a_score_a_rate_or_alerts_a_day(text: str, threshold: Threshold) -> None:
    assert parse_threshold(text) == threshold
    assert parse_threshold(str(threshold)) == threshold


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.1", "-0.1", "nan", "inf", "0x1", "1" * 9999, "\x1b[31m"),
        *("fp-rate:0", "fp-rate:1", "fp-rate:", "fp-rate:1e-5 ", "fp-rate:1e999"),
        *("alerts-per-day:0", "alerts-per-day:5@0", "alerts-per-day:5@", "alerts-per-day:1e999"),
    ],
)
def test_what_is_no_threshold_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ThresholdError, match="is no threshold; write a score such as 0.98, fp-rate:1e-5") as caught:
        parse_threshold(text)
    assert "\x1b" not in str(caught.value)


def test_alerts_a_day_are_a_rate_of_the_volume() -> None:
    assert parse_threshold("alerts-per-day:20@1e6").rate() == pytest.approx(2e-5)
    assert parse_threshold("alerts-per-day:20").at_volume(1e5).rate() == pytest.approx(2e-4)
    assert parse_threshold("alerts-per-day:20@1e6").at_volume(1e5).rate() == pytest.approx(2e-5)
    with pytest.raises(ThresholdError, match="alerts-per-day:20@REQUESTS"):
        parse_threshold("alerts-per-day:20").rate()
    with pytest.raises(ThresholdError, match="every one of them may alert"):
        parse_threshold("alerts-per-day:20@10").rate()


# --- known benign requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/", "/"),
        ("", ""),
        ("/api/v2/orders/8841/lines", "/api/v2/orders/{number}/lines"),
        ("/Users/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/users/{id}"),
        ("/blog/how-to-bake-a-bread", "/blog/{slug}"),
        ("/search/O'Reilly & Sons", "/search/{text}"),
        ("/static/../etc/passwd", "/static/../etc/passwd"),
        ("/wp-login.php", "/wp-login.php"),
        ("/{id}", "/{text}"),
        ("/a" * 30, "/a" * 12 + "/{rest}"),
        ("/\x1b[2J", "/{text}"),
    ],
)
def test_a_paths_shape_keeps_its_words_and_no_more(path: str, shape: str) -> None:
    assert path_shape(path) == shape


def test_a_paths_shape_is_bounded() -> None:
    assert len(path_shape("/" + "a" * 10**6)) < 100
    assert len(path_shape("/a-b" * 10**5)) < 100


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(engine="numpy")


def attack(number: int) -> Request:
    return HapiFormat().parse(hapi_line(ATTACKS[number]).encode())


def spared(detector: Detector, ceiling: float, request: Request, place: Place | None = None) -> Verdict:
    """Return the verdict on `request` where its own place, or another, is known to be benign up to `ceiling`."""
    explanation = detector.explain(request)
    assert explanation is not None
    patterns = [Pattern(place or place_of(request, explanation.field), ceiling)]
    tuned = load_detector(engine="numpy", known_benign=KnownBenign(patterns))
    return tuned.classify([attack(7), request, request])[1]


def test_a_request_of_a_known_place_is_no_attack_up_to_its_ceiling(detector: Detector) -> None:
    request = attack(0)
    score = detector.classify([request])[0].score
    assert not spared(detector, score, request).is_attack
    assert spared(detector, math.nextafter(score, 0.0), request).is_attack


@pytest.mark.parametrize("part", ["method", "path", "field"])
def test_a_request_of_any_other_place_is_an_attack_as_before(detector: Detector, part: str) -> None:
    request = attack(0)
    explanation = detector.explain(request)
    assert explanation is not None
    other = replace(place_of(request, explanation.field), **{part: "other"})
    assert spared(detector, 1.0, request, other).is_attack


def test_a_header_is_known_on_every_page(detector: Detector) -> None:
    """Browsers send the same ones everywhere; a pattern a page would take hundreds."""

    def asked(path: str) -> Request:
        headers = {"user-agent": "' union select password from users--"}
        return Request({"method": "get", "path": path, "query": {}, "requestPayload": None}, headers=headers)

    place = place_of(asked("/a"), "header.user-agent")
    tuned = load_detector(engine="numpy", known_benign=KnownBenign([Pattern(place, 1.0)]))
    assert [verdict.is_attack for verdict in detector.classify([asked("/a"), asked("/b")])] == [True, True]
    judged = tuned.classify([asked("/a"), asked("/b"), attack(0)])
    assert [verdict.is_attack for verdict in judged] == [False, False, True]


def test_a_ceiling_below_the_threshold_makes_nothing_an_attack(detector: Detector) -> None:
    request = HapiFormat().parse(hapi_line(BENIGN[2]).encode())
    tuned = load_detector(engine="numpy", known_benign=KnownBenign([Pattern(place_of(request, "query.id"), 1e-9)]))
    assert not tuned.classify([request])[0].is_attack


# --- the file ----------------------------------------------------------------------------------------------------------


def tuned_file(folder: Path, detector: Detector, *patterns: dict[str, object], name: str = "tuning.yaml") -> Path:
    path = folder / name
    content = {
        "version": 1,
        "model": {"name": detector.name, "digest": detector.digest},
        "requests_per_day": 1e6,
        "threshold": 0.97,
        "known_benign": list(patterns),
    }
    path.write_text(yaml.safe_dump(content))
    return path


def pattern_for(detector: Detector, request: Request) -> dict[str, object]:
    explanation = detector.explain(request)
    assert explanation is not None
    place = place_of(request, explanation.field)
    return {"method": place.method, "path": place.path, "field": place.field, "ceiling": 1}


def test_a_threshold_in_the_configuration_wins_over_that_of_the_tuning(tmp_path: Path, detector: Detector) -> None:
    tuned_file(tmp_path, detector)
    model = load_text(tmp_path, LEAST + "model: {tuning: tuning.yaml, threshold: 0.8}\n").model
    assert model.chosen_threshold == Threshold(score=0.8)


def test_alerts_a_day_take_their_volume_from_the_tuning(tmp_path: Path, detector: Detector) -> None:
    tuned_file(tmp_path, detector)
    model = load_text(tmp_path, LEAST + "model: {tuning: tuning.yaml, threshold: alerts-per-day:20}\n").model
    assert model.chosen_threshold.rate() == pytest.approx(2e-5)


@pytest.mark.parametrize(
    ("model", "path", "message"),
    [
        ("{threshold: alerts-per-day:20}", "model", "alerts-per-day:20@REQUESTS"),
        ("{threshold: fp-rate:2}", "model.threshold", "is no threshold"),
        ("{threshold: '0.5'}", "model.threshold", "without quotes"),
        ("{threshold: [1]}", "model.threshold", "a list"),
        ("{tuning: none.yaml}", "model.tuning", "none.yaml: there is no such file"),
        ("{tuning: 3}", "model.tuning", "is 3; expected the path"),
    ],
)
def test_what_a_model_cannot_be_told_is_named(tmp_path: Path, model: str, path: str, message: str) -> None:
    found = problems(lambda text: load_text(tmp_path, text), LEAST + f"model: {model}\n")
    assert message in found[path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 2}, "line 6: threshold: is 2"),
        ({"threshold": None}, "threshold"),
        ({"treshold": 0.5}, "treshold: unknown key; did you mean threshold?"),
        ({"version": 2}, "version: is 2; expected 1"),
        ({"model": {"name": "x", "digest": "abc"}}, "model.digest: 'abc' is no digest"),
        ({"requests_per_day": -1}, "requests_per_day"),
        ({"known_benign": [{"method": "get"}]}, "known_benign[0].path: is missing"),
        (
            {"known_benign": [{"method": "get", "path": "/", "field": "path", "ceiling": 0.99}] * 2},
            "known_benign: names 'get / path' twice",
        ),
        (
            {"known_benign": [{"method": "get", "path": "/\x9b", "field": "path", "ceiling": 0.99}]},
            "known_benign[0].path: '/\\x9b' is empty, too long, or holds control characters",
        ),
    ],
)
def test_a_tuning_file_with_a_mistake_names_file_key_and_line(
    tmp_path: Path, detector: Detector, change: dict[str, object], message: str
) -> None:
    path = tuned_file(tmp_path, detector)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    found = problems(lambda text: load_text(tmp_path, text), LEAST + "model: {tuning: tuning.yaml}\n")
    assert message in found["model.tuning"]
    assert str(path) in found["model.tuning"]


def test_too_many_patterns_are_refused(tmp_path: Path, detector: Detector) -> None:
    patterns = [{"method": "get", "path": f"/{name}", "field": "path", "ceiling": 0.99} for name in range(201)]
    tuned_file(tmp_path, detector, *patterns)
    found = problems(lambda text: load_text(tmp_path, text), LEAST + "model: {tuning: tuning.yaml}\n")
    assert "200" in found["model.tuning"]


def config_of(folder: Path, model: str) -> Config:
    return load_text(
        folder,
        f"sources: [{{type: file, paths: ['{folder}/a.log']}}]\nsinks: [{{type: file, path: '{folder}/alerts.jsonl'}}]\n"
        f"state_dir: '{folder}/state'\nhttp: null\nmodel: {model}\n",
    )


def test_a_tuning_for_another_model_is_refused_with_the_remedy(tmp_path: Path, detector: Detector) -> None:
    path = tuned_file(tmp_path, detector)
    path.write_text(path.read_text().replace(detector.digest, "0" * 64))
    with pytest.raises(ArtifactError, match=r"tuning\.yaml: made for model default 0{12}.*run `weirlog tune` again"):
        Assembly(config_of(tmp_path, "{tuning: tuning.yaml, engine: numpy}"), FakeClock())


def test_a_reload_puts_a_tuning_to_work_and_keeps_it_when_the_next_is_for_another_model(
    tmp_path: Path, detector: Detector
) -> None:
    request = attack(0)
    with Assembly(config_of(tmp_path, "{engine: numpy}"), FakeClock()) as assembly:
        assert assembly.detector.classify([request])[0].is_attack
        path = tuned_file(tmp_path, detector, pattern_for(detector, request))
        config = config_of(tmp_path, "{engine: numpy, tuning: tuning.yaml}")
        assembly.reload(config)
        assert not assembly.detector.classify([request])[0].is_attack
        assert assembly.detector.classify([attack(7)])[0].is_attack
        assert assembly.detector.threshold == 0.97
        path.write_text(path.read_text().replace(detector.digest, "0" * 64))
        with pytest.raises(ArtifactError, match="made for model"):
            assembly.reload(config_of(tmp_path, "{engine: numpy, tuning: tuning.yaml}"))
        assert not assembly.detector.classify([request])[0].is_attack


def test_sighup_loads_a_tuning_into_a_running_daemon(tmp_path: Path, detector: Detector) -> None:
    source = f"{{type: file, paths: ['{tmp_path}/access.log'], start_at: beginning}}"
    log = tmp_path / "access.log"
    log.write_text(hapi_line(ATTACKS[0]) + "\n")
    with running(tmp_path, source) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        tuned_file(tmp_path, detector, pattern_for(detector, attack(0)))
        with (tmp_path / "weirlog.yaml").open("a") as config:
            config.write("model: {tuning: tuning.yaml}\n")
        daemon.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: '"reloaded"' in daemon.stderr), daemon.stderr
        with log.open("a") as more:
            more.write(hapi_line(ATTACKS[0]) + "\n" + hapi_line(ATTACKS[7]) + "\n")
        assert eventually(lambda: daemon.figure("weirlog_records_scored_total") == 3), daemon.stderr
        assert eventually(lambda: len(daemon.alerts) == 2), daemon.stderr
        assert daemon.alerts[1]["kind"] == "path-traversal"
        assert daemon.terminate() == 0


def test_a_tuning_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tuned_file(tmp_path, detector)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    tuning = read_tuning(path).tuning
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_tuning(tuning, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
