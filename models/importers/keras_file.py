"""A `.keras` file (Keras 3) or an `.h5` file (Keras 2 and 3) → an artifact. Keras is not needed, and never runs.

Loading such a file with Keras may run code that stands in it (Lambda layers, custom classes). Here the configuration is
read as JSON and the weights as arrays; a layer that would need code is refused by name.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from weirlog.models.artifact import WEIGHTS_LIMIT_BYTES, Artifact
from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError
from weirlog.models.importers.architecture import Architecture, Slot, keras_generation, read_architecture
from weirlog.models.importers.chain import read_chain
from weirlog.models.importers.hdf5 import Hdf5, read_hdf5
from weirlog.models.importers.vocabulary import read_vocabulary
from weirlog.models.tokenizer import Level
from weirlog.models.untrusted_file import parse_json

CONFIG_LIMIT_BYTES: Final = 4 << 20
FILE_LIMIT_BYTES: Final = 4 * WEIGHTS_LIMIT_BYTES
"""An optimiser's state is kept beside the weights, and is up to three times as large."""
USUAL_TEXT: Final[Mapping[Level, str]] = {"character": "reference-1", "word": "plain-1"}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
MEMBERS_LIMIT: Final = 64
"""Files in a .keras archive: three, and assets that no layer of ours has."""

_Reading = tuple[Architecture, dict[str, FloatArray], str]
"""The architecture, its weights by our names, and the keras_version that wrote them."""


def import_keras_file(
    path: Path,
    vocabulary: Path,
    *,
    name: str,
    created: str,
    threshold: float = 0.5,
    text: str | None = None,
    length: int | None = None,
    padding: Literal["pre", "post"] = "pre",
) -> Artifact:
    """Return the artifact that gives a Keras file's scores.

    Args:
        path: the model.
        vocabulary: JSON, see `read_vocabulary`.
        name: the artifact's.
        created: ISO 8601.
        threshold: the score from which a request is an attack.
        text: version of the preparation that its training texts had; None for the usual one: `reference-1` for a
            character vocabulary, and for words `plain-1`, since models of words read texts.
        length: how many ids it reads at once, where the file does not say.
        padding: the side on which its training padded.

    Raises:
        UnsupportedError: a layer or setting cannot be served exactly.
        ArtifactError: a file is missing, too large, broken, or does not fit the other.
        MissingExtraError: h5py is not installed.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; name a .keras or .h5 file")
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise ArtifactError(f"{path}: longer than {FILE_LIMIT_BYTES >> 30} GiB, more than any model of this kind")

    def architecture(config: Any, version: object) -> Architecture:
        where = str(path)
        generation = keras_generation(version, where)
        return read_architecture(
            read_chain(config, where), where, generation=generation, length=length, padding=padding
        )

    with path.open("rb") as file:
        read = _read_legacy if file.read(len(_HDF5)) == _HDF5 else _read_archive
    found, weights, version = read(path, architecture)
    tokenizer = read_vocabulary(vocabulary, entries=found.network.embedding.vocabulary)
    return Artifact(
        name=name,
        created=created,
        network=found.network,
        tokenizer=tokenizer,
        text=text or USUAL_TEXT[tokenizer.level],
        threshold=threshold,
        weights=weights,
        training={
            "imported": "keras",
            "keras_version": version,
            "files": {path.name: _sha256(path), vocabulary.name: _sha256(vocabulary)},
        },
    )


def _read_archive(path: Path, read: Callable[[Any, object], Architecture]) -> _Reading:
    """Read Keras 3's format: a zip of config.json, metadata.json and model.weights.h5. Nothing is unpacked to disk."""
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) > MEMBERS_LIMIT or len(set(names)) != len(names):
                raise ArtifactError(f"{where}: {len(names)} files, or two of one name, in it; save the model again")
            config = parse_json(_member(archive, "config.json", CONFIG_LIMIT_BYTES, where), f"{where}: config.json")
            metadata = parse_json(
                _member(archive, "metadata.json", CONFIG_LIMIT_BYTES, where), f"{where}: metadata.json"
            )
            version = metadata.get("keras_version") if isinstance(metadata, dict) else None
            architecture = read(config, version)
            limit_bytes = 4 * (4 * architecture.network.parameters()) + CONFIG_LIMIT_BYTES
            content = _member(archive, "model.weights.h5", limit_bytes, where)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise ArtifactError(
            f"{where}: neither HDF5 nor a readable zip ({error!s:.200}); copy or save it again"
        ) from error
    file = read_hdf5(content, f"{where}: model.weights.h5", root="layers")
    return architecture, _weights(architecture, file, _by_number), str(version)


