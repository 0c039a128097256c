"""Scores of all kinds on one scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirlog.models.engines import Scores
from weirlog.models.kind_scale import KindScale

KINDS = ("sqli", "xss")
SQLI = [0.9, 0.1]
XSS = [0.2, 0.8]


def _scores(*probabilities: float, kind: list[float] = SQLI) -> Scores:
    return Scores(np.array(probabilities, np.float32), np.array([kind] * len(probabilities), np.float32))


@given(own=st.floats(0.01, 0.999), model=st.floats(0.01, 0.999))
def test_a_kinds_threshold_comes_to_lie_upon_the_models(own: float, model: float) -> None:
    scale = KindScale(KINDS, model, {"sqli": own})
    (scaled,) = scale.probability(_scores(own)).tolist()
    assert scaled == pytest.approx(model, abs=1e-4)


def test_the_order_within_a_kind_stays_and_what_is_certain_stays_certain() -> None:
    scaled = KindScale(KINDS, 0.9, {"sqli": 0.6}).probability(_scores(0.0, 0.1, 0.5, 0.6, 0.99, 1.0))
    assert scaled[0] == 0.0
    assert scaled[-1] == 1.0
    assert (np.diff(scaled) > 0).all()


def test_a_kind_without_a_threshold_of_its_own_keeps_its_scores() -> None:
    scaled = KindScale(KINDS, 0.9, {"sqli": 0.6}).probability(_scores(0.3, 0.7, kind=XSS))
    assert scaled.tolist() == pytest.approx([0.3, 0.7])


def test_a_model_without_such_thresholds_or_kinds_keeps_its_scores_to_the_last_digit() -> None:
    scores = _scores(0.3, 0.123456789)
    assert KindScale(KINDS, 0.9, {}).probability(scores).tolist() == scores.probability.tolist()
    alone = Scores(scores.probability, None)
    assert KindScale((), 0.9, {}).probability(alone).tolist() == scores.probability.tolist()


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_at_the_ends_divide_by_nothing(threshold: float) -> None:
    scaled = KindScale(KINDS, threshold, {"sqli": 0.5}).probability(_scores(0.0, 0.5, 1.0))
    assert np.isfinite(scaled).all()


def test_a_score_that_is_no_number_is_an_attack() -> None:
    assert KindScale(KINDS, 0.9, {"sqli": 0.99}).probability(_scores(float("nan"))).tolist() == [1.0]
