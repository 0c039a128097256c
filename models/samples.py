"""Texts written to measure a detector by, and the requests that they are put into."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args

import msgspec

from weirlog.models.corpus.everyday import reading_matter, suspicious_text
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.written import WrittenRequest
from weirlog.models.errors import DatasetError
from weirlog.models.request import JSON, Request

Row = TypeVar("Row")
Place: TypeAlias = Literal["query", "body", "path"]
PLACES: Final[tuple[Place, ...]] = get_args(Place)
Form: TypeAlias = Literal["json", "form", "text", "upload"]
FORMS: Final[tuple[Form, ...]] = ("json", "form", "text")
UPLOAD: Final = "upload"
POSITIONS: Final = ("front", "middle", "end")

_NAMES: Final = ("q", "note", "title", "ref", "message", "label")
_SITES: Final = ("/search", "/api/v2/items", "/forum/post", "/account/settings", "/shop/list", "/jobs/apply")
_TAKEN: Final = frozenset({"sort", "limit", "author", "language", "draft"})
_PARAGRAPH_CHARACTERS: Final = 400
_FIELD_CHARACTERS: Final = 120


class Harmless(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A harmless text and where in a request people write such."""

    place: Place
    text: str


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attack as its author would type it.

    Attributes:
        kind: by its field name.
        name: of the parameter that takes it; in a body, dots make nested objects. "" where the text is the whole path.
        text: the value.
        hostile_name: whether the attack is the name, or both together.
        places: where in a request it makes sense.
    """

    kind: str
    name: str
    text: str
    hostile_name: bool = False
    places: tuple[Place, ...] = PLACES


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with a text in it.

    Attributes:
        request: it.
        field: name of the field that holds the text, as explanations call it before its spelling is undone.
        before: characters of harmless prose in front of the text in its field, `/` of a path included.
        after: and behind it.
    """

    request: Request
    field: str
    before: int
    after: int


def read_harmless(path: Path) -> list[Harmless]:
    """Return the harmless texts of a file of JSON lines with `place` and `text`.

    Raises:
        DatasetError: it cannot be read, or a line is no such object.
    """
    return _read(path, Harmless)


def read_attacks(path: Path) -> list[Attack]:
    """Return the attacks of a file of JSON lines with `kind`, `name`, `text` and perhaps `hostile_name` and `places`.

    Raises:
        DatasetError: it cannot be read, or a line is no such object.
    """
    return _read(path, Attack)


def read_requests(path: Path) -> list[Request]:
    """Return the harmless requests of a file of JSON lines as `corpus.written` has them.

    Raises:
        DatasetError: it cannot be read, or a line is no such object.
    """
    return [_request(each.method, each.path, each.query, each.payload) for each in _read(path, WrittenRequest)]


def drawn_harmless(seed: int, count: int) -> list[Harmless]:
    """Return so many different harmless texts from the grammar of `corpus.everyday`."""
    chance = Chance(seed)
    texts: dict[str, Harmless] = {}
    while len(texts) < count:
        text = suspicious_text(chance)
        texts[text] = Harmless(chance.pick(("query", "body", "body")), text)
    return list(texts.values())


def spread(texts: Sequence[Attack]) -> list[Attack]:
    """Return the attacks reordered so that the kinds take turns."""
    by_kind: dict[str, list[Attack]] = {}
    for text in texts:
        by_kind.setdefault(text.kind, []).append(text)
    longest = max(map(len, by_kind.values()), default=0)
    return [group[turn] for turn in range(longest) for group in by_kind.values() if turn < len(group)]


def request_of(text: Harmless, number: int) -> Request:
    """Return a request with the text where it belongs; `number` chooses among a few sites."""
    return place(text.text, text.place, _NAMES[number % len(_NAMES)], number).request


def place(text: str, where: Place, name: str, number: int, *, around: tuple[str, str] = ("", "")) -> Placed:
    """Return a request with `text` in one of its places, and other parameters beside it.

    Args:
        text: what to put there.
        where: the place.
        name: of the parameter; in a path it stands in none. "" for a text that is the whole path.
        number: chooses among a few sites.
        around: plain words before and after the text, in the same field.

    Raises:
        ValueError: one of the other parameters is called `name`.
    """
    if name in _TAKEN:
        raise ValueError(f"a parameter {name!r} stands in every such request: call this one otherwise")
    site = _SITES[number % len(_SITES)]
    value = around[0] + text + around[1]
    field = f"{where}.{name}"
    if where == "query":
        request = _request("get", site, {"sort": "newest", name: value, "limit": str(10 + number % 7)}, None)
    elif where == "body":
        body: dict[str, JSON] = {"author": "Robin Vale", "language": "en"}
        _nest(body, name, value)
        body["draft"] = False
        request = _request("post", site, {}, body)
    elif not name:
        return Placed(_request("get", text, {}, None), "path", 0, 0)
    else:
        request = _request("get", f"{site}/{value}", {"sort": "newest"}, None)
        return Placed(request, "path", len(site) + 1 + len(around[0]), len(around[1]))
    return Placed(request, field, len(around[0]), len(around[1]))


def long_body(seed: int, size_bytes: int, form: Form, text: str | None = None, position: str = "middle") -> Request:
    """Return a request with a body of plain prose, ASCII, and perhaps a text somewhere in it.

    Args:
        seed: of the prose.
        size_bytes: of the prose; names and signs of the form come on top.
        form: "json" is a list of articles, "form" many fields, "text" one unparsed text; UPLOAD is a file in Base64, random
            bytes in place of prose, which hides no text.
        text: what to hide in it, as a value or a line of its own; None for nothing.
        position: where among the others, one of POSITIONS.
    """
    chance = Chance(seed)
    if form == UPLOAD:
        content = base64.b64encode(chance.randbytes(size_bytes * 3 // 4)).decode()
        return _request("post", "/api/attachments", {}, {"filename": "holiday.jpg", "content": content})
    step = _FIELD_CHARACTERS if form == "form" else _PARAGRAPH_CHARACTERS
    parts = [reading_matter(chance, min(step, size_bytes - done)) for done in range(0, size_bytes, step)]
    if text is not None:
        parts.insert({"front": 0, "middle": len(parts) // 2, "end": len(parts)}[position], text)
    body: dict[str, JSON]
    if form == "json":
        body = {"articles": [{"id": number, "text": part} for number, part in enumerate(parts)]}
    elif form == "form":
        body = {f"field_{number}": part for number, part in enumerate(parts)}
    else:
        body = {"raw": "\n".join(parts)}
    return _request("post", "/api/import", {}, body)


def _request(method: str, path: str, query: dict[str, JSON], body: JSON) -> Request:
    return Request({"method": method, "query": query, "path": path, "statusCode": 200, "requestPayload": body})


def _nest(body: dict[str, JSON], name: str, value: JSON) -> None:
    *outer, last = name.split(".")
    for key in outer:
        inner: dict[str, JSON] = {}
        body[key] = inner
        body = inner
    body[last] = value


def _read(path: Path, kind: type[Row]) -> list[Row]:
    rows: list[Row] = []
    try:
        with path.open("rb") as lines:
            for line in lines:
                rows.append(msgspec.json.decode(line, type=kind))  # noqa: PERF401 - an error is told by how many there are
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise DatasetError(f"{path}, line {len(rows) + 1}: {error}") from error
    return rows
