"""JSON as JavaScript's `JSON.stringify(JSON.parse(line))` writes it (ECMA-262, 25.5.2): what keras-js models were fed."""

from __future__ import annotations

import json.encoder
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from weirlog.models.request import JSON

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INDEX = re.compile("0|[1-9][0-9]{0,9}")
_INDEX_LIMIT: Final = 2**32 - 1
_EXACT_INTEGER: Final = 2**53


def stringify(value: JSON | Mapping[str, JSON]) -> str:
    """Return `value` compactly. Characters that are not ASCII stay as they are. Recurses to the depth of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int() | float():
            return _number(value)
        case list():
            return f"[{','.join(map(stringify, value))}]"
        case _:
            return f"{{{','.join(f'{_string(key)}:{stringify(value[key])}' for key in _ordered(value))}}}"


def _string(value: str) -> str:
    quoted = json.encoder.encode_basestring(value)
    return quoted if quoted.isascii() else _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _ordered(keys: Iterable[str]) -> list[str]:
    """Return the keys in the order of a JavaScript object: array indices by number, then the others as they came."""
    keys = list(keys)
    indices = {key for key in keys if _INDEX.fullmatch(key) and int(key) < _INDEX_LIMIT}
    return sorted(indices, key=int) + [key for key in keys if key not in indices]


def _number(value: float) -> str:
    """Return the shortest decimal that reads back as the same double, laid out by ECMA-262's Number::toString."""
    if isinstance(value, int) and abs(value) <= _EXACT_INTEGER:
        return str(value)
    try:
        value = float(value)
    except OverflowError:
        return "null"
    if not math.isfinite(value):
        return "null"
    sign = "-" if value < 0 else ""
    mantissa, _, power = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))  # digits before the decimal point
    digits = digits.rstrip("0")
    if not digits:
        text = "0"
    elif len(digits) <= point <= 21:
        text = sign + digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = f"{sign}{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"{sign}0.{'0' * -point}{digits}"
    else:
        text = f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{point - 1:+d}"
    return text
