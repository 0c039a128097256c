"""What a configuration may not say, and the words in which that is told."""

from __future__ import annotations

import importlib.util
import json
from functools import partial
from pathlib import Path

import pytest
from configurations import HIDDEN, LEAST, Load, kafka, load_text, problems, webhook
from pydantic import BaseModel

from weirlog.daemon import config as config_module
from weirlog.daemon import (
    config_alerts,
    config_formats,
    config_model,
    config_sections,
    config_sinks,
    config_sources,
)
from weirlog.daemon.config import (
    Config,
    ConfigurationError,
    KafkaSource,
    Security,
)
from weirlog.models import formats


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


def test_an_unknown_key_is_named_with_its_place_its_nearest_neighbour_and_the_known_keys(load: Load) -> None:
    found = problems(load, LEAST.replace("type: file, paths", "strat_at: end, type: file, paths"))
    assert list(found) == ["sources[0].strat_at"]
    assert "did you mean start_at?" in found["sources[0].strat_at"]
    assert "type, name, paths, format, start_at, max_line" in found["sources[0].strat_at"]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("batch: {max_record: 1}", "batch.max_record"),
        ("model: {reff: x}", "model.reff"),
        ("alerts: {groupby: []}", "alerts.groupby"),
        ("outbox: {maxsize: 1}", "outbox.maxsize"),
        ("http: {lisen: 'a:1'}", "http.lisen"),
        ("statedir: /x", "statedir"),
    ],
)
def test_unknown_keys_are_found_in_every_section(load: Load, section: str, path: str) -> None:
    found = problems(load, LEAST + section)
    assert list(found) == [path]
    assert "did you mean" in found[path]


def test_every_section_is_known_to_the_table_that_names_neighbours() -> None:
    sections = {
        kind
        for module in (config_sections, config_sources, config_formats, config_model, config_alerts, config_sinks)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel
    }
    # A Section has no keys of its own, and a Redaction is written as a word or a list.
    expected = sections - {config_sections.Section, config_alerts.Redaction} | {Config}
    assert set(config_module._MODELS.values()) == expected


