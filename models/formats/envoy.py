r"""`envoy`: the access log of Envoy, Istio and Envoy Gateway, in their default text form or as JSON.

    [2025-10-10T13:55:36.479Z] "GET /a?b=c HTTP/1.1" 200 - 0 512 30 15 "198.51.100.2" "agent" "id" "host" "10.0.0.1:80"

Istio puts three fields between flags and sizes, and cluster, addresses and route behind the last quote. JSON entries are
whatever the configuration calls them; the usual spellings are known.
"""

from __future__ import annotations

import re
from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.json_fields import first_text, first_value
from weirlog.models.formats.json_line import begins_object, decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.request_parts import last_forwarded, request_of, without_port
from weirlog.models.formats.target import decode_text, split_target
from weirlog.models.request import JSON, Request

METHOD: Final = ("method", ":method", "request_method")
PATH: Final = (
    *("x-envoy-original-path", "x_envoy_original_path", "x-envoy-origin-path", "x_envoy_origin_path"),
    *("path", ":path", "request_path", "uri_path"),
)
HOST: Final = ("authority", ":authority", "host")
CLIENT: Final = ("downstream_remote_address", "downstream_direct_remote_address", "client_ip", "remote_address")
HEADERS: Final = {
    "user-agent": ("user_agent", "user-agent"),
    "referer": ("referer", "http_referer"),
    "x-forwarded-for": ("x_forwarded_for", "x-forwarded-for", "forwarded_for"),
    "content-type": ("content_type", "content-type"),
}
STATUS: Final = "response_code"

START: Final = re.compile(rb"\[(\d{4}-\d\d-\d\dT[\d:.]{8,18}Z)\] \"")
# Envoy escapes nothing, but neither method, target nor protocol can hold a space: a quote in the target ends nothing.
_REQUEST = re.compile(rb"([^ ]++) ([^ ]++) (?:HTTP/[0-9.]++|-)\" (\d{1,3}) ")
_BETWEEN = b'" "'


class EnvoyFormat:
    """Lines of Envoy's access log. Of the client's address, JSON and Istio tell; else it is the last one forwarded for."""

    name = "envoy"
    telling = (STATUS,)

    def parse(self, line: bytes) -> Request:
        line = without_carrier(line)
        return self.read(decode_object(line)) if begins_object(line) else self._read_text(line)

    def begins(self, line: bytes) -> bool:
        return START.match(line) is not None

    def claims(self, log: dict[str, JSON]) -> bool:
        return STATUS in log and any(key in log for key in PATH)

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        method, path = first_text(log, METHOD), first_text(log, PATH)
        if not method or not path:
            field, operator = ("path", "%REQ(:PATH)%") if method else ("method", "%REQ(:METHOD)%")
            raise UnparsableError(
                f"no text `{field}`, in any known spelling: add it to Envoy's json_format as {operator}"
            )
        headers = {name: value for name, keys in HEADERS.items() if (value := first_text(log, keys))}
        client = without_port(first_text(log, CLIENT)) or last_forwarded(headers.get("x-forwarded-for", ""))
        return request_of(
            method,
            split_target(path.encode()),
            status=log.get(STATUS),
            client=client,
            time=any_time(first_value(log, ("start_time", "timestamp", "time"))),
            host=first_text(log, HOST),
            headers=headers,
        )

    def _read_text(self, line: bytes) -> Request:
        start = START.match(line)
        if start is None:
            raise UnparsableError("no start time such as [2025-10-10T13:55:36.479Z] at the beginning: give Envoy's log")
        request = _REQUEST.match(line, start.end())
        if request is None or request[1] == b"-":
            raise UnparsableError("after the time, no HTTP request with a status: TCP, or cut short")
        headers, host, client = _fields_behind(line[request.end() :])
        return request_of(
            decode_text(request[1]),
            split_target(request[2]),
            status=decode_text(request[3]),
            client=client or last_forwarded(headers.get("x-forwarded-for", "")),
            time=any_time(start[1].decode("ascii")),
            host=host,
            headers=headers,
        )


def _fields_behind(rest: bytes) -> tuple[dict[str, str], str | None, str]:
    """Return header fields, host and the client's address.

    Five quoted fields stand there, of which clients write the first two and the fourth as they like, quotes and all: the
    outer ones are counted from the ends, and what is over belongs to the user agent.
    """
    quoted = rest.split(_BETWEEN)
    if len(quoted) < 5:
        return {}, None, ""  # a format of one's own, or cut short by a long header: the request is known all the same
    forwarded = quoted[0].rpartition(b'"')[2]
    agent = _BETWEEN.join(quoted[1:-3])
    headers = {
        name: decode_text(value)
        for name, value in (("user-agent", agent), ("x-forwarded-for", forwarded))
        if value not in {b"", b"-"}
    }
    # Istio: upstream cluster, its local address, downstream local address, downstream remote address, …
    behind = quoted[-1].rpartition(b'"')[2].split()
    client = without_port(decode_text(behind[3])) if len(behind) > 3 else ""
    return headers, decode_text(quoted[-2]), client
