"""Texts and requests that were written one by one, not by a grammar: what people type, what applications send, attacks.

A grammar repeats its shapes; here each line has its own. What a line does not hang on is drawn anew each time, so that it is
its shape that is learnt: numbers, everyday words, which of its lines are quoted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.words import ADJECTIVES, NOUNS, VERBS
from weirlog.models.request import JSON

_FOLDER: Final = Path(__file__).parent / "texts"
HARMLESS_FILE: Final = "harmless.jsonl"
ATTACKS_FILE: Final = "attacks.jsonl"
ATTACK_REQUESTS_FILE: Final = "attack_requests.jsonl"
REQUESTS_FILE: Final = "requests.jsonl"
PATHS_FILE: Final = "paths.jsonl"
FILES: Final = (HARMLESS_FILE, ATTACKS_FILE, ATTACK_REQUESTS_FILE, REQUESTS_FILE, PATHS_FILE)
EXCERPT: Final = 0.2
"""Share of texts of several lines of which only some are quoted."""
VARIED: Final = 0.5
"""Share of texts in which numbers, and in harmless ones words, are drawn anew."""
REPLACED: Final = 0.08
"""Share of texts in a request in whose place an ordinary value stands."""
_FIXED: Final = frozenset({"ssrf", "rfi", "xxe", "jndi", "deserialization", "probe"})
"""Kinds of attacks that hang on their numbers: ports, versions, lengths."""
_NUMBER: Final = re.compile(r"(?<![\w%\\#&.])\d+(?!\w|\.\d)")
"""Digits that are part of no escape, name, address or fraction."""
_WORD: Final = re.compile(r"\b[a-z]{4,}\b")


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request, its values as a log format gives them.

    Attributes:
        method: lower case.
        path: from the first slash.
        query: values by name.
        body: an object, a list, a raw text, or None.
    """

    method: str
    path: str
    query: dict[str, Any]
    body: Any

    @property
    def segments(self) -> list[str]:
        """The path as drafts have it."""
        return self.path.removeprefix("/").split("/")

    @property
    def payload(self) -> JSON:
        """The body as requests have it: an object, or None."""
        if isinstance(self.body, list):
            return {"items": self.body}
        return {"raw": self.body} if isinstance(self.body, str) else self.body


