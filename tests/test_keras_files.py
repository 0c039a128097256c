"""Keras files become artifacts that give their scores; what is in them is read, never run."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.engine import ragged, random_sequences

from weirlog.models.artifact import Artifact
from weirlog.models.engines import engine
from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.importers.keras_file import import_keras_file
from weirlog.models.importers.vocabulary import read_vocabulary
from weirlog.models.text import plain_request, text_preparation
from weirlog.models.tokenizer import Tokenizer, pad

pytestmark = [
    pytest.mark.tensorflow,
    # Keras under NumPy 2, when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Layer 'global_max_pooling1d:UserWarning"),  # the case that is refused
]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
L = keras.layers

LENGTH = 15
ENTRIES = 9
Layers = list[Any]


def lstm() -> Layers:
    return [L.LSTM(5, recurrent_dropout=0.2), L.Dropout(0.5), L.Dense(1, "sigmoid")]


def stacked() -> Layers:
    recurrent = [
        L.LSTM(5, return_sequences=True, dropout=0.1),
        L.SpatialDropout1D(0.2),
        L.SimpleRNN(4, name="odd-name"),
    ]
    return [
        *recurrent,
        L.Dense(3, "tanh", use_bias=False),
        L.Dense(2, "hard_sigmoid"),
        L.Dense(1),
        L.Activation("sigmoid"),
    ]


def pooled() -> Layers:
    return [L.LSTM(4, return_sequences=True), L.LSTM(3, return_sequences=True), L.GlobalMaxPooling1D(), *lstm()[2:]]


def hard() -> Layers:
    return [L.LSTM(5, recurrent_activation="hard_sigmoid", use_bias=False), L.Dense(1, "sigmoid")]


def sequential(layers: Layers, *, masked: bool = False, length: int | None = LENGTH) -> Any:
    return keras.Sequential([keras.Input((length,), dtype="int32"), L.Embedding(ENTRIES, 4, mask_zero=masked), *layers])


def functional(layers: Layers, *, masked: bool = False, length: int | None = LENGTH) -> Any:
    ids = keras.Input((length,), dtype="int32", name="ids")
    x = L.Embedding(ENTRIES, 4, mask_zero=masked)(ids)
    for layer in layers:
        x = layer(x)
    return keras.Model(ids, x)


def randomised(model: Any) -> Any:
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 1.3, array.shape) for array in model.get_weights()])
    return model


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps({character: number for number, character in enumerate("abcdefgh", start=1)}))
    return path


def saved(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of .h5, which is the point here
        model.save(path)
    return path


def imported(path: Path, vocabulary: Path, **options: Any) -> Artifact:
    return import_keras_file(path, vocabulary, name="imported", created="2026-11-21T00:00:00Z", **options)


def assert_same_scores(model: Any, artifact: Artifact) -> None:
    sequences = random_sequences([0, 1, 2, 9, LENGTH - 1, LENGTH, LENGTH + 7], ENTRIES)
    batch = ragged(sequences)
    reading = artifact.network.sequence
    expected = model.predict(pad(batch, reading.length, padding=reading.padding), verbose=0)[:, 0]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(engine("numpy", artifact).score(batch).probability, expected, atol=1e-5)


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


class Custom(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    def call(self, x: Any) -> Any:
        return x


def branching() -> Any:
    ids = keras.Input((LENGTH,), dtype="int32")
    x = L.Embedding(ENTRIES, 4)(ids)
    return keras.Model(ids, L.Dense(1, "sigmoid")(L.Add()([L.LSTM(3)(x), L.LSTM(3)(x)])))


def forked() -> Any:
    ids = keras.Input((LENGTH,), dtype="int32")
    x = L.Embedding(ENTRIES, 4)(ids)
    a, b = L.LSTM(3, name="a")(x), L.LSTM(3, name="b")(x)
    return keras.Model(ids, [L.Dense(1, "sigmoid")(a), L.Dense(1, "sigmoid")(b)])


def started() -> Any:
    ids = keras.Input((LENGTH,), dtype="int32")
    x = L.Embedding(ENTRIES, 4)(ids)
    state = [keras.ops.zeros_like(x[:, 0, :]), keras.ops.ones_like(x[:, 0, :])]
    return keras.Model(ids, L.Dense(1, "sigmoid")(L.LSTM(4)(x, initial_state=state)))


def dropping() -> Any:
    ids = keras.Input((LENGTH,), dtype="int32")
    x = L.LSTM(4)(L.Embedding(ENTRIES, 4)(ids))
    return keras.Model(ids, L.Dense(1, "sigmoid")(L.Dropout(0.5, name="always")(x, training=True)))


def head(*layers: Any) -> Any:
    return sequential([*layers, L.Dense(1, "sigmoid")])


UNSERVED: dict[str, tuple[Callable[[], Any], str]] = {
    "Lambda": (lambda: head(L.LSTM(3), L.Lambda(lambda x: x, name="code")), "layer 'code' is of class 'Lambda'"),
    "a custom layer": (lambda: head(L.LSTM(3), Custom(name="mine")), "'mine' is Custom .*custom class"),
    "GRU": (lambda: head(L.GRU(3, name="gate")), "layer 'gate' is of class 'GRU'"),
    "Bidirectional": (lambda: head(L.Bidirectional(L.LSTM(3))), "class 'Bidirectional'"),
    "Masking": (lambda: head(L.Masking(), L.LSTM(3)), "class 'Masking'"),
    "BatchNormalization": (lambda: head(L.LSTM(3), L.BatchNormalization()), "class 'BatchNormalization'"),
    "the average over time": (
        lambda: head(L.LSTM(3, return_sequences=True), L.GlobalAveragePooling1D()),
        "class 'GlobalAveragePooling1D'",
    ),
    "an activation": (lambda: head(L.LSTM(3, activation="gelu", name="r")), r"layer 'r' \(LSTM\): activation = 'gelu'"),
    "an activation of parameters": (lambda: head(L.LSTM(3), L.LeakyReLU()), "class 'LeakyReLU'"),
    "go_backwards": (lambda: head(L.LSTM(3, go_backwards=True)), "go_backwards = True"),
    "stateful": (
        lambda: keras.Sequential(
            [
                keras.Input(batch_shape=(2, LENGTH)),
                L.Embedding(ENTRIES, 4),
                L.LSTM(3, stateful=True),
                L.Dense(1, "sigmoid"),
            ]
        ),
        "stateful = True",
    ),
    "half precision": (lambda: head(L.LSTM(3, dtype="mixed_float16", name="r")), "'r'.*dtype = .*mixed_float16"),
    "the maximum under a mask": (lambda: sequential(pooled(), masked=True), '"max" over a masked sequence'),
    "kept dimensions": (
        lambda: sequential(
            [L.LSTM(3, return_sequences=True), L.GlobalMaxPooling1D(keepdims=True), L.Dense(1, "sigmoid")]
        ),
        "keepdims = True",
    ),
    "two classes": (lambda: sequential([L.LSTM(3), L.Dense(2, "sigmoid")]), r"Dense\(2, sigmoid\)"),
    "a softmax": (lambda: sequential([L.LSTM(3), L.Dense(1, "softmax")]), "activation = 'softmax'"),
    "a model in a model": (lambda: keras.Sequential([sequential(lstm())]), "'sequential.* class .Sequential"),
    "branches": (branching, "only a chain"),
    "two outputs": (forked, "2 outputs"),
    "an initial state": (started, "only a chain|cannot be served"),
    "dropout while serving": (dropping, "'always' reads more"),
}


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("case", UNSERVED)
def test_what_cannot_be_served_exactly_is_refused_by_name(
    case: str, suffix: str, vocabulary: Path, tmp_path: Path
) -> None:
    build, reason = UNSERVED[case]
    if suffix == "h5" and case == "a custom layer":
        reason = "class 'Custom'"  # this format keeps no module
    path = saved(build(), tmp_path / f"model.{suffix}")
    with pytest.raises(UnsupportedError, match=reason):
        imported(path, vocabulary)


def test_code_in_a_file_never_runs(vocabulary: Path, tmp_path: Path) -> None:
    """Keras itself would run it, once told that the file is safe."""
    mark = tmp_path / "ran"
    code = L.Lambda(eval(f"lambda x: (open({str(mark)!r}, 'w').close(), x)[1]"))
    path = saved(head(L.LSTM(3), code), tmp_path / "model.keras")
    mark.unlink()  # building ran it
    with pytest.raises(UnsupportedError, match="Lambda"):
        imported(path, vocabulary)
    assert not mark.exists()
    keras.models.load_model(path, safe_mode=False)
    assert mark.exists()


Members = dict[str, bytes]


def rewritten(path: Path, change: Callable[[Members], None]) -> None:
    """Change the files in a .keras archive."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def in_weights(change: Callable[[Any], None]) -> Callable[[Members], None]:
    def apply(members: Members) -> None:
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            change(file)
        members["model.weights.h5"] = content.getvalue()

    return apply


