"""The values of a request's query, body and headers, each with its dotted key: walked without recursion, cut to what fits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from weirlog.models.canonical import GAP
from weirlog.models.request import JSON

LINE_CHARACTERS: Final = 64 * 1024
"""The longest path. It keeps its beginning and its end, around a `…`; so does a key of half this length."""
VALUE_CHARACTERS: Final = 192 * 1024
"""The longest value; so long that a body of 128 KiB is read whole, and two of them are."""
PREFIX_CHARACTERS: Final = 64
"""How much of a long container's key its leaves repeat, so that the text stays linear in the request."""
INTEGER_BITS: Final = 8192
"""A longer integer is written in hexadecimal."""

Leaf: TypeAlias = tuple[str, str, str]
"""query, body or header; key; value."""


def walk(scope: str, key: str, root: JSON) -> Iterator[Leaf]:
    """Yield `root`, or every value below it, with its dotted key, in the log's order. Does not recurse."""
    stack: list[tuple[str, JSON]] = [(key, root)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, str):
            yield scope, key, value
        elif isinstance(value, (dict, list)) and value:
            if len(key) > PREFIX_CHARACTERS:
                yield scope, key, ""  # the key in full, once
                key = key[:PREFIX_CHARACTERS] + "..."
            if isinstance(value, list):
                stack.extend((key or "raw", item) for item in reversed(value))
            else:
                stack.extend((f"{key}.{name}", item) for name, item in reversed(value.items()))
        else:
            yield scope, key, _scalar(value)


def _scalar(value: JSON) -> str:
    match value:
        case None | dict() | list():
            return ""
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > INTEGER_BITS:
            return f"{value:x}"  # str() refuses integers of more than 4300 digits
    return str(value)


def cut(text: str, limit: int) -> str:
    """Return `text`, or its beginning and its end around a `…` where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return text[:half] + GAP + text[-half:]


def fitting(leaves: Iterable[Leaf], limit: int) -> list[Leaf]:
    """Return the leaves that fit in `limit` characters: those of the first half, then the last ones.

    Memory stays within twice the limit however many there are.
    """
    head: list[Leaf] = []
    tail: deque[Leaf] = deque()
    head_size = tail_size = left_out = 0
    for scope, key, value in leaves:
        key = cut(key, LINE_CHARACTERS // 2)
        value = cut(value, VALUE_CHARACTERS)
        size = len(key) + len(value) + 2
        if not tail and head_size + size <= limit // 2:
            head.append((scope, key, value))
            head_size += size
            continue
        tail.append((scope, key, value))
        tail_size += size
        while tail_size > limit // 2 - len(GAP) - 2:
            left_out += 1
            _, key, value = tail.popleft()
            tail_size -= len(key) + len(value) + 2
    return [*head, *([("body", GAP, "")] if left_out else []), *tail]
