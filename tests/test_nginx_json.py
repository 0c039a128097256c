"""The canonical request in a line of `nginx-json`."""

from __future__ import annotations

from typing import Any

import pytest
from log_lines import OURS, parse

from weirlog.models.errors import UnparsableError
from weirlog.models.request import JSON, Request


def nginx_json(**fields: object) -> Request:
    return parse({"method": "GET", "uri": "/"} | fields, "nginx-json")


def test_our_own_nginx_log_is_read_whole() -> None:
    request = parse(OURS, "nginx-json")
    assert list(request.visible.items()) == [
        ("method", "post"),
        ("query", {"step": "2"}),
        ("path", "/pay"),
        ("statusCode", 201),
        ("requestPayload", {"card": {"n": 1}}),
    ]
    assert (request.client, request.host, request.time) == ("198.51.100.2", "shop.test", 1760097336.123)
    assert request.headers == {
        "referer": "https://shop.test/cart",
        "user-agent": "curl/8",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    "log",
    [
        {"request": "GET /a?b=c HTTP/1.1"},
        {"request_method": "GET", "request_uri": "/a?b=c", "uri": "/index.php"},
        {"request_method": "GET", "uri": "/a", "args": "b=c"},
        {"method": "GET", "url": "http://h/a?b=c"},
        {"verb": "GET", "uri": "/a", "query_string": "b=c"},
    ],
)
def test_other_spellings_of_method_and_target(log: dict[str, Any]) -> None:
    request = parse(log, "nginx-json")
    assert (request.method, request.path, request.query) == ("get", "/a", {"b": "c"})


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"time": 1760097336.5}, 1760097336.5),
        ({"msec": "1760097336.5"}, 1760097336.5),
        ({"ts": 1760097336500}, 1760097336.5),
        ({"time_iso8601": "2025-10-10T13:55:36+02:00"}, 1760097336.0),
        ({"@timestamp": "2025-10-10T11:55:36Z"}, 1760097336.0),
        ({"time_local": "10/Oct/2025:13:55:36 +0200"}, 1760097336.0),
        ({"time": "yesterday"}, None),
        ({"time": "nan"}, None),
        ({"time": True}, None),
        ({"time": 10**400}, None),
    ],
)
def test_times_in_their_usual_spellings(fields: dict[str, Any], time: float | None) -> None:
    assert nginx_json(**fields).time == time


@pytest.mark.parametrize(
    ("body", "content_type", "read"),
    [
        ("-", "", None),
        ("", "application/json", None),
        (None, "", None),
        ('{"a":"\\u0027"}', "application/json", {"a": "'"}),
        (' [1, "x"]', "", {"items": [1, "x"]}),
        ('{"cut":', "application/json", {"raw": '{"cut":'}),
        ("[" * 1000, "application/json", {"raw": "[" * 1000}),
        ("a=1&a=%27+x&b", "application/x-www-form-urlencoded; charset=utf-8", {"a": ["1", "' x"], "b": ""}),
        ("user%5Bname%5D=x", "", {"user[name]": "x"}),
        ("a=b", "text/plain", {"raw": "a=b"}),
        ("<a b='c'/>", "", {"raw": "<a b='c'/>"}),
        ('{"a":1}', "application/x-www-form-urlencoded", {"a": 1}),
        ({"a": 1}, "", {"a": 1}),
        ([1], "", {"items": [1]}),
        (5, "", {"raw": "5"}),
    ],
)
def test_bodies_by_type_and_shape(body: object, content_type: str, read: JSON) -> None:
    assert nginx_json(body=body, content_type=content_type).body == read


@pytest.mark.parametrize(
    ("status", "read"), [("404", 404), (404, 404), ("-", None), ("4xx", None), (True, None), (-1, None)]
)
def test_statuses_are_numbers_or_none(status: object, read: int | None) -> None:
    assert nginx_json(status=status).status == read


def test_raw_bytes_from_nginx_are_read() -> None:
    """`escape=json` leaves bytes from 0x80 as the client sent them."""
    line = '{"method":"GET","uri":"/é?a='.encode() + b'\xe9","user_agent":"x"}'
    request = parse(line, "nginx-json")
    assert request.query == {"a": "é"}


@pytest.mark.parametrize(
    "log",
    [
        {
            "version": 6,
            "nginx_version": "1.9.4",
            "connections": {"accepted": 1},
            "requests": {"total": 9, "current": 3},
        },
        {"level": "info", "msg": "started"},
        {"method": "GET", "uri": ""},
        {"method": "-", "uri": "-", "request": "-"},
        {"request": {"method": "GET", "uri": "/"}},
    ],
)
def test_json_that_logs_no_request_is_refused(log: dict[str, Any]) -> None:
    for name in ("nginx-json", "auto"):
        with pytest.raises(UnparsableError):
            parse(log, name)
