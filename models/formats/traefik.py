"""`traefik`: the access log of Traefik 1 to 3, as JSON or in its own common log format.

JSON entries have RequestMethod, RequestPath (with the query), RequestHost, ClientHost, DownstreamStatus, StartUTC, and
header fields as `request_User-Agent` where the configuration keeps them. The other form is what `combined` reads, with
`240 "router" "server" 1ms` behind it.
"""

from __future__ import annotations

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.combined import CombinedFormat
from weirlog.models.formats.json_fields import first_text, first_value
from weirlog.models.formats.json_line import begins_object, decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.request_parts import request_of, without_port
from weirlog.models.formats.target import split_target
from weirlog.models.request import JSON, Request

_HEADER = "request_"


class TraefikFormat:
    """Lines of Traefik's access log in either form."""

    name = "traefik"
    telling = ("RequestMethod", "RequestPath")

    def __init__(self) -> None:
        self._text = CombinedFormat()

    def parse(self, line: bytes) -> Request:
        line = without_carrier(line)
        return self.read(decode_object(line)) if begins_object(line) else self._text.parse(line)

    def claims(self, log: dict[str, JSON]) -> bool:
        return any(key in log for key in self.telling)

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        method, path = first_text(log, ("RequestMethod",)), first_text(log, ("RequestPath",))
        if not method or not path:
            missing = "RequestPath" if method else "RequestMethod"
            raise UnparsableError(f"no text `{missing}`: keep it in accessLog.fields of Traefik's configuration")
        # Some versions write the names of header fields as they came, some in lower case.
        headers = {
            key[len(_HEADER) :].lower(): value
            for key, value in log.items()
            if key.startswith(_HEADER) and isinstance(value, str)
        }
        return request_of(
            method,
            split_target(path.encode()),
            status=first_value(log, ("DownstreamStatus", "OriginStatus")),
            client=first_text(log, ("ClientHost",)) or without_port(first_text(log, ("ClientAddr",))),
            time=any_time(first_value(log, ("StartUTC", "StartLocal", "time"))),
            host=first_text(log, ("RequestHost", "RequestAddr")),
            headers=headers,
        )
