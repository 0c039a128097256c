r"""`combined`: the access log of nginx and Apache, common and combined, with a virtual host in front or addresses behind.

    203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326
    203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "referer" "agent"
    203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "referer" "agent" "forwarded for"
    www.example.com:80 203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "referer" "agent"

nginx escapes a quote, a backslash and every control character as \xHH; Apache also as \", \\, \n, \t.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.moments import common_time
from weirlog.models.formats.quoted import QUOTED, unescape
from weirlog.models.formats.request_parts import request_of
from weirlog.models.formats.target import decode_text, split_request_line, split_target
from weirlog.models.request import Request

# The client chooses the user's name and may put a `[` there, but no unescaped quote: the time is the first bracket
# that one follows.
_TIME = re.compile(rb" \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] (?=\")")
_AFTER_TIME = re.compile(
    QUOTED + rb" (\d{3}|-) (?:\d++|-)(?: " + QUOTED + rb" " + QUOTED + rb"(?: " + QUOTED + rb")?)?(?= |$)",
    re.DOTALL,
)
_VIRTUAL_HOST_PORT = re.compile(rb"[^ :]+:\d{1,5}")
_ADDRESS = re.compile(rb"[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*")
TIMES_KNOWN: Final = 64
"""Texts of times remembered: lines of several machines may be mixed, each a little late."""


class CombinedFormat:
    """Lines of the combined and common log formats.

    Whatever follows the known fields is ignored, and headers that are cut short, as syslog does to a long line, are
    left out: a client must not escape by a long user agent.
    """

    name = "combined"

    def __init__(self) -> None:
        # A busy log has many lines a second, and a second's text is the same in all of them.
        self._time_of = lru_cache(TIMES_KNOWN)(common_time)

    def parse(self, line: bytes) -> Request:
        line = without_carrier(line)
        time = _TIME.search(line)
        if time is None:
            raise UnparsableError("no time such as [10/Oct/2000:13:55:36 -0700] before a quoted request")
        rest = _AFTER_TIME.match(line, time.end())
        if rest is None:
            raise UnparsableError("after the time, no quoted request with status and size, or it is cut short")
        virtual_host, client = _split_front(line[: time.start()])
        request, status, referer, agent, forwarded = rest.groups()
        method, raw_target = split_request_line(unescape(request, letters=True))
        target = split_target(raw_target)
        headers = {}
        for name, value in (("referer", referer), ("user-agent", agent), ("x-forwarded-for", forwarded)):
            if value is not None and value != b"-":
                headers[name] = decode_text(unescape(value, letters=True))
        return request_of(
            method,
            target,
            status=decode_text(status),
            client=decode_text(client),
            time=self._time_of(time[1].decode("ascii")),
            host=None if virtual_host is None else decode_text(virtual_host),
            headers=headers,
        )


def _split_front(front: bytes) -> tuple[bytes | None, bytes]:
    """Return the virtual host, if there is one, and the client's address."""
    parts = front.split(b" ", 4)
    if len(parts) < 3 or not parts[0]:
        raise UnparsableError("no `address identity user` before the time")
    if (
        len(parts) > 3
        and parts[1] != b"-"
        and (_VIRTUAL_HOST_PORT.fullmatch(parts[0]) or (parts[2] == b"-" and _ADDRESS.fullmatch(parts[1])))
    ):
        return parts[0], parts[1]
    return None, parts[0]
