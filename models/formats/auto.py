"""`auto`: finds out, line by line, which format a line has."""

from __future__ import annotations

from typing import Protocol

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.combined import CombinedFormat
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.formats.json_line import BYTE_ORDER_MARK, decode_object
from weirlog.models.formats.nginx_json import NginxJsonFormat
from weirlog.models.request import JSON, Request


class _ObjectFormat(Protocol):
    name: str

    def read(self, log: dict[str, JSON]) -> Request: ...


class AutoFormat:
    """Lines of any known format, mixed as they come.

    A line that begins with `{` is decoded once and offered to the JSON formats, in a fixed order, any other to the text
    formats. No line's meaning depends on the lines before it. Thread-safe.
    """

    name = "auto"

    def __init__(self) -> None:
        # The reference schema first: its `path` and object `query` are the more particular.
        self._objects: tuple[_ObjectFormat, ...] = (HapiFormat(), NginxJsonFormat())
        self._text = CombinedFormat()

    def parse(self, line: bytes) -> Request:
        if line.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] != b"{":
            if not line.strip():
                raise UnparsableError("the line is empty")
            return self._text.parse(line)
        log = decode_object(line)
        reasons = []
        for known in self._objects:
            try:
                return known.read(log)
            except UnparsableError as error:
                reasons.append(f"{known.name}: {error}")
        raise UnparsableError("; ".join(reasons))
