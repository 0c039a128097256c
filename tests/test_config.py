"""The configuration: what is taken, what check-config says of it, and the schema for editors."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from configurations import LEAST, Load, kafka, load_text, problems, secrets_everywhere, webhook

from weirlog.daemon.config import (
    Config,
    FileSource,
    KafkaSource,
    Listen,
    WebhookSink,
    json_schema,
)
from weirlog.daemon.config_report import describe, find_warnings


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


# --- what is taken -------------------------------------------------------------------------------------------------


def test_the_least_configuration_has_the_documented_defaults(load: Load) -> None:
    config = load(LEAST)
    assert (config.batch.max_records, config.batch.max_bytes, config.batch.max_delay_ms) == (128, 1024**2, 50)
    assert (config.model.ref, config.model.threshold, config.model.engine) == ("default", None, "auto")
    assert (config.alerts.group_by, config.alerts.repeat_after) == (("client", "kind"), 600.0)
    assert config.alerts.redact.enabled
    assert (config.outbox.max_size, config.outbox.keep) == (1024**3, 30 * 86400)
    assert config.listen == Listen("127.0.0.1", 9464)
    assert config.state_dir == Path("/var/lib/weirlog")


def test_every_key_of_a_full_configuration_arrives(load: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    config = load(
        """
sources:
  - type: file
    name: web
    paths: ["/var/log/nginx/*.log"]
    format: combined
    start_at: beginning
    max_line: 64k
    close_deleted_after: 10m
    silent_after: 2h
  - type: kafka
    brokers: [a:9092, "[::1]:9093"]
    topics: [one, two]
    group: g
    client: kafka-python
    start_at: beginning
    format: hapi
    security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password: {env: PASSWORD}, ca_file: ca.pem}
model: {ref: ./my-model, threshold: 0.7, engine: numpy, shadow: null}
batch: {max_records: 7, max_bytes: 2MiB, max_delay_ms: 1.5}
alerts: {redact: [iban], group_by: [], repeat_after: 1h30m, explain: false}
sinks:
  - {type: file, path: out/alerts.jsonl}
  - {type: kafka, brokers: [a:9092], topic: alerts}
  - {type: webhook, url: "https://h.example/x", template: json, secret: whsec, timeout: 3s, ca_file: ca.pem}
outbox: {max_size: 10MB, keep: 2d}
selfwatch: {stuck_after: 20m, failing_after: 90s}
state_dir: state
http: {listen: "[::1]:8080"}
""",
        PASSWORD="sesame",
    )
    file, stream = config.sources
    assert isinstance(file, FileSource)
    assert isinstance(stream, KafkaSource)
    assert file.model_dump() == {
        "type": "file",
        "name": "web",
        "paths": ("/var/log/nginx/*.log",),
        "format": "combined",
        "start_at": "beginning",
        "max_line": 65536,
        "close_deleted_after": 600.0,
        "silent_after": 7200.0,
    }
    assert (stream.brokers, stream.topics, stream.group) == (("a:9092", "[::1]:9093"), ("one", "two"), "g")
    assert stream.security is not None
    assert stream.security.password is not None
    assert stream.security.password.reveal() == "sesame"
    assert stream.security.ca_file == tmp_path / "ca.pem"
    assert (config.model.ref, config.model.threshold) == (str(tmp_path / "my-model"), 0.7)
    assert (config.batch.max_bytes, config.batch.max_delay_ms) == (2 * 1024**2, 1.5)
    assert config.alerts.redact.extra_keys == ("iban",)
    assert (config.alerts.group_by, config.alerts.repeat_after, config.alerts.explain) == ((), 5400.0, False)
    assert [sink.name for sink in config.sinks] == ["file-0", "kafka-1", "webhook-2"]
    hook = config.sinks[2]
    assert isinstance(hook, WebhookSink)
    assert (hook.url.reveal(), hook.timeout, hook.destination) == ("https://h.example/x", 3.0, "https://h.example")
    assert (config.outbox.max_size, config.outbox.keep) == (10_000_000, 172_800)
    assert (config.selfwatch.stuck_after, config.selfwatch.failing_after) == (1200.0, 90.0)
    assert config.state_dir == tmp_path / "state"
    assert config.listen == Listen("::1", 8080)


def test_relative_paths_are_meant_from_the_files_folder(load: Load, tmp_path: Path) -> None:
    config = load("sources: [{type: file, paths: ['logs/*.log']}]\nsinks: [{type: file, path: ../alerts.jsonl}]")
    assert config.sources[0].paths == (f"{tmp_path}/logs/*.log",)  # type: ignore[union-attr]
    assert config.sinks[0].path == tmp_path.parent / "alerts.jsonl"  # type: ignore[union-attr]


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(load: Load) -> None:
    config = load(LEAST + "batch:\n  # max_records: 1\nalerts:\nmodel:\noutbox:\nselfwatch:\n")
    assert config == load(LEAST)


@pytest.mark.parametrize("http", ["null", "{listen: null}"])
def test_the_web_server_can_be_turned_off(load: Load, http: str) -> None:
    assert load(LEAST + f"http: {http}").listen is None


def test_values_cannot_be_changed(load: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(LEAST).batch.max_records = 1  # type: ignore[misc]


@pytest.mark.parametrize(("value", "enabled"), [("off", False), ("false", False), ("default", True), ("[]", True)])
def test_redaction_is_turned_off_by_the_word_off_alone(load: Load, value: str, enabled: bool) -> None:
    assert load(LEAST + f"alerts: {{redact: {value}}}").alerts.redact.enabled is enabled


def test_aliases_and_merges_may_share_a_section(load: Load) -> None:
    config = load(
        """
