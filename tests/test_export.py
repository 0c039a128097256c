"""What is exported gives our own scores where it is run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifacts import random_artifact
from contracts.engine import TOLERANCE, ragged, random_sequences
from msgspec.structs import replace as changed
from servers import missing
from typer.testing import CliRunner
from variants import VARIANTS, lengths_around

from weirlog.daemon.cli import app
from weirlog.models.artifact import Artifact
from weirlog.models.engines import TokenBatch, engine
from weirlog.models.errors import ArtifactError, MissingExtraError
from weirlog.models.exporters.onnx import export_onnx
from weirlog.models.exporters.saved_model import export_saved_model
from weirlog.models.network import Dense, Lstm, Sequence, SimpleRnn
from weirlog.models.presets import PRESETS
from weirlog.models.tokenizer import Tokenizer, pad

LSTM = PRESETS["lstm"].network
EXPORTED = {
    **VARIANTS,
    "post-masked-stack": changed(
        LSTM, recurrent=(Lstm(6), SimpleRnn(5, "linear"), Lstm(4, "relu")), sequence=Sequence(30, "post", masked=True)
    ),
    "pre-masked-stack": changed(LSTM, recurrent=(Lstm(6), Lstm(4, "hard_sigmoid")), sequence=Sequence(30, masked=True)),
    "hidden-hard": changed(
        LSTM,
        sequence=Sequence(30),
        hidden=(Dense(4, "hard_sigmoid"), Dense(3, "hard_sigmoid_keras2"), Dense(2, "linear")),
    ),
}


@pytest.fixture(scope="module")
def onnxruntime() -> Any:
    try:
        import onnx  # noqa: F401, PLC0415
        import onnxruntime  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing(f"the package {error.name}")
    return onnxruntime


def batch_for(artifact: Artifact) -> TokenBatch:
    network = artifact.network
    return ragged(random_sequences(lengths_around(network.sequence.length), network.embedding.vocabulary))


def padded(artifact: Artifact, batch: TokenBatch) -> Any:
    return pad(batch, artifact.network.sequence.length, padding=artifact.network.sequence.padding)


def assert_our_scores(artifact: Artifact, batch: TokenBatch, outputs: dict[str, Any]) -> None:
    ours = engine("numpy", artifact).score(batch)
    np.testing.assert_allclose(outputs["verdict"][:, 0], ours.probability, atol=TOLERANCE)
    assert ("kinds" in outputs) == (ours.kind is not None)
    if ours.kind is not None:
        np.testing.assert_allclose(outputs["kinds"], ours.kind, atol=TOLERANCE)


def run_onnx(onnxruntime: Any, path: Path, ids: Any) -> tuple[dict[str, Any], dict[str, str]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return (
        dict(zip(names, session.run(None, {"ids": ids}), strict=True)),
        session.get_modelmeta().custom_metadata_map,
    )


@pytest.mark.parametrize("name", EXPORTED)
def test_onnx_runtime_gives_our_scores(name: str, onnxruntime: Any, tmp_path: Path) -> None:
    artifact = random_artifact(EXPORTED[name], seed=7)
    export_onnx(artifact, tmp_path / "model.onnx")
    batch = batch_for(artifact)
    outputs, _ = run_onnx(onnxruntime, tmp_path / "model.onnx", padded(artifact, batch))
    assert_our_scores(artifact, batch, outputs)


def test_a_program_with_the_onnx_file_alone_scores_texts_as_we_do(onnxruntime: Any, tmp_path: Path) -> None:
    """Tokenizer, padding and threshold travel in the file's metadata."""
    artifact = random_artifact("detector", seed=8)
    export_onnx(artifact, tmp_path / "model.onnx")
    _, metadata = run_onnx(onnxruntime, tmp_path / "model.onnx", np.zeros((1, 1024), np.int32))
    tokenizer = Tokenizer.from_json(json.loads(metadata["weirlog.tokenizer"]))
    reading = json.loads(metadata["weirlog.sequence"])
    ids = pad(tokenizer.encode(["get /?q='--"]), reading["length"], padding=reading["padding"])
    outputs, _ = run_onnx(onnxruntime, tmp_path / "model.onnx", ids)
    assert_our_scores(artifact, artifact.tokenizer.encode(["get /?q='--"]), outputs)
    assert metadata["weirlog.digest"] == artifact.digest
    assert float(metadata["weirlog.threshold"]) == artifact.threshold
    assert metadata["weirlog.text"] == "detection-1"
    assert json.loads(metadata["weirlog.kinds"]) == list(artifact.kinds)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["detector", "pre-masked", "hard_sigmoid_keras2"])
def test_a_reloaded_saved_model_gives_our_scores(name: str, tmp_path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    tf = pytest.importorskip("tensorflow")
    artifact = random_artifact(EXPORTED[name], seed=9)
    export_saved_model(artifact, tmp_path / "saved")
    served = tf.saved_model.load(tmp_path / "saved")
    batch = batch_for(artifact)
    ids = tf.constant(padded(artifact, batch))
    for serve in (served.serve, served.signatures["serving_default"]):
        assert_our_scores(artifact, batch, {head: values.numpy() for head, values in serve(ids).items()})
    described = json.loads((tmp_path / "saved" / "assets.extra" / "weirlog.json").read_text())
    assert described["weirlog.digest"] == artifact.digest


def test_the_command_writes_what_it_is_asked_for(onnxruntime: Any, tmp_path: Path) -> None:
    artifact = random_artifact("lstm")
    artifact.save(tmp_path / "model")
    ended = CliRunner().invoke(
        app, ["models", "export", str(tmp_path / "model"), "--onnx", str(tmp_path / "model.onnx")]
    )
    assert ended.exit_code == 0
    batch = batch_for(artifact)
    outputs, _ = run_onnx(onnxruntime, tmp_path / "model.onnx", padded(artifact, batch))
    assert_our_scores(artifact, batch, outputs)


def test_the_command_must_be_told_what_to_write() -> None:
    ended = CliRunner().invoke(app, ["models", "export", "default"])
    assert ended.exit_code == 2


def test_nothing_is_overwritten_and_nothing_half_written(onnxruntime: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("mine")
    with pytest.raises(ArtifactError, match=r"model\.onnx exists already"):
        export_onnx(random_artifact("lstm"), path)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_what_an_export_needs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "keras", None)
    for export in (export_onnx, export_saved_model):
        with pytest.raises(MissingExtraError, match=r"pip install 'weirlog\[train\]'"):
            export(random_artifact("lstm"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
