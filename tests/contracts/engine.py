"""What every engine must hold: the network's own definition, computed here step by step in double precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from artifacts import random_artifact
from variants import lengths_around

from weirlog.models import engines
from weirlog.models.artifact import Artifact
from weirlog.models.engines import Engine, TokenBatch
from weirlog.models.errors import VocabularyError
from weirlog.models.network import Activation, Dense, Lstm, Network

Doubles = npt.NDArray[np.float64]

TOLERANCE = 1e-5


def ragged(sequences: Sequence[Sequence[int]]) -> TokenBatch:
    """Return token sequences as a batch."""
    return TokenBatch(
        np.array([number for sequence in sequences for number in sequence], np.int32),
        np.array([len(sequence) for sequence in sequences], np.int32),
    )


def random_sequences(lengths: Sequence[int], vocabulary: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, vocabulary, length).tolist() for length in lengths]


def activated(name: Activation, x: Doubles) -> Doubles:
    """Return an activation by its definition."""
    return {
        "linear": lambda: x,
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "hard_sigmoid": lambda: np.clip(x + 3, 0, 6) / 6,
        "hard_sigmoid_keras2": lambda: np.clip(0.2 * x + 0.5, 0, 1),
    }[name]()


def by_definition(artifact: Artifact, ids: Sequence[int]) -> tuple[float, Doubles | None]:
    """Return the probability and the kinds of one sequence, pads and all, one step and one layer after another."""
    network = artifact.network
    weights = {name: array.astype(np.float64) for name, array in artifact.weights.items()}
    kept = list(ids[-network.sequence.length :])
    pads = [] if network.sequence.masked else [0] * (network.sequence.length - len(kept))
    steps = pads + kept if network.sequence.padding == "pre" else kept + pads
    outputs = weights["embedding.weight"][np.array(steps, int)]
    for index, layer in enumerate(network.recurrent):
        kernel, recurrent, bias = (weights[f"recurrent.{index}.{part}"] for part in ("kernel", "recurrent", "bias"))
        hidden = carry = np.zeros(layer.units)
        states = [hidden]
        for x in outputs:
            gates = x @ kernel + hidden @ recurrent + bias
            if isinstance(layer, Lstm):
                i, f, c, o = np.split(gates, 4)
                i, f, o = (activated(layer.recurrent_activation, gate) for gate in (i, f, o))
                carry = f * carry + i * activated(layer.activation, c)
                hidden = o * activated(layer.activation, carry)
            else:
                hidden = activated(layer.activation, gates)
            states.append(hidden)
        outputs = np.array(states[1:]).reshape(-1, layer.units)
    features = states[-1]
    if network.pooling == "max":
        features = outputs.max(axis=0, initial=0.0 if network.sequence.masked else -np.inf)
    for index, layer in enumerate(network.hidden):
        assert isinstance(layer, Dense)
        features = activated(
            layer.activation, features @ weights[f"hidden.{index}.kernel"] + weights[f"hidden.{index}.bias"]
        )
    logit = features @ weights["verdict.kernel"] + weights["verdict.bias"]
    if not network.kinds:
        return float(activated("sigmoid", logit)[0]), None
    kinds = np.exp(features @ weights["kinds.kernel"] + weights["kinds.bias"])
    return float(activated("sigmoid", logit)[0]), kinds / kinds.sum()


def assert_scores_by_definition(network: Network, make: Callable[[Artifact], Engine]) -> None:
    """Hold an engine to what a network's description says, step by step in plain Python."""
    artifact = random_artifact(network, seed=5)
    sequences = random_sequences(lengths_around(network.sequence.length), network.embedding.vocabulary)
    scores = make(artifact).score(ragged(sequences))
    expected = [by_definition(artifact, sequence)[0] for sequence in sequences]
    assert scores.probability == pytest.approx(expected, abs=TOLERANCE)


def assert_equals_keras(network: Network, make: Callable[[Artifact], Engine]) -> None:
    """Hold an engine to what Keras makes of the same weights."""
    pytest.importorskip("tensorflow")
    artifact = random_artifact(network, seed=6)
    batch = ragged(random_sequences(lengths_around(network.sequence.length), network.embedding.vocabulary))
    ours, keras = make(artifact).score(batch), engines.engine("tensorflow", artifact).score(batch)
    np.testing.assert_allclose(ours.probability, keras.probability, atol=TOLERANCE)
    if ours.kind is not None and keras.kind is not None:
        np.testing.assert_allclose(ours.kind, keras.kind, atol=TOLERANCE)


