"""Keras files become artifacts that give their scores; what is in them is read, never run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import (
    ENTRIES,
    LENGTH,
    MARKS,
    L,
    Layers,
    assert_same_scores,
    functional,
    h5py,
    hard,
    imported,
    keras,
    lstm,
    pooled,
    randomised,
    saved,
    sequential,
    stacked,
)

from weirlog.models.engines import engine
from weirlog.models.errors import ArtifactError
from weirlog.models.importers.vocabulary import read_vocabulary
from weirlog.models.text import plain_request, text_preparation
from weirlog.models.tokenizer import Tokenizer, pad

pytestmark = MARKS


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps({character: number for number, character in enumerate("abcdefgh", start=1)}))
    return path


@pytest.mark.parametrize("masked", [False, True], ids=["padded", "masked"])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("kind", [sequential, functional])
@pytest.mark.parametrize("layers", [lstm, stacked, hard])
def test_a_file_of_keras_3_gives_the_scores_of_its_predict(
    layers: Callable[[], Layers], kind: Callable[..., Any], suffix: str, masked: bool, vocabulary: Path, tmp_path: Path
) -> None:
    model = randomised(kind(layers(), masked=masked))
    path = saved(model, tmp_path / f"model.{suffix}")
    assert_same_scores(model, imported(path, vocabulary))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_maximum_over_time_is_served(suffix: str, vocabulary: Path, tmp_path: Path) -> None:
    model = randomised(sequential(pooled()))
    assert_same_scores(model, imported(saved(model, tmp_path / f"model.{suffix}"), vocabulary))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_an_optimizer_beside_the_weights_is_passed_over(suffix: str, vocabulary: Path, tmp_path: Path) -> None:
    model = sequential(lstm())
    model.compile("adam", "binary_crossentropy")
    model.fit(np.ones((8, LENGTH), np.int32), np.ones(8), verbose=0)
    randomised(model)
    assert_same_scores(model, imported(saved(model, tmp_path / f"model.{suffix}"), vocabulary))


def test_padding_behind_and_a_length_the_file_lacks_can_be_told(vocabulary: Path, tmp_path: Path) -> None:
    model = randomised(functional(lstm(), length=None))
    path = saved(model, tmp_path / "model.keras")
    with pytest.raises(ArtifactError, match="no fixed length; say with --length"):
        imported(path, vocabulary)
    assert_same_scores(model, imported(path, vocabulary, length=LENGTH, padding="post"))


def test_a_length_that_is_not_the_files_is_refused(vocabulary: Path, tmp_path: Path) -> None:
    path = saved(sequential(lstm()), tmp_path / "model.keras")
    with pytest.raises(ArtifactError, match="contradict"):
        imported(path, vocabulary, length=LENGTH + 1)


def test_hard_sigmoid_is_the_one_of_the_keras_that_wrote_the_file(vocabulary: Path, tmp_path: Path) -> None:
    path = saved(randomised(sequential(hard())), tmp_path / "model.h5")
    (layer,) = imported(path, vocabulary).network.recurrent
    assert layer.recurrent_activation == "hard_sigmoid"
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
    (layer,) = imported(path, vocabulary).network.recurrent
    assert layer.recurrent_activation == "hard_sigmoid_keras2"


def keras_2_file(path: Path, model: Any) -> None:
    """Write an .h5 file as Keras 2.15 lays it out, with the weights of a model of `hard_sigmoid_of_keras_2`."""

    def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
        node = [] if kind == "InputLayer" else [[[before[kind], 0, 0, {}]]]
        return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": node}

    before = {"Embedding": "input_1", "LSTM": "embedding", "Dense": "lstm"}
    recurrent = {"activation": "tanh", "recurrent_activation": "hard_sigmoid", "dropout": 0.0, "recurrent_dropout": 0.0}
    layers = [
        layer("InputLayer", "input_1", batch_input_shape=[None, LENGTH], dtype="float32", sparse=False, ragged=False),
        layer(
            "Embedding",
            "embedding",
            dtype="float32",
            input_dim=ENTRIES,
            output_dim=4,
            mask_zero=False,
            input_length=None,
        ),
        layer(
            "LSTM",
            "lstm",
            units=5,
            use_bias=True,
            return_sequences=False,
            time_major=False,
            implementation=2,
            **recurrent,
        ),
        layer("Dense", "dense", units=1, activation="sigmoid", use_bias=True),
    ]
    config = {
        "name": "model",
        "layers": layers,
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    }
    embeddings, *cell, kernel, bias = model.get_weights()
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.15.0"
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        weights = file.create_group("model_weights")
        weights["embedding/embedding/embeddings:0"] = embeddings
        for name, array in zip(("kernel:0", "recurrent_kernel:0", "bias:0"), cell, strict=True):
            weights[f"lstm/lstm/lstm_cell/{name}"] = array
        weights["dense/dense/kernel:0"], weights["dense/dense/bias:0"] = kernel, bias


def test_a_file_of_keras_2_gives_its_scores(vocabulary: Path, tmp_path: Path) -> None:
    def hard_sigmoid_of_keras_2(x: Any) -> Any:
        return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)

    recurrent = L.LSTM(5, recurrent_activation=hard_sigmoid_of_keras_2)
    model = randomised(functional([recurrent, L.Dense(1, "sigmoid")]))
    keras_2_file(tmp_path / "model.h5", model)
    assert_same_scores(model, imported(tmp_path / "model.h5", vocabulary))


def vocabulary_of(value: Any, path: Path) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_a_word_index_becomes_kerass_tokenizer(tmp_path: Path) -> None:
    index = {"select": 1, "from": 2, "users": 3, "rare": 4}
    tokenizer = read_vocabulary(vocabulary_of(index, tmp_path / "v"), entries=4)
    assert tokenizer == Tokenizer(level="word", lower=True, index=index, num_words=4)
    assert tokenizer.encode(["SELECT rare, users"]).ids.tolist() == [1, 3]


def test_capitals_in_a_vocabulary_keep_texts_as_they_are(tmp_path: Path) -> None:
    tokenizer = read_vocabulary(vocabulary_of({"a": 1, "A": 2}, tmp_path / "v"), entries=3)
    assert (tokenizer.level, tokenizer.lower) == ("character", False)
    assert read_vocabulary(vocabulary_of({"a": 1}, tmp_path / "w"), entries=3).lower


def test_our_own_description_of_a_tokenizer_is_taken_as_it_is(tmp_path: Path) -> None:
    tokenizer = Tokenizer(level="word", lower=False, index={"a-b": 1}, num_words=7, filters="!")
    assert read_vocabulary(vocabulary_of(tokenizer.to_json(), tmp_path / "v"), entries=9) == tokenizer


@pytest.mark.parametrize("mark", ["<OOV>", "[UNK]", "two words", ""])
def test_a_mark_for_unknown_words_is_refused(mark: str, tmp_path: Path) -> None:
    """Keras gives its id to every unknown word; ours drops them, and the scores would differ."""
    with pytest.raises(ArtifactError, match="a token that no text gives"):
        read_vocabulary(vocabulary_of({mark: 1, "the": 2}, tmp_path / "v"), entries=3)


@pytest.mark.parametrize(
    ("tokens", "given", "expected"),
    [
        (["a", "b", "c"], None, "reference-1"),
        (["select", "from", "users"], None, "plain-1"),
        (["select", "from", "users"], "reference-1", "reference-1"),
    ],
)
def test_a_model_of_words_reads_plain_texts_unless_told_otherwise(
    tokens: list[str], given: str | None, expected: str, tmp_path: Path
) -> None:
    path = saved(sequential(lstm()), tmp_path / "model.keras")
    vocabulary = vocabulary_of({token: number for number, token in enumerate(tokens, start=1)}, tmp_path / "v")
    assert imported(path, vocabulary, text=given).text == expected


def test_an_imported_model_of_words_scores_a_text_that_is_typed_in(tmp_path: Path) -> None:
    """Read as a request, the text would lie inside JSON, and its words would be others."""
    model = sequential(lstm())
    path = saved(model, tmp_path / "model.keras")
    artifact = imported(path, vocabulary_of({"good": 1, "film": 2, "bad": 3}, tmp_path / "v"))
    text = text_preparation(artifact.text).prepare(plain_request("Bad, bad film!")).text
    ids = artifact.tokenizer.encode([text])
    assert ids.ids.tolist() == [3, 3, 2]
    expected = model.predict(pad(ids, artifact.network.sequence.length), verbose=0)[:, 0]
    np.testing.assert_allclose(engine("numpy", artifact).score(ids).probability, expected, atol=1e-5)
