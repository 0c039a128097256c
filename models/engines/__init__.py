"""Scoring engines: token ids in, probabilities out. Every engine gives the same numbers within 1e-5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """A ragged batch of token sequences.

    Attributes:
        ids: (sum of lengths,) the sequences one after another, no padding; every id is at least 1.
        lengths: (n,) how many ids each sequence has; 0 is allowed.
    """

    ids: IntArray
    lengths: IntArray

    def __len__(self) -> int:
        return int(self.lengths.shape[0])


@dataclass(frozen=True, slots=True)
class Scores:
    """What an engine says of a batch.

    Attributes:
        probability: (n,) float32 in [0, 1], that each sequence is an attack.
        kind: (n, kinds) float32, rows that sum to 1, the probability of each of the artifact's kinds given that it
            is an attack; None for a model without that head.
    """

    probability: FloatArray
    kind: FloatArray | None = None


class Engine(Protocol):
    """Runs one network. Thread-safe: several threads may score at once.

    Attributes:
        name: what the configuration calls it.
    """

    name: str

    def score(self, batch: TokenBatch) -> Scores:
        """Score sequences, in the order given.

        A sequence longer than the artifact's sequence length is cut to its last ids, as Keras' `pad_sequences` does
        with `truncating="pre"`; the caller splits long texts into windows where the artifact asks for that.

        Raises:
            VocabularyError: an id is not below the artifact's vocabulary size.

        Blocks for one forward pass.
        """
        ...
