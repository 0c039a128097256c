"""Other spellings of a value. Harmless values are respelt too, so that an encoding alone is evidence of nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from weirlog.models.corpus.grammar import Chance

_BASE64_CHARACTERS: Final = 14
"""A shorter text's encoding is below what the text preparation takes for Base64."""
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def in_base64(text: str) -> str:
    """Return the Base64 of a text in UTF-8."""
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def base64_whole(text: str) -> str:
    """Return the Base64 of a text long enough to be told from a word; a shorter one as it is."""
    return text if len(text) < _BASE64_CHARACTERS else in_base64(text)


def _percent(text: str, chance: Chance) -> str:
    return quote(text, safe=chance.pick(("", "", "/", " ", "()*'")), errors="replace")


def _percent_all(text: str, _: Chance) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace"))


def _percent_unicode(text: str, chance: Chance) -> str:
    return "".join(f"%u{ord(sign):04x}" if ord(sign) < 0x10000 and chance.maybe(0.5) else sign for sign in text)


def _entities(text: str, chance: Chance) -> str:
    names = {"<": "&lt;", ">": "&gt;", '"': "&quot;", "&": "&amp;", "'": "&#39;"}
    if chance.maybe(0.5):
        return "".join(names.get(sign, sign) for sign in text)
    form = chance.pick(("&#{};", "&#x{:x};", "&#{:07d};", "&#{}"))
    return "".join(form.format(ord(sign)) if not sign.isalnum() or chance.maybe(0.2) else sign for sign in text)


def _backslash(text: str, chance: Chance) -> str:
    form = chance.pick(("\\u{:04x}", "\\x{:02x}"))
    return "".join(form.format(ord(sign)) if ord(sign) < 0x100 and chance.maybe(0.3) else sign for sign in text)


def _full_width(text: str, chance: Chance) -> str:
    return text.translate(_FULL_WIDTH if chance.maybe(0.5) else {ord("'"): "’", ord("<"): "＜", ord(">"): "＞"})


def _base64(text: str, _: Chance) -> str:
    return base64_whole(text)


def _case(text: str, chance: Chance) -> str:
    return "".join(sign.upper() if chance.maybe(0.5) else sign.lower() for sign in text)


def _spaces(text: str, chance: Chance) -> str:
    return text.replace(" ", chance.pick(("+", "\t", "\n", "  ", "%20", "\u00a0", "\r\n", "%09")))


def _double(text: str, chance: Chance) -> str:
    return _percent(_percent(text, chance), chance)


_MUTATIONS: Final[tuple[Callable[[str, Chance], str], ...]] = (
    _percent, _percent, _percent_all, _double, _percent_unicode, _entities, _backslash, _full_width, _base64, _case, _case,
    _spaces, _spaces,
)  # fmt: skip
_LAYERS: Final = (_percent, _percent, _case, _spaces)


def respelt(text: str, chance: Chance, share: float) -> str:
    """Return `text`, in `share` of calls in one or two other spellings."""
    if not chance.maybe(share):
        return text
    text = chance.pick(_MUTATIONS)(text, chance)
    # Base64 is not among these: how deep the text preparation undoes it is bounded, and below an attack has no cause.
    return chance.pick(_LAYERS)(text, chance) if chance.maybe(0.15) else text
