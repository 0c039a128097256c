"""Arrays and texts out of an HDF5 file that anyone may have written, read by `hdf5_child` in another process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.numpy

from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError, MissingExtraError
from weirlog.models.importers.hdf5_child import REFUSED

TIMEOUT_S: Final = 120.0
"""A gigabyte from a slow disk takes a minute; a damaged file may take for ever."""


@dataclass(frozen=True, slots=True)
class Hdf5:
    """What a file holds.

    Attributes:
        where: what errors call it.
        texts: attributes of its root.
        arrays: float32, by their paths.
        left_out: why an array is not among them, by its path.
    """

    where: str
    texts: Mapping[str, str]
    arrays: Mapping[str, FloatArray]
    left_out: Mapping[str, str]

    def below(self, folder: str) -> list[str]:
        """Return the path of every array in a folder and those in it."""
        return [path for path in (*self.arrays, *self.left_out) if path.startswith(f"{folder}/")]

    def array(self, path: str, shape: tuple[int, ...], title: str) -> FloatArray:
        """Return one array.

        Raises:
            ArtifactError: it is no plain float32 array of this shape, or not finite.
        """
        if path in self.left_out:
            raise ArtifactError(f"{title}: {self.left_out[path]}, expected float32 {shape}; save the model again")
        values = self.arrays[path]
        if values.shape != shape:
            raise ArtifactError(f"{title}: float32 {values.shape}, expected float32 {shape}; save the model again")
        if not np.isfinite(values).all():
            raise ArtifactError(f"{title}: numbers that are not finite; train the model again")
        return values


def read_hdf5(source: Path | bytes, where: str, *, root: str, texts: tuple[str, ...] = ()) -> Hdf5:
    """Return all that stands below `root` in a file, and the attributes named in `texts` as far as it has them.

    Args:
        source: the file, or its content.
        where: what errors call it.
        root: a group's name.
        texts: names of attributes of the file.

    Raises:
        ArtifactError: it is no HDF5 file, a damaged one, or one with links or more than a model has.
        MissingExtraError: h5py is not installed.

    Blocks for a second, and at most for two minutes.
    """
    if importlib.util.find_spec("h5py") is None:
        raise MissingExtraError("Keras files need h5py, which comes with TensorFlow: pip install 'weirlog[train]'")
    path, content = ("-", source) if isinstance(source, bytes) else (str(source.absolute()), b"")
    command = [sys.executable, "-Im", "weirlog.models.importers.hdf5_child", path, root, *texts]
    try:
        ended = subprocess.run(command, input=content, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - ourselves
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(
            f"{where}: not read after {TIMEOUT_S:.0f} s; it is damaged, copy or save it again"
        ) from error
    if ended.returncode == REFUSED:
        raise ArtifactError(
            f"{where}: not readable as HDF5 of Keras ({ended.stderr.decode(errors='replace')}); copy or save it again"
        )
    if ended.returncode != 0:
        raise ArtifactError(
            f"{where}: so damaged that the HDF5 library fails on it (status {ended.returncode}); copy or save it again"
        )
    # safetensors begins with the length of its header, 8 bytes, and gives no metadata when it reads from memory.
    metadata = json.loads(ended.stdout[8 : 8 + int.from_bytes(ended.stdout[:8], "little")])["__metadata__"]
    return Hdf5(
        where=where,
        texts=json.loads(metadata["texts"]),
        arrays=safetensors.numpy.load(ended.stdout),
        left_out=json.loads(metadata["left_out"]),
    )
