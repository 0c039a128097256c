"""Files that anyone may have written: read up to a bound, and as strict JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weirlog.models.errors import ArtifactError


def read(path: Path, limit_bytes: int) -> bytes:
    """Return a regular file's content.

    Raises:
        ArtifactError: it is missing, no regular file, unreadable or longer than `limit_bytes`.
    """
    try:
        if not path.is_file():  # a FIFO would block for ever
            raise ArtifactError(f"{path}: no such file: the model is incomplete; copy it again, or name another")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # Whatever the size said, no more than the limit is held: the file may still grow.
            content = b"" if size > limit_bytes else file.read(limit_bytes + 1)
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot be read: {error.strerror}; let this user read it, or copy it again"
        ) from error
    if max(size, len(content)) > limit_bytes:
        raise ArtifactError(
            f"{path}: {max(size, len(content))} bytes, longer than the limit of {limit_bytes}: no model has such a file; "
            "name the right one, or copy it again"
        )
    return content


def parse_json(content: str | bytes, where: str) -> Any:
    """Return the value of a JSON document. Two equal keys in an object, NaN and infinities are refused.

    Args:
        content: UTF-8.
        where: what errors call it.

    Raises:
        ArtifactError: it is no such document.
    """
    try:
        return json.loads(
            content, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite_number
        )
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{where}: not JSON that can be trusted ({error}); copy or save it again") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in found if names.count(key) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite_number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text)
