"""`auto`: finds out, line by line, which format a line has."""

from __future__ import annotations

from typing import Protocol

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.alb import AlbFormat
from weirlog.models.formats.caddy import CaddyFormat
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.combined import CombinedFormat
from weirlog.models.formats.ecs import EcsFormat
from weirlog.models.formats.envoy import EnvoyFormat
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.formats.haproxy import HaproxyFormat
from weirlog.models.formats.json_line import begins_object, decode_object
from weirlog.models.formats.nginx_json import NginxJsonFormat
from weirlog.models.formats.traefik import TraefikFormat
from weirlog.models.request import JSON, Request


class _ObjectFormat(Protocol):
    name: str

    def read(self, log: dict[str, JSON]) -> Request: ...


class _OwnKeysFormat(_ObjectFormat, Protocol):
    @property
    def telling(self) -> tuple[str, ...]:
        """Keys without any of which `claims` is False."""
        ...

    def claims(self, log: dict[str, JSON]) -> bool:
        """Return whether an object has keys that no other format has."""
        ...


class _OwnBeginningFormat(Protocol):
    name: str

    def begins(self, line: bytes) -> bool:
        """Return whether a line begins as no other format's, before anything that a client could have written."""
        ...

    def parse(self, line: bytes) -> Request: ...


class AutoFormat:
    """Lines of any known format, mixed as they come.

    A line that begins with `{` is decoded once. What has one server's own keys is read by that server's format, anything
    else is offered to the JSON formats in a fixed order. So with text: what begins as one server's log alone does is
    that server's, anything else is `combined`. No line's meaning depends on the lines before it. Thread-safe.
    """

    name = "auto"

    def __init__(self) -> None:
        envoy = EnvoyFormat()
        self._own_keys: tuple[_OwnKeysFormat, ...] = (CaddyFormat(), TraefikFormat(), EcsFormat(), envoy)
        # Most lines have none of these keys, and cost one look instead of one for each format.
        self._telling = frozenset(key for own in self._own_keys for key in own.telling)
        # The reference schema first: its `path` and object `query` are the more particular.
        self._objects: tuple[_ObjectFormat, ...] = (HapiFormat(), NginxJsonFormat())
        self._own_beginnings: tuple[_OwnBeginningFormat, ...] = (envoy, AlbFormat(), HaproxyFormat())
        self._text = CombinedFormat()

    def parse(self, line: bytes) -> Request:
        return self.identify(line)[1]

    def identify(self, line: bytes) -> tuple[str, Request]:
        """Return the name of the line's format, and the request.

        Raises:
            UnparsableError: as `parse` does.
        """
        line = without_carrier(line)
        if begins_object(line):
            return self._identify_object(decode_object(line))
        if not line.strip():
            raise UnparsableError("the line is empty")
        for known in self._own_beginnings:
            if known.begins(line):
                try:
                    return known.name, known.parse(line)
                except UnparsableError as error:
                    raise UnparsableError(f"{known.name}: {error}") from None
        return self._text.name, self._text.parse(line)

    def _identify_object(self, log: dict[str, JSON]) -> tuple[str, Request]:
        for own in () if self._telling.isdisjoint(log) else self._own_keys:
            if own.claims(log):
                try:
                    return own.name, own.read(log)
                except UnparsableError as error:
                    raise UnparsableError(f"{own.name}: {error}") from None
        reasons = []
        for known in self._objects:
            try:
                return known.name, known.read(log)
            except UnparsableError as error:
                reasons.append(f"{known.name}: {error}")
        raise UnparsableError("; ".join(reasons))
