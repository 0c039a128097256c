"""The canonical request in a line of `hapi` and of `combined`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from log_lines import HAPI, NGINX, parse

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.target import PARAMETER_LIMIT
from weirlog.models.request import DESCRIPTIVE_FIELDS, JSON, Request


def combined(request: str, rest: str = "200 12") -> Request:
    return parse(f'192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "{request}" {rest}', "combined")


# hapi


def test_hapi_keeps_what_is_visible_in_its_own_order() -> None:
    log = {"zeta": [1.0, {"é": None}], "path": "/é", "route": "/", "statusCode": "x", "method": "GET", "headers": {}}
    expected = {key: value for key, value in log.items() if key not in DESCRIPTIVE_FIELDS}
    request = parse(log, "hapi")
    assert json.dumps(dict(request.visible), separators=(",", ":")) == json.dumps(expected, separators=(",", ":"))


def test_hapi_describes_the_client() -> None:
    request = parse(HAPI, "hapi")
    assert request.client == "203.0.113.7"
    assert request.time == 1502738402.847
    assert request.host == "localhost:8002"
    assert request.headers is not None
    assert request.headers["user-agent"] == "curl/8"
    assert request.headers["referer"] == "http://localhost/enter"


@pytest.mark.parametrize(
    ("described", "client"),
    [
        ({"headers": {"X-Real-IP": "192.0.2.9", "x-forwarded-for": "192.0.2.1"}}, "192.0.2.9"),
        ({"headers": {"x-forwarded-for": "192.0.2.1, 192.0.2.2"}}, "192.0.2.2"),
        ({"source": {"remoteAddress": ["192.0.2.1"]}}, None),
        ({"source": "x", "headers": []}, None),
        ({"source": {"remoteAddress": "a" * 5000}}, "a" * 256),
    ],
)
def test_hapi_finds_another_client_where_there_is_no_address(described: dict[str, Any], client: str | None) -> None:
    assert parse({"method": "get", "path": "/"} | described, "hapi").client == client


@pytest.mark.parametrize("time", [None, True, "1502738402847", -1, 10**400, 1e300])
def test_hapi_has_no_time_rather_than_a_wrong_one(time: object) -> None:
    assert parse({"method": "get", "path": "/", "timestamp": time}, "hapi").time is None


@pytest.mark.parametrize(
    "log", [{}, {"method": "get"}, {"path": "/"}, {"method": 1, "path": "/"}, {"method": "get", "path": None}]
)
def test_hapi_requires_method_and_path(log: dict[str, Any]) -> None:
    with pytest.raises(UnparsableError, match="no text `(method|path)`"):
        parse(log, "hapi")


# combined


def test_combined_is_the_canonical_request() -> None:
    request = parse(NGINX, "combined")
    assert list(request.visible.items()) == [
        ("method", "get"),
        ("query", {"q": ["x y", "'"], "e": ""}),
        ("path", "/a/b"),
        ("statusCode", 200),
        ("requestPayload", None),
    ]
    assert (request.client, request.host, request.time) == ("198.51.100.2", None, 1760097336.0)
    assert request.headers == {"user-agent": "curl/8"}


@pytest.mark.parametrize(
    ("front", "host", "client"),
    [
        ("192.0.2.1 - -", None, "192.0.2.1"),
        ("2001:db8::1 - alice", None, "2001:db8::1"),
        ("client.example.com - alice smith", None, "client.example.com"),
        ("unix: - -", None, "unix:"),
        ("www.example.com:80 192.0.2.1 - -", "www.example.com:80", "192.0.2.1"),
        ("www.example.com 192.0.2.1 - -", "www.example.com", "192.0.2.1"),
        ("- - -", None, None),
    ],
)
def test_combined_tells_host_and_client_in_front(front: str, host: str | None, client: str | None) -> None:
    request = parse(f'{front} [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1', "combined")
    assert (request.host, request.client) == (host, client)


@pytest.mark.parametrize(
    "rest", ["200 1", "- -", '200 1 "-" "-"', '200 1 "-" "-" "-"', '200 1 "-" "-" 240 "web@docker" 0ms']
)
def test_combined_takes_common_and_longer_forms(rest: str) -> None:
    assert combined("GET / HTTP/1.1", rest).headers is None


def test_combined_keeps_the_headers_that_it_has() -> None:
    headers = combined("GET / HTTP/1.1", r'200 1 "http://r/?\x22" "a \"b\" \x5C" "192.0.2.1, 192.0.2.2"').headers
    assert headers == {
        "referer": 'http://r/?"',
        "user-agent": 'a "b" \\',
        "x-forwarded-for": "192.0.2.1, 192.0.2.2",
    }


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        (r"GET /\x22\x5Cx41 HTTP/1.1", '/"\\x41', {}),
        (r"GET /a\"b\\c\td HTTP/1.1", '/a"b\\c\td', {}),
        (r"GET /?a=\xD0\xBF\xE9 HTTP/1.1", "/", {"a": "Ð¿é"}),
        (r"GET /?a=\xD0\xBF HTTP/1.1", "/", {"a": "п"}),
        ("GET /%C3%A9/%E9 HTTP/1.1", "/Ã©/é", {}),
        ("GET /%252e HTTP/1.1", "/%2e", {}),
        ("GET /a/../b/./c HTTP/1.1", "/a/../b/./c", {}),
        ("GET /a+b?a+b=c%2Bd&&=x&k=1=2 HTTP/1.1", "/a+b", {"a b": "c+d", "": "x", "k": "1=2"}),
        ("GET /?a=1&a=2&a=3 HTTP/2.0", "/", {"a": ["1", "2", "3"]}),
        ("GET /?a=' or 1=1 -- HTTP/1.1", "/", {"a": "' or 1=1 --"}),
        ("GET /%zz?%=% HTTP/1.1", "/%zz", {"%": "%"}),
        ("GET /x#<f>?a=1 HTTP/1.1", "/x#<f>", {"a": "1"}),
        ("GET /cut", "/cut", {}),
        ("OPTIONS * HTTP/1.1", "*", {}),
        ("CONNECT example.com:443 HTTP/1.1", "example.com:443", {}),
    ],
)
def test_targets_are_decoded_once(line: str, path: str, query: dict[str, JSON]) -> None:
    request = combined(line)
    assert (request.path, request.query) == (path, query)


def test_an_absolute_target_names_the_host() -> None:
    request = combined("GET http://inner.test:8080/a?b=c HTTP/1.1")
    assert (request.host, request.path, request.query) == ("inner.test:8080", "/a", {"b": "c"})
    assert combined("GET http://inner.test?b=c HTTP/1.1").path == ""


def test_parameters_beyond_the_limit_stay_in_the_last_value() -> None:
    """So that thousands of empty parameters neither cost memory nor hide one behind them."""
    query = combined("GET /?" + "&".join(f"k{n}=v" for n in range(PARAMETER_LIMIT + 10)) + " HTTP/1.1").query
    assert isinstance(query, dict)
    assert len(query) == PARAMETER_LIMIT
    assert str(query[f"k{PARAMETER_LIMIT - 1}"]).endswith(f"&k{PARAMETER_LIMIT + 9}=v")


@pytest.mark.parametrize(
    "request_line", ["-", "", r"\x16\x03\x01\x02\x00", r"\x00\x01 \x02 \x03", "Gh0st", r"t3 12.1.2\x0A"]
)
def test_what_is_no_http_is_no_request(request_line: str) -> None:
    """A time-out or TLS on a plain port has neither method nor target: there is nothing to score."""
    with pytest.raises(UnparsableError, match="no HTTP request line"):
        combined(request_line, "400 157")


def test_a_hostile_method_is_still_a_request() -> None:
    assert combined("<script>alert(1)</script> / HTTP/1.1", "400 0").method == "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "line",
    [
        '2025/10/10 13:55:36 [error] 7#7: *1 open() failed, request: "GET / HTTP/1.1"',
        '192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET / HT',
        '192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200',
        '- [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1',
        "x",
    ],
)
def test_combined_refuses_other_lines_and_halves(line: str) -> None:
    with pytest.raises(UnparsableError):
        parse(line, "combined")


def test_a_long_user_agent_does_not_hide_the_request() -> None:
    """syslog cuts long lines; what was read whole is scored."""
    assert combined("GET /?a=' HTTP/1.1", '200 1 "-" "Mozilla').query == {"a": "'"}


def test_a_user_name_cannot_pose_as_the_request() -> None:
    """nginx writes a client's brackets as they are, but no quote."""
    user = r"x [10/Oct/2000:00:00:00 +0000] \x22GET /fake HTTP/1.1\x22 200 1"
    line = f'192.0.2.1 - {user} [10/Oct/2025:13:55:36 +0000] "GET /real HTTP/1.1" 200 1'
    assert parse(line, "combined").path == "/real"


@pytest.mark.parametrize(
    "time", ["99/Oct/2025:13:55:36 +0000", "10/Foo/2025:13:55:36 +0000", "10/Oct/0001:00:00:00 +2300"]
)
def test_an_impossible_time_is_none(time: str) -> None:
    request = parse(f'192.0.2.1 - - [{time}] "GET / HTTP/1.1" 200 1', "combined")
    assert request.time is None or request.time < 0
