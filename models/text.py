"""Request → the text that a model sees. A preparation has a version, and an artifact names the one it was trained on.

What a version gives for a request never changes, except to correct an error: training and serving share it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Final, Protocol

from weirlog.models.canonical import GAP, LETTER, OTHER, Canonicaliser, is_plain
from weirlog.models.errors import UnsupportedError
from weirlog.models.javascript import stringify
from weirlog.models.leaves import LINE_CHARACTERS, Leaf, cut, fitting, walk
from weirlog.models.request import DESCRIPTIVE_FIELDS, Request

TEXT_CHARACTERS: Final = 512 * 1024
"""The longest detection text. Beyond it the lines in the middle are left out, and one `…` line says so."""
METHOD_CHARACTERS: Final = 1024
"""The longest method; cut like a line."""
FIELD_CHARACTERS: Final = 128
"""How much of a key a field's name keeps."""
TELLING_ENTRIES: Final = 2048
"""Headers remembered per instance, of at most TELLING_CHARACTERS each: 1 MB."""
TELLING_CHARACTERS: Final = 256
FAST_LEAVES: Final = 256
"""A request with more values than this is not tried as one text."""
UNSHOWN_HEADERS: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "date",
        "etag",
        "host",
        "if-match",
        "if-none-match",
        "proxy-authorization",
        "set-cookie",
    }
)
"""Headers that hold secrets, or quotes and opaque text in ordinary use; `sec-…` ones too."""

# Every browser's user agent and every referring address is made of these; `${jndi:`, `<script`, `'` and `() {` are not.
# The stand-ins are for names in other scripts and for long tokens.
_ORDINARY_AGENT = re.compile(rf"[a-zA-Z0-9 ()\[\],./:;+_~@!*#?{LETTER}{OTHER}{GAP}-]*+")
_ORDINARY_HEADER = re.compile(rf"[a-zA-Z0-9 ()\[\],./:;+_~@!*#?=&{LETTER}{OTHER}{GAP}-]*+")
# Attacks that ordinary characters can spell. Showing a harmless header costs a few characters, so this may be broad.
# Looking for the parts first spares 5 µs of pattern for a browser's user agent.
_TELLING_PARTS = ("../", "&", "select", "union", "sleep", "benchmark", "waitfor", "passwd")
_TELLING = re.compile(r"\.\./|&#?\w{2,8};|(?<![a-z])(?:select|union|sleep|benchmark|waitfor|passwd)(?![a-z])")


_PLAIN: Final = "text"
"""The only key of what is no request but a text."""


def plain_request(text: str) -> Request:
    """Return a text, which is no request, as one that holds nothing else: all of the house passes requests about."""
    return Request({_PLAIN: text})


def plain_text(request: Request) -> str | None:
    """Return the text that `plain_request` made a request of, None for any other request."""
    text = request.visible.get(_PLAIN)
    return text if isinstance(text, str) and len(request.visible) == 1 else None


@dataclass(frozen=True, slots=True)
class TextField:
    """Where one field of the request stands in the text: characters `start` to `end`, exclusive.

    Attributes:
        name: "method", "path", "query.<key>", "body.<dotted key>" or "header.<name>"; keys are canonical and cut to
            `FIELD_CHARACTERS`.
    """

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CanonicalText:
    """The text of one request.

    Attributes:
        text: what the tokenizer reads.
        fields: in the order of the text, not overlapping; empty where the version knows no fields.
    """

    text: str
    fields: tuple[TextField, ...] = ()


class TextPreparation(Protocol):
    """Makes texts of requests. Thread-safe.

    Attributes:
        version: what an artifact calls it.
    """

    version: str

    def text(self, request: Request) -> str:
        """Return the request's text. Raises nothing, in time linear in the request's size."""
        ...

    def prepare(self, request: Request) -> CanonicalText:
        """Return the request's text and where its fields stand in it, which only an explanation needs."""
        ...


class ReferenceText:
    """The reference system's text in Python: the visible fields re-dumped compactly, escaped to ASCII."""

    version = "reference-1"

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    def text(self, request: Request) -> str:
        visible = {key: value for key, value in request.visible.items() if key not in DESCRIPTIVE_FIELDS}
        return self._encode(visible)

    def prepare(self, request: Request) -> CanonicalText:
        return CanonicalText(self.text(request))


class PlainText(ReferenceText):
    """A text as people wrote it, for models of words; of a request, its text in the reference system."""

    version = "plain-1"

    def text(self, request: Request) -> str:
        text = plain_text(request)
        return super().text(request) if text is None else text


class ReferenceScriptText:
    """The reference system's text in its web application: five fields in its order, as `JSON.stringify` gives them.

    Characters that are not ASCII stay as they are; a field that the log lacks is left out.
    """

    version = "reference-js-1"

    def text(self, request: Request) -> str:
        fields = ("method", "query", "path", "statusCode", "requestPayload")
        return stringify({key: request.visible[key] for key in fields if key in request.visible})

    def prepare(self, request: Request) -> CanonicalText:
        return CanonicalText(self.text(request))


