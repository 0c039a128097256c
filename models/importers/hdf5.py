"""Weights out of an HDF5 file that anyone may have written: plain arrays in the file itself, and nothing else.

HDF5 knows links to other files, arrays stored in other files, arrays computed from others, and filters that are loaded
as libraries. Keras writes none of them; all are refused before anything is read through them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError, MissingExtraError

ENTRIES_LIMIT: Final = 256
"""Below one layer, which has three weights and a few folders. Folders may hold each other and have no end."""


def import_h5py() -> Any:
    """Return the module `h5py`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import h5py  # type: ignore[import-untyped] # noqa: PLC0415 # an extra, and it ships no types
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Keras files need h5py, which comes with TensorFlow: pip install 'weirlog[train]'"
        ) from error
    return h5py


@contextmanager
def open_hdf5(source: Path | BinaryIO, where: str) -> Iterator[Any]:
    """Give the file's root group.

    Raises:
        ArtifactError: it is no HDF5 file, or one that breaks off; while the context lasts, too.
        MissingExtraError: h5py is not installed.
    """
    h5py = import_h5py()
    try:
        with h5py.File(source, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:  # what h5py makes of HDF5's errors
        raise ArtifactError(f"{where}: not readable as HDF5 ({error!s:.200}); copy or save it again") from error


def child(group: Any, name: str, where: str) -> Any:
    """Return what a group holds under `name`, or None. Links to elsewhere are refused."""
    h5py = import_h5py()
    if "/" in name or name == ".":  # a path of its own, with links on its way
        raise ArtifactError(f"{where}: {name!r} is no name of one entry; rename the layer and save it again")
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if type(link) is not h5py.HardLink:
        raise ArtifactError(f"{where}: {name!r} is a link to elsewhere, which Keras does not write; save it again")
    return group[name]


def descend(group: Any, path: Sequence[str], where: str) -> Any:
    """Return what stands at `path` below `group`, step by step, or None."""
    for name in path:
        if not hasattr(group, "keys"):
            return None
        group = child(group, name, where)
    return group


def arrays_below(group: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the name, its last part alone, and the dataset of every array below `group`."""
    groups, seen = [group], 0
    while groups:
        group = groups.pop()
        seen += 1 + len(group)
        if seen > ENTRIES_LIMIT:
            raise ArtifactError(f"{where}: more entries than any layer of Keras has; save it again")
        for name in group:
            entry = child(group, name, where)
            if hasattr(entry, "keys"):
                groups.append(entry)
            else:
                yield name, entry


def read_array(dataset: Any, shape: tuple[int, ...], where: str) -> FloatArray:
    """Return a dataset's values.

    Raises:
        ArtifactError: it is no plain float32 array of this shape in this file.
    """
    h5py = import_h5py()
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != shape or dataset.dtype.newbyteorder("=") != np.float32:
        found = f"{dataset.dtype} {dataset.shape}" if isinstance(dataset, h5py.Dataset) else "no array"
        raise ArtifactError(f"{where}: {found}, expected float32 {shape}; save the model again")
    # A chunk may be larger than the array, and compressed a thousandfold.
    if dataset.external or dataset.is_virtual or dataset.chunks is not None:
        raise ArtifactError(f"{where}: stored in pieces or in another file, which Keras does not do; save it again")
    values = np.asarray(dataset[()], np.float32)
    if not np.isfinite(values).all():
        raise ArtifactError(f"{where}: numbers that are not finite; train the model again")
    return values
