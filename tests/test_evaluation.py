"""The measures, against cases worked out by hand and against their definitions."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirlog.models.evaluation import Measures, auc, evaluate, log_loss, threshold_for_fp_rate

SCORE = st.floats(0, 1, width=32)


def measured(scores: list[float], labels: list[int], threshold: float = 0.5) -> Measures:
    return evaluate(np.array(scores, np.float32), np.array(labels, int), threshold)


def test_the_rates_at_a_threshold_by_hand() -> None:
    measures = measured([0.9, 0.5, 0.2, 0.7, 0.1, 0.3, 0.4], [1, 1, 1, 0, 0, 0, 0])
    assert measures.true_positive_rate == pytest.approx(2 / 3)
    assert measures.false_positive_rate == pytest.approx(1 / 4)
    assert measures.precision == pytest.approx(2 / 3)
    assert measures.accuracy == pytest.approx(5 / 7)
    assert (measures.rows, measures.attacks) == (7, 3)


def test_a_score_at_the_threshold_counts_as_an_attack() -> None:
    assert measured([0.5], [1]).true_positive_rate == 1.0


def test_the_loss_by_hand() -> None:
    expected = -(math.log(0.75) + math.log(1 - 0.25)) / 2
    assert measured([0.75, 0.25], [1, 0]).loss == pytest.approx(expected)


def test_a_certain_error_costs_as_much_as_keras_clips_it_to() -> None:
    assert measured([0.0], [1]).loss == pytest.approx(-math.log(1e-7), rel=1e-6)


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.1, 0.9], [0, 1], 1.0),
        ([0.9, 0.1], [0, 1], 0.0),
        ([0.5, 0.5, 0.5], [0, 1, 1], 0.5),
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),
        ([0.2, 0.2, 0.6], [0, 1, 1], 0.75),
    ],
)
def test_the_area_under_the_curve_by_hand(scores: list[float], labels: list[int], expected: float) -> None:
    assert measured(scores, labels).auc == pytest.approx(expected)


@given(st.lists(st.tuples(SCORE, st.booleans()), min_size=1, max_size=40))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[float, bool]]) -> None:
    attacks = [score for score, attack in rows if attack]
    benign = [score for score, attack in rows if not attack]
    found = auc(np.array([score for score, _ in rows]), np.array([attack for _, attack in rows]))
    if not attacks or not benign:
        assert found is None
    else:
        pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in attacks for b in benign]
        assert found == pytest.approx(sum(pairs) / len(pairs))


def test_recall_at_a_rate_uses_the_lowest_threshold_that_keeps_to_it() -> None:
    """Of 200 benign requests two may be flagged at 1 %: attacks must beat the third highest of them."""
    benign = [0.9, 0.8, 0.7, *[0.1] * 197]
    measures = measured([*benign, 0.95, 0.75, 0.7, 0.2], [0] * 200 + [1] * 4)
    assert measures.recall_at[1e-2] == pytest.approx(2 / 4)


def test_too_few_benign_rows_tell_no_recall_at_a_rate() -> None:
    measures = measured([*[0.1] * 999, 0.9], [0] * 999 + [1])
    assert measures.recall_at == {1e-2: 1.0, 1e-3: None, 1e-4: None}
    assert measured([*[0.1] * 1000, 0.9], [0] * 1000 + [1]).recall_at[1e-3] == 1.0


def test_tied_benign_scores_that_would_break_the_rate_are_all_kept_below() -> None:
    """A hundred rows at 0.6 cannot be flagged in part: the threshold goes above them all."""
    measures = measured([*[0.6] * 100, 0.6, 0.61], [0] * 100 + [1, 1])
    assert measures.recall_at[1e-2] == pytest.approx(1 / 2)


def test_where_benign_scores_of_one_break_every_rate_nothing_is_recalled() -> None:
    assert measured([*[1.0] * 100, 1.0], [0] * 100 + [1]).recall_at[1e-2] == 0.0


def test_one_class_alone_has_no_area_and_no_rate_of_the_other() -> None:
    benign = measured([0.1, 0.2], [0, 0])
    assert (benign.auc, benign.true_positive_rate, benign.precision) == (None, None, None)
    assert set(benign.recall_at.values()) == {None}
    assert measured([0.1], [1]).false_positive_rate is None


def test_no_rows_have_no_measures() -> None:
    measures = measured([], [])
    assert (measures.rows, measures.loss, measures.accuracy, measures.auc) == (0, None, None, None)


def test_the_measures_are_json_with_the_rates_as_people_write_them() -> None:
    told = json.loads(json.dumps(measured([0.1, 0.9], [0, 1]).to_json(), allow_nan=False))
    assert list(told["recall_at"]) == ["0.01", "0.001", "0.0001"]
    assert told["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [([0.1], [0, 1], "one of each"), ([1.1], [1], "score"), ([math.nan], [1], "score"), ([0.1], [2], "label")],
)
def test_rows_that_are_none_are_refused(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measured(scores, labels)


@given(st.lists(SCORE, min_size=1, max_size=60), st.floats(0, 1))
def test_a_threshold_keeps_to_its_rate_and_no_lower_one_does(benign: list[float], rate: float) -> None:
    scores = np.array(benign)
    try:
        threshold = threshold_for_fp_rate(scores, rate)
    except ValueError:
        assert (scores == 1.0).mean() > rate
        return
    assert (scores >= threshold).mean() <= rate + 1e-9
    if threshold > 0.0:
        assert (scores >= np.nextafter(threshold, 0.0)).mean() > rate


def test_a_threshold_cannot_be_chosen_by_nothing() -> None:
    with pytest.raises(ValueError, match="there are none"):
        threshold_for_fp_rate(np.array([]), 0.01)


@given(st.lists(st.tuples(SCORE, st.booleans()), min_size=1, max_size=30))
def test_the_loss_is_the_mean_over_the_rows(rows: list[tuple[float, bool]]) -> None:
    scores, truth = np.array([score for score, _ in rows]), np.array([attack for _, attack in rows])
    one_by_one = [log_loss(scores[n : n + 1], truth[n : n + 1]) for n in range(len(rows))]
    assert log_loss(scores, truth) == pytest.approx(np.mean(one_by_one))
