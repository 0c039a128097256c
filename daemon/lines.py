"""Finished logs as bounded lines: plain, gzip, Zstandard, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from weirlog.pipeline.unpacking import DAMAGE, UNPACKED, damage_of, peeked, unpacked

STANDARD_INPUT = "-"
MAX_LINE_BYTES = 1 << 20
"""Longer lines are handed out cut and flawed, as the daemon's file source does."""
SKIP_BYTES = 1 << 16


class InputError(Exception):
    """An input that cannot be read; names it and says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end.

    Attributes:
        payload: its bytes, at most MAX_LINE_BYTES.
        flaw: why it is not whole, or None.
    """

    payload: bytes
    flaw: str | None = None


def size_of(inputs: Sequence[str]) -> int | None:
    """Return the bytes on disk of all `inputs`, or None when one of them has no size."""
    if STANDARD_INPUT in inputs:
        return None
    return sum(Path(name).stat().st_size for name in inputs if Path(name).is_file())


def read_lines(name: str, advanced: Callable[[int], None]) -> Iterator[Line]:
    """Yield the lines of one input, in constant memory.

    Args:
        name: a path (`.gz` and `.zst` are unpacked, told by their first bytes) or "-" for standard input.
        advanced: told now and then how many bytes of the file, as it lies on disk, have been read so far.

    Raises:
        InputError: it is missing, unreadable or damaged. Lines before the damage have been yielded.
    """
    try:
        with ExitStack() as stack:
            raw: IO[bytes] = sys.stdin.buffer if name == STANDARD_INPUT else stack.enter_context(Path(name).open("rb"))
            for count, line in enumerate(_split(_unpacked(raw, stack))):
                if count % 1024 == 0:
                    advanced(raw.tell() if raw.seekable() else 0)
                yield line
    except DAMAGE as error:
        raise InputError(f"{name}: {damage_of(error)}") from error


def _unpacked(raw: IO[bytes], stack: ExitStack) -> IO[bytes]:
    buffered, packing = peeked(raw)
    # What cannot be unpacked here is read as it is: every line of it is then told to be unparsable.
    return buffered if packing not in UNPACKED else stack.enter_context(unpacked(buffered, packing))


def _split(stream: IO[bytes]) -> Iterator[Line]:
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if line.endswith(b"\n") or len(line) <= MAX_LINE_BYTES:
            yield Line(line.rstrip(b"\r\n"))
            continue
        yield Line(line[:MAX_LINE_BYTES], f"line longer than {MAX_LINE_BYTES} bytes")
        while (rest := stream.readline(SKIP_BYTES)) and not rest.endswith(b"\n"):
            pass
