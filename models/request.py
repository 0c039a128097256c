"""The canonical Request: what every log format is parsed into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, Union

import msgspec

JSON: TypeAlias = Union[bool, int, float, str, list["JSON"], dict[str, "JSON"], None]

DESCRIPTIVE_FIELDS = frozenset({"timestamp", "headers", "source", "route", "responsePayload"})
"""Fields of the reference schema that describe the host, the client or the answer; the reference model drops them."""


# One is made for every line: a Struct takes a fifth of the time of a frozen dataclass.
class Request(msgspec.Struct, frozen=True):
    """One HTTP request as logged.

    Attributes:
        visible: what a model may see, in the log's own key order: at least `method` (lower case), `query` (an object of
            decoded values), `path` (decoded once, without the query), `statusCode` and `requestPayload`, and whatever
            else the reference schema's log carried beside the DESCRIPTIVE_FIELDS. Values are URL-decoded once (UTF-8,
            else Latin-1); dot segments are kept; a repeated parameter is a list; a body that is no object is
            {"raw": text} or {"items": [...]}.
        client: address of the client as the log gives it, or None. Text of the other side: never trust it.
        time: when the request was made, seconds since 1970-01-01 UTC, or None.
        host: the Host header, or None.
        headers: header fields that the log carried, names in lower case, among them `user-agent` and `referer`.
    """

    visible: Mapping[str, JSON]
    client: str | None = None
    time: float | None = None
    host: str | None = None
    headers: Mapping[str, str] | None = None

    @property
    def method(self) -> str:
        return str(self.visible.get("method") or "")

    @property
    def path(self) -> str:
        return str(self.visible.get("path") or "")

    @property
    def query(self) -> JSON:
        return self.visible.get("query")

    @property
    def body(self) -> JSON:
        return self.visible.get("requestPayload")

    @property
    def status(self) -> int | None:
        status = self.visible.get("statusCode")
        return status if isinstance(status, int) and not isinstance(status, bool) else None
