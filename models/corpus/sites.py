"""Requests as applications of many kinds receive them, every value harmless."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance, Terminal
from weirlog.models.corpus.harmless import HARMLESS, harmless
from weirlog.models.corpus.headers import ODD_HEADERS, odd_header, user_agent
from weirlog.models.corpus.words import NOUNS, VERBS
from weirlog.models.request import JSON

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
    ("utm_campaign", values.slug), ("gclid", values.token), ("fbclid", values.token), ("dl", values.url), ("action", values.slug), ("cmd", values.word), ("view", values.word),
    ("lid", values.number), ("data", values.json_text), ("payload", values.token), ("enabled", values.choice), ("status", values.choice), ("code", values.token), ("state", values.token),
)  # fmt: skip
_ENDINGS: Final = ("", "", "", "", ".php", ".jsp", ".do", ".aspx", ".html", ".action", "/")
_ASSETS: Final = ("js", "css", "png", "jpg", "svg", "woff2", "ico", "webp", "map", "mp4", "gif", "ttf", "json", "txt", "xml")  # fmt: skip
ODDLY_ASKED: Final = 0.03
"""Share of requests whose address is odd: no name before a value, a session in the path, an empty segment."""


@dataclass(slots=True)
class Draft:
    """A request being made; `values` are changed in place, then it is frozen into a Request."""

    method: str
    path: list[str]
    query: dict[str, JSON] = field(default_factory=dict)
    body: JSON = None
    headers: dict[str, str] = field(default_factory=dict)


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


def field_value(chance: Chance, name: str) -> str:
    for known, draw in _FIELDS if chance.maybe(0.5) else ():
        if known == name:
            return draw(chance)
    return values.plain_value(chance) if chance.maybe(0.6) else chance.pick(_FIELDS)[1](chance)


def _pairs(chance: Chance, low: int, high: int) -> dict[str, JSON]:
    pairs: dict[str, JSON] = {}
    for _ in range(chance.number(low, high)):
        if chance.maybe(0.55):
            name, draw = chance.pick(_FIELDS)
            pairs[name] = draw(chance)
        else:
            name = field_name(chance)
            pairs[name] = field_value(chance, name)
    return pairs


def _document(chance: Chance, depth: int) -> dict[str, JSON]:
    document: dict[str, JSON] = _pairs(chance, 1, 5)
    for key in list(document):
        if chance.maybe(0.2):
            document[key] = chance.pick((True, False, None, chance.number(0, 10**6), round(chance.uniform(0, 999), 2)))
        elif chance.maybe(0.15) and depth < 4:
            document[key] = _document(chance, depth + 1)
        elif chance.maybe(0.08):
            document[key] = [values.plain_value(chance) for _ in range(chance.number(0, 6))]
        elif chance.maybe(0.05) and depth < 3:
            document[key] = [_document(chance, depth + 2) for _ in range(chance.number(1, 4))]
    return document


def _segments(chance: Chance, high: int) -> list[str]:
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


def _rest(chance: Chance) -> Draft:
    front = chance.pick((["api"], ["api", "v1"], ["api", "v2"], ["v1"], ["rest"], [], ["services"], ["backend", "api"]))
    method = chance.pick(("get", "get", "get", "post", "post", "put", "patch", "delete"))
    draft = Draft(method, [*front, chance.pick(NOUNS) + "s", *_segments(chance, 3)])
    if method in {"get", "delete"} or chance.maybe(0.2):
        draft.query = _pairs(chance, 0, 4)
    if method in {"post", "put", "patch"}:
        draft.body = _document(chance, 0)
    return draft


def _page(chance: Chance) -> Draft:
    segments = _segments(chance, 3) or [
        chance.pick(("index", "view", "search", "main", "list", "login", "default", "product"))
    ]
    segments[-1] += chance.pick(_ENDINGS)
    return Draft("get", segments, _pairs(chance, 0, 4))


def _form(chance: Chance) -> Draft:
    draft = _page(chance)
    draft.method, draft.body = "post", _pairs(chance, 1, 6)
    draft.query = draft.query if chance.maybe(0.2) else {}
    return draft


def _asset(chance: Chance) -> Draft:
    file = f"{values.slug(chance).replace(' ', '-')}{chance.pick(('', '.min', '-' + chance.letters(values.HEXADECIMAL, 8, 20)))}"
    folder = chance.pick((["static"], ["assets", "js"], ["wp-content", "uploads", "2024", "05"], ["img"], ["_next", "static", "chunks"], [], ["wp-includes", "js"],
                          ["media", "catalog", "product", "a", "b"], ["~" + values.invented(chance)], ["dist", "fonts"], ["@fs", "node_modules"]))  # fmt: skip
    query: dict[str, JSON] = (
        {chance.pick(("v", "ver", "_", "t", "rev")): values.version(chance)} if chance.maybe(0.35) else {}
    )
    return Draft("get", [*folder, *_segments(chance, 1), f"{file}.{chance.pick(_ASSETS)}"], query)


def _graphql(chance: Chance) -> Draft:
    body: dict[str, JSON] = {"operationName": chance.pick((None, values.word(chance))), "variables": _document(chance, 3),
                             "query": HARMLESS.draw(chance, "graphql")}  # fmt: skip
    return (
        Draft("post", ["graphql"], {}, body)
        if chance.maybe(0.8)
        else Draft("get", ["graphql"], {"query": body["query"]})
    )


def _wordpress(chance: Chance) -> Draft:
    name = chance.pick(NOUNS)
    return chance.pick(
        (Draft("post", ["wp-admin", "admin-ajax.php"], {}, {"action": "heartbeat", "_nonce": values.token(chance)[:10], "interval": "60", "screen_id": name}),
         Draft("get", ["wp-json", "wp", "v2", "posts"], {"per_page": "10", "search": values.search(chance), "_fields": "id,title,link"}),
         Draft("post", ["wp-comments-post.php"], {}, {"comment": harmless(chance), "author": values.name(chance), "email": values.email(chance), "submit": "Post Comment", "comment_post_ID": str(chance.number(1, 999))}),
         Draft("post", ["wp-login.php"], {}, {"log": values.invented(chance), "pwd": values.password(chance), "wp-submit": "Log In", "redirect_to": values.url(chance), "testcookie": "1"}),
         Draft("post", ["wp-json", "wp", "v2", "posts", str(chance.number(1, 99))], {"_locale": "user"}, {"content": HARMLESS.draw(chance, "markup"), "id": chance.number(1, 99)}),
         Draft("get", [], {"s": values.search(chance)}), Draft("get", ["", values.slug(chance), "feed", ""]), Draft("post", ["xmlrpc.php"], {}, {"raw": HARMLESS.draw(chance, "markup")}),
         Draft("get", ["wp-admin", "load-scripts.php"], {"c": "0", "load[chunk_0]": "jquery-core,jquery-migrate,utils", "ver": values.version(chance)}))
    )  # fmt: skip


def _admin_tool(chance: Chance) -> Draft:
    statement = HARMLESS.draw(chance, "statement")
    table = chance.pick(NOUNS) + "s"
    return chance.pick(
        (Draft("get", ["phpmyadmin", "sql.php"], {"server": "1", "db": values.invented(chance), "table": table, "pos": "0", "token": values.token(chance)}),
         Draft("post", ["phpmyadmin", "sql.php"], {}, {"db": values.invented(chance), "table": table, "sql_query": f"SELECT * FROM `{table}` ORDER BY `id` DESC", "session_max_rows": "25", "ajax_request": "true"}),
         Draft("get", ["phpmyadmin", "index.php"], {"route": "/sql", "server": "1", "db": values.invented(chance), "table": table, "sql_query": f"SELECT * FROM `{table}`", "sql_signature": values.token(chance)}),
         Draft("post", ["phpmyadmin", "import.php"], {}, {"sql_query": statement, "db": table, "is_js_confirmed": "0", "sql_delimiter": ";"}),
         Draft("post", ["api", "queries"], {}, {"query": statement, "data_source_id": chance.number(1, 20), "max_age": 0}),
         Draft("post", ["api", "dataset"], {}, {"database": chance.number(1, 9), "type": "native", "native": {"query": statement, "template-tags": {}}}),
         Draft("get", ["query"], {"q": f'SELECT mean("{values.word(chance)}") FROM "{values.word(chance)}" WHERE time >= now() - 6h GROUP BY time(1m) fill(null)', "db": "telegraf", "epoch": "ms"}),
         Draft("get", ["api", "v1", "query_range"], {"query": f'sum(rate({values.word(chance)}_total{{job="{values.word(chance)}",code=~"5.."}}[5m])) by (instance)', "step": "15"}),
         Draft("post", [table, "_search"], {}, {"query": {"bool": {"must": [{"match": {values.word(chance): values.search(chance)}}], "filter": [{"range": {"price": {"gte": 10, "lt": 50}}}]}}, "size": 20}),
         Draft("post", ["api", table, "find"], {}, {"filter": {"price": {"$gte": 10, "$lt": chance.number(20, 900)}, "status": {"$in": ["a", "b"]}}, "sort": {"createdAt": -1}}),
         Draft("get", ["odata", table.title()], {"$filter": f"{values.word(chance)} eq '{values.word(chance)}' and price gt {chance.number(1, 99)}", "$orderby": "name desc", "$top": "20", "$expand": "items($select=id)"}),
         Draft("get", ["rest", "v1", table], {"select": "id,name,author(*)", "or": "(age.lt.18,age.gt.21)", "order": "id.desc.nullslast", "id": f"eq.{chance.number(1, 999)}"}),
         Draft("get", ["rest", "api", "2", "search"], {"jql": f'project = {table.upper()} AND status in ("To Do", Done) ORDER BY created DESC'}))
    )  # fmt: skip


def _telemetry(chance: Chance) -> Draft:
    if chance.maybe(0.4):
        return Draft(
            "get",
            [chance.pick(("collect", "pixel.gif", "track", "r", "click", "hit"))],
            {
                "v": "1",
                "tid": f"UA-{chance.number(1000, 99999)}-1",
                "cid": values.token(chance),
                "dl": values.url(chance),
                "dr": HARMLESS.draw(chance, "tracker"),
                "dt": values.sentence(chance),
                "sr": "1920x1080",
            },
        )
    return Draft(
        "post",
        [chance.pick(("api", "log", "events", "v1")), chance.pick(("events", "errors", "batch", "envelope"))],
        {},
        {
            "events": [
                {"name": values.word(chance), "ts": chance.number(10**12, 2 * 10**12), "props": _document(chance, 3)}
                for _ in range(chance.number(1, 4))
            ],
            "error": HARMLESS.draw(chance, "log"),
            "url": values.url(chance),
        },
    )


def _health(chance: Chance) -> Draft:
    return Draft(
        chance.pick(("get", "get", "head", "options")),
        [
            chance.pick(
                (
                    "",
                    "health",
                    "healthz",
                    "ping",
                    "status",
                    "metrics",
                    "favicon.ico",
                    "robots.txt",
                    "sitemap.xml",
                    ".well-known",
                    "index.html",
                    "api",
                    "login",
                    "actuator",
                )
            )
        ],
    )


def _upload(chance: Chance) -> Draft:
    blob = base64.b64encode(chance.randbytes(chance.number(100, 3000))).decode()
    body: dict[str, JSON] = {
        "filename": values.file_path(chance),
        "content": chance.pick(("", "data:image/png;base64,")) + blob,
        "mime": "image/png",
    }
    return Draft("post", [*_segments(chance, 2), "upload"], {}, body)


def _long_text(chance: Chance) -> Draft:
    parts = [
        chance.pick((values.paragraph, harmless, values.paragraph))(chance)
        for _ in range(chance.number(3, 30 if chance.maybe(0.1) else 8))
    ]
    return Draft(
        chance.pick(("post", "put")),
        [*_segments(chance, 2), chance.pick(("posts", "articles", "save", "comments", "threads", "wiki"))],
        {},
        {
            "title": values.sentence(chance),
            "body": chance.pick(("\n\n", "\r\n", "<br>", " ")).join(parts),
            "draft": chance.maybe(0.5),
        },
    )


def _raw(chance: Chance) -> Draft:
    return Draft(
        "post",
        _segments(chance, 3),
        {},
        {"raw": chance.pick((values.json_text, values.paragraph, values.token, harmless))(chance)},
    )


_SITES: Final[tuple[Callable[[Chance], Draft], ...]] = (
    *[_rest] * 8, *[_page] * 8, *[_form] * 6, *[_asset] * 5, *[_graphql] * 1, *[_wordpress] * 2, *[_admin_tool] * 2, *[_telemetry] * 2, _health, _upload, _long_text, _raw,
)  # fmt: skip


_NAMELESS: Final = (values.url, values.url, values.token, values.word, values.file_path, values.email, values.slug, values.invented, values.date)  # fmt: skip


def _nameless(chance: Chance) -> str:
    """Return what stands in a query in place of a name: the address to go on to, a number that defeats caches, a page."""
    if chance.maybe(0.7):
        return chance.pick(_NAMELESS)(chance)
    return str(chance.number(10**9, 2 * 10**12))


def _oddly_asked(draft: Draft, chance: Chance) -> None:
    """Let an address look as those of old or careless sites do."""
    match chance.number(0, 3):
        case 0 | 1:
            draft.query[_nameless(chance)] = ""
        case 2 if draft.path:
            draft.path[-1] += chance.pick((";jsessionid=", ";sid=", ";v=")) + values.token(chance)
        case _:
            draft.path.insert(chance.number(0, len(draft.path)), chance.pick(("", "", values.url(chance), ".", "*~1*")))


def site_request(chance: Chance) -> Draft:
    """Return a request of a random application, harmless throughout."""
    draft = chance.pick(_SITES)(chance)
    if chance.maybe(ODDLY_ASKED):
        _oddly_asked(draft, chance)
    draft.headers["user-agent"] = user_agent(chance)
    if chance.maybe(0.3):
        draft.headers["referer"] = values.url(chance)
    if chance.maybe(ODD_HEADERS):
        name, value = odd_header(chance)
        draft.headers[name] = value
    return draft
