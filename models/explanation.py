"""Which part of a text drove its score: found in how the verdict's logit grew from one token to the next."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.text import CanonicalText, TextField
from weirlog.models.verdict import Explanation

CONTEXT_CHARACTERS: Final = 40
EXCERPT_CHARACTERS: Final = 200
PART_CHARACTERS: Final = EXCERPT_CHARACTERS - 2 * CONTEXT_CHARACTERS
LEAST_CHARACTERS: Final = 3
WORD_CHARACTERS: Final = 16
"""How far a part is widened to the ends of the words that it cuts: evidence of `<script>` comes at its last letters."""

SLOW: Final = 0.8
"""Tokens that gain less than this share of the mean gain only lengthen a part, and are left out of it."""


def explain(text: CanonicalText, starts: IntArray, ends: IntArray, logits: FloatArray) -> Explanation | None:
    """Return the part of `text` where the logit rose most, inside one field; None where it rose nowhere.

    Args:
        text: the text.
        starts: (T,) where each token starts in it; never decreasing.
        ends: (T,) where each ends, exclusive.
        logits: (T + 1,) the verdict's logit before the first token and after each.
    """
    gains = np.diff(logits.astype(np.float64))
    # An unbounded activation may have overflowed: what cannot be compared is no evidence.
    gains = np.nan_to_num(gains, nan=0.0, posinf=0.0, neginf=0.0)
    if not gains.size or gains.max() <= 0.0:
        return None
    first, last = steepest(gains)
    fields = text.fields or (TextField("text", 0, len(text.text)),)
    field, first, last = _richest(fields, starts, gains, first, last)
    start, end = max(int(starts[first]), field.start), min(int(ends[last - 1]), field.end)
    start, end = _widen(text.text, start, end, field)
    if start >= end:
        return None
    end = min(end, start + PART_CHARACTERS)
    left, right = max(field.start, start - CONTEXT_CHARACTERS), min(field.end, end + CONTEXT_CHARACTERS)
    return Explanation(field.name, text.text[left:right], start - left, end - left)


def steepest(gains: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return (first, end) of the run of tokens that gains most above the average gain; at least one token.

    The maximum-sum subarray (Kadane's problem) of gains less the mean of the positive ones, so that a slow rise over a
    whole text does not swallow the steep one in it. Where nothing stands out, it is the whole.
    """
    excess = np.concatenate(([0.0], np.cumsum(gains - SLOW * np.maximum(gains, 0.0).mean())))
    lowest = np.minimum.accumulate(excess[:-1])
    risen = excess[1:] - lowest
    end = int(risen.argmax()) + 1
    if risen[end - 1] <= 1e-9 * np.abs(gains).sum():
        return 0, len(gains)
    return int(np.flatnonzero(excess[:end] == lowest[end - 1])[-1]), end


def _richest(
    fields: tuple[TextField, ...], starts: IntArray, gains: npt.NDArray[np.float64], first: int, last: int
) -> tuple[TextField, int, int]:
    """Return the field that gains most in tokens `first` to `last`, and those of the tokens that belong to it.

    What stands between two fields belongs to the one before: a separator's evidence is about what it ends.
    """
    begins = np.array([field.start for field in fields])
    owners = np.maximum(np.searchsorted(begins, starts[first:last], side="right") - 1, 0)
    owner = int(np.bincount(owners, weights=np.maximum(gains[first:last], 0.0)).argmax())
    mine = np.flatnonzero(owners == owner)
    return fields[owner], first + int(mine[0]), first + int(mine[-1]) + 1


def _widen(text: str, start: int, end: int, field: TextField) -> tuple[int, int]:
    """Return the part grown to whole words and to a few characters at least, inside its field."""
    start, end = min(start, max(field.start, end - 1)), min(max(end, start + 1), field.end)
    start = min(start, end)
    while end - start < min(LEAST_CHARACTERS, field.end - field.start):
        start, end = (start - 1, end) if start > field.start else (start, end + 1)
    for _ in range(WORD_CHARACTERS):
        if start > field.start and text[start - 1].isalnum() and text[start : start + 1].isalnum():
            start -= 1
        if end < field.end and text[end].isalnum() and text[end - 1 : end].isalnum():
            end += 1
    return start, end
