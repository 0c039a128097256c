"""Scoring engines: token ids in, probabilities out. Every engine gives the same numbers within 1e-5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

from weirlog.models.errors import UnsupportedError

if TYPE_CHECKING:
    from weirlog.models.artifact import Artifact

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

ENGINES: Final = ("auto", "numpy", "tensorflow")
"""The names that `engine` knows; "auto" is the fastest on this machine."""


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


def engine(name: str, artifact: Artifact) -> Engine:
    """Return the engine called `name`, with the artifact's network loaded.

    Raises:
        UnsupportedError: there is no such engine, or it cannot run this network exactly.
        MissingExtraError: it needs what is not installed.
    """
    # Engines are imported when chosen: TensorFlow takes 5 s and 500 MB, and artifact.py needs this module's types.
    match name:
        case "auto" | "numpy":
            from weirlog.models.engines.numpy import NumpyEngine  # noqa: PLC0415

            return NumpyEngine(artifact)
        case "tensorflow":
            from weirlog.models.engines.tensorflow import TensorFlowEngine  # noqa: PLC0415

            return TensorFlowEngine(artifact)
        case _:
            raise UnsupportedError(f"engine {name!r} is unknown; choose one of {', '.join(ENGINES)}")
