"""A model on disk: all of it comes back, and nothing that was changed is believed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from artifacts import random_artifact
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weirlog.models.artifact import Artifact, list_shipped, load, verify
from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.manifest import digest_of, render
from weirlog.models.untrusted_file import read


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "model"
    random_artifact("detector").save(directory)
    return directory


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    target = tmp_path / "copy"
    target.mkdir()
    for file in saved.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def rewrite(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and seal it again, as one who knows the format would."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    manifest.pop("digest", None)
    path.write_bytes(render({**manifest, "digest": digest_of(manifest)}))


def test_what_was_saved_comes_back(saved: Path) -> None:
    original, loaded = random_artifact("detector"), load(saved)
    assert loaded.digest == original.digest
    for name in ("name", "created", "network", "tokenizer", "text", "threshold", "kinds", "metrics", "training"):
        assert getattr(loaded, name) == getattr(original, name), name
    assert loaded.weights.keys() == original.weights.keys()
    for name, array in original.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)


def test_verify_gives_the_digest_of_the_model(saved: Path) -> None:
    assert verify(str(saved)) == random_artifact("detector").digest


def test_the_digest_changes_with_one_weight_and_with_the_threshold() -> None:
    artifact = random_artifact("lstm")
    weights = {name: array.copy() for name, array in artifact.weights.items()}
    weights["verdict.bias"] += np.float32(0.001)
    others = {replace(artifact, digest="", weights=weights).digest, replace(artifact, digest="", threshold=0.6).digest}
    assert len(others | {artifact.digest}) == 3


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_model_with_any_one_byte_changed_is_refused_and_the_file_named(
    saved: Path, tmp_path: Path, name: str, data: st.DataObject
) -> None:
    content = {file.name: file.read_bytes() for file in saved.iterdir()}
    position = data.draw(st.integers(0, len(content[name]) - 1))
    flipped = bytearray(content[name])
    flipped[position] ^= data.draw(st.integers(1, 255))
    target = tmp_path / "changed"
    target.mkdir(exist_ok=True)
    for file, original in content.items():
        (target / file).write_bytes(bytes(flipped) if file == name else original)
    with pytest.raises(ArtifactError, match=name):
        load(target)


def test_a_changed_weights_file_is_told_with_both_digests_and_the_remedy(copied: Path) -> None:
    path = copied / "weights.safetensors"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        ArtifactError, match=r"weights\.safetensors.*[0-9a-f]{64} expected.*[0-9a-f]{64} found.*copy it"
    ):
        load(copied)


def test_a_newer_format_is_refused_with_the_advice_to_upgrade(copied: Path) -> None:
    rewrite(copied, lambda manifest: manifest.update(format=2))
    with pytest.raises(UnsupportedError, match="format 2 is newer.*upgrade weirlog"):
        load(copied)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest.update(surprise=1), "surprise"),
        (lambda manifest: manifest.pop("threshold"), "threshold"),
        (lambda manifest: manifest.update(threshold=1.5), "threshold 1.5"),
        (lambda manifest: manifest.update(name="../evil"), "name"),
        (lambda manifest: manifest.update(text="detection-9"), "detection-9"),
        (lambda manifest: manifest["kinds"].pop(), "kinds"),
        (lambda manifest: manifest["network"]["embedding"].update(vocabulary=64), "the embedding ends at 63"),
        (lambda manifest: manifest["network"]["recurrent"][0].update(units=32), "recurrent.0"),
        (lambda manifest: manifest["network"]["recurrent"][0].update(type="gru"), "gru"),
        (lambda manifest: manifest["network"]["embedding"].update(dimension=10**9), "dimension"),
        (lambda manifest: manifest["tokenizer"].pop("level"), "tokenizer"),
        (lambda manifest: manifest.update(format="1"), "format '1'"),
    ],
)
def test_a_manifest_that_says_what_cannot_be_is_refused_by_the_name_of_it(
    copied: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    rewrite(copied, change)
    with pytest.raises(ArtifactError, match=message):
        load(copied)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format": NaN}', b'{"format": 1e999}']
)
def test_a_manifest_that_is_no_json_object_is_refused(copied: Path, content: bytes) -> None:
    (copied / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match="manifest.json"):
        load(copied)


def test_weights_that_are_not_finite_are_refused() -> None:
    artifact = random_artifact("lstm")
    weights = {name: array.copy() for name, array in artifact.weights.items()}
    weights["recurrent.0.kernel"][3, 5] = np.nan
    with pytest.raises(ArtifactError, match="recurrent.0.kernel holds numbers that are not finite"):
        replace(artifact, weights=weights, digest="")


def test_weights_of_another_type_are_refused(copied: Path) -> None:
    path = copied / "weights.safetensors"
    weights = safetensors.numpy.load(path.read_bytes())
    weights["verdict.bias"] = weights["verdict.bias"].astype(np.float64)
    path.write_bytes(safetensors.numpy.save(weights))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rewrite(copied, lambda manifest: manifest.update(weights_sha256=digest))
    with pytest.raises(ArtifactError, match="verdict.bias is float64"):
        load(copied)


def test_a_pickle_in_place_of_the_weights_is_refused_and_not_run(copied: Path) -> None:
    path = copied / "weights.safetensors"
    path.write_bytes(b"cos\nsystem\n(S'touch " + bytes(copied / "run") + b"'\ntR.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rewrite(copied, lambda manifest: manifest.update(weights_sha256=digest))
    with pytest.raises(ArtifactError, match="safetensors"):
        load(copied)
    assert not (copied / "run").exists()


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}.*incomplete"):
        load(copied)


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(copied: Path) -> None:
    (copied / "manifest.json").unlink()
    os.mkfifo(copied / "manifest.json")
    with pytest.raises(ArtifactError, match="manifest.json"):
        load(copied)


def test_a_file_beyond_its_limit_is_refused_with_its_size_the_limit_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"12345")
    assert read(path, 5) == b"12345"
    with pytest.raises(
        ArtifactError, match=r"weights\.safetensors: 5 bytes, longer than the limit of 4: .*copy it again"
    ):
        read(path, 4)


def test_an_unknown_reference_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="neither a directory nor a bundled model"):
        load(str(tmp_path / "nothing"))


def test_saving_never_overwrites(saved: Path) -> None:
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    with pytest.raises(ArtifactError, match="exists already"):
        random_artifact("lstm").save(saved)
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before


def test_a_save_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        random_artifact("lstm").save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_with_a_lone_surrogate_is_kept(tmp_path: Path) -> None:
    artifact = random_artifact("lstm")
    tokenizer = replace(artifact.tokenizer, index={"\ud800": 1, "é": 2})
    replace(artifact, tokenizer=tokenizer, digest="").save(tmp_path / "model")
    assert load(tmp_path / "model").tokenizer == tokenizer


def test_the_tokenizer_must_not_give_ids_beyond_the_embedding() -> None:
    artifact = random_artifact("lstm")
    with pytest.raises(ArtifactError, match="ids up to 63, the embedding ends at 62"):
        replace(artifact, tokenizer=replace(artifact.tokenizer, index={"a": 63}), digest="")


@pytest.mark.parametrize("name", list_shipped())
def test_a_bundled_model_is_whole(name: str) -> None:
    assert isinstance(load(name), Artifact)


def test_the_manifest_is_json_that_people_can_read(saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["network"]["recurrent"][0]["type"] == "lstm"
    assert manifest["kinds"][0] == "kind-0"
