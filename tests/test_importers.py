"""keras-js folders become artifacts that give their scores; whatever is wrong with one is told by file and thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from commands import weirlog

from weirlog.models import artifact as artifacts
from weirlog.models.artifact import Artifact
from weirlog.models.engines import engine
from weirlog.models.errors import ArtifactError, MissingExtraError, UnsupportedError
from weirlog.models.importers import hdf5
from weirlog.models.importers.keras_file import import_keras_file
from weirlog.models.importers.keras_js import import_keras_js

CHARACTERS = '"{}:,/aAbBmethodgpqry0-'
LENGTH = 24
UNITS = 5
SHAPES = {
    ("embedding_1", "embeddings"): (len(CHARACTERS) + 1, 3),
    ("lstm_1", "kernel"): (3, 4 * UNITS),
    ("lstm_1", "recurrent_kernel"): (UNITS, 4 * UNITS),
    ("lstm_1", "bias"): (4 * UNITS,),
    ("dense_1", "kernel"): (UNITS, 1),
    ("dense_1", "bias"): (1,),
}
TEXTS = [
    "",
    "{",
    '{"method":"get"}',
    "aAbB" * 6,  # exactly as long as the network reads
    "get" + "bA" * 40,
    "unknown: Ω \ud800 \0 zzz",
]

Weights = dict[tuple[str, str], npt.NDArray[np.float32]]


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def model_json() -> dict[str, Any]:
    """The kind of network that Keras 2.0.5 and keras-js deployed, its settings written out as Keras writes them."""
    initial = {"class_name": "Zeros", "config": {}}
    embedding = layer(
        "Embedding",
        "embedding_1",
        batch_input_shape=[None, LENGTH],
        dtype="int32",
        input_dim=len(CHARACTERS) + 1,
        output_dim=3,
        input_length=LENGTH,
        mask_zero=False,
        embeddings_initializer=initial,
        embeddings_regularizer=None,
        embeddings_constraint=None,
        activity_regularizer=None,
    )
    lstm = layer(
        "LSTM",
        "lstm_1",
        units=UNITS,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        unit_forget_bias=True,
        kernel_initializer=initial,
        dropout=0.0,
        recurrent_dropout=0.5,
        implementation=0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
    )
    dense = layer("Dense", "dense_1", units=1, activation="sigmoid", use_bias=True, bias_initializer=initial)
    layers = [embedding, layer("Dropout", "dropout_1", rate=0.5), lstm, layer("Dropout", "dropout_2", rate=0.5), dense]
    return {"class_name": "Sequential", "keras_version": "2.0.5", "config": layers, "backend": "tensorflow"}


def random_weights() -> Weights:
    rng = np.random.default_rng(3)
    return {key: rng.normal(0, 1, shape).astype(np.float32) for key, shape in SHAPES.items()}


def metadata_json() -> list[dict[str, Any]]:
    entries, offset = [], 0
    for (owner, name), shape in SHAPES.items():
        length = int(np.prod(shape))
        entry = {"layer_name": owner, "weight_name": f"{owner}/{name}:0", "type": "float32"}
        entries.append({**entry, "shape": list(shape), "length": length, "offset": offset})
        offset += 4 * length
    return entries


def write_folder(directory: Path, weights: Weights) -> Path:
    directory.mkdir()
    (directory / "model.json").write_text(json.dumps(model_json()))
    (directory / "metadata.json").write_text(json.dumps(metadata_json()))
    (directory / "weights.buf").write_bytes(b"".join(array.astype("<f4").tobytes() for array in weights.values()))
    dictionary = {character: number for number, character in enumerate(CHARACTERS, start=1)}
    (directory / "word-dictionary.json").write_text(json.dumps(dictionary))
    return directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "keras-js", random_weights())


def imported(folder: Path) -> Artifact:
    return import_keras_js(folder, name="imported", created="2026-11-21T00:00:00Z")


def keras_2(weights: Weights, text: str) -> float:
    """What Keras 2.0.5 gives for a text, in double precision: pads in front are read like any character."""
    w = {key: array.astype(np.float64) for key, array in weights.items()}
    ids = [CHARACTERS.index(character) + 1 for character in text if character in CHARACTERS][-LENGTH:]
    h = c = np.zeros(UNITS)
    for number in [0] * (LENGTH - len(ids)) + ids:
        x = w["embedding_1", "embeddings"][number]
        gates = x @ w["lstm_1", "kernel"] + h @ w["lstm_1", "recurrent_kernel"] + w["lstm_1", "bias"]
        i, f, o = (np.clip(0.2 * gates[n * UNITS : (n + 1) * UNITS] + 0.5, 0, 1) for n in (0, 1, 3))
        c = f * c + i * np.tanh(gates[2 * UNITS : 3 * UNITS])
        h = o * np.tanh(c)
    logit = h @ w["dense_1", "kernel"] + w["dense_1", "bias"]
    return float(1 / (1 + np.exp(-logit[0])))


def test_numpy_gives_the_scores_of_keras_2(folder: Path) -> None:
    model = imported(folder)
    scores = engine("numpy", model).score(model.tokenizer.encode(TEXTS)).probability
    expected = [keras_2(random_weights(), text) for text in TEXTS]
    assert len({round(score, 3) for score in expected}) == len(TEXTS)
    assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.tensorflow
def test_tensorflow_gives_the_scores_of_keras_2(folder: Path) -> None:
    pytest.importorskip("tensorflow")
    model = imported(folder)
    scores = engine("tensorflow", model).score(model.tokenizer.encode(TEXTS)).probability
    assert scores == pytest.approx([keras_2(random_weights(), text) for text in TEXTS], abs=1e-5)


def test_an_imported_model_scores_requests_as_the_web_application_prepared_them(folder: Path, tmp_path: Path) -> None:
    """Five fields in the application's order, not in the log's."""
    out = tmp_path / "model"
    assert weirlog("models", "import", "--keras-js", str(folder), "--out", str(out)).returncode == 0
    assert "intact" in weirlog("models", "verify", str(out)).stdout
    assert json.loads(weirlog("models", "show", str(out), "--json").stdout)["text"] == "reference-js-1"
    line = json.dumps({"path": "/b", "method": "get", "query": {"q": "A"}})
    ended = weirlog("score", "--model", str(out), "-", stdin=line + "\n")
    text = '{"method":"get","query":{"q":"A"},"path":"/b"}'
    assert json.loads(ended.stdout)["score"] == pytest.approx(keras_2(random_weights(), text), abs=1e-5)


def test_threshold_and_name_are_the_ones_asked_for(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    options = ("--name", "deployed", "--threshold", "0.75")
    assert weirlog("models", "import", "--keras-js", str(folder), "--out", str(out), *options).returncode == 0
    model = artifacts.load(out)
    assert (model.name, model.threshold) == ("deployed", 0.75)


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    ended = weirlog("models", "import", "--keras-js", str(folder), "--out", str(tmp_path / "model"))
    assert ended.returncode == 2
    assert "exists already" in ended.stderr


@pytest.mark.parametrize("options", [(), ("--keras", "x"), ("--keras", "x", "--vocabulary", "x", "--keras-js", "y")])
def test_exactly_one_model_must_be_named(options: tuple[str, ...], tmp_path: Path) -> None:
    ended = weirlog("models", "import", *options, "--out", str(tmp_path / "model"))
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def edit(file: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a function that changes the JSON in one file of a folder."""

    def apply(folder: Path) -> None:
        value = json.loads((folder / file).read_text())
        change(value)
        (folder / file).write_text(json.dumps(value))

    return apply