def replaced(name: str, values: Any, **options: Any) -> Callable[[Members], None]:
    def apply(file: Any) -> None:
        del file[name]
        file.create_dataset(name, data=values, **options)

    return in_weights(apply)


def linked(name: str, link: Any) -> Callable[[Members], None]:
    def apply(file: Any) -> None:
        del file[name]
        file[name] = link

    return in_weights(apply)


def elsewhere(file: Any) -> None:
    del file[BIAS]
    file.create_dataset(BIAS, (1,), "f4", external=[("/etc/hostname", 0, 4)])


def virtual(file: Any) -> None:
    del file[BIAS]
    layout = h5py.VirtualLayout((1,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (1,))
    file.create_virtual_dataset(BIAS, layout)


BIAS = "layers/dense/vars/1"
ONE = np.ones(1, np.float32)
BROKEN: dict[str, tuple[Callable[[Members], Any], str]] = {
    "no weights": (lambda members: members.pop("model.weights.h5"), "no model.weights.h5 in it"),
    "no configuration": (lambda members: members.pop("config.json"), "no config.json in it"),
    "no version": (lambda members: members.update({"metadata.json": b"{}"}), "keras_version is None"),
    "a bomb": (lambda members: members.update({"config.json": b" " * (5 << 20)}), "config.json is longer than"),
    "a bomb of weights": (
        lambda members: members.update({"model.weights.h5": bytes(50 << 20)}),
        "model.weights.h5 is longer than",
    ),
    "many files": (lambda members: members.update({f"{n}": b"" for n in range(99)}), "102 files"),
    "truncated weights": (
        lambda members: members.update({"model.weights.h5": members["model.weights.h5"][:4000]}),
        "model.weights.h5: not readable as HDF5",
    ),
    "a link to another file": (linked(BIAS, h5py.ExternalLink("/etc/hostname", "/x")), "link to elsewhere"),
    "a soft link": (linked(BIAS, h5py.SoftLink("/layers/dense/vars/0")), "link to elsewhere"),
    "a soft link to a folder": (linked("layers/dense", h5py.SoftLink("/layers")), "link to elsewhere"),
    "values in another file": (in_weights(elsewhere), "in another file"),
    "values out of another file": (in_weights(virtual), "in another file"),
    "compressed weights": (replaced(BIAS, ONE, chunks=(1,), compression="gzip"), "stored in pieces"),
    "another shape": (replaced(BIAS, np.ones(2, np.float32)), r"float32 \(2,\), expected float32 \(1,\)"),
    "another type": (replaced(BIAS, np.ones(1, np.float64)), "float64"),
    "numbers that are not finite": (replaced(BIAS, ONE * np.nan), "'dense', bias: numbers that are not finite"),
    "a weight missing": (in_weights(lambda file: file.pop(BIAS)), r"'dense' has weights \['kernel'\]"),
    "a weight too many": (
        in_weights(lambda file: file.create_dataset("layers/dense/vars/2", data=ONE)),
        "'dense' has weights",
    ),
    "folders without end": (
        in_weights(lambda file: file["layers/dense/vars"].__setitem__("2", file["layers/dense/vars"])),
        "more folders and arrays than any model",
    ),
    "a layer missing": (in_weights(lambda file: file.pop("layers/lstm")), r"'lstm.*' has weights \[\]"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_the_thing(case: str, vocabulary: Path, tmp_path: Path) -> None:
    damage, reason = BROKEN[case]
    keras.utils.clear_session()
    path = saved(randomised(sequential(lstm())), tmp_path / "model.keras")
    imported(path, vocabulary)
    rewritten(path, damage)
    with pytest.raises(ArtifactError, match=reason) as refused:
        imported(path, vocabulary)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(5000)])
def test_what_is_no_keras_file_is_told(content: bytes, vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ArtifactError, match="model.keras: "):
        imported(tmp_path / "model.keras", vocabulary)


def test_weights_alone_are_told(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    sequential(lstm()).save_weights(path)
    with pytest.raises(ArtifactError, match="save the whole model, not its weights alone"):
        imported(path, vocabulary)


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
