r"""`alb`: the access log of an AWS Application Load Balancer, or of a Classic one, which lacks the first field.

    https 2025-10-10T13:55:36.186641Z app/web/50dc 198.51.100.2:44740 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57
    "GET https://shop.test:443/a?b=c HTTP/1.1" "agent" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:… "Root=1-…" "shop.test" …

(one line). Fields that were added behind are ignored.
"""

from __future__ import annotations

import re
from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.carrier import without_carrier
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.quoted import QUOTED, unescape
from weirlog.models.formats.request_parts import request_of
from weirlog.models.formats.target import decode_text, split_request_line, split_target
from weirlog.models.request import Request

START: Final = re.compile(
    rb"(?:[a-z0-9]{1,8} )?(\d{4}-\d\d-\d\dT[\d:.]{8,18}Z) [^ ]+ \[?([0-9a-fA-F.:]{2,45}?)\]?:\d{1,5} "
)
# Target, three times, both statuses (the load balancer's first), both sizes.
_COUNTS = re.compile(
    rb"[^ ]++(?: -?[0-9.]++){3} (\d{3}|-) (?:\d{3}|-) \d++ \d++ " + QUOTED + rb"(?: " + QUOTED + rb")?"
)
_MALFORMED = "-"


class AlbFormat:
    """Lines of a load balancer's access log. A user agent that is cut short is left out, the request is read all the same."""

    name = "alb"

    def begins(self, line: bytes) -> bool:
        return START.match(line) is not None

    def parse(self, line: bytes) -> Request:
        line = without_carrier(line)
        start = START.match(line)
        if start is None:
            raise UnparsableError("no `type time load-balancer client:port` at the beginning: give an ALB's access log")
        counts = _COUNTS.match(line, start.end())
        if counts is None:
            raise UnparsableError("after the client, no times, statuses, sizes and quoted request, or it is cut short")
        status, request, agent = counts.groups()
        method, raw_target = split_request_line(unescape(request, letters=False))
        if method == _MALFORMED:
            raise UnparsableError("no HTTP request line: the load balancer refused what the client sent")
        return request_of(
            method,
            split_target(raw_target),
            status=decode_text(status),
            client=decode_text(start[2]),
            time=any_time(start[1].decode("ascii")),
            host=None,
            headers={} if agent in {None, b"", b"-"} else {"user-agent": decode_text(unescape(agent, letters=False))},
        )