def in_layer(number: int, **settings: Any) -> Callable[[Path], None]:
    return edit("model.json", lambda model: model["config"][number]["config"].update(settings))


def in_weight(number: int, **settings: Any) -> Callable[[Path], None]:
    return edit("metadata.json", lambda weights: weights[number].update(settings))


def of_class(number: int, kind: str) -> Callable[[Path], None]:
    return edit("model.json", lambda model: model["config"][number].update(class_name=kind))


UNSERVED = {
    "another layer": (of_class(2, "GRU"), "layer 'lstm_1' is of class 'GRU'"),
    "code": (of_class(1, "Lambda"), "layer 'dropout_1' is of class 'Lambda'"),
    "a wrapper": (of_class(2, "Bidirectional"), "'Bidirectional'"),
    "an activation": (in_layer(2, activation="softsign"), r"layer 'lstm_1' \(LSTM\): activation = 'softsign'"),
    "an activation that is no name": (in_layer(2, activation={"class_name": "Mine"}), "activation = {"),
    "state between batches": (in_layer(2, stateful=True), "stateful = True"),
    "reading backwards": (in_layer(2, go_backwards=True), "go_backwards = True"),
    "an unknown setting": (in_layer(4, twist=3), "twist = 3.*no setting of this name"),
    "another type": (in_layer(2, dtype="float16"), "dtype = 'float16'"),
    "two classes": (in_layer(4, units=2), r"Dense\(2, sigmoid\)"),
    "no probability": (in_layer(4, activation="relu"), r"Dense\(1, relu\)"),
    "a sequence into Dense": (in_layer(2, return_sequences=True), "'dense_1'.*where it stands"),
    "no embedding": (edit("model.json", lambda model: model["config"].pop(0)), "'dropout_1'.*where it stands"),
    "Keras 1": (edit("model.json", lambda model: model.update(keras_version="1.2.2")), "keras_version is '1.2.2'"),
    "no version": (edit("model.json", lambda model: model.pop("keras_version")), "keras_version is None"),
    "a custom model": (edit("model.json", lambda model: model.update(class_name="Mine")), "class 'Mine'"),
    "a size beyond all models": (in_layer(2, units=1 << 20), "4096"),
}


@pytest.mark.parametrize("case", UNSERVED)
def test_what_cannot_be_served_exactly_is_refused_by_name(case: str, folder: Path) -> None:
    damage, reason = UNSERVED[case]
    damage(folder)
    with pytest.raises(UnsupportedError, match=reason) as refused:
        imported(folder)
    assert str(folder / "model.json") in str(refused.value)


