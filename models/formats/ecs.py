"""`ecs`: JSON by the Elastic Common Schema, as Filebeat, Elastic Agent and the ecs-logging libraries write it.

Keys may be nested, dotted or both (`{"http": {"request.method": "GET"}}`). Needed are `http.request.method` and
`url.original`, `url.full` or `url.path` with `url.query`.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.json_fields import field_at, header_texts
from weirlog.models.formats.json_line import decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.nginx_json import read_body
from weirlog.models.formats.request_parts import request_of
from weirlog.models.formats.target import split_target
from weirlog.models.request import JSON, Request

CLIENT: Final = ("client.ip", "client.address", "source.ip", "source.address")
HOST: Final = ("url.domain", "destination.domain")
HEADERS: Final = {
    "user-agent": "user_agent.original",
    "referer": "http.request.referrer",
    "content-type": "http.request.mime_type",
}


class EcsFormat:
    """Lines of the Elastic Common Schema that log a request."""

    name = "ecs"
    telling = ("http", "http.request", "http.request.method")

    def parse(self, line: bytes) -> Request:
        return self.read(decode_object(line))

    def claims(self, log: dict[str, JSON]) -> bool:
        return bool(_text(log, "http.request.method"))

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        method, target = _text(log, "http.request.method"), _target(log)
        if not method:
            raise UnparsableError("no text `http.request.method`: the line logs no request, or not by ECS")
        if not target:
            raise UnparsableError("none of `url.original`, `url.full` and `url.path`: let the shipper keep one of them")
        headers = header_texts(field_at(log, ("http", "request", "headers")))
        for name, field in HEADERS.items():
            if value := _text(log, field):
                headers.setdefault(name, value)
        return request_of(
            method,
            split_target(target.encode()),
            status=field_at(log, ("http", "response", "status_code")),
            body=read_body(field_at(log, ("http", "request", "body", "content")), headers.get("content-type", "")),
            client=_first(log, CLIENT),
            time=any_time(field_at(log, ("@timestamp",))),
            host=_first(log, HOST),
            headers=headers,
        )


def _target(log: dict[str, JSON]) -> str:
    whole = _first(log, ("url.original", "url.full"))
    if whole:
        return whole
    path, query = _text(log, "url.path"), _text(log, "url.query")
    return f"{path}?{query}" if path and query else path


def _first(log: dict[str, JSON], fields: tuple[str, ...]) -> str:
    return next((value for field in fields if (value := _text(log, field))), "")


def _text(log: dict[str, JSON], field: str) -> str:
    """Return the text at a dotted path; of a list of texts, as Filebeat makes of `_nested` ones, the first."""
    value = field_at(log, field.split("."))
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else ""
