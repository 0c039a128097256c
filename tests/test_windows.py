"""Long sequences in windows, and one probability of many."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.engine import ragged, random_sequences
from hypothesis import given
from hypothesis import strategies as st

from weirlog.models.network import Sequence
from weirlog.models.windows import Windows, cut

READING = Sequence(10, overlong="windows", overlap=2)


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=5), length=st.integers(1, 12), overlap=st.integers(0, 11)
)
def test_windows_cover_every_id_and_share_the_overlap(lengths: list[int], length: int, overlap: int) -> None:
    reading = Sequence(length, overlong="windows", overlap=min(overlap, length - 1))
    sequences = random_sequences(lengths, 1000)
    windows = cut(ragged(sequences), reading)
    starts = np.cumsum(windows.batch.lengths) - windows.batch.lengths
    last = [*windows.first[1:], len(windows.batch)]
    for sequence, begin, end in zip(sequences, windows.first, last, strict=True):
        covered = 0
        for window in range(begin, end):
            size, skipped = int(windows.batch.lengths[window]), int(windows.skipped[window])
            ids = windows.batch.ids[starts[window] : starts[window] + size].tolist()
            assert ids == sequence[skipped : skipped + size]
            assert size == min(length, len(sequence))
            assert window == begin or covered - skipped >= reading.overlap
            covered = skipped + size
        assert covered == len(sequence)


def test_a_network_that_truncates_reads_one_window() -> None:
    windows = cut(ragged([[1] * 50, [2]]), Sequence(10))
    assert len(windows.batch) == 2


def _windows(*lengths: int) -> Windows:
    return cut(ragged([[1] * length for length in lengths]), READING)


def test_a_sequence_of_one_window_keeps_its_probability() -> None:
    probability = np.array([0.3, 0.99999, 0.0], np.float32)
    judged, winners = _windows(10, 3, 0).worst(probability)
    assert judged.tolist() == probability.tolist()
    assert winners.tolist() == [0, 1, 2]


def test_the_most_suspicious_window_speaks_for_a_sequence() -> None:
    windows = _windows(4, 26, 5)
    assert len(windows.batch) == 1 + 3 + 1
    judged, winners = windows.worst(np.array([0.9, 0.1, 0.75, 0.2, 0.6], np.float32))
    assert winners.tolist() == [0, 2, 4]
    assert judged.tolist() == pytest.approx([0.9, 0.75, 0.6])
