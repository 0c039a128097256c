"""Compressed files as streams: gzip with any number of members, Zstandard with any number of frames.

What a file is compressed with is told by its first bytes, whatever its name. Memory is bounded: a stream gives what it is
asked for and no more, however much a few compressed bytes stand for. A Zstandard frame may ask for a window of at most
128 MiB (the library's own limit); one that wants more is refused as damaged.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import IO, Literal, TypeAlias, cast

from backports import zstd

Packing: TypeAlias = Literal["gzip", "zstd", "xz", "bzip2"]

MAGIC_BYTES = 6
"""As many first bytes as `packing_of` wants to see."""
_MAGIC: dict[bytes, Packing] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
}
UNPACKED: frozenset[Packing] = frozenset({"gzip", "zstd"})
"""What `unpacked` reads."""

DAMAGE = (OSError, EOFError, zlib.error, zstd.ZstdError)
"""What a stream of `unpacked` raises where its file is cut off, corrupt or unreadable."""


def packing_of(head: bytes) -> Packing | None:
    """Return what a file that begins with `head` is compressed with, or None."""
    return next((packing for magic, packing in _MAGIC.items() if head.startswith(magic)), None)


def unpacked(raw: IO[bytes], packing: Packing | None) -> IO[bytes]:
    """Return the content of `raw` as a stream; `raw` itself where it is not compressed.

    Closing the stream does not close `raw`.

    Raises:
        ValueError: `packing` is not among UNPACKED.
    """
    if packing is None:
        return raw
    if packing == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="rb"))
    if packing == "zstd":
        return cast("IO[bytes]", zstd.ZstdFile(raw))
    raise ValueError(f"{packing} is not unpacked here; expected one of {', '.join(sorted(UNPACKED))}")


def peeked(raw: IO[bytes]) -> tuple[io.BufferedReader, Packing | None]:
    """Return `raw` as a buffered stream that still begins at its first byte, and what it is compressed with."""
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw))
    return buffered, packing_of(buffered.peek(MAGIC_BYTES)[:MAGIC_BYTES])


def damage_of(error: Exception) -> str:
    """Return in words what is wrong with a file whose stream raised one of DAMAGE."""
    if isinstance(error, EOFError):
        return "the compressed file ends too early; it may still be being written"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
