"""Where reading resumes: a durable map from file identity to position.

One JSON file, written to a temporary name, fsynced and renamed, so that at every moment a whole one stands there. When the
disk is full the last good one stays.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.gaps import Gap

VERSION = 3
"""Version 1 had no gaps, and marks without `origin`, `before`, `ended` and `packed_bytes`; version 2 had marks without
`generation` and `trail`. Both are still read."""
MAX_MARKS = 4096
"""Files remembered; beyond that those seen longest ago are forgotten."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far one file has been read.

    Attributes:
        inode: of the file; 0 when that file is gone, and only a copy of it can come.
        fingerprint: of its first line, in hexadecimal; "" for a file without a whole line.
        position: the byte after the last line whose outcome is durable; of a compressed file the unpacked byte.
        path: where it stood last, for people.
        seen: when it was there last, in seconds since 1970-01-01 UTC.
        origin: the inode of which its records' identity is made, where that is another one; else 0. A compressed copy
            goes on under the identity of the file that it was made from.
        before: hash of the bytes just before the position, or "" where they were not at hand; it begins with "~" amid a line.
        ended: it was read to its end and let go, or its rest was told to be lost: nobody looks for its rest.
        packed_bytes: how large a compressed file was when it ended; larger, it is looked at again.
        generation: how many other files with this first line had the inode of its identity before: those that were cut
            off and written anew, or removed while their inode came again.
        trail: other places, in order, each with the hash of the bytes before it. Those before `position` make known a
            copy that was made before its original was cut off, and ends there; one behind it is as far as was read.
    """

    inode: int
    fingerprint: str
    position: int
    path: str
    seen: float
    origin: int = 0
    before: str = ""
    ended: bool = False
    packed_bytes: int = 0
    generation: int = 0
    trail: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> str:
        """The identity of its partition."""
        return partition_key(self.origin or self.inode, self.generation, self.fingerprint)

    @property
    def furthest(self) -> int:
        """The furthest place that is known to have been read."""
        return max(self.position, *(place for place, _ in self.trail), 0)

    @property
    def without_inode(self) -> Mark:
        """The mark, of a file that is gone or whose inode holds something else."""
        return msgspec.structs.replace(self, inode=0, origin=self.origin or self.inode)


def partition_key(inode: int, generation: int, fingerprint: str) -> str:
    """Return the identity of a file's records; what Mark says of `origin`, `generation` and `fingerprint`."""
    return f"{inode}.{generation}:{fingerprint}" if generation else f"{inode}:{fingerprint}"


class State(msgspec.Struct, frozen=True):
    """All that a source remembers.

    Attributes:
        marks: a mark for each file.
        patterns: those that were watched: a file that matches one of them and has no mark is new.
        gaps: found, and not known to be told.
    """

    marks: list[Mark]
    patterns: list[str]
    gaps: list[Gap] = []


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    marks: list[Mark]
    patterns: list[str]
    gaps: list[Gap] = []


class Checkpoint:
    """The file on disk. Belongs to one source's thread.

    Args:
        path: where it stands; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Here, where one thread wires everything: msgspec learns a type at its first use, and crashes if two threads (a
        # source each) make it learn the same one at once.
        self._version = msgspec.json.Decoder(_Version)
        self._document = msgspec.json.Decoder(_Document)

    def load(self) -> State:
        """Return what was saved last, or nothing when nothing ever was.

        Raises:
            StopError: it is unreadable, damaged or of a newer version.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return State([], [])
        except OSError as error:
            raise StopError(f"{self._path}: {error.strerror}; make it readable for this user") from error
        try:
            # First and alone: a newer version may hold what this one does not know.
            version = self._version.decode(content).version
            document = self._document.decode(content) if 1 <= version <= VERSION else None
        except msgspec.MsgspecError as error:
            raise StopError(
                f"{self._path} is no checkpoint ({error}); restore it, or remove it to start anew at `start_at`"
            ) from error
        if document is None:
            raise StopError(f"{self._path} has version {version}, this release reads {VERSION}; upgrade weirlog")
        return State(_upgraded(document), document.patterns, document.gaps)

    def save(self, state: State) -> None:
        """Make `state` durable in place of the former one.

        Raises:
            RetryableError: the disk is full or failing; the former one stands.
        """
        kept = sorted(state.marks, key=lambda mark: mark.seen, reverse=True)[:MAX_MARKS]
        content = msgspec.json.encode(_Document(VERSION, kept, state.patterns, state.gaps))
        temporary = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                written = 0
                while written < len(content):
                    written += os.write(descriptor, content[written:])
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.rename(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise RetryableError(f"{self._path}: {error.strerror}; free some space or repair the disk") from error


def _upgraded(document: _Document) -> list[Mark]:
    """Return the marks with what version 1 did not say: files that had been let go were seen before the others."""
    if document.version > 1:
        return document.marks
    last = max((mark.seen for mark in document.marks), default=0.0)
    return [msgspec.structs.replace(mark, ended=mark.seen < last) for mark in document.marks]
