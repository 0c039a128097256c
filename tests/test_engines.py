"""The engines: the contract, each network that is served, and what the NumPy engine adds."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import threadpoolctl
from artifacts import random_artifact
from contracts.engine import (
    TOLERANCE,
    EngineContract,
    assert_equals_keras,
    assert_scores_by_definition,
    by_definition,
    ragged,
    random_sequences,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed
from variants import VARIANTS

from weirlog.models.artifact import Artifact
from weirlog.models.engines import ENGINES, Engine, engine
from weirlog.models.engines.numba import NumbaEngine
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.engines.numpy_cells import probability
from weirlog.models.errors import ArtifactError, MissingExtraError, UnsupportedError, VocabularyError
from weirlog.models.network import Activation, Dense, Embedding, Lstm, Network, Recurrent, Sequence, SimpleRnn


class TestNumpyEngine(EngineContract):
    @classmethod
    def make(cls, artifact: Artifact) -> Engine:
        return engine("numpy", artifact)


class TestNumbaEngine(EngineContract):
    @classmethod
    def make(cls, artifact: Artifact) -> Engine:
        return engine("numba", artifact)


@pytest.mark.tensorflow
class TestTensorFlowEngine(EngineContract):
    @classmethod
    def make(cls, artifact: Artifact) -> Engine:
        pytest.importorskip("tensorflow")
        return engine("tensorflow", artifact)


@pytest.mark.parametrize("name", VARIANTS)
def test_numpy_scores_a_network_by_its_definition(name: str) -> None:
    assert_scores_by_definition(VARIANTS[name], NumpyEngine)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", VARIANTS)
def test_numpy_equals_keras_within_1e_5(name: str) -> None:
    assert_equals_keras(VARIANTS[name], NumpyEngine)


ACTIVATIONS: list[Activation] = ["tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2"]
RECURRENT: st.SearchStrategy[Recurrent] = st.one_of(
    st.builds(Lstm, st.integers(1, 6), st.sampled_from(ACTIVATIONS), st.sampled_from(ACTIVATIONS)),
    st.builds(SimpleRnn, st.integers(1, 6), st.sampled_from(ACTIVATIONS)),
)


@settings(max_examples=60, deadline=None)
@given(
    recurrent=st.lists(RECURRENT, min_size=1, max_size=3),
    hidden=st.lists(st.builds(Dense, st.integers(1, 5)), max_size=2),
    kinds=st.integers(0, 3),
    pooling=st.sampled_from(["last", "max"]),
    padding=st.sampled_from(["pre", "post"]),
    length=st.integers(1, 12),
    seed=st.integers(0, 1000),
    lengths=st.lists(st.integers(0, 15), max_size=6),
)
def test_any_small_network_scores_any_batch_by_its_definition(
    recurrent: list[Recurrent],
    hidden: list[Dense],
    kinds: int,
    pooling: str,
    padding: str,
    length: int,
    seed: int,
    lengths: list[int],
) -> None:
    network = Network(
        embedding=Embedding(9, 3),
        recurrent=tuple(recurrent),
        hidden=tuple(hidden),
        kinds=kinds,
        pooling=pooling,  # type: ignore[arg-type] # drawn from its two values
        sequence=Sequence(length, padding=padding, masked=(pooling, padding) != ("max", "pre") and seed % 2 == 0),  # type: ignore[arg-type] # drawn, too
    )
    artifact = random_artifact(network, seed)
    sequences = random_sequences(lengths, 9, seed)
    scores = NumpyEngine(artifact).score(ragged(sequences))
    expected = [by_definition(artifact, sequence)[0] for sequence in sequences]
    assert scores.probability == pytest.approx(expected, abs=TOLERANCE)


def test_more_rows_than_one_pass_holds_keep_their_order() -> None:
    scorer = NumpyEngine(random_artifact("lstm"))
    sequences = random_sequences([number % 7 for number in range(1300)], 63)
    scores = scorer.score(ragged(sequences)).probability
    for row in (0, 511, 512, 800, 1299):
        assert scores[row] == pytest.approx(scorer.score(ragged([sequences[row]])).probability[0], abs=1e-6)


@pytest.mark.parametrize("kind", [NumpyEngine, NumbaEngine])
@pytest.mark.parametrize("name", ["lstm", "detector", "stacked-lstm", "lstm-dense"])
def test_a_trace_tells_the_score_after_every_id(name: str, kind: type[NumpyEngine]) -> None:
    """A trace of n ids says what each of its beginnings would have scored, had it stood after as many pads."""
    artifact = random_artifact(name, seed=2)
    scorer = kind(artifact)
    sequences = random_sequences([30, 0, 1024, 1100], artifact.network.embedding.vocabulary)
    traces = scorer.trace(ragged(sequences))
    assert [len(trace) for trace in traces] == [31, 1, 1025, 1025]
    scores = scorer.score(ragged(sequences)).probability
    assert probability(np.array([trace[-1] for trace in traces])) == pytest.approx(scores, abs=1e-6)
    reading = changed(artifact.network.sequence, length=1024 - 10)
    prefix = changed(artifact.network, sequence=reading)
    shorter = NumpyEngine(replace(artifact, network=prefix, digest=""))
    # 994 pads and the first 20 ids are what the first trace has seen by then.
    assert shorter.score(ragged([sequences[0][:20]])).probability == pytest.approx(
        probability(traces[0][20:21]), abs=1e-6
    )


def test_scoring_never_waits_for_threads_of_the_linear_algebra() -> None:
    threadpoolctl.threadpool_limits(limits=2, user_api="blas")
    NumpyEngine(random_artifact("lstm"))
    threads = [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    assert set(threads) == {1}


def test_a_trace_refuses_ids_of_another_vocabulary() -> None:
    with pytest.raises(VocabularyError):
        NumpyEngine(random_artifact("lstm")).trace(ragged([[63]]))


def test_a_probability_is_right_at_both_ends_without_a_warning() -> None:
    logits = np.array([-200.0, -100.0, -20.0, 0.0, 20.0, 200.0], np.float32)
    np.testing.assert_allclose(
        probability(logits), [0.0, np.exp(-100.0), np.exp(-20.0), 0.5, 1.0, 1.0], rtol=1e-5, atol=1e-45
    )


def test_a_state_that_explodes_over_the_pads_is_refused_at_load() -> None:
    artifact = random_artifact("simple-rnn")
    weights = {name: np.abs(array) * 40 for name, array in artifact.weights.items()}
    with pytest.raises(ArtifactError, match="not finite"):
        NumpyEngine(replace(artifact, weights=weights, digest=""))


def test_an_embedding_whose_table_would_fill_the_memory_is_refused_by_name() -> None:
    network = Network(embedding=Embedding(1_000_000, 1), recurrent=(Lstm(128),), sequence=Sequence(10))
    with pytest.raises(UnsupportedError, match="embedding of 1000000"):
        NumpyEngine(random_artifact(network))


def test_an_unknown_engine_is_told_with_those_there_are() -> None:
    with pytest.raises(UnsupportedError, match=f"'torch' is unknown.*{', '.join(ENGINES)}"):
        engine("torch", random_artifact("lstm"))


def test_auto_needs_no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    artifact = random_artifact("lstm")
    assert engine("auto", artifact).score(ragged([[1]])).probability.shape == (1,)
    with pytest.raises(MissingExtraError, match=r"pip install 'weirlog\[train\]'"):
        engine("tensorflow", artifact)
