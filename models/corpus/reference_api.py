"""A shop's API as the reference system's training data came from one: hapi logs of logins, searches, orders, attacks.

That data set (26,773 rows, about half of them attacks) cannot be had, so these rows stand in for it: the same schema,
the same length, attacks in values of otherwise ordinary requests. Figures on them compare implementations and settings,
and say nothing of real traffic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.attacks import attack_value
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.words import ADJECTIVES, NOUNS
from weirlog.models.request import JSON

ROWS: Final = 26_773
ATTACK_SHARE: Final = 0.5
PAYLOADS: Final = 600
"""Different attacks among all rows: tools go through a list again and again, so that a few dozen rows share each."""
_KINDS: Final = ("sqli", "sqli", "sqli", "xss", "xss", "xss", "path-traversal", "cmdi", "nosqli")
_REFUSALS: Final = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
_CATEGORIES: Final = ("shoes", "books", "garden", "music", "toys", "kitchen", "games", "sport")
_AGENT_LANGUAGES: Final = ("en-us", "en-gb", "de-de", "fr-fr", "es-es")
_START_MS: Final = 1_502_700_000_000


@dataclass(slots=True)
class _Call:
    """One call of the API. An attack replaces one value of `query` or `payload`."""

    method: str
    path: str
    query: dict[str, JSON]
    payload: dict[str, JSON] | None
    status: int = 200


def reference_logs(seed: int, count: int = ROWS) -> Iterator[tuple[dict[str, JSON], int]]:
    """Yield (request log as hapi writes it, 1 for an attack or 0), `count` of them; the same for the same seed."""
    chance = Chance(seed)
    payloads = [attack_value(chance, chance.pick(_KINDS)) for _ in range(PAYLOADS)]
    time_ms = _START_MS
    for _ in range(count):
        attack = chance.maybe(ATTACK_SHARE)
        call = chance.pick(_CALLS)(chance)
        if attack:
            # Calls for one product or order have no value to attack: another is drawn until one has.
            while not (call.query or call.payload):
                call = chance.pick(_CALLS)(chance)
            _spoil(call, chance.pick(payloads), chance)
        time_ms += chance.number(20, 90_000)
        yield _log(call, time_ms, chance), int(attack)


def csv_row(log: dict[str, JSON], label: int) -> str:
    """Return a row of the reference CSV, its newline included."""
    return "|" + json.dumps(log, separators=(",", ":")).replace("|", "||") + f"|,{label}\n"


def _login(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {"username": _user(chance), "password": values.password(chance)}
    return _Call("post", "/login", {}, payload, 401 if chance.maybe(0.3) else 200)


def _register(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {
        "username": _user(chance),
        "password": values.password(chance),
        "email": values.email(chance),
        "gender": chance.pick(("Male", "Female", "")),
    }
    return _Call("post", "/register", {}, payload, chance.pick((200, 200, 400)))


def _search(chance: Chance) -> _Call:
    words = f"{chance.pick(ADJECTIVES)} {chance.pick(NOUNS)}" if chance.maybe(0.6) else chance.pick(NOUNS)
    query: dict[str, JSON] = {"query": words}
    if chance.maybe(0.3):
        query["page"] = str(chance.number(1, 20))
    return _Call("get", "/search", query, None, chance.pick((200, 200, 200, 304)))


def _products(chance: Chance) -> _Call:
    query: dict[str, JSON] = {"category": chance.pick(_CATEGORIES)}
    if chance.maybe(0.5):
        query["sort"] = chance.pick(("price", "name", "rating"))
    return _Call("get", "/products", query, None)


def _product(chance: Chance) -> _Call:
    return _Call("get", f"/products/{chance.number(1, 4000)}", {}, None, chance.pick((200, 200, 200, 304, 404)))


def _review(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {"stars": chance.number(1, 5), "text": values.sentence(chance)}
    return _Call("post", f"/products/{chance.number(1, 4000)}/reviews", {}, payload, chance.pick((201, 201, 401)))


def _cart(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {"product": str(chance.number(1, 4000)), "quantity": str(chance.number(1, 5))}
    return _Call("post", "/cart", {}, payload)


def _checkout(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {
        "shipping": {
            "name": values.name(chance),
            "street": values.address(chance),
            "zip": str(chance.number(1000, 99_999)),
        },
        "coupon": chance.letters("ABCDEFGHJKLMNPRSTUVWXYZ23456789", 0, 8),
        "express": chance.maybe(0.3),
    }
    return _Call("post", "/checkout", {}, payload, chance.pick((200, 200, 200, 400)))


def _order(chance: Chance) -> _Call:
    return _Call("get", f"/orders/{chance.number(10_000, 99_999)}", {}, None, chance.pick((200, 200, 401, 404)))


def _account(chance: Chance) -> _Call:
    payload: dict[str, JSON] = {"name": values.name(chance), "phone": values.phone(chance)}
    return _Call("put", f"/users/{chance.number(1, 9000)}", {}, payload, chance.pick((200, 200, 401, 403)))


_CALLS: Final[tuple[Callable[[Chance], _Call], ...]] = (
    _login, _login, _login, _register, _search, _search, _search, _products, _product, _product, _review, _cart, _checkout,
    _order, _account,
)  # fmt: skip


def _user(chance: Chance) -> str:
    name = values.invented(chance).title()
    return name + str(chance.number(1, 99)) if chance.maybe(0.5) else name


def _spoil(call: _Call, value: str, chance: Chance) -> None:
    """Put an attack into one of the call's values, alone or after what stood there."""
    holder = call.query or call.payload
    assert holder is not None
    while isinstance(nested := holder[name := chance.pick(tuple(holder))], dict):
        holder = nested
    holder[name] = f"{holder[name]}{value}" if chance.maybe(0.25) else value
    if chance.maybe(0.5):
        call.status = chance.pick((400, 401, 403, 404, 500))


def _log(call: _Call, time_ms: int, chance: Chance) -> dict[str, JSON]:
    error = _REFUSALS.get(call.status)
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
        "statusCode": call.status,
        "source": {"remoteAddress": values.ip(chance), "referer": "http://localhost:8002/enter"},
        "route": "/" + call.path.split("/")[1],
        "headers": headers,
        "requestPayload": call.payload,
        "responsePayload": None if error is None else {"statusCode": call.status, "error": error, "message": error},
    }
