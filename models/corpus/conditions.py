"""Harmless conditions with operators: what an application lets its clients filter and search by.

The operators are those of attacks. Here they compare what a shop or a calendar is searched by with something to look for; an
attack compares a name or a password with nothing, or with everything.
"""

from __future__ import annotations

import json
import re
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance, Rules
from weirlog.models.corpus.words import NOUNS
from weirlog.models.request import JSON

_MEASURES: Final = (
    "price", "age", "year", "rating", "stock", "quantity", "score", "priority", "createdAt", "updated_at", "date", "total", "views", "size", "start", "end", "weight", "amount", "level", "distance",
)  # fmt: skip
_STATES: Final = ("status", "state", "brand", "color", "category", "type", "tags", "tag", "country", "lang", "city", "genre", "author.id", "owner", "label", "team", "currency", "visibility", "slug")  # fmt: skip
_HOLDERS: Final = ("filter", "filters", "where", "query", "selector", "criteria", "conditions", "match", "search", "q")

_KEY: Final = re.compile(r'"([$\w.]+)":')


def _condition(chance: Chance, depth: int = 0) -> dict[str, JSON]:
    """Return an object of conditions on some fields, such as `{"price": {"$gte": 10}}`."""
    if depth < 2 and chance.maybe(0.2):
        several: list[JSON] = [_condition(chance, depth + 1) for _ in range(chance.number(2, 3))]
        return {chance.pick(("$or", "$or", "$and", "$and", "$nor")): several}
    return dict(_comparison(chance) for _ in range(chance.pick((1, 1, 2, 3))))


def _comparison(chance: Chance) -> tuple[str, JSON]:
    if chance.maybe(0.5):
        low = _measure(chance)
        bounds: tuple[JSON, ...] = (
            {"$gte": low}, {"$gt": low}, {"$lt": low}, {"$lte": low}, {"$gte": low, "$lte": _measure(chance)}, {"$gt": low, "$lt": _measure(chance)}, {"$between": [low, low]}, low,
        )  # fmt: skip
        return chance.pick(_MEASURES), chance.pick(bounds)
    name = chance.pick(_STATES)
    word: JSON = chance.pick((values.word(chance), values.slug(chance), chance.pick(NOUNS)))
    words: list[JSON] = [values.word(chance) for _ in range(chance.number(1, 4))]
    wanted: tuple[JSON, ...] = (
        {"$in": words}, {"$in": words}, {"$nin": words}, {"$all": words}, {"$ne": word}, {"$eq": word}, {"$exists": True}, {"$regex": word, "$options": "i"}, {"$contains": word}, {"$like": f"%{word}%"}, {"$size": chance.number(1, 9)},
        {"$not": {"$in": words}}, {"$elemMatch": {chance.pick(NOUNS): word}}, word, word, True,
    )  # fmt: skip
    return name, chance.pick(wanted)


def _measure(chance: Chance) -> JSON:
    return chance.number(0, chance.pick((99, 9999))) if chance.maybe(0.75) else values.date(chance)


def filtering(chance: Chance) -> tuple[dict[str, JSON], dict[str, JSON] | None]:
    """Return the query and the body of a request that filters: an object, JSON in a parameter, or names in brackets."""
    holder = chance.pick(_HOLDERS)
    found = _condition(chance)
    match chance.number(0, 5):
        case 0:
            return {holder: json.dumps(found, separators=(",", ":"))}, None
        case 1:
            return {**in_brackets("" if chance.maybe(0.4) else chance.pick(_HOLDERS[:3]), found), "page": "1"}, None
        case 2:
            return {}, {holder: found, "sort": {chance.pick(_MEASURES): chance.pick((1, -1))}, "limit": 20}
        case 3:
            return {}, _aggregation(chance)
        case 4:
            return {}, _update(chance) if chance.maybe(0.5) else {"filter": found, "update": _update(chance)}
    total: JSON = {"_id": f"${chance.pick(_STATES)}", "total": {"$sum": f"${chance.pick(_MEASURES)}"}}
    if chance.maybe(0.4):
        return {}, {"pipeline": [{"$match": found}, {"$group": total}]}
    return {}, found


def _update(chance: Chance) -> dict[str, JSON]:
    """Return an object of changes to a document, such as `{"$set": {"city": "Graz"}}`."""
    changes: tuple[tuple[str, JSON], ...] = (
        ("$set", {chance.pick(_STATES): values.word(chance), chance.pick(_MEASURES): _measure(chance)}),
        ("$set", {f"{chance.pick(NOUNS)}.{chance.pick(_STATES)}": values.word(chance)}),
        ("$inc", {chance.pick(_MEASURES): chance.pick((1, -1, chance.number(2, 50)))}),
        ("$push", {chance.pick(("tags", "items", "comments")): values.sentence(chance)}),
        ("$addToSet", {"tags": values.word(chance)}),
        ("$unset", {chance.pick(_STATES): ""}),
        ("$currentDate", {"updated_at": True}),
    )
    return dict(chance.pick(changes) for _ in range(chance.pick((1, 2, 2, 3))))


def _aggregation(chance: Chance) -> dict[str, JSON]:
    """Return an object that asks a search engine for counts, such as dashboards send it."""
    field = chance.pick(("@timestamp", "timestamp", "date", f"{chance.pick(_STATES)}.keyword", chance.pick(_MEASURES)))
    since: JSON = {"range": {"@timestamp": {"gte": chance.pick(("now-1h", "now-15m", "now/d")), "lte": "now"}}}
    counted: tuple[JSON, ...] = (
        {"date_histogram": {"field": field, "calendar_interval": "day"}}, {"terms": {"field": field, "size": 10}}, {"avg": {"field": field}},
    )  # fmt: skip
    asked: tuple[JSON, ...] = (
        {"bool": {"filter": [since], "must_not": [{"term": {chance.pick(_STATES): values.word(chance)}}]}}, {"query_string": {"query": f"{values.word(chance)}:>={chance.number(1, 500)} AND NOT {chance.pick(NOUNS)}:\"/{values.word(chance)}\""}},
         {"match": {"message": values.search(chance)}}, {"match_all": {}}, {"prefix": {chance.pick(_STATES): values.word(chance)}},
    )  # fmt: skip
    return {
        "size": 0,
        "query": chance.pick(asked),
        chance.pick(("aggs", "aggregations")): {values.word(chance): chance.pick(counted)},
        "sort": [{"@timestamp": {"order": "desc"}}],
    }


def in_brackets(name: str, value: JSON) -> dict[str, JSON]:
    """Return a value as parameters whose names say where in it each stands: `where[price][$gte]`."""
    if isinstance(value, dict):
        parts = [(f"{name}[{key}]" if name else key, part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{name}[{number}]", part) for number, part in enumerate(value)]
    else:
        return {name: str(value)}
    return {key: leaf for name, part in parts for key, leaf in in_brackets(name, part).items()}


def _written(chance: Chance) -> str:
    """Return conditions as people paste them: JSON, or without quotes around the keys."""
    found: JSON = chance.pick((_condition, _condition, _condition, _update, _aggregation))(chance)
    if chance.maybe(0.4):
        found = {chance.pick(_HOLDERS): found, "limit": chance.number(1, 100)}
    text = json.dumps(found, separators=chance.pick(((",", ":"), (", ", ": "))))
    if chance.maybe(0.3):
        text = _KEY.sub(r"\1:", text)
    return text


CONDITIONS: Final[Rules] = {"conditions": _written}
