"""The parts of a logged request put together, in the one order that the canonical Request has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from weirlog.models.formats.target import Target
from weirlog.models.request import JSON, Request

ADDRESS_CHARACTERS: Final = 256
"""More of an address or a host's name is not kept: the longest name of a host has 253."""
_STATUS = re.compile(r"[1-9]\d{2}", re.ASCII)
_WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::\d{1,5})?|([^:]*):\d{1,5}", re.ASCII)


def request_of(
    method: str,
    target: Target,
    *,
    status: JSON,
    body: JSON = None,
    client: str | None,
    time: float | None,
    host: str | None,
    headers: Mapping[str, str],
) -> Request:
    """Return the canonical request; whatever says nothing, as an empty text or `-`, is None in it."""
    return Request(
        visible={
            "method": method.lower(),
            "query": target.query,
            "path": target.path,
            "statusCode": status_of(status),
            "requestPayload": body,
        },
        client=_known(client),
        time=time,
        host=_known(target.host) or _known(host),
        headers=headers or None,
    )


def status_of(value: JSON) -> int | None:
    """Return an HTTP status written as a number or as text, else None."""
    if isinstance(value, str) and _STATUS.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1000 else None


def without_port(address: str) -> str:
    """Return the address of `192.0.2.1:80` and `[2001:db8::1]:80`; an IPv6 address without brackets is one as it is."""
    match = _WITH_PORT.fullmatch(address)
    return address if match is None else match[1] or match[2] or ""


def last_forwarded(forwarded_for: str) -> str:
    """Return the address that the last proxy saw: all before it is the client's own word."""
    return without_port(forwarded_for[-ADDRESS_CHARACTERS:].rpartition(",")[2].strip())


def _known(text: str | None) -> str | None:
    return text[:ADDRESS_CHARACTERS] if text and text != "-" else None
