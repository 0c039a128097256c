"""What carries a log line: the prefix that a container runtime or syslog puts in front of what the server wrote."""

from __future__ import annotations

import re

# The container runtime interface: `2025-10-10T13:55:36.493035218+02:00 stdout F `. P marks a part of a longer line.
_CONTAINER = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] ")
# RFC 3164 and what daemons make of it: `<134>Oct 10 13:55:36 host program[7]: `, with an ISO time or without priority.
_SYSLOG = re.compile(
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d)) "
    rb"[^ ]{1,255} [^ ]{1,64}: "
)


def without_container(line: bytes) -> bytes:
    """Return what the program in the container wrote. Nothing that a client chooses can stand in front of it."""
    if not line[:1].isdigit():
        return line
    match = _CONTAINER.match(line)
    return line if match is None else line[match.end() :]


def without_syslog(line: bytes) -> bytes:
    """Return the message of a line of syslog, behind a container runtime's prefix or not."""
    line = without_container(line)
    match = _SYSLOG.match(line)
    return line if match is None else line[match.end() :]