class DetectionText:
    """A text made for detection: the method and the path, then a line `key=value` for each parameter and body value.

        post /login
        next=/home
        user.name=carl

    Keys and values are in the form of `weirlog.models.canonical`, for attacks sit in keys too. Nested keys are joined
    with dots, items of a list share the list's key. Status, host, client and time are left out, so that nothing but
    what the client asked for decides. A header has a line only where its value is not ordinary.
    """

    version = "detection-1"

    def __init__(self) -> None:
        self._canonical = Canonicaliser().canonical
        # A site sees the same few thousand user agents and referrers all day; asking once saves a third of the work.
        self._is_known_to_tell = lru_cache(TELLING_ENTRIES)(self._is_telling)

    def text(self, request: Request) -> str:
        return self._read(request)[0]

    def prepare(self, request: Request) -> CanonicalText:
        return self._lay_out(*self._read(request))

    def _read(self, request: Request) -> tuple[str, str, str, Sequence[Leaf]]:
        """Return the text, and what it was made of: method, path and leaves."""
        method, path = request.method, request.path
        leaves_left = self._leaves(request)
        leaves = list(islice(leaves_left, FAST_LEAVES + 1))
        # Tested as one text, a typical request costs a few microseconds; value by value it would be ten times that.
        text = _joined(method, path, leaves)
        if len(leaves) <= FAST_LEAVES and len(text) <= LINE_CHARACTERS and is_plain(text, 1 + len(leaves)):
            return text.lower(), method, path, leaves
        canonical = self._canonical
        method = cut(canonical(method), METHOD_CHARACTERS)
        path = cut(canonical(path), LINE_CHARACTERS)
        leaves = fitting(
            ((scope, canonical(key), canonical(value)) for scope, key, value in chain(leaves, leaves_left)),
            TEXT_CHARACTERS - LINE_CHARACTERS - METHOD_CHARACTERS - 2,
        )
        return _joined(method, path, leaves), method, path, leaves

    def _lay_out(self, text: str, method: str, path: str, leaves: Sequence[Leaf]) -> CanonicalText:
        start = len(method) + 1
        fields = [TextField("method", 0, len(method)), TextField("path", start, start + len(path))]
        start += len(path) + 1
        for scope, key, value in leaves:
            end = start + len(key) + 1 + len(value)
            fields.append(TextField(f"{scope}.{key[:FIELD_CHARACTERS].lower()}", start, end))
            start = end + 1
        return CanonicalText(text, tuple(fields))

    def _leaves(self, request: Request) -> Iterator[Leaf]:
        """Yield every value of query, body and telling headers, in the log's order, with its dotted key."""
        for scope, root in (("query", request.query), ("body", request.body)):
            if isinstance(root, dict):
                for key, value in root.items():
                    if isinstance(value, str):
                        yield scope, key, value
                    else:
                        yield from walk(scope, key, value)
            elif root or isinstance(root, (bool, int, float)):
                yield from walk(scope, "items" if isinstance(root, list) else "raw", root)
        for name, value in sorted(self._telling(request.headers)) if request.headers else ():
            yield "header", name, value

    def _telling(self, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for name, value in headers.items():
            if name in UNSHOWN_HEADERS or name.startswith("sec-"):
                continue
            tells = self._is_known_to_tell if len(value) <= TELLING_CHARACTERS else self._is_telling
            if tells(name, value):
                yield name, value

    def _is_telling(self, name: str, value: str) -> bool:
        ordinary = _ORDINARY_AGENT if name == "user-agent" else _ORDINARY_HEADER
        if ordinary.fullmatch(value) is not None and not _tells(value.lower()):
            return False
        value = self._canonical(value)
        return ordinary.fullmatch(value) is None or _tells(value)


def _tells(lower: str) -> bool:
    for part in _TELLING_PARTS:
        if part in lower:
            return _TELLING.search(lower) is not None
    return False


def _joined(method: str, path: str, leaves: Iterable[Leaf]) -> str:
    return "\n".join([f"{method} {path}", *[f"{key}={value}" for _, key, value in leaves]])


def text_preparation(version: str) -> TextPreparation:
    """Return the preparation that `version` names.

    Raises:
        UnsupportedError: this release does not know it.
    """
    known: tuple[type[TextPreparation], ...] = (DetectionText, PlainText, ReferenceText, ReferenceScriptText)
    for preparation in known:
        if preparation.version == version:
            return preparation()
    versions = ", ".join(sorted(preparation.version for preparation in known))
    raise UnsupportedError(f"text preparation {version!r} is not known to this release, which has {versions}")