def _read_legacy(path: Path, read: Callable[[Any, object], Architecture]) -> _Reading:
    """Read the HDF5 format: the configuration in an attribute, the weights under their layers' names."""
    where = str(path)
    file = read_hdf5(path, where, root="model_weights", texts=("model_config", "keras_version"))
    config = file.texts.get("model_config")
    if config is None or len(config) > CONFIG_LIMIT_BYTES:
        raise ArtifactError(f"{where}: no model_config in it; save the whole model, not its weights alone")
    version = file.texts.get("keras_version")
    architecture = read(parse_json(config, f"{where}: model_config"), version)
    return architecture, _weights(architecture, file, _by_name), str(version)


def _weights(
    architecture: Architecture, file: Hdf5, find: Callable[[Hdf5, Slot], dict[str, str]]
) -> dict[str, FloatArray]:
    """Return every weight by our names. `find` gives the paths of a layer's by Keras' names."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in architecture.shapes.items()}
    for slot in architecture.slots:
        paths = find(file, slot)
        title = f"{file.where}: layer {slot.layer.name!r}"
        if paths.keys() != slot.weights.keys():
            raise ArtifactError(
                f"{title} has weights {sorted(paths)}, expected {sorted(slot.weights)}; save the model again"
            )
        for theirs, ours in slot.weights.items():
            weights[ours] = file.array(paths[theirs], architecture.shapes[ours], f"{title}, {theirs}")
    return weights


def _by_number(file: Hdf5, slot: Slot) -> dict[str, str]:
    """Find a layer's weights as Keras 3 numbers them: folders by class, `lstm`, `lstm_1`…, weights 0, 1, 2."""
    layer = slot.layer
    name = {"SimpleRNN": "simple_rnn"}.get(layer.kind, layer.kind.lower())
    cell = "" if layer.kind in {"Embedding", "Dense"} else "/cell"
    folder = f"layers/{name}{f'_{layer.ordinal}' if layer.ordinal else ''}{cell}/vars"
    names = {f"{folder}/{number}": theirs for number, theirs in enumerate(slot.weights)}
    return {names.get(path, path): path for path in file.below(folder)}


def _by_name(file: Hdf5, slot: Slot) -> dict[str, str]:
    """Find a layer's weights anywhere below the folder of its name: how deep differs by version."""
    found: dict[str, str] = {}
    for path in file.below(f"model_weights/{slot.layer.name}"):
        name = re.sub(r":\d+$", "", path.rpartition("/")[2])
        if name in found:
            raise ArtifactError(
                f"{file.where}: layer {slot.layer.name!r} has two weights {name!r}; save the model again"
            )
        found[name] = path
    return found


def _member(archive: zipfile.ZipFile, name: str, limit_bytes: int, where: str) -> bytes:
    if name not in archive.namelist():
        raise ArtifactError(f"{where}: no {name} in it; save the model with Keras 3 again")
    if archive.getinfo(name).compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ArtifactError(f"{where}: {name} is compressed as Keras does not do; save the model again")
    with archive.open(name) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ArtifactError(f"{where}: {name} is longer than {limit_bytes} bytes, more than its network needs")
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
