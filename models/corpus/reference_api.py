"""A small demo shop's API and a scanner that runs against it, as hapi logs both: in place of the reference system's rows.

That data set (26,773 rows, about half of them attacks) cannot be had. What is known of it is kept: the schema, the
number of rows, the 87 characters of its published dictionary (62 lower-cased; no `%`, `@`, `$` or `|` is among them) and
nearly their order by frequency (rank correlation 0.95), a handful of routes, people with short names and passwords, and
a tool that goes through its templates again and again with other numbers in them, so that near duplicates abound. All
else is made up. An attack is a request like any other in which one value is replaced or continued; what stands around it
is drawn as for harmless requests.

How hard that is, on seed 1 with a quarter of all rows held out: a logistic regression on counts of characters reaches
an accuracy of 0.98, on whether each occurs 0.94, on runs of up to three characters 0.998; the status alone 0.59, the
path alone 0.51. No attack holds a character that harmless rows lack, and three in ten hold only such as occur in at
least one harmless row of a hundred. Three rows in a hundred occur more than once. Figures on these rows compare
implementations and settings, and say nothing of real traffic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.reference_scanner import payload
from weirlog.models.corpus.words import ADJECTIVES, FIRST_NAMES, LAST_NAMES, NOUNS, SMALL_WORDS, VERBS
from weirlog.models.request import JSON

ROWS: Final = 26_773
ATTACK_SHARE: Final = 0.5
CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY0123456789\"':,.;!?/\\_-+*=&#<>()[]{} "
"""All that a text of the reference data has in it, Z being the one capital that it has not."""
_REFUSALS: Final = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
_STATUSES: Final = {
    # By route: what the application answers, and what it answers to an attack: a little more often with an error.
    "/login": ((200, 302, 401, 401, 401, 400), (200, 401, 401, 401, 400)),
    "/register": ((200, 302, 400, 400), (302, 400, 400)),
    "/search": ((200, 304, 304, 404), (200, 304, 404, 404)),
    "/forgotpw": ((200, 404, 400), (200, 404, 400, 400)),
    "/feedback": ((200, 302, 400), (200, 302, 400, 400)),
    "/checkout": ((200, 302, 400), (200, 400, 400)),
    "/account": ((200, 304, 401, 404, 403), (200, 401, 404, 404, 403)),
    "/item": ((200, 200, 304, 404), (200, 404, 404, 304)),
}
_AGENT_LANGUAGES: Final = ("en-us", "en-gb", "de-de", "fr-fr", "es-es")
_START_MS: Final = 1_502_700_000_000


def _known(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if set(word) <= set(CHARACTERS))


_FIRST: Final = _known(FIRST_NAMES)
_LAST: Final = _known(LAST_NAMES)
_SMALL: Final = _known(SMALL_WORDS)
_TITLES: Final = _known(tuple(noun.title() for noun in NOUNS))
_SMILES: Final = (":)", ";)", "<3", ":-(", "!!", "...", "(thanks)", "=)", "*****", "#1", "A+", "[sic]", ">:(", "\\o/")


@dataclass(slots=True)
class _Call:
    """One call of the API. An attack spoils one value of `query` or `payload`."""

    method: str
    path: str
    query: dict[str, JSON]
    payload: dict[str, JSON] | None


def reference_logs(seed: int, count: int = ROWS) -> Iterator[tuple[dict[str, JSON], int]]:
    """Yield (request log as hapi writes it, 1 for an attack or 0), `count` of them; the same for the same seed."""
    chance = Chance(seed)
    time_ms = _START_MS
    for _ in range(count):
        attack = chance.maybe(ATTACK_SHARE)
        call = chance.pick(_CALLS)(chance)
        if attack:
            _spoil(call, chance)
        time_ms += chance.number(20, 90_000)
        yield _log(call, attack, time_ms, chance), int(attack)


def csv_row(log: dict[str, JSON], label: int) -> str:
    """Return a row of the reference CSV, its newline included."""
    return "|" + json.dumps(log, separators=(",", ":")).replace("|", "||") + f"|,{label}\n"


def _login(chance: Chance) -> _Call:
    return _Call("post", "/login", {}, {"username": _user(chance), "password": _password(chance)})


def _register(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {
        "username": _user(chance),
        "password": _password(chance),
        "name": _name(chance),
        "gender": chance.pick(("Male", "Female", "")),
    }
    return _Call("post", "/register", {}, payload)


def _search(chance: Chance) -> _Call:
    return _Call("get", "/search", {"query": _wanted(chance)}, None)


def _forgotten(chance: Chance) -> _Call:
    return _Call("post", "/forgotpw", {}, {"username": _user(chance), "securityAnswer": _wanted(chance)})


def _feedback(chance: Chance) -> _Call:
    return _Call("post", "/feedback", {}, {"name": _name(chance), "message": _message(chance)})


def _checkout(chance: Chance) -> _Call:
    card = " ".join(str(chance.number(1000, 9999)) for _ in range(4))
    payload: dict[str, JSON] = {
        "creditCard": card if chance.maybe(0.2) else card.replace(" ", ""),
        "address": f"{chance.number(1, 400)} {chance.pick(_TITLES)} {chance.pick(('St.', 'Road', 'Ave', 'Lane #4'))}",
    }
    return _Call("post", "/checkout", {}, payload)


def _account(chance: Chance) -> _Call:
    return _Call("get", "/account", {"user": _user(chance), "tab": chance.pick(("orders", "profile", "cards"))}, None)


def _item(chance: Chance) -> _Call:
    return _Call("get", "/item", {"id": str(chance.number(1, 400))}, None)


_CALLS: Final[tuple[Callable[[Chance], _Call], ...]] = (
    _login, _login, _login, _login, _login, _login, _login, _register, _register, _register, _forgotten, _forgotten,
    _forgotten, _checkout, _checkout, _feedback, _search, _search, _search, _account, _item,
)  # fmt: skip


def _user(chance: Chance) -> str:
    name = chance.pick(_FIRST)
    return name + str(chance.number(1, 99)) if chance.maybe(0.6) else name


def _name(chance: Chance) -> str:
    return f"{chance.pick(_FIRST)} {chance.pick(_LAST)}"


def _password(chance: Chance) -> str:
    """Return a password: mostly short and plain, now and then one of any characters, as an attack has them."""
    match chance.number(0, 39):
        case 0:
            return chance.letters(CHARACTERS.replace(" ", ""), 5, 10)
        case 1 | 2:
            return chance.pick(_TITLES) + chance.pick("!!!_-.#*&+=?") + chance.letters(values.DIGITS, 1, 4)
        case number if number < 16:
            return chance.letters(values.LOWER, 2, 6)
    return chance.pick(NOUNS) + chance.letters(values.DIGITS, 0, 4)


def _wanted(chance: Chance) -> str:
    """Return what people look for; some of it has the words and the signs of attacks."""
    noun = chance.pick(NOUNS)
    match chance.number(0, 19):
        case 0 | 11:
            return f"{chance.pick(ADJECTIVES)} & {chance.pick(ADJECTIVES)} {noun}"
        case 1:
            return chance.pick(
                ("wooden table", "drop earrings", "select wine", "union jack flag", "movie script", "order by mail",
                 "cookie jar", "window alert", "shell necklace", "cat bed", "file folder", "passport (cover)",
                 "nor'wester", "rock 'n' roll", "men's watch", "size > 40", "price = 20 or less", "12\" ruler",
                 "body lotion", "insert for boots", "sleeping bag", "null modem", "and/or gate; kit", "like new",
                 "image frame", "location map", "delete key cap", "update (book)", "from here to there", "c++ in a day",
                 "where to go", "cmd key", "echo dot", "on/off switch", "script-o-matic", "../ (sticker)")
            )  # fmt: skip
        case 2 | 3 | 4 | 5 | 6 | 7:
            return f"{chance.pick(ADJECTIVES)} {noun}"
        case 8 | 9 | 10:
            return f"{noun} {chance.number(1, 60)}"
    return noun


def _message(chance: Chance) -> str:
    words = [chance.pick(chance.pick((NOUNS, VERBS, ADJECTIVES, _SMALL, _SMALL))) for _ in range(chance.number(1, 5))]
    text = " ".join(words).capitalize() + chance.pick((".", "!", "?", "", "; " + chance.pick(NOUNS), ' - "me"'))
    if chance.maybe(0.3):
        text += " " + chance.pick(_SMILES)
    if chance.maybe(0.1):
        text += f" see http://localhost:8002/item?id={chance.number(1, 400)}&page={chance.number(1, 9)}"
    return text


def _spoil(call: _Call, chance: Chance) -> None:
    """Put an attack into one of the call's values, alone or after what stood there."""
    holder = call.query or call.payload
    assert holder is not None
    name = chance.pick(tuple(holder))
    value = payload(chance)
    holder[name] = f"{holder[name]}{value}" if chance.maybe(0.3) else value


def _log(call: _Call, attack: bool, time_ms: int, chance: Chance) -> dict[str, JSON]:
    status = chance.pick(_STATUSES[call.path][attack])
    error = _REFUSALS.get(status)
    headers: dict[str, JSON] = {
        "host": "localhost:8002",
        "accept-language": chance.pick(_AGENT_LANGUAGES),
        "accept": "*/*",
    }
    if call.payload is not None:
        headers["content-length"] = str(len(json.dumps(call.payload, separators=(",", ":"))))
    return {
        "timestamp": time_ms,
        "method": call.method,
        "query": call.query,
        "path": call.path,
        "statusCode": status,
        "source": {"remoteAddress": values.ip(chance), "referer": "http://localhost:8002/enter"},
        "route": call.path,
        "headers": headers,
        "requestPayload": call.payload,
        "responsePayload": None if error is None else {"statusCode": status, "error": error, "message": error},
    }
