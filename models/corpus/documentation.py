"""Harmless text that people wrote: the documentation and the source of Python's own library, beside every interpreter.

Grammars repeat themselves; here are a hundred thousand lines of prose on code, sessions of a shell, markup in strings and
programs, as people paste them into forums, tickets and wikis.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sysconfig
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Final

SHORTEST: Final = 20
LONGEST: Final = 600
"""Of a passage, in characters; longer ones are left out, for there are enough."""
HELD_OUT: Final = 8
"""One file or topic in so many is never trained on."""
SLICE_LINES: Final = (1, 2, 3, 4, 6, 9, 13)
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_PASSED_OVER: Final = frozenset({"encodings", "test", "tests", "idle_test", "site-packages", "lib2to3", "__pycache__"})
"""Tables and tests: much of the same, or written to be odd."""


def passages(*, held_out: bool = False) -> tuple[str, ...]:
    """Return paragraphs of documentation and slices of programs, in one order for one version of Python.

    Reads some six hundred files and topics, which takes three seconds.

    Args:
        held_out: return those of the files and topics that are kept from training instead.
    """
    parts: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for name, text in _sources():
        kept = zlib.crc32(name.encode()) % HELD_OUT == 0
        parts[kept].update(dict.fromkeys(piece for piece in _pieces(name, text) if SHORTEST <= len(piece) <= LONGEST))
    return tuple(piece for piece in parts[True] if piece not in parts[False]) if held_out else tuple(parts[False])


def passages_digest(texts: Sequence[str]) -> str:
    """Return the SHA-256 of passages, for a model's manifest: other versions of Python hold others."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def _sources() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each topic of the manual and of each module."""
    yield from ((f"topic {name}", text) for name, text in sorted(topics.items()))
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        relative = path.relative_to(library)
        if _PASSED_OVER.isdisjoint(relative.parts[:-1]) and relative.parts[0] != "pydoc_data":
            yield str(relative), path.read_text("utf-8", errors="replace")


def _pieces(name: str, text: str) -> Iterator[str]:
    if name.startswith("topic "):
        yield from (part.strip() for part in _PARAGRAPHS.split(text))
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (description := ast.get_docstring(node)):
            yield from (part.strip() for part in _PARAGRAPHS.split(description))
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        count = SLICE_LINES[zlib.crc32(f"{name} {start}".encode()) % len(SLICE_LINES)]
        yield textwrap.dedent("\n".join(lines[start : start + count])).strip()
        start += 3 * count  # a third: programs are far longer than what is written of them
