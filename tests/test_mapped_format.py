"""A mapping of fields: what the configuration takes for one, and the request that it finds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import weirlog
from configurations import Load, kafka, load_text, problems
from fakes import eventually
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.daemon import running

from weirlog.daemon.config import FieldMapping
from weirlog.daemon.config_formats import parse_path
from weirlog.daemon.config_report import describe
from weirlog.daemon.log_formats import parser_of
from weirlog.models.errors import UnparsableError
from weirlog.models.request import Request

LOG = {
    "ts": "2025-10-10T11:55:36Z",
    "req": {
        "verb": "POST",
        "url": "/a?b=c",
        "addr": "198.51.100.2:50",
        "fields": {"User-Agent": "curl/8", "Content-Type": ["application/json"]},
    },
    "res.code": "404",
    "bodies": ['{"card":1}'],
    "vhost": "shop.test",
}
WHOLE = {
    "method": "$.req.verb",
    "path": "$.req.url",
    "status": "$['res.code']",
    "body": "$.bodies[0]",
    "client": '$["req"].addr',
    "time": "$.ts",
    "host": "$.vhost",
    "headers": "$.req.fields",
}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


def mapped(log: object, **paths: object) -> Request:
    mapping = FieldMapping.model_validate({"method": "$.m", "path": "$.p"} | paths)
    return parser_of(mapping).parse(json.dumps(log).encode())


def test_a_mapping_finds_the_whole_request() -> None:
    request = mapped(LOG, **WHOLE)
    assert list(request.visible.items()) == [
        ("method", "post"),
        ("query", {"b": "c"}),
        ("path", "/a"),
        ("statusCode", 404),
        ("requestPayload", {"card": 1}),
    ]
    assert (request.client, request.host, request.time) == ("198.51.100.2", "shop.test", 1760097336.0)
    assert request.headers == {"user-agent": "curl/8", "content-type": "application/json"}


def test_header_fields_may_be_mapped_one_by_one() -> None:
    headers = {"User-Agent": "$.ua", "referer": "$.missing"}
    assert mapped({"m": "GET", "p": "/", "ua": "curl/8"}, headers=headers).headers == {"user-agent": "curl/8"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("b=%27", {"b": "'"}),
        ("?b=c", {"b": "c"}),
        ({"b": ["c", 1]}, {"b": ["c", 1]}),
        ("", {"a": "1"}),
        (7, {"a": "1"}),
    ],
)
def test_a_query_of_its_own_replaces_that_of_the_path(query: object, found: object) -> None:
    assert mapped({"m": "GET", "p": "/x?a=1", "q": query}, query="$.q").query == found


@pytest.mark.parametrize(
    ("log", "missing"),
    [({"m": "GET"}, "path"), ({"p": "/"}, "method"), ({"m": 5, "p": "/"}, "method"), ({"m": "GET", "p": "-"}, "path")],
)
def test_a_line_without_the_mapped_fields_is_refused_by_the_name_of_the_first(log: object, missing: str) -> None:
    with pytest.raises(
        UnparsableError, match=f"mapping has the {missing}: .* correct `{missing}` in the source's format"
    ):
        mapped(log)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abmp"), inner, max_size=3),
)


@settings(deadline=None, max_examples=300)
@given(log=st.dictionaries(st.sampled_from("abmp"), JSON, max_size=4))
def test_any_value_at_a_mapped_place_is_a_request_or_refused(log: dict[str, Any]) -> None:
    paths = dict.fromkeys(("query", "status", "body", "client", "time", "host", "headers"), "$.a[0].b")
    try:
        request = mapped(log, **paths)
    except UnparsableError:
        return
    assert isinstance(log["m"], str)
    assert request.method == log["m"].lower()
    json.dumps(dict(request.visible), ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("$.a", ("a",)),
        ("$.a-b.@c_1", ("a-b", "@c_1")),
        ("$['a.b'].c", ("a.b", "c")),
        ('$["it\'s"]', ("it's",)),
        ("$.a[0][12]", ("a", 0, 12)),
    ],
)
def test_a_path_names_its_keys(written: str, keys: tuple[str | int, ...]) -> None:
    assert parse_path(written).keys == keys
    assert str(parse_path(written)) == written


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("req.verb", "'req.verb'; expected a path such as $.request.method"),
        ("$", "expected 1 to 16 keys"),
        ("$.a..b", "cannot be read from '..b' on"),
        ("$.a[-1]", "cannot be read from '[-1]' on"),
        ("$.*", "cannot be read from '.*' on"),
        ("$.a\x1b", "cannot be read from '"),
        ("$" + ".a" * 17, "expected 1 to 16 keys"),
        ("$." + "a" * 300, "expected a path such as"),
        (5, "is 5; expected a path"),
    ],
)
def test_what_is_no_path_is_refused_with_what_is_expected(load: Load, path: object, said: str) -> None:
    found = problems(load, kafka(format=json.dumps({"method": path, "path": "$.p"})))
    assert list(found) == ["sources[0].format.method"]
    assert said in found["sources[0].format.method"]
    assert found["sources[0].format.method"].isprintable()


@pytest.mark.parametrize(
    ("mapping", "key", "said"),
    [
        ("{method: $.m}", "path", "is missing; expected the path of the target"),
        ("{method: $.m, path: $.p, clinet: $.c}", "clinet", "did you mean client?"),
        ("{method: $.m, path: $.p, headers: {ua: x}}", "headers", "is 'x'; expected a path"),
    ],
)
def test_a_wrong_mapping_is_told_by_the_key_at_fault(load: Load, mapping: str, key: str, said: str) -> None:
    found = problems(load, kafka(format=mapping))
    assert list(found) == [f"sources[0].format.{key}"]
    assert said in found[f"sources[0].format.{key}"]


def test_the_mapping_is_shown_as_it_is_written(load: Load) -> None:
    written = "{method: $.m, path: $.p, headers: {user-agent: $.ua}}"
    config = load(kafka(format=written))
    assert f"format {written};" in "\n".join(describe(config))
    assert config.model_dump(mode="json")["sources"][0]["format"]["headers"] == {"user-agent": "$.ua"}


def test_score_takes_a_mapping_on_the_command_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"req": {"verb": "GET", "url": "/?q=1' union select password from users--"}}) + "\n")
    ended = weirlog("score", str(log), "--engine", "numpy", "--format", "{method: $.req.verb, path: $.req.url}")
    assert (ended.returncode, json.loads(ended.stdout)["verdict"]) == (0, "attack")
    for mapping, said in (("{method: $.req.verb}", "path: is missing"), ("{method: [", "not valid YAML")):
        ended = weirlog("score", str(log), "--format", mapping)
        assert ended.returncode == 2
        assert said in " ".join(ended.stderr.split())


def test_a_daemon_reads_its_log_by_the_mapping(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    lines = [{"req": {"verb": "GET", "url": "/?q=1' union select password from users--"}}, {"req": {"verb": "GET"}}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    mapping = "{method: $.req.verb, path: $.req.url}"
    source = f"{{type: file, paths: ['{log}'], start_at: beginning, format: {mapping}}}"
    with running(tmp_path, source) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert eventually(lambda: daemon.figure("weirlog_records_unparsable_total") == 1), daemon.stderr
    assert daemon.alerts[0]["request"]["query"] == {"q": "1' union select password from users--"}
