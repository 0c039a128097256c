"""Log formats: bytes of one line to a Request. One file a format."""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol

from weirlog.models.formats.alb import AlbFormat
from weirlog.models.formats.auto import AutoFormat
from weirlog.models.formats.caddy import CaddyFormat
from weirlog.models.formats.combined import CombinedFormat
from weirlog.models.formats.ecs import EcsFormat
from weirlog.models.formats.envoy import EnvoyFormat
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.formats.haproxy import HaproxyFormat
from weirlog.models.formats.nginx_json import NginxJsonFormat
from weirlog.models.formats.traefik import TraefikFormat
from weirlog.models.request import Request


class LogFormat(Protocol):
    """Parses lines of one format. Thread-safe: no line's meaning depends on the lines before it.

    Attributes:
        name: what the configuration and the command line call it.
    """

    name: str

    def parse(self, line: bytes) -> Request:
        """Return the request that `line` (no newline at its end) logs.

        Raises:
            UnparsableError: it is not of this format. Whatever the bytes are, nothing else is raised, in time and
                memory proportional to the line's length.
        """
        ...


FORMATS: MappingProxyType[str, type[LogFormat]] = MappingProxyType(
    {
        known.name: known
        for known in (
            *(AutoFormat, CombinedFormat, HapiFormat, NginxJsonFormat),
            *(AlbFormat, CaddyFormat, EcsFormat, EnvoyFormat, HaproxyFormat, TraefikFormat),
        )
    }
)
"""Every format by its name."""


def log_format(name: str) -> LogFormat:
    """Return a new parser of the format that `name` names.

    Raises:
        ValueError: no format has this name.
    """
    if name not in FORMATS:
        raise ValueError(f"log format {name!r} is not known; there are {', '.join(sorted(FORMATS))}")
    return FORMATS[name]()
