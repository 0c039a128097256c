"""Score → false-positive rate: measured where it can be, extrapolated and called so where it cannot, kept with the model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from artifacts import random_artifact
from hypothesis import given
from hypothesis import strategies as st

from weirlog.models.artifact import load
from weirlog.models.calibration import Calibration, calibrate, fit_tail, logit
from weirlog.models.corpus.traffic import plain_traffic
from weirlog.models.default_thresholds import HELD_OUT_SEED, score_injections, score_texts
from weirlog.models.default_training import main
from weirlog.models.detector import Detector, load_detector
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.errors import ArtifactError
from weirlog.models.pool import Pool, add_generated

LOCATION, SCALE = -7.0, 1.3
"""Of the logits that the tests draw: like those of a working model, with an exponential tail."""


def drawn(count: int, seed: int = 1) -> npt.NDArray[np.float32]:
    logits = np.random.default_rng(seed).gumbel(LOCATION, SCALE, count)
    return (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)


def true_rate(score: float) -> float:
    return -math.expm1(-math.exp(-(logit(score) - LOCATION) / SCALE))


@pytest.fixture(scope="module")
def table() -> Calibration:
    return calibrate({"site": drawn(60_000), "other": drawn(40_000, seed=2)})


@pytest.mark.parametrize("rate", [0.3, 0.01, 1e-3, 3e-4])
def test_a_measured_threshold_keeps_to_its_rate(table: Calibration, rate: float) -> None:
    found = table.threshold_for(rate)
    assert not found.extrapolated
    assert true_rate(found.threshold) == pytest.approx(rate, rel=0.25)


def test_rates_below_what_was_measured_are_extrapolated_and_say_so(table: Calibration) -> None:
    assert table.least_measured == pytest.approx(1e-4)
    found = table.threshold_for(1e-5)
    assert found.extrapolated
    assert true_rate(found.threshold) == pytest.approx(1e-5, rel=0.8)


@given(st.floats(1e-5, 0.9))
def test_threshold_and_rate_are_each_others_inverse(rate: float) -> None:
    table = Calibration({"x": 1000}, (-9.0, -4.0, 0.0), (1.0, 0.1, 0.01), scale=1.5, shape=0.1)
    assert table.fp_rate(table.threshold_for(rate).threshold) == pytest.approx(rate, rel=1e-6)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20))
def test_a_higher_score_never_has_a_higher_rate(scores: list[float]) -> None:
    table = Calibration({"x": 1000}, (-9.0, -4.0, 0.0), (1.0, 0.1, 0.01), scale=1.5, shape=0.0)
    rates = [table.fp_rate(score) for score in sorted(scores)]
    assert all(0.0 < low <= high <= 1.0 for high, low in pairwise(rates))


def test_a_rate_that_no_threshold_keeps_to_is_refused_with_the_least_there_is() -> None:
    flood = np.concatenate([drawn(10_000), np.ones(100, np.float32)])
    with pytest.raises(ArtifactError, match=r"no threshold keeps to .* 1e-05: 0\.01 of benign requests"):
        calibrate({"site": flood}).threshold_for(1e-5)


def test_few_or_equal_scores_make_no_table() -> None:
    with pytest.raises(ValueError, match="999 benign requests tell no rates"):
        calibrate({"site": drawn(999)})
    with pytest.raises(ValueError, match="all alike"):
        calibrate({"site": np.full(5_000, 0.25, np.float32)})


def test_each_population_is_counted(table: Calibration) -> None:
    assert dict(table.requests) == {"site": 60_000, "other": 40_000}


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 2.0), (0.25, 1.0)])
def test_the_tail_of_a_generalised_pareto_distribution_is_found(shape: float, scale: float) -> None:
    uniform = np.random.default_rng(3).uniform(size=50_000)
    excesses = -scale * np.log(uniform) if shape == 0.0 else scale * (uniform**-shape - 1.0) / shape
    assert fit_tail(excesses) == pytest.approx((scale, shape), abs=0.05)


def test_a_tail_that_seems_to_end_is_taken_for_exponential() -> None:
    """Else the table would promise that no benign request scores above some score."""
    scale, shape = fit_tail(np.random.default_rng(4).uniform(0.0, 2.0, 1_000))
    assert (scale, shape) == (pytest.approx(1.0, rel=0.1), 0.0)


def test_a_table_is_kept_with_the_model_and_changes_its_digest(table: Calibration, tmp_path: Path) -> None:
    plain = random_artifact("detector")
    model = plain.calibrated(table)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.calibration == table
    assert loaded.digest == model.digest != plain.digest
    assert loaded.threshold_for(1e-3) == table.threshold_for(1e-3)


def test_a_model_without_a_table_loads_and_refuses_to_be_asked_for_a_rate(tmp_path: Path) -> None:
    random_artifact("detector").save(tmp_path / "model")
    assert load(tmp_path / "model").calibration is None
    with pytest.raises(ArtifactError, match="model random tells no false-positive rates.*weirlog tune"):
        load_detector(tmp_path / "model", engine="numpy", fp_rate=1e-4)


def test_a_detector_takes_its_threshold_from_a_rate(table: Calibration, tmp_path: Path) -> None:
    random_artifact("detector").calibrated(table).save(tmp_path / "model")
    detector = load_detector(tmp_path / "model", engine="numpy", fp_rate=1e-3)
    assert detector.threshold == table.threshold_for(1e-3).threshold
    assert detector.calibration == table


def test_a_detector_of_an_uncalibrated_model_says_so() -> None:
    artifact = random_artifact("detector")
    assert Detector(artifact, NumpyEngine(artifact)).calibration is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.pop("rates"),
        lambda table: table.update(rates=[0.5, 0.6]),
        lambda table: table.update(logits=[1.0, 1.0]),
        lambda table: table.update(logits=[1.0, "2"]),
        lambda table: table.update(rates=[0.5, 0.0]),
        lambda table: table.update(rates=[0.5]),
        lambda table: table["tail"].update(shape=-0.2),
        lambda table: table["tail"].update(scale=0.0),
        lambda table: table.update(surprise=1),
    ],
)
def test_a_table_that_is_no_falling_curve_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    table: Any = Calibration({"x": 1000}, (-9.0, 0.0), (1.0, 0.01), scale=1.5, shape=0.1).to_json()
    spoil(table)
    with pytest.raises(ArtifactError, match="calibrate the model again"):
        replace(random_artifact("detector"), metrics={"calibration": table}, digest="")


def test_a_table_survives_json(table: Calibration) -> None:
    assert Calibration.from_json(json.loads(json.dumps(table.to_json()))) == table


def test_the_default_models_command_sets_thresholds_and_measures_and_writes_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weirlog.models.default_thresholds.HELD_OUT_PLAIN", 1_500)
    monkeypatch.setattr("weirlog.models.default_thresholds.HELD_OUT_HARD", 100)
    assert main(["calibrate", "--rows", "1500", "--out", str(tmp_path / "model")]) == 0
    told = json.loads(capsys.readouterr().out)
    model = load(tmp_path / "model")
    assert told["digest"] == model.digest
    assert model.calibration is not None
    assert told["requests"] == dict(model.calibration.requests)
    assert set(told["requests"]) == {"generated"}
    assert set(model.metrics["held_out"]) == {"plain", "hard", "quoted passages", "long bodies"}
    plain = Pool()
    add_generated(plain, plain_traffic(HELD_OUT_SEED), 1_500, "plain")
    assert not np.any(score_injections(model, plain.texts) >= model.threshold)
    alerts = np.mean(score_texts(model, plain.texts) >= model.threshold)
    assert model.metrics["held_out"]["plain"]["false_positive_rate"] == alerts
    assert np.all(model.weights["verdict.kernel"] == load("default").weights["verdict.kernel"])
