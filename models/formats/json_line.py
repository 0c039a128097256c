"""One line as a JSON object: what `json.loads` gives, at msgspec's speed, and harmless whatever the bytes are."""

from __future__ import annotations

import json
import math
from typing import Final

import msgspec

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.request import JSON

DEPTH_LIMIT: Final = 64
"""Objects and arrays inside one another, so that whoever walks a request may recurse."""
INTEGER_DIGITS: Final = 4300
"""Python neither reads nor writes longer integers; they stay text."""
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def begins_object(line: bytes) -> bool:
    """Return whether a line can only be a JSON object, if it is anything."""
    return line.startswith(b"{") or line.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"{"


def decode_object(line: bytes) -> dict[str, JSON]:
    """Return the object that `line` is, behind whatever carried it.

    It is equal to what `json.loads` makes of it, key order and duplicates alike.

    It differs where what `json.loads` gives would break something later: a number that no double holds, `NaN` and
    `Infinity` stay text, and half a surrogate pair becomes U+FFFD. Bytes that are not UTF-8 are Latin-1, string by
    string.

    Raises:
        UnparsableError: the line is no JSON object, or is nested deeper than `DEPTH_LIMIT`.
    """
    value = decode_json(without_carrier(line))
    if not isinstance(value, dict):
        raise UnparsableError("the line is JSON but no object")
    return value


def decode_json(line: bytes) -> JSON:
    """Return the value that `line` is, as `decode_object` does."""
    try:
        try:
            value: JSON = msgspec.json.decode(line)
            exact = True
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = _decode_tolerantly(line)
            exact = False
    except RecursionError:
        raise UnparsableError(f"JSON is nested deeper than {DEPTH_LIMIT}") from None
    if line.count(b"[") + line.count(b"{") > DEPTH_LIMIT:
        _check_depth(value)
    return value if exact else _without_halves(value, latin=not _is_utf8(line))


def _decode_tolerantly(line: bytes) -> JSON:
    line = line.removeprefix(BYTE_ORDER_MARK)
    try:
        value: JSON = json.loads(
            line.decode() if _is_utf8(line) else line.decode("latin-1"),
            parse_constant=str,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        # The decoder's own messages quote nothing of the line; only position and expectation.
        raise UnparsableError(f"not JSON: {error.msg} at character {error.pos}") from None
    return value


def _finite(literal: str) -> float | str:
    number = float(literal)
    return number if math.isfinite(number) else literal


def _integer(literal: str) -> int | str:
    return int(literal) if len(literal) <= INTEGER_DIGITS else literal


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_depth(value: JSON) -> None:
    depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise UnparsableError(f"JSON is nested deeper than {DEPTH_LIMIT}")
        level = [
            child
            for container in level
            if isinstance(container, (dict, list))
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, (dict, list))
        ]


def _without_halves(value: JSON, *, latin: bool) -> JSON:
    """Return `value` with U+FFFD for half a surrogate pair, and with UTF-8 read where it was taken for Latin-1."""
    if isinstance(value, str):
        if latin and not value.isascii():
            try:
                return value.encode("latin-1").decode()
            except UnicodeError:
                pass
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_halves(item, latin=latin) for item in value]
    if isinstance(value, dict):
        return {
            str(_without_halves(key, latin=latin)): _without_halves(item, latin=latin) for key, item in value.items()
        }
    return value
