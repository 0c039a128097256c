"""Scores of all kinds of attack on one scale.

A kind may have a threshold of its own: one that is told by a name, which a site may bear itself, is asked for more than one
that breaks out of its place. So that a threshold chosen by number, by false-positive rate or for a site means the same for
all, a score is moved, by a factor on its odds, such that its kind's threshold comes to lie upon the model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from weirlog.models.engines import FloatArray, Scores

_LARGEST: Final = 1 - 1e-6
"""Of a threshold: above it the odds mean nothing in float32."""


class KindScale:
    """Puts scores on one scale. Immutable, thread-safe.

    Args:
        kinds: names by index; may be empty.
        threshold: of the model, in [0, 1].
        thresholds: of those kinds that have their own.
    """

    def __init__(self, kinds: Sequence[str], threshold: float, thresholds: Mapping[str, float]) -> None:
        own = {kind: _odds(threshold) / _odds(value) for kind, value in thresholds.items()}
        self._factors: FloatArray | None = np.array([own.get(kind, 1.0) for kind in kinds], np.float32) if own else None

    def probability(self, scores: Scores) -> FloatArray:
        """Return (n,) the probability of an attack; what is no number is 1.

        An overflow, which only a hostile text can cause, makes a score that is no number.
        """
        probability = np.nan_to_num(scores.probability, nan=1.0)
        if scores.kind is None or self._factors is None:
            return probability
        favourable = probability * self._factors[scores.kind.argmax(axis=1)]
        scaled: FloatArray = favourable / (favourable + (1 - probability))
        return scaled


def _odds(threshold: float) -> float:
    within = min(max(threshold, 1 - _LARGEST), _LARGEST)
    return within / (1 - within)
