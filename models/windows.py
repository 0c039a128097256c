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
            probability: (windows,) an attack in each; none is NaN.
        """
        if len(self.first) == len(probability):
            return probability, self.first
        worst = np.maximum.reduceat(probability, self.first)
        sizes = np.diff(self.first, append=len(probability))
        are_worst = np.flatnonzero(probability == np.repeat(worst, sizes))
        return worst, are_worst[np.searchsorted(are_worst, self.first)].astype(np.int32)


def cut(batch: TokenBatch, reading: Reading) -> Windows:
    """Return the windows of each sequence: the whole of it, unless it is longer and the network asks for windows.

    Neighbours share `reading.overlap` ids, so that what one cuts in two the next has whole; the last window ends where
    the sequence ends.
    """
    count = len(batch)
    if reading.overlong != "windows" or not count or int(batch.lengths.max()) <= reading.length:
        return Windows(batch, np.arange(count, dtype=np.int32), np.zeros(count, np.int32))
    # All at once: one text of a batch that is too long must not cost a loop over all of them.
    lengths = batch.lengths.astype(np.int64)
    final = np.maximum(0, lengths - reading.length)
    step = reading.length - reading.overlap
    counts = -(-final // step) + 1
    first = np.cumsum(counts) - counts
    number = np.arange(counts.sum()) - np.repeat(first, counts)
    skipped = np.minimum(number * step, np.repeat(final, counts))
    sizes = np.repeat(np.minimum(lengths, reading.length), counts)
    starts = np.repeat(np.cumsum(lengths) - lengths, counts) + skipped
    places = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return Windows(
        TokenBatch(batch.ids[places], sizes.astype(np.int32)), first.astype(np.int32), skipped.astype(np.int32)
    )