sources:
  - &base {type: kafka, name: one, brokers: [b:9092], topics: [a]}
  - {<<: *base, name: two, topics: [b]}
sinks: [{type: file, path: /tmp/x}]
"""
    )
    assert [(source.name, source.topics) for source in config.sources] == [("one", ("a",)), ("two", ("b",))]  # type: ignore[union-attr]


# --- what check-config says ----------------------------------------------------------------------------------------


def test_the_description_says_what_would_run(load: Load) -> None:
    lines = describe(load(secrets_everywhere("{env: IT}") + "batch: {max_delay_ms: 5}\n", IT="x"))
    text = "\n".join(lines)
    assert "source kafka-0: Kafka b:9092, topics t, group weirlog" in text
    assert "SASL_SSL PLAIN, user u, password from environment variable IT" in text
    assert "sink webhook-1: webhook https://h.example/…, json, signed" in text
    assert "128 records, 1MiB, 5 ms" in text
    assert "grouped by client, kind, repeated after 10m; default keys redacted" in text
    assert "web: http://127.0.0.1:9464/" in text
    assert "a source is stuck for 10m, or a source or a sink fails for 5m" in text
    assert "silent" not in text


def test_the_description_names_the_client_of_a_kafka_source(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for client in ("kafka-python", "confluent"):
        text = "\n".join(describe(load(kafka(client=client))))
        assert f"source kafka-0: Kafka b:9092, topics t, group weirlog, {client}, PLAINTEXT" in text


def test_the_report_says_which_source_may_not_be_silent(load: Load) -> None:
    text = "\n".join(describe(load(LEAST.replace("access.log]", "access.log], silent_after: 90m"))))
    assert "told when source file-0 is silent for 90m" in text


@pytest.mark.parametrize("keys", ["{stuck_after: 0}", "{failing_after: 500ms}"])
def test_a_patience_below_a_second_is_refused(load: Load, keys: str) -> None:
    (found,) = problems(load, LEAST + f"selfwatch: {keys}\n").items()
    assert found[0].startswith("selfwatch.")
    assert "at least 1s" in found[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (webhook(url="'http://h.example/x'", secret="s"), "sinks[0].url: http:// sends alerts"),
        (webhook(), "sinks[0].secret: is missing"),
        (webhook(secret="s"), "sinks[0].secret: stands in a file that everyone can read"),
        (LEAST + "alerts: {redact: off}", "alerts.redact: off"),
        (LEAST + "http: {listen: '0.0.0.0:1'}", "http.listen: 0.0.0.0:1 can be reached"),
        (kafka(), "sources[0].security: log lines and alerts travel unencrypted to b:9092"),
        (
            kafka("{protocol: SASL_PLAINTEXT, mechanism: PLAIN, username: u, password: p}"),
            "sends the password unencrypted",
        ),
    ],
)
def test_what_is_doubtful_is_warned_of(load: Load, tmp_path: Path, text: str, said: str) -> None:
    config = load(text)
    (tmp_path / "weirlog.yaml").chmod(0o644)
    assert any(said in warning for warning in find_warnings(config, tmp_path / "weirlog.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        LEAST,
        webhook(secret="{env: IT}"),
        webhook(secret="{env: IT}", url="'http://127.0.0.1:8080/x'"),
        webhook(secret="{env: IT}", url="'http://localhost/x'"),
        kafka().replace("b:9092", "localhost:9092"),
        kafka("{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {env: IT}}"),
    ],
)
def test_what_is_well_is_not_warned_of(load: Load, tmp_path: Path, text: str) -> None:
    assert find_warnings(load(text, IT="x"), tmp_path / "weirlog.yaml") == []


def test_a_literal_secret_in_a_private_file_is_not_warned_of(load: Load, tmp_path: Path) -> None:
    config = load(webhook(secret="s"))
    (tmp_path / "weirlog.yaml").chmod(0o600)
    assert find_warnings(config, tmp_path / "weirlog.yaml") == []


# --- the schema ----------------------------------------------------------------------------------------------------


def objects(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_the_schema_for_editors_is_plain_json_and_refuses_unknown_keys() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"].endswith("2020-12/schema")
    assert set(schema["properties"]) == set(Config.model_fields)
    assert set(schema["required"]) == {"sources", "sinks"}
    found = list(objects(schema))
    assert len(found) > 10
    assert all(part["additionalProperties"] is False for part in found)


def test_the_schema_resolves_each_of_its_references() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    references = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert references
    assert references <= set(schema["$defs"])


def test_reading_the_configuration_loads_nothing_heavy() -> None:
    code = (
        "import sys, weirlog.daemon.config, weirlog.daemon.config_report\n"
        "print([m for m in ('httpx', 'kafka', 'tensorflow', 'numpy', 'starlette', 'uvicorn', 'structlog', 'rich') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
