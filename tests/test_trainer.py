"""How weights begin, and what one step of training changes."""

import numpy as np
import pytest

from weirlog.models.examples import Examples
from weirlog.models.initialisation import Initialisation
from weirlog.models.keras_network import build, import_keras, initialise, load_weights, weights_of
from weirlog.models.presets import PRESETS
from weirlog.models.trainer import Trainer

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    return import_keras()


def begun(name, initial, seed=1):
    network = PRESETS[name].network
    model = build(network, started=True)
    before = weights_of(model)
    initialise(model, network, initial, seed)
    return before, weights_of(model)


def test_lstm_units_begin_with_memories_of_one_step_to_as_many_as_asked(keras):
    _, weights = begun("stacked-lstm", Initialisation(memory_steps=150))
    for index in (0, 1):
        entry, forget, candidate, output = np.split(weights[f"recurrent.{index}.bias"], 4)
        assert forget.min() >= 0.0
        assert np.log(50) < forget.max() <= np.log(149)
        assert (entry == -forget).all()
        assert not candidate.any()
        assert not output.any()


def test_a_simple_layer_begins_by_keeping_its_state(keras):
    _, weights = begun("simple-rnn", Initialisation(identity=0.95))
    np.testing.assert_array_equal(weights["recurrent.0.recurrent"], np.eye(32, dtype=np.float32) * np.float32(0.95))


def test_characters_begin_spread_out_and_pads_as_nothing(keras):
    _, weights = begun("lstm", Initialisation(embedding=1.0))
    assert not weights["embedding.weight"][0].any()
    assert 0.9 < weights["embedding.weight"][1:].std() < 1.1


def test_what_is_not_spoken_of_is_left_to_keras(keras):
    before, weights = begun("lstm", Initialisation())
    assert all((before[name] == weights[name]).all() for name in before)


def test_weights_begin_the_same_for_the_same_seed(keras):
    initial = Initialisation(embedding=1.0, memory_steps=150)
    first, again, other = (begun("lstm", initial, seed)[1] for seed in (1, 1, 2))
    for name in ("embedding.weight", "recurrent.0.bias"):
        assert (first[name] == again[name]).all()
        assert (first[name] != other[name]).any()


def stepped(keras, recurrent_rate):
    """Return the weights before and after one step."""
    network = PRESETS["simple-rnn"].network
    model = build(network, started=True)
    random = np.random.default_rng(3)
    weights = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in network.shapes().items()}
    load_weights(model, weights)
    model.compile("adam", loss={"verdict": "binary_crossentropy"}, metrics={"verdict": ["accuracy"]}, jit_compile=False)
    lengths = np.full(8, 20, np.int32)
    ids = random.integers(1, network.embedding.vocabulary, 160).astype(np.int32)
    data = Examples(ids, np.arange(0, 160, 20), lengths, np.arange(8, dtype=np.int32) % 2, np.full(8, -1, np.int32))
    told = []
    trainer = Trainer(model, network, data, recurrent_rate=recurrent_rate)
    loss, accuracy = trainer.train(
        np.arange(8),
        8,
        class_weights=(1.0, 1.0),
        shuffle=np.random.default_rng(1),
        told=lambda *values: told.append(values),
    )
    assert told == [(1, 8, loss)]
    assert accuracy in np.arange(9) / 8
    return weights, weights_of(model)


def test_a_recurrent_matrix_takes_its_share_of_a_step_and_all_else_the_whole(keras):
    before, whole = stepped(keras, 1.0)
    _, slowed = stepped(keras, 0.05)
    for name in before:
        share = 0.05 if name == "recurrent.0.recurrent" else 1.0
        np.testing.assert_allclose(slowed[name] - before[name], share * (whole[name] - before[name]), atol=1e-6)
    assert np.abs(whole["recurrent.0.recurrent"] - before["recurrent.0.recurrent"]).max() > 1e-4
