"""`haproxy`: the HTTP log of HAProxy (`option httplog` or `httpslog`), with or without syslog's prefix.

    198.51.100.2:5150 [10/Oct/2025:13:55:36.128] web~ app/one 0/0/1/63/64 200 2602 - - ---- 9/9/3/4/0 0/0 "GET / HTTP/1.1"

HAProxy writes a quote, a number sign and every unprintable byte as #HH. Its time has no zone, so there is none.
"""

from __future__ import annotations

import re
from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.request_parts import request_of
from weirlog.models.formats.target import decode_text, split_request_line, split_target
from weirlog.models.request import Request

START: Final = re.compile(rb"([^ ]{1,256}):\d{1,5} \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] ")
# Frontend, backend and server, five timers, status, size. What stands between them and the request are cookies, counters
# and captured headers, in none of which HAProxy leaves a quote.
_COUNTS = re.compile(rb"[^ ]++ [^ /]++/[^ ]++ [-+0-9/]++ (-?\d{1,3}) \+?\d++ [^\"]*+\"([^\"]*)")
_ESCAPE = re.compile(rb"#([0-9a-fA-F]{2})")


class HaproxyFormat:
    """Lines of HAProxy's HTTP log. A request cut short, as syslog does to a long line, is scored as far as it goes."""

    name = "haproxy"

    def begins(self, line: bytes) -> bool:
        return START.match(line) is not None

    def parse(self, line: bytes) -> Request:
        line = without_carrier(line)
        start = START.match(line)
        if start is None:
            raise UnparsableError("no `client:port [time]` at the beginning: give HAProxy's log, by `option httplog`")
        counts = _COUNTS.match(line, start.end())
        if counts is None:
            raise UnparsableError("no timers, status and quoted request: not by `option httplog`, or no HTTP")
        method, raw_target = split_request_line(_ESCAPE.sub(_unescape_one, counts[2]))
        return request_of(
            method,
            split_target(raw_target),
            status=decode_text(counts[1]),
            client=decode_text(start[1]),
            time=None,
            host=None,
            headers={},
        )


def _unescape_one(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode("ascii"))
