"""Token sequences that are longer than a network reads at once: cut into windows, and judged as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weirlog.models.engines import FloatArray, IntArray, TokenBatch
from weirlog.models.network import Sequence as Reading


@dataclass(frozen=True, slots=True)
class Windows:
    """Token sequences cut into what the network reads at once.

    Attributes:
        batch: the windows of the first sequence, then of the second, and so on; at least one of each.
        first: (n,) each sequence's first window.
        skipped: (windows,) how many ids of its sequence stand before each.
    """

    batch: TokenBatch
    first: IntArray
    skipped: IntArray

    def worst(self, probability: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return (n,) each sequence's probability, and (n,) the window that it comes from: its most suspicious.

        Args:
            probability: (windows,) an attack in each.
        """
        if len(self.first) == len(probability):
            return probability, self.first
        parts = np.split(probability, self.first[1:])
        winners = self.first + np.array([part.argmax() for part in parts], np.int32)
        return probability[winners], winners


def cut(batch: TokenBatch, reading: Reading) -> Windows:
    """Return the windows of each sequence: the whole of it, unless it is longer and the network asks for windows.

    Neighbours share `reading.overlap` ids, so that what one cuts in two the next has whole; the last window ends where
    the sequence ends.
    """
    count = len(batch)
    if reading.overlong != "windows" or not count or int(batch.lengths.max()) <= reading.length:
        return Windows(batch, np.arange(count, dtype=np.int32), np.zeros(count, np.int32))
    pieces: list[IntArray] = []
    first: list[int] = []
    skipped: list[int] = []
    lengths: list[int] = []
    start = 0
    for length in batch.lengths.tolist():
        first.append(len(lengths))
        final = max(0, length - reading.length)
        begins = [*range(0, final, reading.length - reading.overlap), final]
        for begin in begins:
            size = min(length, reading.length)
            pieces.append(batch.ids[start + begin : start + begin + size])
            skipped.append(begin)
            lengths.append(size)
        start += length
    return Windows(
        TokenBatch(np.concatenate(pieces), np.array(lengths, np.int32)),
        np.array(first, np.int32),
        np.array(skipped, np.int32),
    )
