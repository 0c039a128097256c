"""What a log file holds, by offset: as it lies on disk, or unpacked from gzip or Zstandard."""

from __future__ import annotations

import io
import os
import stat
from typing import IO, Protocol

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.records import Position
from weirlog.pipeline.unpacking import DAMAGE, MAGIC_BYTES, UNPACKED, Packing, damage_of, packing_of, unpacked

PACKED_NAMES = (".gz", ".zst", ".xz", ".bz2")
BEFORE_BYTES = 256
"""Kept in front of the offset that was asked for last, so that what stands just before a position can be looked at."""
STEP_BYTES = 8 << 10
"""Unpacked at once. A corrupt file loses what its last step would have given."""
FINE_STEP_BYTES = 64
"""The same, where a first attempt met damage."""
SKIP_LIMIT_BYTES = 16 << 20
"""Unpacked in one call at most (some 50 ms): the thread that skips to a position has other files to read."""
READ_AHEAD_BYTES = 16 << 10
"""What a stream may have read of its file beyond what it has unpacked."""
UNKNOWN_SIZE = 1 << 62


class Content(Protocol):
    """A file's bytes by offset. Belongs to one thread.

    Attributes:
        inode: of the file on disk.
        device: of the file on disk.
        packing: what it is compressed with, or None.
        ended: nothing follows what has been read; known of compressed files only.
        damage: why a compressed file cannot be read beyond its `size`, or None.
    """

    inode: int
    device: int
    packing: Packing | None
    ended: bool
    damage: str | None

    def pread(self, size: int, offset: Position) -> bytes:
        """Return at most `size` bytes from `offset` on; fewer at the end, and where unpacking is not that far yet."""
        ...

    def reaches(self, offset: Position) -> bool:
        """Whether there are `offset` bytes. A compressed file is unpacked a bounded way towards it; ask again."""
        ...

    def size(self) -> Position:
        """Return how many bytes there are at present; UNKNOWN_SIZE for a file that is not unpacked to its end."""
        ...

    def left(self, position: Position) -> int:
        """Return the bytes on disk behind `position`; of a compressed file about as many compressed ones."""
        ...

    def status(self) -> os.stat_result: ...

    def duplicate(self) -> Content:
        """Return the same file's content, anew."""
        ...

    def release(self) -> None:
        """Give back the memory of unpacking (a window of some MiB); the next read begins anew and skips."""
        ...

    def close(self) -> None: ...


