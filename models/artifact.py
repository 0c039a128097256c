"""A model on disk: a directory with a manifest and its weights, verified byte for byte before anything is believed.

    manifest.json          everything but the weights: network, tokenizer, threshold, kinds, metrics, provenance
    weights.safetensors    float32 arrays by the names of `Network.shapes`

The manifest holds the SHA-256 of the weights file, and its own digest over all the rest of it; that digest is the
model's, in alerts and metrics. Both formats hold data only: loading runs nothing that a file says.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from weirlog.models.calibration import Calibration, Estimate
from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError
from weirlog.models.manifest import FORMAT, changed, digest_of, read_manifest, render
from weirlog.models.network import Network
from weirlog.models.request import JSON
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import Tokenizer
from weirlog.models.untrusted_file import read

MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
WEIGHTS_LIMIT_BYTES: Final = 1 << 30

CALIBRATION: Final = "calibration"
"""Where the table of false-positive rates stands among the metrics: a model need not have one, and older ones do not."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model with all that it takes to score a request with it.

    Attributes:
        name: what people call it: letters, digits, dots, dashes.
        created: when it was trained, ISO 8601.
        text: version of the preparation from Request to text.
        threshold: the score from which a request counts as an attack, chosen on validation data.
        weights: float32 by the names of `Network.shapes`.
        kinds: names of the second head's classes, in its order.
        kind_thresholds: those of kinds that have their own, see `KindScale`; `threshold` is every other's.
        metrics: what it measured on test data.
        training: where it comes from: data, preset, seed, versions.
        digest: SHA-256 in hexadecimal over everything above; computed when left out.

    Raises:
        ArtifactError: the parts do not fit each other, or a weight is not finite.
        UnsupportedError: this release does not know its text preparation.
    """

    name: str
    created: str
    network: Network
    tokenizer: Tokenizer
    text: str
    threshold: float
    weights: Mapping[str, FloatArray]
    kinds: tuple[str, ...] = ()
    metrics: Mapping[str, JSON] = field(default_factory=dict)
    training: Mapping[str, JSON] = field(default_factory=dict)
    kind_thresholds: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))
        if not self.digest:
            object.__setattr__(self, "digest", self._files()[0]["digest"])

    @property
    def calibration(self) -> Calibration | None:
        """What share of benign requests reaches which score, where that was measured."""
        table = self.metrics.get(CALIBRATION)
        return None if table is None else Calibration.from_json(table)

    def calibrated(self, calibration: Calibration) -> Artifact:
        """Return the same model with its false-positive rates: another manifest, hence another digest."""
        return replace(self, metrics={**self.metrics, CALIBRATION: calibration.to_json()}, digest="")

    def threshold_for(self, fp_rate: float) -> Estimate:
        """Return the lowest threshold that keeps to a false-positive rate.

        Raises:
            ArtifactError: no rates were measured for this model, or none of its thresholds gets so low.
        """
        calibration = self.calibration
        if calibration is None:
            raise ArtifactError(
                f"model {self.name} tells no false-positive rates, so no threshold can be chosen by one: give a score "
                "between 0 and 1, or let `weirlog tune` find one in the site's own log"
            )
        return calibration.threshold_for(fp_rate)

    def save(self, directory: Path) -> None:
        """Write the artifact to `directory`, which must not exist; all of it is durable there, or nothing is.

        Raises:
            ArtifactError: something stands there already.
            OSError: it cannot be written.
        """
        if directory.exists() or directory.is_symlink():
            raise ArtifactError(f"{directory} exists already: choose another directory, or remove it first")
        manifest, weights = self._files()
        parent = directory.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=parent))
        try:
            building.chmod(0o755)
            _write(building / MANIFEST, render(manifest))
            _write(building / WEIGHTS, weights)
            _sync_directory(building)
            # rename(2) replaces an empty directory at most, never one with something in it.
            building.rename(directory)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        _sync_directory(parent)

    def _files(self) -> tuple[dict[str, Any], bytes]:
        weights = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in self.weights.items()})
        manifest = {
            "format": FORMAT,
            "name": self.name,
            "created": self.created,
            "network": msgspec.to_builtins(self.network),
            "tokenizer": self.tokenizer.to_json(),
            "text": self.text,
            "threshold": self.threshold,
            "kinds": list(self.kinds),
            "metrics": dict(self.metrics),
            "training": dict(self.training),
            # Left out where there are none, so that the models of older releases stay what they are.
            **({"kind_thresholds": dict(self.kind_thresholds)} if self.kind_thresholds else {}),
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
        return {**manifest, "digest": digest_of(manifest)}, weights


def load(ref: str | Path) -> Artifact:
    """Return the artifact that `ref` names: a bundled model's name, or a directory.

    A bundled name wins over a directory of that name; write `./default` for the directory.

    Raises:
        UnsupportedError: it was written by a newer release, or uses what this one does not know.
        ArtifactError: it is missing, incomplete, changed by so much as a byte, or does not fit together.
    """
    if isinstance(ref, str) and ref in list_shipped():
        with resources.as_file(resources.files("weirlog.models.shipped") / ref) as directory:
            return _load_directory(directory)
    directory = Path(ref)
    if not directory.is_dir():
        shipped = ", ".join(list_shipped()) or "none"
        raise ArtifactError(f"model {str(ref)!r} is neither a directory nor a bundled model (bundled: {shipped})")
    return _load_directory(directory)


def verify(ref: str | Path) -> str:
    """Return the digest of an artifact after every check that `load` makes; raises as it does."""
    return load(ref).digest


def list_shipped() -> list[str]:
    """Return the names of the bundled models, sorted."""
    shipped = resources.files("weirlog.models.shipped")
    return sorted(entry.name for entry in shipped.iterdir() if (entry / MANIFEST).is_file())


def _load_directory(directory: Path) -> Artifact:
    manifest = read_manifest(directory / MANIFEST)
    path = directory / WEIGHTS
    content = read(path, WEIGHTS_LIMIT_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.weights_sha256:
        raise changed(path, "SHA-256", manifest.weights_sha256, found)
    try:
        weights = safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: not readable as safetensors ({error}); train or import it again") from error
    return Artifact(
        name=manifest.name,
        created=manifest.created,
        network=manifest.network,
        tokenizer=Tokenizer.from_json(manifest.tokenizer),
        text=manifest.text,
        threshold=manifest.threshold,
        weights=weights,
        kinds=manifest.kinds,
        metrics=manifest.metrics,
        training=manifest.training,
        kind_thresholds=manifest.kind_thresholds,
        digest=manifest.digest,
    )


def _check(artifact: Artifact) -> None:
    if _NAME.fullmatch(artifact.name) is None:
        raise ArtifactError(f"model name {artifact.name!r}: use 1 to 64 letters, digits, dots, dashes and underscores")
    name, network = f"model {artifact.name}", artifact.network
    if not 0.0 <= artifact.threshold <= 1.0:
        raise ArtifactError(f"{name}: threshold {artifact.threshold} is not in [0, 1]")
    for kind, threshold in artifact.kind_thresholds.items():
        if kind not in artifact.kinds or not 0.0 <= threshold <= 1.0:
            raise ArtifactError(f"{name}: threshold {threshold} of kind {kind!r}: no such kind, or not in [0, 1]")
    if len(artifact.kinds) != network.kinds or len(set(artifact.kinds)) != len(artifact.kinds):
        raise ArtifactError(f"{name}: {network.kinds} kinds expected by the network, named are {list(artifact.kinds)}")
    if artifact.tokenizer.size > network.embedding.vocabulary:
        raise ArtifactError(
            f"{name}: the tokenizer gives ids up to {artifact.tokenizer.size - 1}, "
            f"the embedding ends at {network.embedding.vocabulary - 1}"
        )
    text_preparation(artifact.text)
    if artifact.metrics.get(CALIBRATION) is not None:
        Calibration.from_json(artifact.metrics[CALIBRATION])
    expected = network.shapes()
    for weight in artifact.weights.keys() - expected.keys():
        raise ArtifactError(f"{name}: weight {weight!r} belongs to no layer of the network")
    for weight, shape in expected.items():
        array = artifact.weights.get(weight)
        if array is None:
            raise ArtifactError(f"{name}: weight {weight} is missing; train or import the model again")
        if array.dtype != np.float32 or array.shape != shape:
            raise ArtifactError(f"{name}: weight {weight} is {array.dtype} {array.shape}, expected float32 {shape}")
        if not np.isfinite(array).all():
            raise ArtifactError(f"{name}: weight {weight} holds numbers that are not finite; train it again")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
