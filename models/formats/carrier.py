"""What carries a log line: the prefix that a container runtime or syslog puts in front of what the server wrote."""

from __future__ import annotations

import re

_ISO_TIME = rb"\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d)"
# The container runtime interface: `2025-10-10T13:55:36.493035218+02:00 stdout F `. P marks a part of a longer line.
_CONTAINER = re.compile(_ISO_TIME + rb" (?:stdout|stderr) [FP] ")
# RFC 3164 and what daemons make of it: `<134>Oct 10 13:55:36 host program[7]: `, with an ISO time or without priority;
# and RFC 5424 without structured data: `<134>1 2025-10-10T13:55:36Z host program 7 id - `.
_SYSLOG = re.compile(
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|" + _ISO_TIME + rb") [^ ]{1,255} [^ ]{1,64}: "
    rb"|<\d{1,3}>1 " + _ISO_TIME + rb" [^ ]{1,255} [^ ]{1,48} [^ ]{1,128} [^ ]{1,32} - "
)


def without_carrier(line: bytes) -> bytes:
    """Return what the server wrote. Nothing that a client chooses can stand in front of the prefixes."""
    if line[:1] == b"{":
        return line
    for prefix in (_CONTAINER, _SYSLOG):
        match = prefix.match(line)
        if match is not None:
            line = line[match.end() :]
    return line
