"""The parts of a logged request line: method, target, query; and form-encoded parameters. All undone exactly once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from weirlog.models.errors import UnparsableError
from weirlog.models.request import JSON

PARAMETER_LIMIT: Final = 4096
"""From this parameter on the rest of a query is the value of one parameter: nothing is lost, memory stays bounded."""

# A request line has a protocol, or else (HTTP/0.9, or a line cut short) a token and a plain target.
_REQUEST_LINE = re.compile(rb"([^ ]+) (.*) HTTP/[0-9.]+", re.DOTALL)
_OLD_REQUEST_LINE = re.compile(rb"([A-Za-z_-]+) ([/*].*|[a-zA-Z][a-zA-Z0-9+.-]*://.*)", re.DOTALL)
_ABSOLUTE = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*)(.*)", re.DOTALL)


class Target(msgspec.Struct, frozen=True):
    """Where a request went.

    Attributes:
        path: decoded once, dot segments kept.
        query: parameters decoded once; a repeated one is a list.
        host: the authority of an absolute target (`GET http://host/path`), or None.
    """

    path: str
    query: dict[str, JSON]
    host: str | None = None


def decode_text(raw: bytes) -> str:
    """Return UTF-8 text, or else Latin-1, which never fails."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def split_request_line(raw: bytes) -> tuple[str, bytes]:
    r"""Return the method in lower case and the raw target of `GET /path HTTP/1.1`; spaces in the target belong to it.

    Raises:
        UnparsableError: there is none: the client sent TLS or another protocol to this port, or nothing in time
            (nginx `"\x16\x03\x01…" 400`, Apache `"-" 408`).
    """
    match = _REQUEST_LINE.fullmatch(raw) or _OLD_REQUEST_LINE.fullmatch(raw)
    if match is None:
        raise UnparsableError("no HTTP request line: the client sent nothing, or no HTTP")
    return decode_text(match[1]).lower(), match[2]


def split_target(raw: bytes) -> Target:
    """Return the decoded parts of a raw target."""
    host = None
    if not raw.startswith(b"/"):
        absolute = _ABSOLUTE.fullmatch(raw)
        if absolute is not None:
            host = decode_text(absolute[1]) or None
            raw = absolute[2] or b"/"
    path, _, query = raw.partition(b"?")
    return Target(decode_text(_unquoted(path)), decode_form(query), host)


def decode_form(raw: bytes) -> dict[str, JSON]:
    """Return the parameters of a query or of a form body; `+` is a space, a key without `=` has an empty value."""
    parameters: dict[str, JSON] = {}
    for key, value in _pairs(raw) if raw else ():
        known = parameters.get(key)
        if known is None:
            parameters[key] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            parameters[key] = [known, value]
    return parameters


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    if b"%" not in raw and raw.isascii():  # most are: decoding them at once takes a third of the time
        for text in raw.replace(b"+", b" ").decode("ascii").split("&", PARAMETER_LIMIT - 1):
            if text:
                key, _, value = text.partition("=")
                yield key, value
        return
    for part in raw.split(b"&", PARAMETER_LIMIT - 1):
        if part:
            encoded_key, _, encoded_value = part.partition(b"=")
            yield _decode_part(encoded_key), _decode_part(encoded_value)


def _decode_part(raw: bytes) -> str:
    return decode_text(_unquoted(raw.replace(b"+", b" ")))


def _unquoted(raw: bytes) -> bytes:
    return unquote_to_bytes(raw) if b"%" in raw else raw
