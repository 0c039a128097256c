"""The names that log rotation gives, and the files that bear them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MAX_SIBLINGS = 1024
"""Looked at in one folder, the newest: each costs an open and a read."""
_PACKED = re.compile(r"\.(gz|zst)\Z")
# access.log.1, access.log-20261121, access.log-20261121-1764547200, access.log.2026-11-21T00:00:00, access.log.old
_NUMBER = re.compile(r"([-._][0-9][0-9.:_T+-]{0,31}|\.old)\Z")


@dataclass(frozen=True, slots=True)
class Sibling:
    """A regular file beside a log.

    Attributes:
        path: where it stands.
        inode: which it is.
        written: when it was written to last, in seconds since 1970-01-01 UTC; gzip and zstd keep their source's.
    """

    path: str
    inode: int
    written: float


def is_rotated(name: str, original: str) -> bool:
    """Whether `name` is what rotation makes of `original`, a file's name: with a number or date, compressed or not."""
    return name != original and original in _originals(name)


def is_related(path: str, former: str) -> bool:
    """Whether a file at `path` can hold what stood at `former`, by its name: rotated, rotated on, or compressed."""
    there, before = Path(path), Path(former)
    return there.parent == before.parent and not _originals(there.name).isdisjoint(_originals(before.name))


def is_current(path: Path) -> bool:
    """Whether a name is that of a log being written, as far as names tell: not rotated, not compressed."""
    return _originals(path.name) == {path.name}


def _originals(name: str) -> set[str]:
    """Return what the file of this name may have been called when it was written, `name` among it."""
    bare = Path(_PACKED.sub("", name))
    return {name, bare.name, _NUMBER.sub("", bare.name), _NUMBER.sub("", bare.stem) + bare.suffix}


def siblings(folder: str, names: Collection[str], inodes: Collection[int]) -> list[Sibling]:
    """Return the regular files in `folder` that may continue one of `names` or are one of `inodes`, the oldest first."""
    prefixes = tuple(name.split(".")[0] for name in names)
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.inode() in inodes or entry.name.startswith(prefixes)):
                    continue
                if entry.is_file(follow_symlinks=False):
                    found.append(Sibling(entry.path, entry.inode(), entry.stat(follow_symlinks=False).st_mtime))
    except OSError:
        pass  # the folder is gone, or a file is: what was found is there still
    return sorted(found, key=lambda sibling: (sibling.written, sibling.path))[-MAX_SIBLINGS:]
