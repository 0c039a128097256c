"""A keras-js folder (the first format of keras-js, of Keras 2) → an artifact.

model.json             the layers, as Keras' `model.to_json()` gave them
weights.buf            every weight, float32, little-endian, one after another
metadata.json          for each weight its name, shape, offset in bytes and length in numbers
word-dictionary.json   character → index, cased: Keras 2.0 did not lower-case characters
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from weirlog.models.artifact import WEIGHTS_LIMIT_BYTES, Artifact
from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError
from weirlog.models.importers import vocabulary
from weirlog.models.importers.architecture import Architecture, keras_generation, read_architecture
from weirlog.models.importers.chain import read_chain
from weirlog.models.untrusted_file import parse_json, read

MODEL: Final = "model.json"
WEIGHTS: Final = "weights.buf"
METADATA: Final = "metadata.json"
DICTIONARY: Final = "word-dictionary.json"
JSON_LIMIT_BYTES: Final = 1 << 20


class _Weight(Struct, frozen=True, forbid_unknown_fields=True):
    layer_name: str
    weight_name: str
    shape: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1, max_length=2)]
    offset: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=1)]
    type: Literal["float32"] = "float32"


def import_keras_js(directory: Path, *, name: str, created: str, threshold: float = 0.5) -> Artifact:
    """Return the artifact that gives a folder's scores: those of keras-js, and of Keras 2 on the same weights.

    Requests are prepared as the reference web application did it (`reference-js-1`).

    Raises:
        UnsupportedError: a layer or setting cannot be served exactly.
        ArtifactError: a file is missing, too large, or contradicts itself or another.
    """
    contents = {
        file: read(directory / file, limit)
        for file, limit in (
            (MODEL, JSON_LIMIT_BYTES),
            (METADATA, JSON_LIMIT_BYTES),
            (DICTIONARY, vocabulary.LIMIT_BYTES),
            (WEIGHTS, WEIGHTS_LIMIT_BYTES),
        )
    }
    where = str(directory / MODEL)
    model = parse_json(contents[MODEL], where)
    chain = read_chain(model, where)
    version = model.get("keras_version")
    architecture = read_architecture(chain, where, generation=keras_generation(version, where))
    return Artifact(
        name=name,
        created=created,
        network=architecture.network,
        tokenizer=vocabulary.character_vocabulary(contents[DICTIONARY], str(directory / DICTIONARY)),
        text="reference-js-1",
        threshold=threshold,
        weights=_weights(architecture, contents[WEIGHTS], _spans(contents, directory), directory / METADATA),
        training={
            "imported": "keras-js",
            "keras_version": version,
            "files": {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
        },
    )


def _spans(contents: dict[str, bytes], directory: Path) -> dict[tuple[str, str], _Weight]:
    """Return where each weight stands, by its layer and its own name; together they are all of the buffer."""
    where = str(directory / METADATA)
    try:
        weights = msgspec.convert(parse_json(contents[METADATA], where), list[_Weight])
    except msgspec.ValidationError as error:
        raise ArtifactError(f"{where}: {error}; export the model again") from error
    size, end = len(contents[WEIGHTS]), 0
    spans: dict[tuple[str, str], _Weight] = {}
    for weight in sorted(weights, key=lambda weight: weight.offset):
        title = f"{where}: weight {weight.weight_name!r}"
        key = (weight.layer_name, weight.weight_name.rpartition("/")[2].removesuffix(":0"))
        if key in spans:
            raise ArtifactError(f"{title} stands there twice; export the model again")
        if weight.length != math.prod(weight.shape):
            raise ArtifactError(f"{title} has length {weight.length} and shape {list(weight.shape)}; export it again")
        if weight.offset + 4 * weight.length > size:
            raise ArtifactError(
                f"{title} ends at byte {weight.offset + 4 * weight.length}, {directory / WEIGHTS} has {size}; copy both again"
            )
        if weight.offset != end:
            raise ArtifactError(
                f"{title} begins at byte {weight.offset}, the one before ends at {end}; export it again"
            )
        spans[key] = weight
        end += 4 * weight.length
    if end != size:
        raise ArtifactError(f"{directory / WEIGHTS}: {size} bytes, {where} tells of {end}; copy both again")
    return spans


def _weights(
    architecture: Architecture, buffer: bytes, spans: dict[tuple[str, str], _Weight], where: Path
) -> dict[str, FloatArray]:
    weights = {}
    for slot in architecture.slots:
        for theirs, ours in slot.weights.items():
            span = spans.pop((slot.layer.name, theirs), None)
            if span is None:
                raise ArtifactError(f"{where}: layer {slot.layer.name!r} has no {theirs}; export the model again")
            if span.shape != architecture.shapes[ours]:
                raise ArtifactError(
                    f"{where}: weight {span.weight_name!r} has shape {list(span.shape)}, "
                    f"its layer has {list(architecture.shapes[ours])}; export the model again"
                )
            values = np.frombuffer(buffer, "<f4", span.length, span.offset)
            if not np.isfinite(values).all():
                raise ArtifactError(f"{where}: weight {span.weight_name!r} is not finite in {WEIGHTS}; train it again")
            weights[ours] = values.reshape(span.shape).astype(np.float32)
    if spans:
        raise ArtifactError(f"{where}: weight {next(iter(spans))!r} belongs to no layer; export the model again")
    for ours, shape in architecture.shapes.items():
        weights.setdefault(ours, np.zeros(shape, np.float32))
    return weights
