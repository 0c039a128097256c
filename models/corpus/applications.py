"""Requests that well-known applications and their like receive, every value harmless."""

from __future__ import annotations

import base64

from weirlog.models.corpus import values
from weirlog.models.corpus.conditions import filtering
from weirlog.models.corpus.drafts import Draft, folders, nested
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.harmless import HARMLESS, harmless
from weirlog.models.corpus.words import NOUNS
from weirlog.models.request import JSON


def graphql(chance: Chance) -> Draft:
    """Return a query of an interface that speaks GraphQL."""
    body: dict[str, JSON] = {"operationName": chance.pick((None, values.word(chance))), "variables": nested(chance, 3),
                             "query": HARMLESS.draw(chance, "graphql")}  # fmt: skip
    return (
        Draft("post", ["graphql"], {}, body)
        if chance.maybe(0.8)
        else Draft("get", ["graphql"], {"query": body["query"]})
    )


def wordpress(chance: Chance) -> Draft:
    """Return a request to WordPress."""
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


def admin_tool(chance: Chance) -> Draft:
    """Return a request to a tool that sends queries by design: of databases, metrics or tickets."""
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
         Draft("get", ["odata", table.title()], {"$filter": f"{values.word(chance)} eq '{values.word(chance)}' and price gt {chance.number(1, 99)}", "$orderby": "name desc", "$top": "20", "$expand": "items($select=id)"}),
         Draft("get", ["rest", "v1", table], {"select": "id,name,author(*)", "or": "(age.lt.18,age.gt.21)", "order": "id.desc.nullslast", "id": f"eq.{chance.number(1, 999)}"}),
         Draft("get", ["rest", "api", "2", "search"], {"jql": f'project = {table.upper()} AND status in ("To Do", Done) ORDER BY created DESC'}))
    )  # fmt: skip


def filtered(chance: Chance) -> Draft:
    """Return a request to an interface that is searched by conditions."""
    query, body = filtering(chance)
    table = chance.pick(NOUNS) + "s"
    verb = chance.pick(("find", "search", "query", "_find", "aggregate", "list"))
    if body is None:
        return Draft("get", [*chance.pick((["api"], ["v2"], [])), table], query)
    return Draft("post", ["api", table, verb], query, body)


def telemetry(chance: Chance) -> Draft:
    """Return what a page or an application reports of itself."""
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
                {"name": values.word(chance), "ts": chance.number(10**12, 2 * 10**12), "props": nested(chance, 3)}
                for _ in range(chance.number(1, 4))
            ],
            "error": HARMLESS.draw(chance, "log"),
            "url": values.url(chance),
        },
    )


def health(chance: Chance) -> Draft:
    """Return what monitors and browsers ask of every host."""
    method = chance.pick(("get", "get", "head", "options"))
    page = chance.pick(("", "health", "healthz", "ping", "status", "metrics", "favicon.ico", "robots.txt", "sitemap.xml", ".well-known", "index.html", "api", "login", "actuator"))  # fmt: skip
    return Draft(method, [page])


def upload(chance: Chance) -> Draft:
    """Return an uploaded file in Base64."""
    blob = base64.b64encode(chance.randbytes(chance.number(100, 3000))).decode()
    body: dict[str, JSON] = {
        "filename": values.file_path(chance),
        "content": chance.pick(("", "data:image/png;base64,")) + blob,
        "mime": "image/png",
    }
    return Draft("post", [*folders(chance, 2), "upload"], {}, body)


def long_text(chance: Chance) -> Draft:
    """Return a long text with a title, as people publish it."""
    parts = [
        chance.pick((values.paragraph, harmless, values.paragraph))(chance)
        for _ in range(chance.number(3, 30 if chance.maybe(0.1) else 8))
    ]
    return Draft(
        chance.pick(("post", "put")),
        [*folders(chance, 2), chance.pick(("posts", "articles", "save", "comments", "threads", "wiki"))],
        {},
        {
            "title": values.sentence(chance),
            "body": chance.pick(("\n\n", "\r\n", "<br>", " ")).join(parts),
            "draft": chance.maybe(0.5),
        },
    )


def raw(chance: Chance) -> Draft:
    """Return a request whose body is one text."""
    return Draft(
        "post",
        folders(chance, 3),
        {},
        {"raw": chance.pick((values.json_text, values.paragraph, values.token, harmless))(chance)},
    )
