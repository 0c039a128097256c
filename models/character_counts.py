"""How hard rows are: what a logistic regression reaches that knows only how often each character occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import IntArray
from weirlog.models.examples import Indices

_ROUNDS: Final = 25
_RIDGE: Final = 1e-2


def counts_accuracy(texts: Sequence[str], labels: IntArray, train: Indices, test: Indices) -> float:
    """Return the accuracy on `test` of a regression fitted to `train`, lower-cased characters counted.

    Fitted by Newton's method on standardised counts with a small ridge.
    """
    characters = sorted({character for row in train for character in texts[row].lower()})
    counts = np.array([[text.lower().count(character) for character in characters] for text in texts], np.float64)
    scale = np.maximum(counts[train].std(axis=0), 1e-9)
    x = np.concatenate(((counts - counts[train].mean(axis=0)) / scale, np.ones((len(texts), 1))), axis=1)
    weights = _newton(x[train], labels[train].astype(np.float64))
    return float(np.mean((x[test] @ weights >= 0.0) == (labels[test] > 0)))


def _newton(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    weights = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        logits = np.clip(x @ weights, -30.0, 30.0)
        p = 1.0 / (1.0 + np.exp(-logits))
        gradient = x.T @ (p - y) + _RIDGE * weights
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x + _RIDGE * np.eye(x.shape[1])
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
    return weights
