"""What a model sees of a request."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.models.canonical import Canonicaliser, is_plain
from weirlog.models.errors import UnsupportedError
from weirlog.models.leaves import VALUE_CHARACTERS
from weirlog.models.request import JSON, Request
from weirlog.models.text import TEXT_CHARACTERS, CanonicalText, text_preparation

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Mobile/15E148 [FBAN/FBIOS;FBAV/450.0.0.1;FBLC/en_US]",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
    "Wget/1.21.4 (linux-gnu)",
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F Build/TP1A.220624.014)",
    "Приложение/1.0 ©",
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
PAYLOADS: st.SearchStrategy[JSON] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
# Pieces that the steps of the canonical form act on, in any order.
_PIECES = (
    *("%2", "%27", "%2527", "%u0027", "\\u003c", "\\x3c", "\\u{3c}", "&lt;", "&#60", "&#x3c;", "&amp;lt", "\r\n", "\0"),
    *("  ", "a" * 17, "(" * 20, "é", "Ｓ", "中", "😀", "\u200b", "\ud800", "\xc0\xaf", "x" * 41, "Select", "'", "="),
    *("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "/api/v1/users", "⟦", "␊", "…", "+"),
)
SPELLINGS = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)


def request(method: str = "get", path: str = "/", query: JSON = None, body: JSON = None, **headers: str) -> Request:
    visible: dict[str, JSON] = {"method": method, "query": query, "path": path, "statusCode": 200}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(visible | {"requestPayload": body}, headers=named or None)


def detection(wanted: Request) -> CanonicalText:
    return text_preparation("detection-1").prepare(wanted)


def canonical(value: str) -> str:
    return Canonicaliser().canonical(value)


def test_an_unknown_version_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="'detection-9'.*detection-1, plain-1, reference-1, reference-js-1"):
        text_preparation("detection-9")


# The reference system's texts


@settings(deadline=None, max_examples=150)
@given(payload=PAYLOADS)
def test_reference_text_is_the_compact_dump_of_what_is_visible(payload: JSON) -> None:
    log: dict[str, JSON] = {"timestamp": 1, "requestPayload": payload, "path": "/é", "route": "/", "method": "post"}
    expected = {key: value for key, value in log.items() if key not in {"timestamp", "route"}}
    assert text_preparation("reference-1").prepare(Request(log)).text == json.dumps(expected, separators=(",", ":"))


def test_reference_text_of_the_web_application_is_javascripts() -> None:
    """Five fields in its own order, characters as they are, numbers and array-like keys as JavaScript writes them."""
    payload: JSON = {"b": 1.0, "2": "“q”\n\u2028", "10": 1e21, "1": [1e-7, 0.000001, 2**53 + 1, -0.0, math.nan, True]}
    visible: dict[str, JSON] = {"requestPayload": payload, "path": "/é", "method": "post", "extra": 1}
    text = text_preparation("reference-js-1").prepare(Request(visible)).text
    assert text == (
        '{"method":"post","path":"/é","requestPayload":{"1":[1e-7,0.000001,9007199254740992,0,null,true],'
        '"2":"“q”\\n\u2028","10":1e+21,"b":1}}'
    )


@settings(deadline=None, max_examples=300)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_javascript_numbers_read_back_as_the_same_double(number: float) -> None:
    text = text_preparation("reference-js-1").prepare(Request({"method": number})).text
    assert float(json.loads(text)["method"]) == number


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (123456789012345680000.0, "123456789012345680000"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (-2.5e-8, "-2.5e-8"),
        (123.456, "123.456"),
        (100.0, "100"),
    ],
)
def test_javascript_numbers_are_laid_out_by_number_to_string(number: float, written: str) -> None:
    assert text_preparation("reference-js-1").prepare(Request({"method": number})).text == f'{{"method":{written}}}'


# The detection text: layout


def test_every_value_has_a_line_with_its_key() -> None:
    wanted = request(
        "POST",
        "/Login",
        {"next": "/home", "tag": ["a", "b"]},
        {"user": {"name": "Carl", "roles": [{"id": 1}, {"id": 2.5}]}, "on": True, "off": None, "none": {}},
    )
    text = detection(wanted)
    assert text.text.split("\n") == [
        "post /login",
        "next=/home",
        "tag=a",
        "tag=b",
        "user.name=carl",
        "user.roles.id=1",
        "user.roles.id=2.5",
        "on=true",
        "off=",
        "none=",
    ]
    names = [field.name for field in text.fields]
    assert names[:4] == ["method", "path", "query.next", "query.tag"]
    assert names[5] == "body.user.name"
    assert [text.text[field.start : field.end] for field in text.fields[:3]] == ["post", "/login", "next=/home"]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("<x>", "raw=<x>"),
        (["a"], "items=a"),
        ({"raw": "<x>"}, "raw=<x>"),
        (7, "raw=7"),
        (0, "raw=0"),
        ({"": ["x"]}, "raw=x"),
        ({"": "x"}, "=x"),
    ],
)
def test_a_body_that_is_no_object_is_named_as_formats_name_it(body: JSON, line: str) -> None:
    assert detection(request(body=body)).text == f"get /\n{line}"


@pytest.mark.parametrize("body", [None, {}, [], ""])
def test_an_empty_body_has_no_line(body: JSON) -> None:
    assert detection(request(query={}, body=body)).text == "get /"


def test_status_host_and_client_decide_nothing() -> None:
    one = Request({"method": "get", "path": "/", "statusCode": 200}, client="10.0.0.1", host="a", time=1.0)
    other = Request({"method": "get", "path": "/", "statusCode": 500, "route": "'"}, client="'", host="'", time=2.0)
    assert detection(one) == detection(other)


@settings(deadline=None, max_examples=300)
@given(
    method=SPELLINGS, path=SPELLINGS, query=st.dictionaries(SPELLINGS, SPELLINGS | st.lists(SPELLINGS)), body=PAYLOADS
)
def test_every_line_is_one_field_and_fields_cover_the_text(
    method: str, path: str, query: dict[str, Any], body: JSON
) -> None:
    """So that no client can write a line that looks like another parameter."""
    text = detection(request(method, path, query, body))
    lines = text.text.split("\n")
    fields = text.fields
    assert len(lines) == len(fields) - 1
    assert [text.text[field.start : field.end] for field in fields[2:]] == lines[1:]
    assert lines[0] == f"{text.text[: fields[0].end]} {text.text[fields[1].start : fields[1].end]}"
    assert not any(character.isupper() or (character < " " and character != "\n") for character in text.text)
    text.text.encode()


@settings(deadline=None, max_examples=200)
@given(query=st.dictionaries(SPELLINGS, SPELLINGS, max_size=5))
def test_the_fast_path_gives_what_value_by_value_gives(query: dict[str, str]) -> None:
    lines = [f"{canonical(key)}={canonical(value)}" for key, value in query.items()]
    assert detection(request(query=query)).text == "\n".join(["get /", *lines])


@settings(deadline=None, max_examples=300)
@given(value=SPELLINGS | st.text(st.sampled_from("aAbB01/-_ ='<%("), max_size=80))
def test_plain_means_that_lower_case_is_all(value: str) -> None:
    # A leading soft hyphen is not plain and vanishes: it forces the long way.
    assert not is_plain(value) or canonical("\xad" + value) == value.lower()


# The detection text: headers


@pytest.mark.parametrize("agent", BROWSERS)
def test_an_ordinary_user_agent_costs_nothing(agent: str) -> None:
    assert detection(request(user_agent=agent)).text == "get /"


@pytest.mark.parametrize(
    "referer",
    [
        "https://www.example.com/search?q=red+shoes&page=2#top",
        "https://example.com/caf%C3%A9/%E4%B8%AD%E6%96%87?x=%20y",
        "android-app://com.google.android.gm/",
        "https://example.com/?utm_source=a&section=2&session=0123456789abcdef0123456789abcdef0123456789abcdef",
    ],
)
def test_an_ordinary_referer_costs_nothing(referer: str) -> None:
    assert detection(request(referer=referer)).text == "get /"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("user-agent", "${jndi:ldap://x/a}", "${jndi:ldap://x/a}"),
        ("user-agent", "() { :; }; /bin/id", "() { :; }; /bin/id"),
        ("user-agent", "Mozilla/5.0' OR 1=1", "mozilla/5.0' or 1=1"),
        ("user-agent", "1 AND sleep(5)", "1 and sleep(5)"),
        ("referer", "http://x/?a=%3Cscript%3E", "http://x/?a=<script>"),
        ("referer", "http://x/?a=&lt;b", "http://x/?a=<b"),
        ("referer", "http://x/?a=&#60;b", "http://x/?a=<b"),
        ("referer", "../../etc/hosts", "../../etc/hosts"),
        ("x-forwarded-for", "10.0.0.1' --", "10.0.0.1' --"),
        ("content-type", "%{(#a='multipart/form-data')}", "%{(#a='multipart/form-data')}"),
        ("content-type", "multipart/form-data; boundary=----WebKitFormBoundaryabc", None),
        ("accept", "text/html,application/xml;q=0.9,*/*;q=0.8", None),
        ("cookie", "a='", None),
        ("authorization", "Basic '", None),
        ("sec-ch-ua", '"Chromium";v="120"', None),
        ("host", "'", None),
    ],
)
def test_a_header_is_shown_where_it_is_not_ordinary(name: str, value: str, shown: str | None) -> None:
    text = detection(Request({"method": "get", "path": "/"}, headers={name: value}))
    assert text.text == ("get /" if shown is None else f"get /\n{name}={shown}")
    assert text.fields[2:] == () or text.fields[2].name == f"header.{name}"


# Bounds


def test_a_long_value_keeps_its_beginning_and_its_end() -> None:
    text = detection(request(query={"a": "<first>" + "ab, " * 100_000 + "<last>"})).text
    assert VALUE_CHARACTERS <= len(text) < VALUE_CHARACTERS + 20
    assert text.startswith("get /\na=<first>")
    assert "…" in text
    assert text.endswith("<last>")


def test_a_long_text_keeps_its_first_and_its_last_lines() -> None:
    query: dict[str, JSON] = {f"key{n}": "some, value" for n in range(40_000)}
    text = detection(request(query={"first": "<1>"} | query | {"last": "<2>"}))
    lines = text.text.split("\n")
    assert TEXT_CHARACTERS / 2 < len(text.text) <= TEXT_CHARACTERS
    assert (lines[1], lines[-1]) == ("first=<1>", "last=<2>")
    assert lines.count("…=") == 1
    assert len(text.fields) == len(lines) + 1


def test_a_long_key_is_written_in_full_once() -> None:
    """Each of its values repeats the beginning only, or a text would grow with the square of the request."""
    key = "'union'" * 20
    lines = detection(request(body={key: ["x", "y"]})).text.split("\n")
    assert lines[1:] == [f"{key}=", f"{key[:64]}...=x", f"{key[:64]}...=y"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "value",
    [
        "%" * 1_000_000,
        "%u" * 500_000,
        "&#" + "0" * 1_000_000 + "60;",
        "&a" * 500_000,
        "\\u{" * 300_000,
        "\u0301\u0316" * 300_000,  # combining marks, which normalisation would sort in quadratic time
        "\ufdfa" * 300_000,  # 18 characters each once decomposed
        "PHNjcmlwdD5hbGV/" * 60_000,
        "aaaaaaaaaaaaaaab" * 60_000,
        "3c27" * 250_000,
        "+ADw" * 250_000,
        "<\0" * 500_000,
        "ab" * 500_000,
        "  a" * 300_000,
    ],
    ids=lambda value: ascii(value[:12]),
)
def test_a_megabyte_of_anything_takes_linear_time(value: str) -> None:
    """With 1e6 characters anything quadratic would take hours, and the test's time limit stops it."""
    assert len(detection(request(path=value, query={value: [value]})).text) <= TEXT_CHARACTERS


@pytest.mark.timeout(60)
def test_many_values_under_long_keys_take_linear_space() -> None:
    body: JSON = {"k" * 300_000: {"l" * 300_000: [1] * 100_000}}
    assert len(detection(request(body=body)).text) <= TEXT_CHARACTERS


def test_a_deep_body_is_walked_without_recursion() -> None:
    body: JSON = "'"
    for _ in range(5000):
        body = {"a": [body]}
    assert detection(request(body=body)).text.endswith("='")


def test_an_integer_too_long_for_python_to_write_is_hexadecimal() -> None:
    assert detection(request(body={"n": 16**9000})).text == "get /\nn=1" + "0" * 16


def test_a_body_of_128_kib_is_read_whole() -> None:
    body = {"comment": "word, " * 11_000 + "' or 1=1 --" + "word, " * 11_000}
    text = detection(request(body=body)).text
    assert "' or 1=1 --" in text
    assert "…" not in text
