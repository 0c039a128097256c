"""Bytes of one line to a Request, whatever the bytes and the format are; and which format `auto` finds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from log_lines import ALB, ENVOY, HAPI, NGINX, OURS, SAMPLES, SERVERS, parse

from weirlog.models.errors import UnparsableError
from weirlog.models.formats import FORMATS, log_format
from weirlog.models.formats.auto import AutoFormat

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
KEYS = st.sampled_from(
    (
        *("method", "path", "query", "requestPayload", "source", "headers", "timestamp", "statusCode"),
        *("http", "url", "http.request.method", "url.original", "RequestMethod", "RequestPath", "response_code", "ts"),
        *("uri", "request", "request_method", "args", "body", "content_type", "status", "time", "remote_addr", "host"),
    )
)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match="'iis' is not known; there are alb, auto, caddy, combined, ecs, envoy, hapi, haproxy, nginx-json, traefik",
    ):
        log_format("iis")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_knows_its_own_name(name: str) -> None:
    assert log_format(name).name == name


# Any bytes: a Request or UnparsableError


def parses_or_refuses(name: str, line: bytes) -> None:
    try:
        request = log_format(name).parse(line)
    except UnparsableError as error:
        reason = str(error)
    else:
        reason = ""
    assert reason.isprintable()
    assert len(reason) < 400
    if reason:
        return
    assert isinstance(request.visible["method"], str)
    assert isinstance(request.visible["path"], str)
    for text in (request.client, request.host, *(request.headers or {}).values()):
        assert text is None or text.encode() is not None
    json.dumps(dict(request.visible), ensure_ascii=False, allow_nan=False).encode()


@settings(deadline=None, max_examples=300)
@example(line=b"\0")
@example(line=b"{")
@example(line=b"\xef\xbb\xbf{}")
@example(line=b'{"method":"\xff","path":"\\udc00"}')
@given(line=st.binary(max_size=200))
def test_any_bytes(line: bytes) -> None:
    for name in FORMATS:
        parses_or_refuses(name, line)


@settings(deadline=None, max_examples=300)
@given(sample=st.sampled_from(SAMPLES), cut=st.integers(0, 600), at=st.integers(0, 600), junk=st.binary(max_size=8))
def test_any_damage_to_a_good_line(sample: bytes, cut: int, at: int, junk: bytes) -> None:
    line = (sample[:at] + junk + sample[at + len(junk) :])[: cut or None]
    for name in FORMATS:
        parses_or_refuses(name, line)


@settings(deadline=None, max_examples=300)
@given(log=st.dictionaries(KEYS, JSON_VALUES, max_size=8))
def test_any_type_in_any_field(log: dict[str, Any]) -> None:
    line = json.dumps(log).encode()
    wanted = json.dumps({"method": "get", "path": "/", "uri": "/"} | log).encode()
    for name in FORMATS:
        parses_or_refuses(name, line)
        parses_or_refuses(name, wanted)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [
        b'"' * 1_000_000,
        b"\\" * 1_000_000,
        b'\\"' * 500_000,
        b"\0" * 1_000_000,
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"[10/Oct/2025:13:55:36 +0000] " * 30_000,
        b'a b c [10/Oct/2025:13:55:36 +0000] "' + b'\\"' * 500_000,
        b'a b c [10/Oct/2025:13:55:36 +0000] "' + b"\\" * 999_999,
        b'a b c [10/Oct/2025:13:55:36 +0000] "GET ' + b" HTTP/1." * 100_000 + b'x" 200 1',
        b'a b c [10/Oct/2025:13:55:36 +0000] "' + b"G" * 1_000_000 + b' / HTTP/1.1" 200 1',
        b'a b c [10/Oct/2025:13:55:36 +0000] "GET ' + b"a" * 1_000_000 + b'" 200 1',
        b'a b c [10/Oct/2025:13:55:36 +0000] "GET /?' + b"a&" * 500_000 + b' HTTP/1.1" 200 1',
        b'a b c [10/Oct/2025:13:55:36 +0000] "GET /?' + b"%25" * 300_000 + b' HTTP/1.1" 200 1',
        b'a b c [10/Oct/2025:13:55:36 +0000] "GET /" 200 1 "' + b'" "' * 300_000,
        b'{"method":"GET","path":"/","uri":"/","n":' + b"9" * 1_000_000 + b"}",
        b'{"method":"GET","path":"/","uri":"/","n":"' + b"\\ud800" * 150_000 + b'"}',
        b'{"method":"GET","path":"/","uri":"/","body":"' + b"\xe9" * 1_000_000 + b'"}',
        json.dumps({"method": "GET", "uri": "/", "body": "[" * 1_000_000}).encode(),
        json.dumps({"method": "M" * 1_000_000, "uri": "/", "path": ""}).encode(),
        b'[2025-10-10T11:55:36.500Z] "' + b"a" * 1_000_000,
        b'[2025-10-10T11:55:36.500Z] "GET / HTTP/1.1" 200 ' + b'" "' * 300_000,
        b"192.0.2.1:4 [10/Oct/2025:11:55:36.500] web " + b"a/" * 500_000,
        b"192.0.2.1:4 [10/Oct/2025:11:55:36.500] web a/b " + b"0/" * 500_000,
        b'192.0.2.1:4 [10/Oct/2025:11:55:36.500] web a/b 0/0 200 1 - "GET /' + b"#22" * 300_000,
        b"https 2025-10-10T11:55:36.500000Z app/web/50dc 192.0.2.1:4 " + b"1" * 1_000_000,
        ALB.replace(b"curl/8", b"\\" * 999_999),
        b"Oct 10 11:55:36 " + b"a" * 1_000_000 + b" b: ",
        b'{"http":' * 64 + b"1" + b"}" * 64,
        json.dumps(
            {"RequestMethod": "GET", "RequestPath": "/", **{f"request_{n}": "x" for n in range(50_000)}}
        ).encode(),
    ],
    ids=lambda line: ascii(line[:14] + line[36:60]),
)
def test_a_megabyte_of_anything_takes_linear_time(line: bytes) -> None:
    """With 1e6 characters anything quadratic would take hours, and the test's time limit stops it."""
    for name in FORMATS:
        parses_or_refuses(name, line)


