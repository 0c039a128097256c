"""Alerts: one identity for one record, one bounded JSON document, nothing of an attacker's left raw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.models.request import JSON, Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import LIMIT_BYTES, Alert, alert_id, build_alert, client_address, request_document, rfc3339
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.redaction import Redactor

FILE = Partition("file-0", "file", "/var/log/access.log", "2049:17:ab12")
TOPIC = Partition("kafka-0", "kafka", "access", "3")
REQUEST = Request(
    {
        "method": "post",
        "path": "/items",
        "query": {"id": "1' or 1=1"},
        "statusCode": 200,
        "requestPayload": {"user": "anna", "password": "hunter2"},
    },
    client="192.0.2.7",
    time=1_700_000_000.25,
    host="shop.example",
    headers={"user-agent": "curl/8", "cookie": "sid=hunter2"},
)
EXPLANATION = Explanation("query.id", "1' or 1=1", 1, 9)


def build(request: Request = REQUEST, explanation: Explanation | None = EXPLANATION, **changes: Any) -> Alert:
    record = Record(b"line", Ledger(changes.pop("partition", FILE), 0).open(changes.pop("position", 345)), 0.0)
    values: dict[str, Any] = {
        "model_name": "default",
        "model_digest": "d" * 64,
        "redactor": Redactor(),
        "time": 1_700_000_001.5,
        **changes,
    }
    return build_alert(record, request, Verdict(0.98765432, 0.5, "sqli"), explanation, **values)


def test_the_document_holds_what_the_interface_promises() -> None:
    alert = build()
    assert alert.document() == {
        "schema": "weirlog.alert/v1",
        "id": alert.id,
        "time": "2023-11-14T22:13:21.500Z",
        "score": 0.987654,
        "threshold": 0.5,
        "kind": "sqli",
        "client": {"address": "192.0.2.7"},
        "request": {
            "time": "2023-11-14T22:13:20.250Z",
            "method": "post",
            "path": "/items",
            "query": {"id": "1' or 1=1"},
            "body": {"user": "anna", "password": "[redacted]"},
            "status": 200,
            "host": "shop.example",
            "headers": {"user-agent": "curl/8", "cookie": "[redacted]"},
        },
        "source": {"type": "file", "name": FILE.name, "partition": FILE.key, "position": 345},
        "model": {"name": "default", "digest": "d" * 64},
        "explanation": {"field": "query.id", "excerpt": "1' or 1=1", "start": 1, "end": 9},
        "count": 1,
    }


def test_the_document_is_one_line_of_ascii() -> None:
    request = Request({"method": "get", "path": "/\x1b[2J\x9b\u202e\u2028\n\ud800", "query": {}})
    body = build(request).body
    assert body.isascii()
    assert all(byte >= 0x20 for byte in body)
    assert json.loads(body)["request"]["path"] == "/\x1b[2J\x9b\u202e\u2028\n\ufffd"


def test_an_attack_in_a_password_is_hidden_but_its_kind_and_field_stay() -> None:
    request = Request({"method": "post", "path": "/", "requestPayload": {"password": "x' or 1=1--"}})
    alert = build(request, Explanation("body.password", "x' or 1=1--", 1, 9))
    assert b"or 1=1" not in alert.body
    document: Any = alert.document()
    assert (document["kind"], document["explanation"]["field"]) == ("sqli", "body.password")


def test_an_alert_without_explanation_says_null() -> None:
    assert build(explanation=None).document()["explanation"] is None


def test_names_and_keys_of_our_own_are_never_taken_for_secrets() -> None:
    partition = Partition("file-0", "file", "/var/log/token=abcdefgh/access.log", "2049:4111111111111111:ab")
    document: Any = build(partition=partition).document()
    assert (document["source"]["name"], document["source"]["partition"]) == (partition.name, partition.key)


class TestIdentity:
    def test_it_is_the_same_for_the_same_record_and_model(self) -> None:
        assert build(time=1.0).id == build(time=2.0, model_name="renamed").id

    def test_a_renamed_file_keeps_its_alerts(self) -> None:
        """Rotation: the key knows a file wherever it was moved to, whichever source's pattern finds it."""
        moved = Partition("file-1", "file", "/var/log/access.log.1", FILE.key)
        assert alert_id(FILE, 7, "d") == alert_id(moved, 7, "d")

    def test_it_differs_by_position_model_file_topic_and_cluster(self) -> None:
        partitions = [
            FILE,
            Partition("file-0", "file", FILE.name, "2049:18:ab12"),
            TOPIC,
            Partition("kafka-0", "kafka", "access", "4"),
            Partition("kafka-0", "kafka", "orders", "3"),
            Partition("kafka-1", "kafka", "access", "3"),
            Partition("kafka-0a", "kafka", "ccess", "3"),
        ]
        ids = {
            alert_id(part, position, digest) for part in partitions for position in (1, 11) for digest in ("d", "1d")
        }
        assert len(ids) == len(partitions) * 4

    def test_it_is_fixed_for_all_versions(self) -> None:
        """Receivers know repeated alerts by it: this value may never change."""
        assert alert_id(FILE, 345, "d" * 64) == "ee87a9833219024b68e54ac38660aab4"