def test_all_problems_are_told_at_once_with_their_lines(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("sources:\n  - type: file\n    paths: x\n    bogus: 1\nsinks: []\nbatch: {max_records: 0}\n")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (3, "sources[0].paths"),
        (4, "sources[0].bogus"),
        (5, "sinks"),
        (6, "batch.max_records"),
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{tmp_path}/weirlog.yaml: line 3: sources[0].paths: ")


@pytest.mark.parametrize(
    ("section", "path", "said"),
    [
        ("batch: {max_records: many}", "batch.max_records", "'many'; expected a whole number"),
        ("batch: {max_records: true}", "batch.max_records", "true; expected a whole number"),
        ("batch: {max_records: 0}", "batch.max_records", "0; expected greater than or equal to 1"),
        ("batch: {max_delay_ms: 1.0e+400}", "batch.max_delay_ms", "expected"),
        ("batch: [1]", "batch", "a list; expected a mapping"),
        ("model: {threshold: 1}", "model.threshold", "1; expected less than 1"),
        ("model: {threshold: 0}", "model.threshold", "greater than 0"),
        ("model: {engine: gpu}", "model.engine", "'gpu'; expected 'auto', 'numba', 'numpy' or 'tensorflow'"),
        ("model: {shadow: 1}", "model.shadow", "is 1; expected"),
        ("model: {shadow: default}", "model", "shadow is 'default', the model at work"),
        ("model: {ref: ''}", "model.ref", "is no name"),
        (
            "alerts: {group_by: [client, colour]}",
            "alerts.group_by",
            "'colour' is nothing to group by; expected some of client",
        ),
        ("alerts: {group_by: [client, client]}", "alerts.group_by", "twice"),
        ("alerts: {redact: of}", "alerts.redact", "expected default, off, or a list"),
        ("alerts: {redact: [1]}", "alerts.redact", "expected default, off, or a list"),
        ("alerts: {repeat_after: soon}", "alerts.repeat_after", "'soon' is no duration"),
        ("alerts: {explain: 1}", "alerts.explain", "expected true or false"),
        ("outbox: {max_size: big}", "outbox.max_size", "'big' is no size"),
        ("http: {listen: 9464}", "http.listen", "9464 is no address"),
        ("state_dir: 5", "state_dir", "5 is no path"),
        ("1: x", "1", "unknown key"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(load: Load, section: str, path: str, said: str) -> None:
    found = problems(load, f"{LEAST}{section}")
    assert list(found) == [path]
    assert said in found[path]


def test_the_configuration_knows_the_formats_that_there_are() -> None:
    assert set(config_formats.FORMATS) == set(formats.FORMATS)


@pytest.mark.parametrize(
    ("keys", "path", "said"),
    [
        ({"client": "librdkafka"}, "client", "expected 'kafka-python' or 'confluent'"),
        (
            {"format": "iis"},
            "format",
            "'iis' is no log format; expected one of auto, hapi, combined, nginx-json, caddy",
        ),
        ({"format": "[auto]"}, "format", "a list is no log format; expected one of auto"),
        ({"format": "jsonl"}, "format", "'jsonl' is no log format"),
        ({"topics": "[a b]"}, "topics[0]", "'a b' is no topic"),
        ({"topics": "[]"}, "topics", "is an empty list"),
        ({"topics": "access"}, "topics", "'access'; expected a list"),
        ({"brokers": "[broker]"}, "brokers[0]", "'broker' is no address"),
        ({"brokers": "['broker:0']"}, "brokers[0]", "port 0"),
        ({"start_at": "now"}, "start_at", "'now'; expected 'end' or 'beginning'"),
        ({"name": "'a b'"}, "name", "'a b' is no name"),
        ({"name": "''"}, "name", "is no name"),
        ({"group": "''"}, "group", "is empty"),
    ],
)
def test_a_wrong_value_in_a_source_is_named(load: Load, keys: dict[str, str], path: str, said: str) -> None:
    text = kafka(**keys)
    for key in keys:  # the helper's own line for the key would stand there twice
        text = text.replace(
            {"topics": "    topics: [t]\n", "brokers": "    brokers: ['b:9092']\n"}.get(key, "\0"), "", 1
        )
    found = problems(load, text)
    assert list(found) == [f"sources[0].{path}"]
    assert said in found[f"sources[0].{path}"]


def test_a_client_that_is_not_installed_is_refused_by_the_name_of_its_extra(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = problems(load, kafka(client="confluent"))
    assert list(found) == ["sources[0].client"]
    assert "pip install 'weirlog[confluent]'" in found["sources[0].client"]


def test_a_source_without_type_is_told_the_types(load: Load) -> None:
    found = problems(load, "sources: [{paths: [x]}, {type: kafak}]\nsinks: [{type: smtp}]")
    assert found == {
        "sources[0].type": "is missing; expected file or kafka",
        "sources[1].type": "is 'kafak'; expected file or kafka",
        "sinks[0].type": "is 'smtp'; expected file, kafka or webhook",
    }


def test_sources_and_sinks_are_both_needed(load: Load) -> None:
    assert set(problems(load, "model: {ref: default}")) == {"sources", "sinks"}
    assert set(problems(load, "sources: []\nsinks: []")) == {"sources", "sinks"}


def test_two_of_one_name_are_refused(load: Load) -> None:
    sources = "{type: file, paths: [a]}, {type: file, name: file-0, paths: [b]}"
    found = problems(load, f"sources: [{sources}]\nsinks: [{{type: file, path: c}}]")
    assert found == {"sources": "more than one is named file-0; give each its own name"}


@pytest.mark.parametrize("pattern", ["/tmp/*.jsonl", "/tmp/alerts.jsonl", "/tmp/**"])
def test_a_source_must_not_read_what_a_sink_writes(load: Load, pattern: str) -> None:
    found = problems(load, LEAST.replace("/var/log/access.log", f"'{pattern}'"))
    assert "would read what a sink writes: '/tmp/alerts.jsonl'" in found[""]


def test_two_sinks_must_not_write_one_file(load: Load) -> None:
    text = LEAST + "  - {type: file, path: /tmp/../tmp/alerts.jsonl}\n"
    assert "two sinks write one file" in problems(load, text)[""]


@pytest.mark.parametrize(
    ("security", "said"),
    [
        ("{protocol: SASL_SSL}", "needs mechanism, username, password"),
        ("{protocol: PLAINTEXT, username: u}", "does not use username"),
        ("{protocol: SSL, password: x}", "does not use password"),
        (
            "{protocol: SASL_PLAINTEXT, mechanism: PLAIN, username: u, password: p, ca_file: ca.pem}",
            "does not use ca_file",
        ),
        ("{protocol: SSL, cert_file: ca.pem}", "both or neither"),
    ],
)
def test_a_security_that_does_not_fit_its_protocol_is_refused(
    load: Load, tmp_path: Path, security: str, said: str
) -> None:
    (tmp_path / "ca.pem").write_text("x")
    assert said in problems(load, kafka(security))["sources[0].security"]


def test_a_password_of_a_key_file_needs_no_sasl(load: Load, tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text("x")
    config = load(kafka("{protocol: SSL, cert_file: k.pem, key_file: k.pem, password: x}"))
    assert isinstance(config.sources[0], KafkaSource)
    assert isinstance(config.sources[0].security, Security)


def test_a_certificate_file_that_is_not_there_is_named(load: Load, tmp_path: Path) -> None:
    found = problems(load, kafka("{protocol: SSL, ca_file: nowhere.pem}"))
    assert f"'{tmp_path}/nowhere.pem' is no file" in found["sources[0].security.ca_file"]


@pytest.mark.parametrize(
    "url", ["ftp://h/x", "h.example/x", "https://", "https://h:0/", "https://h:99999/", "https://h/a b", "5"]
)
def test_what_is_no_web_address_is_refused(load: Load, url: str) -> None:
    assert "web address" in problems(load, webhook(url=f"'{url}'"))["sinks[0].url"]


def test_a_web_address_with_a_password_is_refused_without_quoting_it(load: Load) -> None:
    message = problems(load, webhook(url=f"'https://me:{HIDDEN}@h.example/'"))["sinks[0].url"]
    assert "before @" in message
    assert HIDDEN not in message


def test_a_problem_never_carries_control_characters_or_long_text(load: Load) -> None:
    text = json.dumps(
        {"sources": [{"type": "file\x1b[2J", "paths": []}], "sinks": "x\u202e" * 5000, "k\x9b" + "y" * 900: 1}
    )
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert len(caught.value.problems) == 3
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert all(len(line) < 700 for line in str(caught.value).splitlines())


def test_a_flood_of_problems_is_cut_and_counted(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(LEAST + "".join(f"k{n}: 1\n" for n in range(500)))
    assert len(caught.value.problems) == 500
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1].endswith("… and 450 more")
