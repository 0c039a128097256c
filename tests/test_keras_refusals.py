"""What cannot be served exactly, is broken or hostile in a Keras file is refused, by the name of the thing."""

from __future__ import annotations

import io
import json
import zipfile
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
    h5py,
    imported,
    keras,
    lstm,
    pooled,
    randomised,
    saved,
    sequential,
)

from weirlog.models.errors import ArtifactError, UnsupportedError

pytestmark = MARKS


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps({character: number for number, character in enumerate("abcdefgh", start=1)}))
    return path


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