class TestCount:
    def test_a_count_changes_nothing_else(self) -> None:
        alert = build()
        counted = alert.with_count(1_000_000)
        assert counted.document() == {**alert.document(), "count": 1_000_000}
        assert (counted.id, counted.client) == (alert.id, alert.client)


class TestClient:
    @pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"])
    def test_an_address_is_shown_as_it_is(self, address: str) -> None:
        assert client_address(address) == address

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("fe80::1%\x1b[31m", "fe80::1%?[31m"),
            ("evil\r\nhost\u202e", "evil??host?"),
            ("x" * 500, "x" * 64),
            ("192.0.2.7, 10.0.0.1", "192.0.2.7, 10.0.0.1"),
        ],
    )
    def test_other_text_is_bounded_and_free_of_controls(self, text: str, shown: str) -> None:
        assert client_address(text) == shown

    def test_nothing_is_null(self) -> None:
        assert client_address("") is None
        assert client_address(None) is None


@pytest.mark.parametrize("time", [None, float("nan"), float("inf"), 1e300, -1e300])
def test_what_is_no_time_is_null(time: float | None) -> None:
    assert rfc3339(time) is None


class TestSize:
    def test_a_long_request_is_cut_and_says_so(self) -> None:
        request = Request({"method": "get", "path": "/" + "a" * 100_000, "query": {}})
        alert = build(request)
        document: Any = alert.document()
        assert len(alert.body) <= LIMIT_BYTES
        assert document["truncated"] is True
        assert document["request"]["path"].endswith("… (+95916)")

    def test_a_short_request_does_not(self) -> None:
        assert "truncated" not in build().document()

    @pytest.mark.parametrize("character", ["\U0001f600", "\x00", '"', "\ud800", "é"])
    def test_escapes_do_not_exceed_the_limit(self, character: str) -> None:
        text = character * 5000
        deep: JSON = text
        for _ in range(200):
            deep = {text: [deep, text]}
        request = Request(
            {"method": text, "path": text, "query": {f"{text}{i}": text for i in range(300)}, "requestPayload": deep},
            client=text,
            host=text,
            headers={f"{text}{i}": text for i in range(300)},
        )
        names = Partition("file-0", "file", text, text[:300])
        alert = build(request, Explanation(text, text, 10, 4000), partition=names, model_name=text)
        document: Any = alert.with_count(10**15).document()
        assert len(alert.with_count(10**15).body) <= LIMIT_BYTES
        assert document["truncated"] is True
        explanation = document["explanation"]
        assert 0 <= explanation["start"] <= explanation["end"] <= len(explanation["excerpt"])

    def test_the_shown_request_alone_is_bounded_too(self) -> None:
        shown = request_document(Request({"path": "a" * 100_000, "query": list(range(100_000))}), Redactor())
        assert len(json.dumps(shown)) < 40_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=200),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=60), inner, max_size=6),
    max_leaves=40,
)


@settings(max_examples=60, deadline=None)
@given(JSON_VALUES, JSON_VALUES, st.text(max_size=100), st.floats(), st.one_of(st.none(), st.text(max_size=80)))
def test_any_request_gives_a_valid_bounded_document(
    query: JSON, body: JSON, path: str, time: float, client: str | None
) -> None:
    visible: dict[str, JSON] = {
        "method": path,
        "path": path,
        "query": query,
        "requestPayload": body,
        "statusCode": 10**30,
    }
    alert = build(Request(visible, client=client, time=time, host=path, headers={path: path}))
    assert len(alert.body) <= LIMIT_BYTES
    json.loads(alert.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
