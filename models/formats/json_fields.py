"""Fields of a decoded JSON line, by whichever of their names is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from weirlog.models.request import JSON

_SAYS_NOTHING: Final = ("", "-")


def first_value(log: Mapping[str, JSON], keys: Sequence[str]) -> JSON:
    """Return the first value that says something."""
    for key in keys:
        value = log.get(key)
        if value is not None and value not in _SAYS_NOTHING:
            return value
    return None


def first_text(log: Mapping[str, JSON], keys: Sequence[str]) -> str:
    """Return the first text that says something, or an empty one."""
    for key in keys:
        value = log.get(key)
        if isinstance(value, str) and value not in _SAYS_NOTHING:
            return value
    return ""


def header_texts(headers: JSON) -> dict[str, str]:
    """Return an object of header fields, names in lower case; several values of one are joined as HTTP joins them."""
    if not isinstance(headers, dict):
        return {}
    texts = {}
    for name, value in headers.items():
        if isinstance(value, list):
            value = ", ".join(item for item in value if isinstance(item, str))
        if isinstance(value, str):
            texts[name.lower()] = value
    return texts


def field_at(log: JSON, path: Sequence[str]) -> JSON:
    """Return what stands at a path of keys, nested or with dots in the keys (`{"a": {"b.c": 1}}`), or None.

    At most 2 ** (len(path) - 1) ways are tried: for paths of a few keys.
    """
    if not path:
        return log
    if not isinstance(log, dict):
        return None
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        if key in log:
            found = field_at(log[key], path[length:])
            if found is not None:
                return found
    return None
