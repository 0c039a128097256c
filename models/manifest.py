"""The manifest of a model on disk: its JSON, the digest that seals it, and the doubts that it must stand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.network import Network
from weirlog.models.untrusted_file import parse_json, read

FORMAT: Final = 1
"""Version of the layout on disk; it grows when a release writes what an older one would misread."""
LIMIT_BYTES: Final = 64 << 20  # a word vocabulary of a million entries takes 20 MiB


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: int
    name: str
    created: Annotated[str, Meta(max_length=64)]
    network: Network
    tokenizer: dict[str, Any]
    text: Annotated[str, Meta(max_length=64)]
    threshold: float
    kinds: tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...]
    metrics: dict[str, Any]
    training: dict[str, Any]
    kind_thresholds: dict[str, float] = {}
    weights_sha256: str
    digest: str


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file, if every byte of it is as `render` writes it and its digest is its own.

    Raises:
        UnsupportedError: it was written by a newer release.
        ArtifactError: it cannot be read, was changed, or is no manifest.
    """
    content = read(path, LIMIT_BYTES)
    value = parse_json(content, str(path))
    if not isinstance(value, dict):
        raise ArtifactError(f"{path}: expected a JSON object, found {type(value).__name__}; copy the model again")
    version = value.get("format")
    if type(version) is int and version > FORMAT:
        raise UnsupportedError(
            f"{path}: format {version} is newer than {FORMAT}, the newest that this release reads; upgrade weirlog"
        )
    if version != FORMAT:
        raise ArtifactError(
            f"{path}: format {version!r} is unknown, expected {FORMAT}; train or import the model again"
        )
    expected = str(value.get("digest"))
    found = digest_of({key: item for key, item in value.items() if key != "digest"})
    if expected != found:
        raise changed(path, "digest", expected, found)
    # What the digest does not cover, white space and the like, must not vary either: one file, one content.
    if render(value) != content:
        raise ArtifactError(f"{path}: same values, but not as weirlog writes them; copy the model again")
    try:
        return msgspec.convert(value, Manifest)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"{path}: {error}; train or import the model again") from error


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 in hexadecimal of a manifest without its digest."""
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def render(manifest: Mapping[str, Any]) -> bytes:
    """Return the only bytes in which a manifest is believed."""
    # ASCII: a tokenizer's characters may be lone surrogates, which UTF-8 cannot hold.
    return (json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def changed(path: Path, what: str, expected: str, found: str) -> ArtifactError:
    """Return the error for a file whose `what` is not as it was written."""
    return ArtifactError(
        f"{path}: changed since it was written: {what} {expected} expected, {found} found; copy it again"
    )
