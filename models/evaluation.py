"""The measures of a detector: what a list of scores is worth against the labels. NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from weirlog.models.request import JSON

Values = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]

FP_RATES: Final = (1e-2, 1e-3, 1e-4)
"""False-positive rates at which recall is told. A busy site makes a million requests a day: 1e-4 is a hundred alerts."""

_EPSILON: Final = 1e-7
"""Keras clips probabilities by this before the logarithm; published losses were computed so."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What `evaluate` finds. A measure that the rows cannot tell is None.

    Attributes:
        rows: how many requests; `attacks` of them are.
        loss: binary cross-entropy in nats, probabilities clipped to 1e-7 as in Keras.
        accuracy: share of verdicts that are right, at the threshold.
        auc: probability that an attack scores above a benign request, ties counted half; None without either.
        true_positive_rate: share of attacks at or above the threshold (recall); None without attacks.
        false_positive_rate: share of benign requests at or above it; None without benign ones.
        precision: share of attacks among what is at or above it; None where nothing is.
        recall_at: by false-positive rate x, the recall at the lowest threshold that keeps to it; None without attacks
            or with fewer than 1 / x benign requests, which cannot show such a rate.
    """

    rows: int
    attacks: int
    threshold: float
    loss: float | None
    accuracy: float | None
    auc: float | None
    true_positive_rate: float | None
    false_positive_rate: float | None
    precision: float | None
    recall_at: Mapping[float, float | None]

    def to_json(self) -> dict[str, JSON]:
        """Return the measures for a report or a manifest; the rates in `recall_at` are written like "0.001"."""
        return {
            "rows": self.rows,
            "attacks": self.attacks,
            "threshold": self.threshold,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "auc": self.auc,
            "true_positive_rate": self.true_positive_rate,
            "false_positive_rate": self.false_positive_rate,
            "precision": self.precision,
            "recall_at": {np.format_float_positional(rate): recall for rate, recall in self.recall_at.items()},
        }


def evaluate(scores: Values, labels: Labels, threshold: float) -> Measures:
    """Return the measures of `scores` (n,) in [0, 1] against `labels` (n,), 1 for an attack and 0 for none.

    Raises:
        ValueError: the two differ in length, a score is not in [0, 1], or a label is neither 0 nor 1.
    """
    scores = np.asarray(scores, np.float64)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape}: expected one of each a row")
    if not ((scores >= 0.0) & (scores <= 1.0)).all():
        raise ValueError("a score is not in [0, 1]")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("a label is neither 0 nor 1")
    truth = labels == 1
    flagged = scores >= threshold
    benign = scores[~truth]
    return Measures(
        rows=len(scores),
        attacks=int(truth.sum()),
        threshold=threshold,
        loss=log_loss(scores, truth),
        accuracy=_share(flagged == truth),
        auc=auc(scores, truth),
        true_positive_rate=_share(flagged[truth]),
        false_positive_rate=_share(flagged[~truth]),
        precision=_share(truth[flagged]),
        recall_at=MappingProxyType({rate: _recall_at(scores[truth], benign, rate) for rate in FP_RATES}),
    )


def log_loss(scores: Values, truth: npt.NDArray[np.bool_]) -> float | None:
    """Return the binary cross-entropy in nats; None for no rows."""
    if not scores.size:
        return None
    clipped = np.clip(scores, _EPSILON, 1.0 - _EPSILON)
    return float(-np.log(np.where(truth, clipped, 1.0 - clipped)).mean())


def auc(scores: Values, truth: npt.NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve by the rank sum (Mann and Whitney, 1947); None unless both classes are there.

    Ties share the mean of their ranks.
    """
    attacks = int(truth.sum())
    benign = len(scores) - attacks
    if not attacks or not benign:
        return None
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2.0
    rank_sum = float(ranks[group][truth].sum())
    return (rank_sum - attacks * (attacks + 1) / 2.0) / (attacks * benign)


def threshold_for_fp_rate(benign_scores: Values, rate: float) -> float:
    """Return the lowest threshold that at most `rate` of the benign scores reach.

    A score counts as an attack from the threshold on, so the answer lies just above the highest score that must not.

    Raises:
        ValueError: there are no scores, or so many of them are 1 that no threshold up to 1 will do.
    """
    if not len(benign_scores):
        raise ValueError("a threshold needs benign scores to be chosen by, and there are none")
    ordered = np.sort(np.asarray(benign_scores, np.float64))[::-1]
    allowed = _allowed(len(ordered), rate)
    if allowed >= len(ordered):
        return 0.0
    threshold = float(np.nextafter(ordered[allowed], np.inf))
    if threshold > 1.0:
        raise ValueError(f"more than {rate:g} of the benign scores are 1: no threshold keeps to that rate")
    return threshold


def _recall_at(attacks: Values, benign: Values, rate: float) -> float | None:
    if not attacks.size or not _allowed(len(benign), rate):
        return None
    try:
        return _share(attacks >= threshold_for_fp_rate(benign, rate))
    except ValueError:  # too many benign scores of 1: to keep to the rate is to flag nothing
        return 0.0


def _allowed(benign: int, rate: float) -> int:
    # 0.29 × 100 is 28.999999999999996: what falls short of a whole by rounding alone is whole.
    return int(np.floor(rate * benign + 1e-9))


def _share(which: npt.NDArray[np.bool_]) -> float | None:
    return float(which.mean()) if which.size else None
