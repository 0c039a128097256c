"""Labelled requests as token ids, and the batches that a network is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray, IntArray, TokenBatch
from weirlog.models.tokenizer import Tokenizer

Padding = Literal["pre", "post"]

Indices = npt.NDArray[np.int64]

UNKNOWN_KIND: Final = -1
"""Stands for "no kind known": a benign row, or an attack of mixed or unlisted kind. The kinds head learns nothing there."""
WIDTHS: Final = (32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024)
"""Batches are padded to one of these rather than to the network's length, which costs a tenth. Where pads stand in front
and are read, `weirlog.models.pad_states` makes up for those that are left out."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows ready to be trained on.

    Attributes:
        ids: the token ids of all rows one after another.
        starts: (n,) where each row starts in `ids`.
        lengths: (n,) how many ids it has; 0 is allowed.
        labels: (n,) 0 or 1.
        kinds: (n,) index into the artifact's kinds, or UNKNOWN_KIND.
    """

    ids: IntArray
    starts: Indices
    lengths: IntArray
    labels: IntArray
    kinds: IntArray

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    def tokens(self, rows: Indices) -> TokenBatch:
        """Return the token ids of some rows, in their order."""
        lengths = self.lengths[rows]
        places = np.repeat(self.starts[rows] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return TokenBatch(self.ids[places], lengths)

    def padded(self, rows: Indices, width: int, padding: Padding = "pre") -> IntArray:
        """Return (n, width) ids, zeros in front or behind; of a longer row the last `width` ids."""
        kept = np.minimum(self.lengths[rows], width)
        pads = width - kept if padding == "pre" else np.zeros_like(kept)
        column = np.arange(width)[None, :] - pads[:, None]
        first = self.starts[rows] + self.lengths[rows] - kept
        real = (column >= 0) & (column < kept[:, None])
        return np.where(real, self.ids[np.where(real, first[:, None] + column, 0)], 0).astype(np.int32)


def examples(
    texts: Sequence[str], labels: Iterable[int], kinds: Iterable[int], tokenizer: Tokenizer, *, limit: int
) -> Examples:
    """Return `texts` as examples, each cut to its last `limit` tokens."""
    batch = tokenizer.encode(texts)
    ends = np.cumsum(batch.lengths, dtype=np.int64)
    kept = np.minimum(batch.lengths, limit).astype(np.int32)
    return Examples(
        ids=batch.ids if len(batch.ids) else np.zeros(1, np.int32),
        starts=ends - kept,
        lengths=kept,
        labels=np.fromiter(labels, np.int32, len(texts)),
        kinds=np.fromiter(kinds, np.int32, len(texts)),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What one training step reads: (n, width) ids and (n,) of everything else."""

    ids: IntArray
    labels: FloatArray
    kinds: IntArray
    rows: Indices


def batches(
    data: Examples,
    rows: Indices,
    size: int,
    *,
    limit: int,
    shuffle: np.random.Generator | None,
    padding: Padding = "pre",
) -> Iterator[Batch]:
    """Yield `rows` in batches of similar length, padded to the next of WIDTHS.

    Rows are sorted by length within pools of 32 batches only, so that with `shuffle` every epoch meets other
    neighbours; the batches of a pool come in random order.

    Args:
        data: what the rows index.
        rows: which, in what order.
        size: rows a batch, at most.
        limit: the network's length; what is longer is cut to its last `limit` ids.
        shuffle: None keeps the order of lengths, for evaluation.
        padding: where pads stand.
    """
    pool = size * 32 if shuffle is not None else max(len(rows), 1)
    for start in range(0, len(rows), pool):
        part = rows[start : start + pool]
        part = part[np.argsort(data.lengths[part], kind="stable")]
        cuts = list(range(0, len(part), size))
        if shuffle is not None:
            shuffle.shuffle(cuts)
        for cut in cuts:
            chosen = part[cut : cut + size]
            longest = int(data.lengths[chosen].max(initial=1))
            width = min(next((width for width in WIDTHS if width >= longest), longest), limit)
            yield Batch(
                data.padded(chosen, width, padding), data.labels[chosen].astype(np.float32), data.kinds[chosen], chosen
            )
