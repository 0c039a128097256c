"""What the shipped model is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.pool import CERTAIN, HOPELESS, MINED_SHARE, Pool, add_mined

ROWS = 2_000


def _by_length(texts: Sequence[str]) -> FloatArray:
    """A model that takes longer texts for attacks; no two lengths far apart have one score."""
    return np.array([len(text) / (len(text) + 200) for text in texts], np.float32)


def _mined() -> Pool:
    pool = Pool()
    add_mined(pool, 3, ROWS, "mined", _by_length)
    return pool


def test_the_harmless_rows_that_are_mined_are_those_with_the_highest_scores() -> None:
    pool = _mined()
    everything = Pool()
    add_mined(everything, 3, ROWS, "mined", lambda texts: np.full(len(texts), 0.5, np.float32))
    scores = _by_length([text for text, label in zip(pool.texts, pool.labels, strict=True) if not label])
    assert 0 < len(scores) <= MINED_SHARE * ROWS
    assert (np.diff(scores) <= 0).all()
    others = [text for text, label in zip(everything.texts, everything.labels, strict=True) if not label]
    assert scores.min() > np.median(_by_length(others))


def test_attacks_are_mined_where_the_model_doubts_and_not_where_nothing_shows_what_they_are() -> None:
    pool = _mined()
    scores = _by_length([text for text, label in zip(pool.texts, pool.labels, strict=True) if label])
    assert 0 < len(scores) <= MINED_SHARE * ROWS
    assert scores.min() > HOPELESS
    assert scores.max() < CERTAIN
    assert (np.diff(scores) >= 0).all()


def test_no_attack_is_mined_that_the_model_takes_for_harmless_without_doubt() -> None:
    pool = Pool()
    add_mined(pool, 3, 500, "mined", lambda texts: np.zeros(len(texts), np.float32))
    assert pool.labels
    assert not any(pool.labels)


def test_mined_rows_have_the_group_they_are_drawn_by() -> None:
    assert set(_mined().groups) == {"mined"}