class EngineContract(ABC):
    """Inherit from this and say how the engine is made. Two networks: the plain `lstm`, and the shipped `detector`."""

    @classmethod
    @abstractmethod
    def make(cls, artifact: Artifact) -> Engine:
        """Return the engine over `artifact`."""

    @pytest.fixture(scope="class", params=["lstm", "detector"])
    @classmethod
    def artifact(cls, request: pytest.FixtureRequest) -> Artifact:
        return random_artifact(request.param, seed=3)

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, artifact: Artifact) -> Engine:
        return cls.make(artifact)

    @pytest.mark.parametrize("length", [0, 1, 2, 150, 1023, 1024, 1025, 1500])
    def test_a_sequence_of_any_length_scores_by_the_definition(
        self, engine: Engine, artifact: Artifact, length: int
    ) -> None:
        sequences = random_sequences([length], artifact.network.embedding.vocabulary, seed=length)
        scores = engine.score(ragged(sequences))
        probability, kinds = by_definition(artifact, sequences[0])
        assert scores.probability == pytest.approx([probability], abs=TOLERANCE)
        if kinds is not None:
            assert scores.kind is not None
            np.testing.assert_allclose(scores.kind[0], kinds, atol=TOLERANCE)

    def test_a_mixed_batch_scores_by_the_definition_in_the_order_given(
        self, engine: Engine, artifact: Artifact
    ) -> None:
        lengths = [3, 0, 260, 17, 1024, 1, 1, 90, 0, 1100, 44]
        sequences = random_sequences(lengths, artifact.network.embedding.vocabulary)
        scores = engine.score(ragged(sequences))
        expected = [by_definition(artifact, sequence)[0] for sequence in sequences]
        assert scores.probability == pytest.approx(expected, abs=TOLERANCE)
        assert len(set(np.round(expected, 3))) > 6, "the network tells these apart"

    def test_the_company_does_not_change_a_score(self, engine: Engine, artifact: Artifact) -> None:
        sequences = random_sequences([5, 70, 33, 5], artifact.network.embedding.vocabulary)
        together = engine.score(ragged(sequences)).probability
        alone = [engine.score(ragged([sequence])).probability[0] for sequence in sequences]
        assert together == pytest.approx(alone, abs=1e-6)

    def test_only_the_last_ids_of_an_overlong_sequence_count(self, engine: Engine, artifact: Artifact) -> None:
        length = artifact.network.sequence.length
        (long,) = random_sequences([length + 300], artifact.network.embedding.vocabulary)
        scores = engine.score(ragged([long, long[-length:], long[:length]])).probability
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)
        assert abs(scores[0] - scores[2]) > 1e-4

    def test_scores_have_the_shapes_and_types_of_their_description(self, engine: Engine, artifact: Artifact) -> None:
        scores = engine.score(ragged([[1, 2], [3]]))
        assert scores.probability.shape == (2,)
        assert scores.probability.dtype == np.float32
        if artifact.network.kinds:
            assert scores.kind is not None
            assert scores.kind.shape == (2, artifact.network.kinds)
            assert scores.kind.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        else:
            assert scores.kind is None

    def test_an_empty_batch_has_no_scores(self, engine: Engine, artifact: Artifact) -> None:
        scores = engine.score(ragged([]))
        assert scores.probability.shape == (0,)
        if scores.kind is not None:
            assert scores.kind.shape == (0, artifact.network.kinds)

    @pytest.mark.parametrize("wrong", [-1, 0, "size", 2**31 - 1])
    def test_an_id_outside_the_vocabulary_is_an_error(
        self, engine: Engine, artifact: Artifact, wrong: int | str
    ) -> None:
        number = artifact.network.embedding.vocabulary if isinstance(wrong, str) else wrong
        with pytest.raises(VocabularyError, match=str(number)):
            engine.score(ragged([[1, 2], [number, 1]]))

    def test_threads_may_score_at_once(self, engine: Engine, artifact: Artifact) -> None:
        batches = [
            ragged(random_sequences([40, 3, 90], artifact.network.embedding.vocabulary, seed=seed)) for seed in range(8)
        ]
        expected = [engine.score(batch).probability for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            for scores, before in zip(pool.map(engine.score, batches), expected, strict=True):
                np.testing.assert_allclose(scores.probability, before, atol=1e-6)
