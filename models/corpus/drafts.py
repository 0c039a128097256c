"""Requests in the making: the names that parameters have and the values under them, documents, and paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance, Terminal
from weirlog.models.corpus.harmless import harmless
from weirlog.models.corpus.mutation import in_base64
from weirlog.models.corpus.words import NOUNS, VERBS
from weirlog.models.request import JSON


def _handed_on(chance: Chance) -> str:
    """Return the address of a page to link or to return to, mostly in Base64, as content management systems hand it on."""
    address = values.url(chance)
    if chance.maybe(0.3):
        address = f"{address.partition('?')[0].rstrip('/')}/index.php{chance.pick(('', '', '?' + values.slug(chance)))}"
    if chance.maybe(0.3):
        address = chance.pick(("/", "")) + address.split("/", 3)[-1]
    return in_base64(address) if chance.maybe(0.7) else address


_FIELDS: Final[tuple[tuple[str, Terminal], ...]] = (
    ("id", values.number), ("page", values.number), ("limit", values.number), ("offset", values.number), ("_", values.number), ("t", values.number),
    ("q", values.search), ("query", values.search), ("search", values.search), ("s", values.search), ("term", values.search), ("keyword", values.search),
    ("name", values.name), ("firstName", values.name), ("last_name", values.name), ("author", values.name), ("user", values.invented), ("username", values.invented),
    ("login", values.invented), ("email", values.email), ("password", values.password), ("pwd", values.password), ("token", values.token), ("csrf_token", values.token),
    ("session", values.token), ("access_token", values.json_web_token), ("key", values.token), ("hash", values.token), ("v", values.version), ("version", values.version),
    ("title", values.sentence), ("subject", values.sentence), ("message", values.paragraph), ("comment", values.paragraph), ("body", values.paragraph), ("text", harmless),
    ("content", harmless), ("description", values.paragraph), ("note", harmless), ("bio", values.sentence), ("url", values.url), ("redirect", values.url), ("next", values.url),
    ("referrer", values.url), ("callback", values.invented), ("file", values.file_path), ("path", values.file_path), ("image", values.url), ("address", values.address),
    ("street", values.address), ("city", values.foreign_words), ("phone", values.phone), ("date", values.date), ("from", values.date), ("to", values.date), ("sort", values.choice),
    ("order", values.choice), ("lang", values.choice), ("format", values.choice), ("type", values.word), ("category", values.slug), ("tag", values.word), ("filter", values.json_text),
    ("fields", lambda chance: ",".join(values.word(chance) for _ in range(chance.number(1, 5)))), ("lat", values.coordinates), ("price", values.number), ("utm_source", values.word),
    ("return", _handed_on), ("link", _handed_on), ("back", _handed_on), ("ref", _handed_on), ("u", _handed_on), ("goto", _handed_on), ("returnurl", _handed_on),
    ("utm_campaign", values.slug), ("gclid", values.token), ("fbclid", values.token), ("dl", values.url), ("action", values.slug), ("cmd", values.word), ("view", values.word),
    ("lid", values.number), ("data", values.json_text), ("payload", values.token), ("enabled", values.choice), ("status", values.choice), ("code", values.token), ("state", values.token),
)  # fmt: skip


@dataclass(slots=True)
class Draft:
    """A request being made; `values` are changed in place, then it is frozen into a Request."""

    method: str
    path: list[str]
    query: dict[str, JSON] = field(default_factory=dict)
    body: JSON = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The path as a request has it."""
        return "/" + "/".join(self.path)


def field_name(chance: Chance) -> str:
    """Return the name of a parameter in one of the styles that programmers have."""
    if chance.maybe(0.5):
        return chance.pick(_FIELDS)[0]
    first, second = chance.pick(NOUNS), chance.pick((*NOUNS[:60], "id", "name", "type", "no", "code"))
    return chance.pick(
        (first, f"{first}_{second}", f"{first}{second.title()}", f"{first}-{second}", f"{first}[{second}]", f"{first}[]",
         f"{first.upper()}", f"txt{first.title()}", f"ctl00${first}${second}", f"{first}.{second}", f"filter[{first}]", first[:1],
         f"{first[:3]}_{second[:3]}", f"_{first}", f"x-{first}", f"wp_{first}", f"p{chance.number(1, 9)}", values.invented(chance))
    )  # fmt: skip


def _field_value(chance: Chance, name: str) -> str:
    """Return a value as it may stand under a name."""
    for known, draw in _FIELDS if chance.maybe(0.5) else ():
        if known == name:
            return draw(chance)
    return values.plain_value(chance) if chance.maybe(0.6) else chance.pick(_FIELDS)[1](chance)


def parameters(chance: Chance, low: int, high: int) -> dict[str, JSON]:
    """Return from `low` to `high` names with a text under each."""
    pairs: dict[str, JSON] = {}
    for _ in range(chance.number(low, high)):
        if chance.maybe(0.55):
            name, draw = chance.pick(_FIELDS)
            pairs[name] = draw(chance)
        else:
            name = field_name(chance)
            pairs[name] = _field_value(chance, name)
    return pairs


def nested(chance: Chance, depth: int) -> dict[str, JSON]:
    """Return an object as interfaces are sent them: texts, numbers, lists and objects, nested at most five deep."""
    document: dict[str, JSON] = parameters(chance, 1, 5)
    for key in list(document):
        if chance.maybe(0.2):
            document[key] = chance.pick((True, False, None, chance.number(0, 10**6), round(chance.uniform(0, 999), 2)))
        elif chance.maybe(0.15) and depth < 4:
            document[key] = nested(chance, depth + 1)
        elif chance.maybe(0.08):
            document[key] = [values.plain_value(chance) for _ in range(chance.number(0, 6))]
        elif chance.maybe(0.05) and depth < 3:
            document[key] = [nested(chance, depth + 2) for _ in range(chance.number(1, 4))]
    return document


def folders(chance: Chance, high: int) -> list[str]:
    """Return up to `high` segments of a path."""
    return [_segment(chance).replace("/", "-") for _ in range(chance.number(0, high))]


def _segment(chance: Chance) -> str:
    match chance.number(0, 7):
        case 0:
            return chance.pick(NOUNS) + "s"
        case 1:
            return chance.pick(VERBS)
        case 2:
            return str(chance.number(1, 99_999))
        case 3:
            return chance.pick(NOUNS).title()
        case 4:
            return values.slug(chance)
    return chance.pick((values.word, values.invented, values.token))(chance)