# auto


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (HAPI, "hapi"),
        (NGINX, "combined"),
        (OURS, "nginx-json"),
        *((line, name) for name, lines in SERVERS.items() for line in lines),
    ],
)
def test_auto_finds_the_format(line: bytes, name: str) -> None:
    # Traefik's text is Apache's, and read as such.
    found = "combined" if name == "traefik" and not line.startswith(b"{") else name
    assert AutoFormat().identify(line) == (found, parse(line, name))
    if line.startswith(b"{"):
        assert parse(b"\xef\xbb\xbf " + line, "auto").path == parse(line, name).path


@settings(deadline=None, max_examples=200)
@given(log=st.dictionaries(KEYS, JSON_VALUES, max_size=8))
def test_no_format_claims_an_object_without_its_telling_keys(log: dict[str, Any]) -> None:
    """That is how most lines are spared a question to each format."""
    for own in AutoFormat()._own_keys:
        assert not own.claims({key: value for key, value in log.items() if key not in own.telling})


@pytest.mark.parametrize("name", ["alb", "envoy", "haproxy"])
def test_a_user_name_cannot_pose_as_another_servers_line(name: str) -> None:
    """Whatever a client may put into a combined line stands behind its beginning."""
    (other, *_) = SERVERS[name]
    user = other.replace(b'"', b"\\x22").decode()
    line = f'192.0.2.1 - {user} [10/Oct/2025:13:55:36 +0000] "GET /real HTTP/1.1" 200 1'
    assert AutoFormat().identify(line.encode()) == ("combined", parse(line, "combined"))
    assert parse(line, "auto").path == "/real"


@pytest.mark.parametrize(
    "agent", [" [10/Oct/2025:13:55:36 +0000] ", 'x - y [10/Oct/2025:13:55:36 +0000] "GET /b HTTP/1.1" 200 1']
)
def test_a_user_agent_cannot_pose_as_a_combined_line(agent: str) -> None:
    for name, line in (("alb", ALB), ("envoy", ENVOY)):
        assert AutoFormat().identify(line.replace(b"curl/8", agent.encode()))[0] == name
        assert parse(line.replace(b"curl/8", agent.encode())).path == "/a"


@settings(deadline=None, max_examples=50)
@given(
    lines=st.lists(
        st.sampled_from([*SAMPLES, b"", b"{}", b"[", b'{"method":"GET","path":"/a","uri":"/b"}']), max_size=8
    )
)
def test_auto_reads_a_line_alike_whatever_came_before(lines: list[bytes]) -> None:
    shared = log_format("auto")
    for line in lines:
        try:
            expected: object = parse(line, "auto")
        except UnparsableError as error:
            expected = str(error)
        try:
            found: object = shared.parse(line)
        except UnparsableError as error:
            found = str(error)
        assert found == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "the line is empty"),
        (b'{"a":1}', "hapi: .*`method`.*; nginx-json: .*neither `method` and `uri` nor `request`"),
        (b'{"a":', "not JSON"),
        (b'192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "-" 408 0', "no HTTP request line"),
        (b"hello", "no time such as"),
    ],
)
def test_auto_gives_the_reason_of_the_format_that_came_nearest(line: bytes, reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(line, "auto")
