r"""Quoted fields of text logs, in which a quote, a backslash and control characters are escaped."""

from __future__ import annotations

import re
from typing import Final

QUOTED: Final = rb'"((?:[^"\\]++|\\.)*+)"'
"""A quoted field; its group is what stands between the quotes. Possessive: a line that does not match fails in one pass,
whatever its quotes and backslashes."""

_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([\"\\]))")
_ESCAPE_OR_LETTER = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([\"\\bnrtvf]))")
_CONTROL = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}


def unescape(raw: bytes, *, letters: bool) -> bytes:
    r"""Undo `\xHH`, `\"` and `\\`, once; any other backslash is one.

    Args:
        raw: what stands between the quotes.
        letters: whether the server writes control characters as letters (`\n`). Where it does not, a backslash before a
            letter is the client's: `..\boot.ini`.
    """
    return (_ESCAPE_OR_LETTER if letters else _ESCAPE).sub(_unescape_one, raw) if b"\\" in raw else raw


def _unescape_one(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes.fromhex(match[1].decode("ascii"))
    return _CONTROL.get(match[2], match[2])