def buffer(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "weights.buf"
        path.write_bytes(change(path.read_bytes()))

    return apply


def raw(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(content) and None


BROKEN = {
    "truncated weights": (buffer(lambda content: content[:-4]), "ends at byte"),
    "weights left over": (buffer(lambda content: content + b"\0" * 4), "weights.buf: .* bytes, .* tells of"),
    "a weight that is no number": (
        buffer(lambda content: b"\0\0\xc0\x7f" + content[4:]),
        "embeddings:0' is not finite",
    ),
    "an offset beyond the end": (in_weight(5, offset=1 << 40), "'dense_1/bias:0' ends at byte"),
    "a negative offset": (in_weight(0, offset=-4), "offset"),
    "weights that overlap": (in_weight(1, offset=0), "begins at byte"),
    "a length that is not the shape's": (in_weight(0, length=3), "has length 3 and shape"),
    "a shape that is not the layer's": (
        in_weight(1, shape=[4 * UNITS, 3]),
        r"shape \[20, 3\], its layer has \[3, 20\]",
    ),
    "a shape of numbers below 1": (in_weight(0, shape=[-1, -72]), "shape"),
    "another type": (in_weight(0, type="uint8"), "type"),
    "two weights of one name": (
        in_weight(3, layer_name="dense_1", weight_name="dense_1/bias:0"),
        "'dense_1/bias:0' stands there twice",
    ),
    "a weight missing": (in_weight(3, weight_name="lstm_1/other:0"), "layer 'lstm_1' has no bias"),
    "a weight of no layer": (of_class(4, "Dropout"), "Dropout"),
    "two layers of one name": (in_layer(3, name="dropout_1"), "two layers are named 'dropout_1'"),
    "lengths that contradict": (in_layer(0, input_length=7), "contradict"),
    "no length": (in_layer(0, input_length=None, batch_input_shape=[None, None]), "no fixed length"),
    "a setting missing": (edit("model.json", lambda model: model["config"][2]["config"].pop("units")), "units is None"),
    "a setting of the wrong type": (in_layer(0, mask_zero=1), "mask_zero is 1, expected bool"),
    "no JSON": (raw("model.json", b"{"), "not JSON"),
    "JSON too deep": (raw("model.json", b"[" * 200_000), "not JSON"),
    "JSON too long": (raw("metadata.json", b" " * (1 << 21)), "longer than"),
    "one name twice": (raw("word-dictionary.json", b'{"a":1,"a":2}'), "'a' stands twice"),
    "one id twice": (edit("word-dictionary.json", lambda index: index.update(x=1)), "one id is given to two"),
    "an id of 0": (edit("word-dictionary.json", lambda index: index.update(x=0)), "'x' → 0"),
    "an id beyond the embedding": (edit("word-dictionary.json", lambda index: index.update(x=900)), "ids up to 900"),
    "words": (edit("word-dictionary.json", lambda index: index.update(word=99)), "'word' → 99 is no character"),
    "no dictionary": (lambda folder: (folder / "word-dictionary.json").unlink(), "word-dictionary.json: no such file"),
    "no layers": (edit("model.json", lambda model: model.update(config=[])), "1 to 64 layers"),
    "a list for a model": (raw("model.json", b"[]"), "no configuration"),
    "a name for a layer": (edit("model.json", lambda model: model.update(config=["x"])), "expected an object"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_folder_is_refused_with_the_file_and_the_thing(case: str, folder: Path) -> None:
    damage, reason = BROKEN[case]
    damage(folder)
    with pytest.raises(ArtifactError, match=reason):
        imported(folder)


def test_a_file_that_never_ends_is_not_read(folder: Path) -> None:
    (folder / "weights.buf").unlink()
    (folder / "weights.buf").symlink_to("/dev/zero")
    with pytest.raises(ArtifactError, match="no such file"):
        imported(folder)


def test_a_word_of_the_file_never_reaches_a_terminal_raw(folder: Path, tmp_path: Path) -> None:
    in_layer(2, name="\x1b[31mlstm")(folder)
    of_class(2, "\x1b]0;title\x07")(folder)
    ended = weirlog("models", "import", "--keras-js", str(folder), "--out", str(tmp_path / "model"))
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr


def test_a_file_on_which_the_hdf5_library_crashes_or_hangs_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("h5py")
    reader = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(reader))
    monkeypatch.setattr(hdf5, "TIMEOUT_S", 1.0)
    for script, reason in (("kill -SEGV $$", r"fails on it \(status -11\)"), ("exec sleep 60", "not read after")):
        reader.write_text(f"#!/bin/sh\n{script}\n")
        reader.chmod(0o755)
        with pytest.raises(ArtifactError, match=f"model.h5: .*{reason}"):
            hdf5.read_hdf5(b"", "model.h5", root="layers")


def test_what_a_keras_file_needs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(MissingExtraError, match=r"pip install 'weirlog\[train\]'"):
        import_keras_file(path, path, name="imported", created="2026-11-21T00:00:00Z")