class PlainContent:
    """A file as it lies on disk.

    Args:
        descriptor: opened for reading; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self.inode, self.device = status.st_ino, status.st_dev
        self.packing: Packing | None = None
        self.ended = False
        self.damage: str | None = None
        self._descriptor = descriptor

    def pread(self, size: int, offset: Position) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def reaches(self, offset: Position) -> bool:
        return self.size() >= offset

    def size(self) -> Position:
        return os.fstat(self._descriptor).st_size

    def left(self, position: Position) -> int:
        return max(0, self.size() - position)

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def duplicate(self) -> PlainContent:
        return PlainContent(os.dup(self._descriptor))

    def release(self) -> None:
        """Hold nothing but the descriptor, as ever."""

    def close(self) -> None:
        os.close(self._descriptor)


class PackedContent:
    """A compressed file, unpacked from its beginning as far as it is asked for.

    Offsets are those of the unpacked bytes. Going forward costs what lies between; going back begins anew.

    Args:
        descriptor: opened for reading; closed by `close`.
        packing: one of UNPACKED.
    """

    def __init__(self, descriptor: int, packing: Packing) -> None:
        status = os.fstat(descriptor)
        self.inode, self.device = status.st_ino, status.st_dev
        self.packing: Packing | None = packing
        self.ended = False
        self.damage: str | None = None
        self._descriptor = descriptor
        self._version = _version(status)
        self._raw: IO[bytes] | None = None
        self._stream: IO[bytes] | None = None
        self._streamed = 0  # bytes that the stream has given
        self._buffer = bytearray()
        self._base = 0  # offset of the buffer's first byte
        self._fine_from = UNKNOWN_SIZE
        self._raw_offset = 0

    def pread(self, size: int, offset: Position) -> bytes:
        self._unpack_to(offset, size)
        start = offset - self._base
        return bytes(self._buffer[start : start + size])

    def reaches(self, offset: Position) -> bool:
        self._unpack_to(offset, 0)
        return self._end >= offset

    def size(self) -> Position:
        if self.ended and _version(status := self.status()) != self._version:
            # It was still being written, or was appended to: what was its end is one no more.
            self._version = _version(status)
            self.release()
        return self._end if self.ended else UNKNOWN_SIZE

    def left(self, position: Position) -> int:
        if self.ended and self.damage is None:
            return max(0, self._end - position)
        if self._raw is not None:
            self._raw_offset = self._raw.tell()
        return max(0, self.status().st_size - max(0, self._raw_offset - READ_AHEAD_BYTES))

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def duplicate(self) -> PackedContent:
        assert self.packing is not None
        return PackedContent(os.dup(self._descriptor), self.packing)

    def release(self) -> None:
        self._drop_stream()
        self._buffer.clear()
        self._base = 0
        self.ended, self.damage, self._fine_from = False, None, UNKNOWN_SIZE

    def close(self) -> None:
        self._drop_stream()
        os.close(self._descriptor)

    @property
    def _end(self) -> Position:
        return self._base + len(self._buffer)

    def _unpack_to(self, offset: Position, size: int) -> None:
        if offset < self._base:
            self.release()
        unpacked_bytes = 0
        while True:
            surplus = min(offset, self._end) - BEFORE_BYTES - self._base
            if surplus > 0:
                del self._buffer[:surplus]
                self._base += surplus
            if self.ended or self._end >= offset + size or unpacked_bytes >= SKIP_LIMIT_BYTES:
                return
            unpacked_bytes += self._step()

    def _step(self) -> int:
        """Unpack a little more; return how much the stream gave."""
        known = self._end
        fine = self._streamed + STEP_BYTES > self._fine_from
        try:
            piece = self._opened().read1(FINE_STEP_BYTES if fine else STEP_BYTES)  # type: ignore[attr-defined]
        except DAMAGE as error:
            self._drop_stream()
            if fine:
                self.ended, self.damage = True, damage_of(error)
            else:
                # The step may have held good bytes before the bad one: again, in smaller steps where it happened.
                self._fine_from = known
            return STEP_BYTES
        before, self._streamed = self._streamed, self._streamed + len(piece)
        if not piece:
            self.ended = True
            self._drop_stream()
        elif self._streamed > known:
            self._buffer += piece[max(0, known - before) :]
        return len(piece)

    def _opened(self) -> IO[bytes]:
        if self._stream is None:
            self._raw = io.BufferedReader(io.FileIO(self._descriptor, "rb", closefd=False))
            self._raw.seek(0)
            self._stream = unpacked(self._raw, self.packing)
            self._streamed = 0
        return self._stream

    def _drop_stream(self) -> None:
        if self._raw is not None:
            self._raw_offset = self._raw.tell()
        if self._stream is not None:
            self._stream.close()
        if self._raw is not None:
            self._raw.close()
        self._stream = self._raw = None
        self._streamed = 0


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def open_content(path: str) -> Content | None:
    """Open the log file at `path`, or return None where it is too early to say what it holds.

    Raises:
        OSError: it cannot be opened.
        RetryableError: it is no regular file, or compressed in a way that is not read.
    """
    # O_NONBLOCK: a named pipe must not hold the source up; regular files do not mind.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RetryableError(f"{path} is no regular file; point the pattern at log files")
        head = os.pread(descriptor, MAGIC_BYTES, 0)
        packing = packing_of(head)
        if packing in UNPACKED:
            return PackedContent(descriptor, packing)
        if packing is not None:
            raise RetryableError(f"{path} is compressed with {packing}; narrow the pattern, or unpack it")
        if path.endswith(PACKED_NAMES):
            if head:
                raise RetryableError(f"{path} is not what its name says; narrow the pattern, or rename it")
            os.close(descriptor)
            return None
        return PlainContent(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
