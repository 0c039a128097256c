"""JSON logs of any other kind, of which the configuration says where the parts of a request stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.json_fields import header_texts
from weirlog.models.formats.json_line import decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.nginx_json import read_body
from weirlog.models.formats.request_parts import request_of, without_port
from weirlog.models.formats.target import Target, decode_form, split_target
from weirlog.models.request import JSON, Request

KeyPath: TypeAlias = tuple[str | int, ...]
"""From the line's object inwards: keys of objects, indices of arrays."""


@dataclass(frozen=True, slots=True)
class FieldPaths:
    """Where the parts of a request stand in a line's object. What is None is not logged.

    Attributes:
        method: a text.
        path: the target as the client sent it, with or without its query.
        query: a query string, or an object of decoded parameters; it replaces that of `path`.
        status: a number, or text of three digits.
        body: a text, or what it says.
        client: an address, with or without a port.
        time: seconds, milliseconds or ISO 8601.
        host: a text.
        headers: an object of header fields, or a path for each, by names in lower case.
    """

    method: KeyPath
    path: KeyPath
    query: KeyPath | None = None
    status: KeyPath | None = None
    body: KeyPath | None = None
    client: KeyPath | None = None
    time: KeyPath | None = None
    host: KeyPath | None = None
    headers: KeyPath | Mapping[str, KeyPath] | None = None


class MappedFormat:
    """Lines of JSON whose keys the configuration maps. Thread-safe."""

    name = "mapping"

    def __init__(self, fields: FieldPaths) -> None:
        self._fields = fields

    def parse(self, line: bytes) -> Request:
        log, fields = decode_object(line), self._fields
        method, path = _text(log, fields.method), _text(log, fields.path)
        if not method or not path:
            missing = "path" if method else "method"
            raise UnparsableError(
                f"no text where the configuration's mapping has the {missing}: the line logs no request, or correct "
                f"`{missing}` in the source's format"
            )
        headers = self._headers(log)
        return request_of(
            method,
            _target(path, _at(log, fields.query)),
            status=_at(log, fields.status),
            body=read_body(_at(log, fields.body), headers.get("content-type", "")),
            client=without_port(_text(log, fields.client)),
            time=any_time(_at(log, fields.time)),
            host=_text(log, fields.host),
            headers=headers,
        )

    def _headers(self, log: dict[str, JSON]) -> dict[str, str]:
        paths = self._fields.headers
        if isinstance(paths, Mapping):
            return {name: value for name, path in paths.items() if (value := _text(log, path))}
        return header_texts(_at(log, paths))


def _target(path: str, query: JSON) -> Target:
    target = split_target(path.encode())
    if isinstance(query, dict):
        return Target(target.path, query, target.host)
    if isinstance(query, str) and query not in {"", "-"}:
        return Target(target.path, decode_form(query.removeprefix("?").encode()), target.host)
    return target


def _at(log: JSON, path: KeyPath | None) -> JSON:
    if path is None:
        return None
    for key in path:
        if isinstance(log, dict) and isinstance(key, str):
            log = log.get(key)
        elif isinstance(log, list) and isinstance(key, int) and key < len(log):
            log = log[key]
        else:
            return None
    return log


def _text(log: JSON, path: KeyPath | None) -> str:
    value = _at(log, path)
    return value if isinstance(value, str) and value != "-" else ""
