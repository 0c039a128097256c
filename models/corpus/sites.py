"""Requests as applications of many kinds receive them, every value harmless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weirlog.models.corpus import applications, values
from weirlog.models.corpus.drafts import Draft, folders, nested, parameters
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.headers import ODD_HEADERS, odd_header, user_agent
from weirlog.models.corpus.oddities import ask_oddly
from weirlog.models.corpus.words import NOUNS
from weirlog.models.corpus.written import redrawn, requests
from weirlog.models.request import JSON

_ENDINGS: Final = ("", "", "", "", ".php", ".jsp", ".do", ".aspx", ".html", ".action", "/")
_ASSETS: Final = ("js", "css", "png", "jpg", "svg", "woff2", "ico", "webp", "map", "mp4", "gif", "ttf", "json", "txt", "xml")  # fmt: skip
WRITTEN: Final = 0.3
"""Share of requests that were written one by one."""
ODDLY_ASKED: Final = 0.07
"""Share of requests whose address is odd."""


def _rest(chance: Chance) -> Draft:
    front = chance.pick((["api"], ["api", "v1"], ["api", "v2"], ["v1"], ["rest"], [], ["services"], ["backend", "api"]))
    method = chance.pick(("get", "get", "get", "post", "post", "put", "patch", "delete"))
    draft = Draft(method, [*front, chance.pick(NOUNS) + "s", *folders(chance, 3)])
    if method in {"get", "delete"} or chance.maybe(0.2):
        draft.query = parameters(chance, 0, 4)
    if method in {"post", "put", "patch"}:
        draft.body = nested(chance, 0)
    return draft


def _page(chance: Chance) -> Draft:
    segments = folders(chance, 3) or [
        chance.pick(("index", "view", "search", "main", "list", "login", "default", "product"))
    ]
    segments[-1] += chance.pick(_ENDINGS)
    return Draft("get", segments, parameters(chance, 0, 4))


def _form(chance: Chance) -> Draft:
    draft = _page(chance)
    draft.method, draft.body = "post", parameters(chance, 1, 6)
    draft.query = draft.query if chance.maybe(0.2) else {}
    return draft


def _asset(chance: Chance) -> Draft:
    file = f"{values.slug(chance).replace(' ', '-')}{chance.pick(('', '.min', '-' + chance.letters(values.HEXADECIMAL, 8, 20)))}"
    folder = chance.pick((["static"], ["assets", "js"], ["wp-content", "uploads", "2024", "05"], ["img"], ["_next", "static", "chunks"], [], ["wp-includes", "js"],
                          ["media", "catalog", "product", "a", "b"], ["~" + values.invented(chance)], ["dist", "fonts"], ["@fs", "node_modules"]))  # fmt: skip
    query: dict[str, JSON] = (
        {chance.pick(("v", "ver", "_", "t", "rev")): values.version(chance)} if chance.maybe(0.35) else {}
    )
    return Draft("get", [*folder, *folders(chance, 1), f"{file}.{chance.pick(_ASSETS)}"], query)


def _written(chance: Chance) -> Draft:
    """Return a request that was written as some well-known application receives it, with other values in places."""
    made = chance.pick(requests())
    query = {name: redrawn(value, chance) for name, value in made.query.items()}
    return Draft(made.method, made.segments, query, redrawn(made.payload, chance))


_SITES: Final[tuple[Callable[[Chance], Draft], ...]] = (
    *[_rest] * 8, *[_page] * 8, *[_form] * 6, *[_asset] * 5, *[applications.graphql] * 1, *[applications.wordpress] * 2, *[applications.admin_tool] * 2, *[applications.telemetry] * 2, applications.filtered, applications.health, applications.upload, applications.long_text, applications.raw,
)  # fmt: skip


def site_request(chance: Chance, *, written: bool = True) -> Draft:
    """Return a request of a random application, harmless throughout; `written`: it may be one that was written by itself."""
    draft = _written(chance) if written and chance.maybe(WRITTEN) else chance.pick(_SITES)(chance)
    if chance.maybe(ODDLY_ASKED):
        ask_oddly(draft, chance)
    draft.headers["user-agent"] = user_agent(chance)
    if chance.maybe(0.3):
        draft.headers["referer"] = values.url(chance)
    if chance.maybe(ODD_HEADERS):
        name, value = odd_header(chance)
        draft.headers[name] = value
    return draft
