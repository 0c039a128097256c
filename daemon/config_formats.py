"""The log format of a source: the name of one that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from weirlog.daemon.config_types import refuse, shown

FORMATS = ("auto", "hapi", "combined", "nginx-json", "caddy", "traefik", "envoy", "haproxy", "alb", "ecs")


def _check_format(value: object) -> str:
    if isinstance(value, Mapping):
        refuse(f"a mapping of fields is not taken by this version; expected one of {', '.join(FORMATS)}")
    if not isinstance(value, str) or value not in FORMATS:
        refuse(f"{shown(value)} is no log format; expected one of {', '.join(FORMATS)}")
    return value


Format: TypeAlias = Annotated[
    str, PlainValidator(_check_format), PlainSerializer(str), WithJsonSchema({"enum": list(FORMATS)})
]
