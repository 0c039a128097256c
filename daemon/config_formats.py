"""The log format of a source: the name of one that is known, or where a JSON log of another kind has what it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias, Union

from pydantic import (
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from weirlog.daemon.config_sections import Section
from weirlog.daemon.config_types import refuse, shown

FORMATS = ("auto", "hapi", "combined", "nginx-json", "caddy", "traefik", "envoy", "haproxy", "alb", "ecs")
PATH_CHARACTERS = 256
PATH_KEYS = 16
HEADER_PATHS = 64

_STEP = re.compile(r"""\.([A-Za-z0-9_@-]+)|\[(\d{1,6})\]|\['([^']+)'\]|\["([^"]+)"\]""", re.ASCII)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A place in a JSON object.

    Attributes:
        written: as the configuration has it: `$.request.headers['x-real-ip'][0]`.
        keys: from the outside inwards.
    """

    written: str
    keys: tuple[str | int, ...]

    def __str__(self) -> str:
        return self.written


def parse_path(value: object) -> JsonPath:
    """Return the place that `$.a.b`, `$['a b']` or `$.a[0]` names."""
    if isinstance(value, JsonPath):
        return value
    expected = "expected a path such as $.request.method, $['request.method'] or $.args[0]"
    if not isinstance(value, str) or not value.startswith("$") or len(value) > PATH_CHARACTERS:
        refuse(f"is {shown(value)}; {expected}")
    keys: list[str | int] = []
    at = 1
    while at < len(value):
        step = _STEP.match(value, at)
        if step is None:
            refuse(f"is {shown(value)}, which cannot be read from {shown(value[at:], 20)} on; {expected}")
        name, index, single, double = step.groups()
        keys.append(int(index) if index else name or single or double)
        at = step.end()
    if not 1 <= len(keys) <= PATH_KEYS:
        refuse(f"is {shown(value)}; expected 1 to {PATH_KEYS} keys behind the $")
    return JsonPath(value, tuple(keys))


def _parse_headers(value: object) -> JsonPath | dict[str, JsonPath] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return parse_path(value)
    if len(value) > HEADER_PATHS:
        refuse(f"names {len(value)} header fields; at most {HEADER_PATHS} are read")
    return {str(name).lower(): parse_path(path) for name, path in value.items()}


def _written_headers(value: JsonPath | Mapping[str, JsonPath] | None) -> object:
    return {name: str(path) for name, path in value.items()} if isinstance(value, Mapping) else value and str(value)


_PATH_SCHEMA = {"type": "string", "pattern": r"^\$.+", "examples": ["$.request.method", "$['x.y']", "$.args[0]"]}
_NO_PATH_SCHEMA = {"anyOf": [_PATH_SCHEMA, {"type": "null"}]}

Path: TypeAlias = Annotated[JsonPath, PlainValidator(parse_path), PlainSerializer(str), WithJsonSchema(_PATH_SCHEMA)]
PathOrNone: TypeAlias = Annotated[
    JsonPath | None,
    PlainValidator(lambda value: None if value is None else parse_path(value)),
    PlainSerializer(lambda value: value and str(value)),
    WithJsonSchema(_NO_PATH_SCHEMA),
]


class FieldMapping(Section):
    """Where a JSON log holds the parts of a request."""

    method: Path = Field(description="the path of the method, such as $.request.method")
    path: Path = Field(description="the path of the target as the client sent it, with or without its query")
    query: PathOrNone = Field(default=None, description="of the query, as text or as an object of parameters")
    status: PathOrNone = Field(default=None, description="of the answer's status")
    body: PathOrNone = Field(default=None, description="of the body, as text or as JSON")
    client: PathOrNone = Field(default=None, description="of the client's address, with or without a port")
    time: PathOrNone = Field(default=None, description="of the time: seconds, milliseconds or ISO 8601")
    host: PathOrNone = Field(default=None, description="of the host that was asked for")
    headers: Annotated[
        JsonPath | dict[str, JsonPath] | None,
        PlainValidator(_parse_headers),
        PlainSerializer(_written_headers),
        WithJsonSchema(
            {"anyOf": [*_NO_PATH_SCHEMA["anyOf"], {"type": "object", "additionalProperties": _PATH_SCHEMA}]}
        ),
    ] = Field(default=None, description="of an object of header fields; or a path for each, as in {user-agent: $.ua}")

    def __str__(self) -> str:
        written = ((name, getattr(self, name)) for name in type(self).model_fields)
        return "{" + ", ".join(f"{name}: {_as_yaml(value)}" for name, value in written if value is not None) + "}"


def _as_yaml(value: JsonPath | Mapping[str, JsonPath]) -> str:
    if isinstance(value, JsonPath):
        return str(value)
    return "{" + ", ".join(f"{name}: {path}" for name, path in value.items()) + "}"


def _check_name(value: object) -> str:
    if not isinstance(value, str) or value not in FORMATS:
        refuse(f"{shown(value)} is no log format; expected one of {', '.join(FORMATS)}, or a mapping of fields")
    return value


MAPPED = "mapping"
NAMED = "name"

Format: TypeAlias = Annotated[
    Union[
        Annotated[str, PlainValidator(_check_name), WithJsonSchema({"enum": list(FORMATS)}), Tag(NAMED)],
        Annotated[FieldMapping, Tag(MAPPED)],
    ],
    Discriminator(lambda value: MAPPED if isinstance(value, Mapping | FieldMapping) else NAMED),
]
"""A name, or a mapping."""
