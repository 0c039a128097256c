"""A batch of training begins where the pads that it leaves out would have led."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from artifacts import random_artifact

from weirlog.models.engines import TokenBatch
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.examples import WIDTHS, Examples
from weirlog.models.initialisation import Initialisation
from weirlog.models.keras_network import build, initialise, load_weights, weights_of
from weirlog.models.pad_states import PadStarts, begins_after_pads, states_after_pads
from weirlog.models.presets import PRESETS
from weirlog.models.trainer import Trainer

RECURRENT = ("simple-rnn", "lstm", "stacked-lstm", "lstm-dense")
LENGTHS = np.array([3, 30, 31, 100, 0], np.int32)


def rows_of(network, lengths=LENGTHS):
    random = np.random.default_rng(5)
    ids = random.integers(1, network.embedding.vocabulary, int(lengths.sum())).astype(np.int32)
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    labels = np.arange(len(lengths), dtype=np.int32) % 2
    return Examples(ids, starts, lengths, labels, np.full(len(lengths), -1, np.int32))


@pytest.mark.parametrize("name", RECURRENT)
def test_the_state_after_pads_is_the_one_that_serving_begins_with(name):
    artifact = random_artifact(name)
    counts = [0, 1, 7, 900, 1024]
    found = states_after_pads(artifact.network, artifact.weights, counts)
    served = NumpyEngine(artifact).starts
    assert list(found) == counts
    for count in counts:
        for mine, theirs in zip(found[count], served, strict=True):
            # A cell's state may be large, and processors add up float32 in different orders: some units in the last place.
            np.testing.assert_allclose(mine, theirs[count], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", RECURRENT)
def test_states_are_given_to_every_row_of_a_batch_for_the_pads_it_leaves_out(name):
    artifact = random_artifact(name)
    starts = PadStarts(artifact.network)
    starts.refresh(artifact.weights)
    for width in (WIDTHS[0], WIDTHS[3], 77, 1024):
        ids, *states = starts.inputs(np.ones((4, width), np.int32))
        assert ids.shape == (4, width)
        expected = states_after_pads(artifact.network, artifact.weights, [1024 - width])[1024 - width]
        for given, part in zip(states, expected, strict=True):
            assert given.shape == (4, len(part))
            assert (given == part).all()


def test_new_weights_give_new_states():
    artifact = random_artifact("lstm")
    starts = PadStarts(artifact.network)
    starts.refresh(artifact.weights)
    before = starts.inputs(np.ones((1, 77), np.int32))[1]
    starts.refresh({name: array * 0.5 for name, array in artifact.weights.items()})
    assert not np.allclose(before, starts.inputs(np.ones((1, 77), np.int32))[1])


def test_a_state_that_overflows_over_its_pads_is_told_and_raises_nothing():
    artifact = random_artifact("simple-rnn")
    weights = {**artifact.weights, "recurrent.0.recurrent": np.full((32, 32), 2.0, np.float32)}
    weights["recurrent.0.bias"] = np.ones(32, np.float32)
    assert not np.isfinite(states_after_pads(artifact.network, weights, [1024])[1024][0]).all()


def test_only_pads_that_are_read_in_front_can_be_left_out():
    network = PRESETS["lstm"].network
    reading = network.sequence
    assert begins_after_pads(network)
    for other in (
        msgspec.structs.replace(network, pooling="max"),
        msgspec.structs.replace(network, sequence=msgspec.structs.replace(reading, masked=True)),
        msgspec.structs.replace(network, sequence=msgspec.structs.replace(reading, padding="post")),
    ):
        assert not begins_after_pads(other)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["simple-rnn", "stacked-lstm"])
def test_training_scores_as_serving_does_even_where_the_network_remembers_its_pads(name):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    artifact = random_artifact(name)
    model = build(artifact.network, started=True)
    load_weights(model, artifact.weights)
    initialise(model, artifact.network, Initialisation(memory_steps=1000, identity=0.99), seed=1)
    data = rows_of(artifact.network)
    weights = weights_of(model)
    scores = Trainer(model, artifact.network, data).score(np.arange(len(LENGTHS)))
    served = NumpyEngine(replace(artifact, weights=weights))
    np.testing.assert_allclose(scores, served.score(TokenBatch(data.ids, data.lengths)).probability, atol=1e-5)
