"""Scoring engines: token ids in, probabilities out. Every engine gives the same numbers within 1e-5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt
import structlog

from weirlog.models.errors import UnsupportedError

if TYPE_CHECKING:
    from weirlog.models.artifact import Artifact

log = structlog.get_logger(__name__)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

ENGINES: Final = ("auto", "numba", "numpy", "tensorflow")
"""The names that `engine` knows; "auto" is numba, or numpy where that cannot run a model or be compiled."""


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
class ReuseLimits:
    """What may be kept so that no work is done twice. Scores are the same whatever these are.

    Attributes:
        share_prefixes: whether requests of a batch share the steps of a common beginning.
        prefix_bytes: memory for the states of beginnings, kept for later batches; 0 keeps none.
        duplicate_bytes: memory for the verdicts of texts, kept for when the same text comes again; 0 keeps none.
    """

    share_prefixes: bool = True
    prefix_bytes: int = 4 << 20
    duplicate_bytes: int = 4 << 20


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


@dataclass(frozen=True, slots=True)
class Reuse:
    """How much work was spared since the start, in token ids.

    Attributes:
        ids: ids that were to be read.
        in_batch: spared since another request of the same batch began so.
        across_batches: spared since an earlier batch held the beginning.
    """

    ids: int = 0
    in_batch: int = 0
    across_batches: int = 0


class Engine(Protocol):
    """Runs one network. Thread-safe: several threads may score at once.

    Attributes:
        name: what the configuration calls it.
        reuse: what sharing has spared so far; None for an engine that shares nothing.
    """

    name: str

    @property
    def reuse(self) -> Reuse | None: ...

    def score(self, batch: TokenBatch) -> Scores:
        """Score sequences, in the order given.

        A sequence longer than the artifact's sequence length is cut to its last ids, as Keras' `pad_sequences` does
        with `truncating="pre"`; the caller splits long texts into windows where the artifact asks for that.

        Raises:
            VocabularyError: an id is not below the artifact's vocabulary size.

        Blocks for one forward pass.
        """
        ...


def engine(name: str, artifact: Artifact, reuse: ReuseLimits | None = None, *, compile_beside: bool = False) -> Engine:
    """Return the engine called `name`, with the artifact's network loaded.

    Args:
        name: one of ENGINES.
        artifact: the model.
        reuse: what may be kept to spare work; None for the defaults. Engines that keep nothing ignore it.
        compile_beside: where "auto" would first have to compile for some seconds, return at once and do that beside the
            work: for whoever runs long enough to see its end.

    Raises:
        UnsupportedError: there is no such engine, or it cannot run this network exactly.
        MissingExtraError: it needs what is not installed.
    """
    # Engines are imported when chosen: TensorFlow takes 5 s and 500 MB, and artifact.py needs this module's types.
    match name:
        case "auto":
            try:
                if compile_beside and _is_still_to_be_compiled(artifact):
                    return _standby(artifact, reuse)
                return engine("numba", artifact, reuse)
            except (UnsupportedError, ImportError) as error:
                log.warning("the numba engine cannot be used; numpy takes its place", reason=str(error))
                return engine("numpy", artifact)
        case "numba":
            from weirlog.models.engines.numba import NumbaEngine  # noqa: PLC0415

            return NumbaEngine(artifact, reuse or ReuseLimits())
        case "numpy":
            from weirlog.models.engines.numpy import NumpyEngine  # noqa: PLC0415

            return NumpyEngine(artifact)
        case "tensorflow":
            from weirlog.models.engines.tensorflow import TensorFlowEngine  # noqa: PLC0415

            return TensorFlowEngine(artifact)
        case _:
            raise UnsupportedError(f"engine {name!r} is unknown; choose one of {', '.join(ENGINES)}")


def _is_still_to_be_compiled(artifact: Artifact) -> bool:
    from weirlog.models.engines.numba import is_compiled  # noqa: PLC0415 - as in `engine`

    return not is_compiled(artifact.network)


def _standby(artifact: Artifact, reuse: ReuseLimits | None) -> Engine:
    from weirlog.models.engines.numpy import NumpyEngine  # noqa: PLC0415 - as in `engine`
    from weirlog.models.engines.standby import StandbyEngine  # noqa: PLC0415 - as in `engine`

    return StandbyEngine(NumpyEngine(artifact), lambda: engine("numba", artifact, reuse))
