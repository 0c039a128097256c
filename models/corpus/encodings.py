"""Single spellings of a value, each the same every time: what a detector must see through, to measure whether it does.

Training respells by chance (`mutation`); here one spelling is applied to the whole value, so that a figure names it. Each
is put on top of what a server has decoded already: "percent" is what a client sends percent-encoded twice.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from weirlog.models.base64_text import HEXADECIMAL_BYTES
from weirlog.models.corpus.attacks import KINDS
from weirlog.models.corpus.mutation import base64_whole

_CASELESS: Final = frozenset({"sqli", "xss", "path-traversal", "crlf", "jndi", "ldapi", "ssrf", "xxe"})
_VALUES: Final = frozenset(KINDS) - {"probe"}
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def percent(text: str) -> str:
    return quote(text, safe="", errors="replace")


def percent_twice(text: str) -> str:
    return percent(percent(text))


def plus(text: str) -> str:
    return text.replace(" ", "+")


def backslash_u(text: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else sign for sign in text)


def entity_decimal(text: str) -> str:
    return "".join(f"&#{ord(sign)};" for sign in text)


def entity_hexadecimal(text: str) -> str:
    return "".join(f"&#x{ord(sign):x};" for sign in text)


def base64_twice(text: str) -> str:
    return base64_whole(base64_whole(text))


def hexadecimal(text: str) -> str:
    """Return the bytes of a text long enough to be told from a number, as databases write them."""
    return f"0x{text.encode('utf-8', 'replace').hex()}" if len(text) >= HEXADECIMAL_BYTES else text


def backslash_octal(text: str) -> str:
    r"""Return the text as shells and C write it: `\074` for `<`."""
    return "".join(f"\\{ord(sign):03o}" if sign.isascii() else sign for sign in text)


def utf_7(text: str) -> str:
    return "".join(
        sign
        if sign.isalnum() and sign.isascii()
        else f"+{base64.b64encode(sign.encode('utf-16-be', 'replace')).decode().rstrip('=')}-"
        for sign in text
    )


def utf_16(text: str) -> str:
    """Return the text's UTF-16, little-endian, read a byte a character."""
    return text.encode("utf-16-le", "replace").decode("latin-1")


def full_width(text: str) -> str:
    return text.translate(_FULL_WIDTH)


def mixed_case(text: str) -> str:
    return "".join(sign.upper() if place % 2 else sign.lower() for place, sign in enumerate(text))


def sql_comments(text: str) -> str:
    return text.replace(" ", "/**/")


def overlong(text: str) -> str:
    """Return the text with each ASCII sign, letters and digits apart, in two bytes of UTF-8 where one would do."""
    return "".join(
        sign if sign.isalnum() or not sign.isascii() else f"%{0xC0 | ord(sign) >> 6:02x}%{0x80 | ord(sign) & 0x3F:02x}"
        for sign in text
    )


@dataclass(frozen=True, slots=True)
class Encoding:
    """One spelling.

    Attributes:
        name: as reports call it.
        spell: gives the spelling; the text itself where the spelling changes nothing in it.
        kinds: of the attacks that survive it. A target that minds the case takes no mixed case; of a path, which is what a
            probe is, only percent signs are undone.
    """

    name: str
    spell: Callable[[str], str]
    kinds: frozenset[str] = _VALUES


PLAIN: Final = "plain"
ENCODINGS: Final = (
    Encoding("percent", percent, frozenset(KINDS)),
    Encoding("percent twice", percent_twice, frozenset(KINDS)),
    Encoding("+ for spaces", plus),
    Encoding(r"\u escapes", backslash_u),
    Encoding("entities, decimal", entity_decimal),
    Encoding("entities, hexadecimal", entity_hexadecimal),
    Encoding("Base64", base64_whole, _VALUES - {"deserialization"}),
    Encoding("Base64 twice", base64_twice, _VALUES - {"deserialization"}),
    Encoding("hexadecimal", hexadecimal, _VALUES - {"deserialization"}),
    Encoding("octal escapes", backslash_octal),
    Encoding("UTF-7", utf_7),
    Encoding("UTF-16", utf_16),
    Encoding("full width", full_width),
    Encoding("mixed case", mixed_case, _CASELESS),
    Encoding("SQL comments", sql_comments, frozenset({"sqli"})),
    Encoding("overlong UTF-8", overlong),
)
"""Serialised objects are Base64 or hexadecimal as they come; what they hold is no text."""
