"""Reads an HDF5 file in a process of its own: the HDF5 library crashes on some damaged files and never ends on others.

    python -Im weirlog.models.importers.hdf5_child FILE|- ROOT [ATTRIBUTE…] → safetensors on standard output

The arrays below ROOT go by their paths; the root's text attributes, and why an array is left out, go as metadata. Exit
status 3 and one line on standard error where the file is refused.

HDF5 knows links to other files, arrays stored in other files, arrays computed from others, and filters that are loaded
as libraries. Keras writes none of them; all are refused before anything is read through them.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import safetensors.numpy

from weirlog.models.artifact import WEIGHTS_LIMIT_BYTES
from weirlog.models.engines import FloatArray

ENTRIES_LIMIT: Final = 4096
"""Folders and arrays in all. Folders may hold each other, and have no end."""
MEMORY_LIMIT_BYTES: Final = 8 * WEIGHTS_LIMIT_BYTES
"""Of address space: the file and its arrays, three times over, and the libraries."""
CPU_LIMIT_S: Final = 60
REFUSED: Final = 3


class RefusedError(Exception):
    """The file holds what Keras does not write."""


def main(source: str, root: str, *names: str) -> int:
    _limit()
    import h5py  # type: ignore[import-untyped] # noqa: PLC0415 # an extra that ships no types

    arrays: dict[str, FloatArray] = {}
    left_out: dict[str, str] = {}
    try:
        with h5py.File(io.BytesIO(sys.stdin.buffer.read()) if source == "-" else source, "r") as file:
            texts = {name: text for name in names if (text := _text(h5py, file, name)) is not None}
            for path, dataset in _datasets(h5py, file, root):
                reason = _reason(dataset)
                if reason:
                    left_out[path] = reason
                    continue
                if sum(array.nbytes for array in arrays.values()) + dataset.nbytes > WEIGHTS_LIMIT_BYTES:
                    raise RefusedError(f"its arrays exceed {WEIGHTS_LIMIT_BYTES >> 20} MiB")
                arrays[path] = np.ascontiguousarray(dataset[()], np.float32)
    except (
        *(RefusedError, OSError, LookupError, RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError),
    ) as error:  # h5py makes all of these of a damaged file
        sys.stderr.write(f"{error!s:.200}".replace("\n", " "))
        return REFUSED
    metadata = {"texts": json.dumps(texts), "left_out": json.dumps(left_out)}
    sys.stdout.buffer.write(safetensors.numpy.save(arrays, metadata))
    return 0


def _limit() -> None:
    for what, limit in (
        (resource.RLIMIT_CPU, CPU_LIMIT_S),
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _text(h5py: Any, file: Any, name: str) -> str | None:
    if name not in file.attrs:
        return None
    attribute = file.attrs.get_id(name)
    # Reading a damaged attribute of another type or shape is what the library crashed on most.
    if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
        return None
    value = file.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _datasets(h5py: Any, file: Any, root: str) -> Iterator[tuple[str, Any]]:
    """Yield every array below `root` with its path."""
    waiting, seen = [("", file, root)] if root in file else [], 0
    while waiting:
        above, group, name = waiting.pop()
        path = f"{above}{name}"
        if type(group.get(name, getlink=True)) is not h5py.HardLink:
            raise RefusedError(f"{path!r} is a link to elsewhere, which Keras does not write")
        entry = group[name]
        if isinstance(entry, h5py.Group):
            seen += len(entry)
            if seen > ENTRIES_LIMIT:
                raise RefusedError("more folders and arrays than any model has")
            waiting += [(f"{path}/", entry, name) for name in entry]
        elif isinstance(entry, h5py.Dataset):
            yield path, entry


def _reason(dataset: Any) -> str:
    """Return why an array is not read, or nothing."""
    if dataset.dtype.newbyteorder("=") != np.float32:
        return f"{dataset.dtype} {dataset.shape}"
    # A chunk may be larger than the array, and compressed a thousandfold.
    if dataset.external or dataset.is_virtual or dataset.chunks is not None or dataset.shape is None:
        return "stored in pieces or in another file, which Keras does not do"
    return ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
