"""Networks as data: counted by formula, stored as JSON, built by Keras to the same shapes."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import pytest
from artifacts import random_artifact

from weirlog.models import keras_network
from weirlog.models.errors import ArtifactError, MissingExtraError
from weirlog.models.network import Dense, Embedding, Lstm, Network, Sequence, SimpleRnn
from weirlog.models.presets import PRESETS

PUBLISHED_PARAMETERS = {
    "simple-rnn": 4_129,
    "lstm": 26_913,
    "stacked-lstm": 59_937,
    "lstm-dense": 31_073,
    "web-traffic": 459_393,
    "words-rnn": 1_313_025,
    "words-lstm": 1_411_713,
    "words-lstm-small": 213_301,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED_PARAMETERS.items())
def test_a_reference_preset_has_exactly_the_published_number_of_parameters(name: str, parameters: int) -> None:
    assert PRESETS[name].network.parameters() == parameters


def test_the_parameters_of_two_heads_and_max_pooling_are_counted_by_hand_alike() -> None:
    network = Network(
        embedding=Embedding(10, 4),
        recurrent=(Lstm(3), SimpleRnn(5)),
        hidden=(Dense(6),),
        pooling="max",
        kinds=2,
        sequence=Sequence(7),
    )
    lstm = 4 * (4 * 3 + 3 * 3 + 3)
    rnn = 3 * 5 + 5 * 5 + 5
    assert network.parameters() == 40 + lstm + rnn + (5 * 6 + 6) + (6 + 1) + (6 * 2 + 2)


@pytest.mark.parametrize("name", PRESETS)
def test_a_network_survives_json(name: str) -> None:
    network = PRESETS[name].network
    assert msgspec.json.decode(msgspec.json.encode(network), type=Network) == network


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_goes_by_its_own_name(name: str) -> None:
    assert PRESETS[name].name == name


def test_another_vocabulary_changes_the_embedding_alone() -> None:
    lstm = PRESETS["lstm"]
    assert lstm.sized(88).parameters() - lstm.network.parameters() == (88 - 63) * 32


def test_the_detector_takes_as_many_kinds_as_its_data_has() -> None:
    assert PRESETS["detector"].sized(81, kinds=5).shapes()["kinds.kernel"] == (96, 5)


def test_the_layers_are_told_in_order() -> None:
    assert PRESETS["stacked-lstm"].network.layers() == [
        "Embedding(63→32)",
        "LSTM(64, recurrent dropout 0.5)",
        "Dropout(0.5)",
        "LSTM(64, recurrent dropout 0.5)",
        "Dropout(0.5)",
        "Dense(1, sigmoid)",
    ]


def test_max_pooling_over_pads_in_front_that_are_masked_is_refused() -> None:
    with pytest.raises(ValueError, match="max"):
        Network(embedding=Embedding(9, 2), recurrent=(Lstm(2),), pooling="max", sequence=Sequence(9, masked=True))


def test_an_overlap_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap 8"):
        Sequence(8, overlong="windows", overlap=8)


@pytest.mark.parametrize(
    "change",
    [{"vocabulary": 1}, {"vocabulary": 10**9}, {"dimension": 0}, {"dimension": 10**6}, {"extra": 1}, {"dropout": 1.0}],
)
def test_a_stored_network_outside_the_bounds_is_refused(change: dict[str, float]) -> None:
    stored = {"vocabulary": 63, "dimension": 32} | change
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(stored, Embedding)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", PRESETS)
def test_keras_builds_a_preset_with_the_same_names_shapes_and_count(name: str) -> None:
    pytest.importorskip("keras")
    network = PRESETS[name].network
    model = keras_network.build(network)
    assert model.count_params() == network.parameters()
    assert {key: array.shape for key, array in keras_network.weights_of(model).items()} == network.shapes()


@pytest.mark.tensorflow
def test_weights_put_into_a_keras_model_come_out_of_it_again() -> None:
    pytest.importorskip("keras")
    artifact = random_artifact("detector")
    model = keras_network.build(artifact.network)
    keras_network.load_weights(model, artifact.weights)
    for name, array in keras_network.weights_of(model).items():
        np.testing.assert_array_equal(array, artifact.weights[name])


@pytest.mark.tensorflow
def test_in_training_a_pair_begins_as_its_second_character_is_read() -> None:
    pytest.importorskip("keras")
    network = PRESETS["detector"].sized(9, kinds=2)
    model = keras_network.build(network, in_training=True)
    rows = keras_network.weights_of(model)["embedding.weight"].reshape(3, 3, -1)
    assert len(np.unique(rows[0], axis=0)) == 3
    np.testing.assert_array_equal(rows[1], rows[0])
    np.testing.assert_array_equal(rows[2], rows[0])


@pytest.mark.tensorflow
def test_weights_put_into_a_network_in_training_are_what_it_reads() -> None:
    pytest.importorskip("keras")
    artifact = random_artifact("detector")
    ids = np.arange(1, 400, dtype=np.int32)[None, :]
    serving, training = (keras_network.build(artifact.network, in_training=each) for each in (False, True))
    for model in (serving, training):
        keras_network.load_weights(model, artifact.weights)
        for name, array in keras_network.weights_of(model).items():
            np.testing.assert_allclose(array, artifact.weights[name], atol=1e-6)
    np.testing.assert_allclose(
        training.predict_on_batch(ids)["verdict"], serving.predict_on_batch(ids)["verdict"], atol=1e-5
    )


def test_a_vocabulary_of_pairs_is_a_square() -> None:
    with pytest.raises(ValueError, match="90 is not one of pairs"):
        Embedding(90, 32, pairs=True)


@pytest.mark.tensorflow
def test_weights_of_another_network_are_refused() -> None:
    pytest.importorskip("keras")
    with pytest.raises(ArtifactError, match="do not fit"):
        keras_network.load_weights(keras_network.build(PRESETS["simple-rnn"].network), random_artifact("lstm").weights)


def test_without_tensorflow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'weirlog\[train\]'"):
        keras_network.import_keras()
