"""One text value brought into the form that "detection-1" models read: decoded, folded, shortened.

An attack can be spelt in endless ways that a server undoes again: percent and entity encoding twice over, full-width
letters, escapes, UTF-7, UTF-16 and UTF-32, Base64, hexadecimal, padding. Here each spelling is undone once, the same way in
training and in serving, so that the model need not learn it. Every step is linear in the value's length; the rounds are
counted.

Characters of the result: printable ASCII without upper case, and the stand-ins below. A stand-in that a client sends
itself becomes `OTHER`, so none can be forged.
"""

from __future__ import annotations

import html.entities
import re
import unicodedata
from typing import Final

from weirlog.models.base64_text import (
    BASE64_CHARACTERS,
    RUN,
    binary_start,
    decoded,
    is_binary,
    may_say_text,
    says_nothing,
    utf_7_text,
)

ROUNDS: Final = 3
"""How often percent, backslash and entity escapes are undone. The log format has undone one layer before."""
LAYERS: Final = 2
"""How deep Base64 or hexadecimal may stand in what other Base64 says: a tracker's value in its JSON."""
REPEAT_LIMIT: Final = 16
"""A longer run of one character is cut to this: padding that pushes the payload out of the model's window."""
OPAQUE_CHARACTERS: Final = 40
"""From this length a run of letters, digits, `_` and `-` is a token or a digest; it is cut to its ends."""
CACHE_ENTRIES: Final = 8192
"""Foldings remembered per instance; Unicode has 1.1 million characters, and a client may send them all."""

LETTER: Final = "ø"  # a letter that is not ASCII once its accents are gone
OTHER: Final = "¤"  # any other character that is not ASCII
CARRIAGE_RETURN: Final = "␍"
LINE_FEED: Final = "␊"
NUL: Final = "␀"
CONTROL: Final = "␦"
GAP: Final = "…"  # something was left out here
DECODED: Final = ("⟦", "⟧")  # what the Base64, Base32 or hexadecimal just before says

_ESCAPE = re.compile(
    r"(?P<bytes>(?:%[0-9a-fA-F]{2})+)"
    r"|%u(?P<percent_u>[0-9a-fA-F]{4})"
    r"|\\u(?P<backslash_u>[0-9a-fA-F]{4})|\\u\{(?P<braced>[0-9a-fA-F]{1,6})\}|\\U(?P<long_u>00[01][0-9a-fA-F]{5})"
    r"|\\x(?P<backslash_x>[0-9a-fA-F]{2})"
    # Style sheets write six digits, or end with a space; the shell's `echo` has a zero before an octal number.
    r"|\\(?:0000(?=[2-7])|(?=..[ ]))(?P<style>[2-7][0-9a-fA-F])[ ]?|\\0?(?P<octal>[0-3][0-7]{2})"
    # UTF-7 of ASCII: its first twelve bits are below 8 in sixteen (RFC 2152).
    r"|\+(?P<utf_7>A[A-H][A-Za-z0-9+/]+)-?"
    r"|&#(?:[xX]0*(?P<hexadecimal>[0-9a-fA-F]{1,7})|0*(?P<decimal>[0-9]{1,8}));?"
    # Without its semicolon a name counts only for the four that begin attacks: `&section=` is a parameter, no `§`.
    r"|&(?P<name>[a-zA-Z][a-zA-Z0-9]{1,31};|(?:lt|gt|quot|amp|LT|GT|QUOT|AMP)(?![a-zA-Z0-9=]))"
)
_ESCAPE_SIGNS = ("%", "\\", "&", "+A")
# UTF-8 longer than it need be, read as Latin-1: C0 AF for "/" (CVE-2000-0884).
_OVERLONG = re.compile(
    "[\xc0\xc1](?P<two>[\x80-\xbf])|\xe0(?P<three>[\x80-\x9f][\x80-\xbf])|\xf0\x80(?P<four>[\x80-\x9f][\x80-\xbf])"
)
# UTF-16 and UTF-32 of Western letters, read a byte a character.
_WIDE = re.compile("(?:[^\0]\0{1,3}){3,}|(?:\0{1,3}[^\0]){3,}")
_PLAIN = re.compile(r"[ -$'-\[\]-~\n]*+")  # printable ASCII without % & \, and newlines, which are counted
_REPEAT = re.compile(rf"(.)\1{{{REPEAT_LIMIT},}}", re.DOTALL)
_PAIR = re.compile(r"(.)\1", re.DOTALL)
_OPAQUE = re.compile(rf"[a-z0-9_-]{{{OPAQUE_CHARACTERS},}}+")
_OPAQUE_SHAPE = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz0123456789_-", b"a" * 38)
_OPAQUE_RUN = b"a" * OPAQUE_CHARACTERS
_SPACES = re.compile(r"  +")

