"""`caddy`: the JSON access log of Caddy 2, one entry "handled request" a line.

Of a request it holds `method`, `uri`, `host`, `client_ip` or `remote_ip` (in old versions `remote_addr` with a port) and
`headers`; beside it `ts` and `status`. Credentials among the headers Caddy writes as REDACTED itself.
"""

from __future__ import annotations

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.json_fields import first_text, header_texts
from weirlog.models.formats.json_line import decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.request_parts import request_of, without_port
from weirlog.models.formats.target import split_target
from weirlog.models.request import JSON, Request


class CaddyFormat:
    """Lines of Caddy's access log.

    An entry without `status` is none of the access log: Caddy's handlers log requests, too, each of which would be
    scored twice.
    """

    name = "caddy"
    telling = ("request",)

    def parse(self, line: bytes) -> Request:
        return self.read(decode_object(line))

    def claims(self, log: dict[str, JSON]) -> bool:
        return isinstance(log.get("request"), dict) and "method" not in log

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        request = log.get("request")
        if not isinstance(request, dict):
            raise UnparsableError("the entry has no object `request`: give Caddy's access log, in its json encoding")
        method, uri = first_text(request, ("method",)), first_text(request, ("uri",))
        if not method or not uri:
            missing = "uri" if method else "method"
            raise UnparsableError(f"no text `request.{missing}`: take the filter off that field of Caddy's log")
        if "status" not in log:
            raise UnparsableError("no `status`: a message of one of Caddy's handlers, not of its access log")
        headers = header_texts(request.get("headers"))
        client = first_text(request, ("client_ip", "remote_ip")) or without_port(first_text(request, ("remote_addr",)))
        return request_of(
            method,
            split_target(uri.encode()),
            status=log["status"],
            client=client,
            time=any_time(log.get("ts")),
            host=first_text(request, ("host",)),
            headers=headers,
        )
