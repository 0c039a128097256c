"""Logs that were packed, as gzip and zstd pack them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

from backports import zstd


def lines(first: int, last: int) -> list[bytes]:
    return [f"GET /{number}".encode() for number in range(first, last)]


def packed(*payloads: bytes) -> bytes:
    return gzip.compress(b"".join(payload + b"\n" for payload in payloads))


def pack(path: Path, extension: str = ".gz") -> Path:
    """Do as gzip does: a new file, with the time stamp of the old one, which is removed."""
    compress: Callable[[bytes], bytes] = gzip.compress if extension == ".gz" else zstd.compress
    archive = path.with_name(path.name + extension)
    archive.write_bytes(compress(path.read_bytes()))
    stamp = path.stat()
    os.utime(archive, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    path.unlink()
    return archive