# What databases and web servers fold to ASCII ("best fit") beyond Unicode's own compatibility mappings.
_BEST_FIT = {
    **dict.fromkeys("‘’‚‛′ʹʼˈʻ´", "'"),
    **dict.fromkeys("“”„‟″ʺ", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("⁄∕", "/"),
    **dict.fromkeys("‹〈〈⟨", "<"),
    **dict.fromkeys("›〉〉⟩", ">"),
    "∖": "\\",
    "∗": "*",
    "∣": "|",
    "ı": "i",
    # What is left of these when a server keeps the lower byte alone: LF, CR, < and >.
    "嘊": "\n",
    "嘍": "\r",
    "嘼": "<",
    "嘾": ">",
}
_SIMPLE = _BEST_FIT | {
    "\r": CARRIAGE_RETURN,
    "\n": LINE_FEED,
    "\x85": LINE_FEED,
    "\0": NUL,
    "\t": " ",
    "\v": " ",
    "\f": " ",
}
# By Unicode's general category, else by its first letter. Cf are zero-width and direction marks: they split words for
# a machine and not for a reader; M are accents.
_CATEGORY = {"Cc": CONTROL, "Cf": "", "L": LETTER, "M": "", "Zl": LINE_FEED, "Zp": LINE_FEED, "Zs": " "}


class _Folding(dict[int, str]):
    """Maps a code point to what stands for it; for `str.translate`."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        if len(self) < CACHE_ENTRIES:
            self[code] = folded
        return folded


def _fold(character: str) -> str:
    """Return what stands for one character, by compatibility decomposition, without accents, in lower case.

    Decomposing character by character keeps this linear: `unicodedata.normalize` sorts a run of combining marks in
    quadratic time.
    """
    return "".join(
        _fold_simple(part) for part in unicodedata.normalize("NFKD", _BEST_FIT.get(character, character)).lower()
    )


def _fold_simple(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in _SIMPLE:
        return _SIMPLE[character]
    category = unicodedata.category(character)
    if category.startswith("N"):
        return str(unicodedata.digit(character, OTHER))
    return _CATEGORY.get(category, _CATEGORY.get(category[0], OTHER))


class Canonicaliser:
    """Brings text values into canonical form. Thread-safe; remembers foldings up to `CACHE_ENTRIES`."""

    def __init__(self) -> None:
        self._folding = _Folding()

    def canonical(self, value: str) -> str:
        """Return `value` decoded, folded and shortened, on one line."""
        if is_plain(value):
            return value.lower()
        return _shorten(self._read(value, LAYERS))

    def _read(self, value: str, layers: int) -> str:
        """Return `value` decoded and folded, with what its Base64 and hexadecimal say, and what is so written in that."""
        value = _unescape(value)
        if "\0" in value:
            value = _WIDE.sub(lambda match: match[0].replace("\0", ""), value)
        if not layers or not may_say_text(value):
            return self._folded(value)
        pieces = []
        start = 0
        for match in RUN.finditer(value):
            text = decoded(match[0])
            if text is not None:
                pieces.append(self._folded(value[start : match.end()]))
                # What is longer than its run was inflated; within it nothing is, or bombs would multiply.
                pieces.append(self._read(text, layers - 1 if len(text) < len(match[0]) else 0).join(DECODED))
                start = match.end()
            elif is_binary(match[0]):
                pieces.append(self._folded(value[start : match.start() + binary_start(match[0]) + 8]) + GAP)
                start = match.end() - 4
        pieces.append(self._folded(value[start:]))
        return "".join(pieces)

    def _folded(self, value: str) -> str:
        # Of printable ASCII the folding is lower case, which costs a tenth.
        return value.lower() if value.isascii() and value.isprintable() else value.translate(self._folding)


def is_plain(value: str, lines: int = 1) -> bool:
    """Return whether lower-casing is all that `canonical` would do to each of `lines` lines; may say no where it is.

    It costs 2 µs for 100 characters and spares the rest for nearly every request of ordinary traffic.
    """
    if _PLAIN.fullmatch(value) is None or "  " in value or "+A" in value or value.count("\n") != lines - 1:
        return False
    if len(value) < BASE64_CHARACTERS:
        return True  # too short for what follows
    lower = value.lower()
    return says_nothing(value, lower) and not _has_repeat(lower) and not _has_opaque(lower)


def _has_repeat(value: str) -> bool:
    # A run of 17 has two neighbours in every eighth character, wherever one begins to count: ask those before all.
    return (
        _PAIR.search(value[::8]) is not None
        and _PAIR.search(value[3::8]) is not None
        and _PAIR.search(value[6::8]) is not None
        and _REPEAT.search(value) is not None
    )


def _has_opaque(value: str) -> bool:
    # As bytes, which takes a tenth of what the pattern takes.
    return len(value) >= OPAQUE_CHARACTERS and _OPAQUE_RUN in value.encode("ascii", "replace").translate(_OPAQUE_SHAPE)


def _shorten(value: str) -> str:
    if "  " in value:
        value = _SPACES.sub(" ", value)
    if len(value) > REPEAT_LIMIT and _has_repeat(value):
        value = _REPEAT.sub(lambda match: match[1] * REPEAT_LIMIT, value)
    if _has_opaque(value):
        # The last four stay for a comment's `--`; nothing else of an attack can be spelt in these characters.
        value = _OPAQUE.sub(lambda match: match[0][:8] + GAP + match[0][-4:], value)
    return value


def _unescape(value: str) -> str:
    for _ in range(ROUNDS):
        undone = _ESCAPE.sub(_unescape_one, value) if any(sign in value for sign in _ESCAPE_SIGNS) else value
        if not undone.isascii():
            undone = _OVERLONG.sub(_shortest, undone)
        if undone == value:
            break
        value = undone
    return value


def _unescape_one(match: re.Match[str]) -> str:
    text = match[match.lastgroup or 0]
    match match.lastgroup:
        case "bytes":
            raw = bytes.fromhex(text.replace("%", ""))
            try:
                return raw.decode()
            except UnicodeDecodeError:
                return raw.decode("latin-1")
        case "name":
            return html.entities.html5.get(text) or html.entities.html5.get(text + ";") or match[0]
        case "utf_7":
            return utf_7_text(text) or match[0]
        case "decimal":
            code = int(text)
        case "octal":
            code = int(text, 8)
        case _:
            code = int(text, 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def _shortest(match: re.Match[str]) -> str:
    tail = ord(match[match.lastgroup or 0][-1]) & 0x3F
    before = ord(match[0][-2]) & 0x1F
    return chr(before << 6 | tail)
