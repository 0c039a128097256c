"""What exports share: where they are written, and what stands in them beside the network."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from weirlog.models.artifact import Artifact
from weirlog.models.errors import ArtifactError


def description(artifact: Artifact) -> dict[str, str]:
    """Return what a program needs around the network to get our scores: texts by name, each JSON or plain."""
    return {
        "weirlog.name": artifact.name,
        "weirlog.digest": artifact.digest,
        "weirlog.text": artifact.text,
        "weirlog.threshold": repr(artifact.threshold),
        "weirlog.kinds": json.dumps(artifact.kinds),
        "weirlog.sequence": json.dumps(msgspec.to_builtins(artifact.network.sequence)),
        "weirlog.tokenizer": json.dumps(artifact.tokenizer.to_json()),
    }


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a path to write a file or a directory to; it stands at `path` when all went well, else nothing does.

    Raises:
        ArtifactError: something stands there already.
    """
    if path.exists() or path.is_symlink():
        raise ArtifactError(f"{path} exists already: choose another name, or remove it first")
    parent = path.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=parent))
    try:
        yield building / path.name
        (building / path.name).rename(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)