class WrittenRequest(_Written, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A harmless request.

    Attributes:
        app: whose it is.
    """

    app: str


class AttackRequest(_Written, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attack that is one by its place as much as by its text: in a name, in several parameters, against one product.

    Attributes:
        kind: by its field name.
    """

    kind: str


class _Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    text: str


Line = TypeVar("Line")
OfKind = TypeVar("OfKind", _Attack, AttackRequest)


@cache
def harmless_texts() -> tuple[str, ...]:
    """Return the harmless texts, in one order."""
    return _read(HARMLESS_FILE, str)


@cache
def attacks() -> Mapping[str, tuple[str, ...]]:
    """Return the attacks by their kind."""
    kinds = _by_kind(_read(ATTACKS_FILE, _Attack))
    return {kind: tuple(attack.text for attack in made) for kind, made in kinds.items()}


@cache
def requests() -> tuple[WrittenRequest, ...]:
    """Return the harmless requests, in one order."""
    return _read(REQUESTS_FILE, WrittenRequest)


@cache
def attack_requests() -> Mapping[str, tuple[AttackRequest, ...]]:
    """Return the attacks that are whole requests by their kind; some kinds have none."""
    return _by_kind(_read(ATTACK_REQUESTS_FILE, AttackRequest))


@cache
def paths() -> tuple[str, ...]:
    """Return the harmless paths that look like probes, in one order."""
    return _read(PATHS_FILE, str)


def written_digest() -> str:
    """Return the SHA-256 of all that is written here, for a model's manifest."""
    return hashlib.sha256(b"\0".join((_FOLDER / name).read_bytes() for name in FILES)).hexdigest()


def written_harmless(chance: Chance) -> str:
    """Return one of the harmless texts, or some of its lines, mostly with other numbers and words."""
    text = chance.pick(harmless_texts())
    lines = text.split("\n")
    if len(lines) > 2 and chance.maybe(EXCERPT):
        start = chance.number(0, len(lines) - 2)
        text = "\n".join(lines[start : start + chance.number(2, len(lines))]).strip() or text
    return _varied(text, chance)


def written_attack(chance: Chance, kind: str) -> str:
    """Return one of the attacks of a kind, mostly with other numbers.

    Raises:
        KeyError: there is none of this kind.
    """
    text = chance.pick(attacks()[kind])
    return text if kind in _FIXED or chance.maybe(1 - VARIED) else _renumbered(text, chance)


def attack_request(chance: Chance, kind: str) -> AttackRequest | None:
    """Return one of the attacks of a kind that are whole requests, mostly with other numbers; None if it has none."""
    made = attack_requests().get(kind)
    if made is None:
        return None
    attack = chance.pick(made)
    if kind in _FIXED or chance.maybe(1 - VARIED):
        return attack

    def other(leaf: JSON) -> JSON:
        return _renumbered(leaf, chance) if isinstance(leaf, str) else leaf

    query, body = _changed(attack.query, other), _changed(attack.body, other)
    return msgspec.structs.replace(attack, path=_renumbered(attack.path, chance), query=query, body=body)


def written_path(chance: Chance) -> str:
    """Return one of the harmless paths, mostly with other numbers."""
    text = chance.pick(paths())
    return _renumbered(text, chance) if chance.maybe(VARIED) else text


def redrawn(value: JSON, chance: Chance) -> JSON:
    """Return a copy of a document some of whose texts and numbers are others."""

    def other(leaf: JSON) -> JSON:
        if isinstance(leaf, str) and leaf:
            return values.plain_value(chance) if chance.maybe(REPLACED) else _varied(leaf, chance)
        if isinstance(leaf, int) and not isinstance(leaf, bool) and chance.maybe(VARIED):
            return chance.number(0, 2 * abs(leaf) + 1)
        return leaf

    return _changed(value, other)


def _changed(value: JSON, change: Callable[[JSON], JSON]) -> JSON:
    """Return a copy of a document with other leaves; names stay."""
    if isinstance(value, dict):
        return {name: _changed(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [_changed(part, change) for part in value]
    return change(value)


@cache
def _ordinary() -> Mapping[str, Sequence[str]]:
    """Return the words that stand for others, with these: everyday ones, and what no attack has a word for."""
    hostile = {word for kind in attacks().values() for text in kind for word in _WORD.findall(text.lower())}
    peaceful = sorted({word for text in harmless_texts() for word in _WORD.findall(text)} - hostile)
    return {word: words for words in (peaceful, NOUNS, VERBS, ADJECTIVES) for word in words}


def _varied(text: str, chance: Chance) -> str:
    return _reworded(_renumbered(text, chance), chance) if chance.maybe(VARIED) else text


def _renumbered(text: str, chance: Chance) -> str:
    """Return a text with other numbers of as many digits; equal ones stay equal."""
    others: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        size = len(match[0])
        if match[0] not in others:
            others[match[0]] = str(chance.number(10 ** (size - 1) if size > 1 else 0, 10**size - 1))
        return others[match[0]]

    return _NUMBER.sub(other, text)


def _reworded(text: str, chance: Chance) -> str:
    """Return a text with a third of its ordinary words replaced by others of their sort; equal ones stay equal."""
    sorts = _ordinary()
    others: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        words = sorts.get(match[0])
        if words is None:
            return match[0]
        if match[0] not in others:
            others[match[0]] = chance.pick(words) if chance.maybe(1 / 3) else match[0]
        return others[match[0]]

    return _WORD.sub(other, text)


def _read(name: str, of: type[Line]) -> tuple[Line, ...]:
    return tuple(msgspec.json.decode(line, type=of) for line in (_FOLDER / name).read_bytes().splitlines())


def _by_kind(attacks: Iterable[OfKind]) -> dict[str, tuple[OfKind, ...]]:
    kinds: dict[str, list[OfKind]] = {}
    for attack in attacks:
        kinds.setdefault(attack.kind, []).append(attack)
    return {kind: tuple(made) for kind, made in kinds.items()}
