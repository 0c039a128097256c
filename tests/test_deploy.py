"""The examples in deploy/ fit the project as it is."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers import require_program

from weirlog.daemon.config import Config, FileSink, FileSource, KafkaSource, WebhookSink, load_config
from weirlog.daemon.config_report import describe, find_warnings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SECRETS = {"KAFKA_PASSWORD": "kafka-sesame", "WEIRLOG_WEBHOOK_SECRET": "webhook-sesame"}
LOG_KEYS = {
    "time": "$msec",
    "remote_addr": "$remote_addr",
    "host": "$host",
    "method": "$request_method",
    "uri": "$request_uri",
    "protocol": "$server_protocol",
    "status": "$status",
    "bytes_sent": "$bytes_sent",
    "request_time": "$request_time",
    "referer": "$http_referer",
    "user_agent": "$http_user_agent",
    "x_forwarded_for": "$http_x_forwarded_for",
    "content_type": "$content_type",
    "body": "$request_body",
}


# --- the configuration ---------------------------------------------------------------------------------------------


@pytest.fixture
def example() -> Config:
    return load_config(DEPLOY / "weirlog.example.yaml", SECRETS)


def test_the_example_is_a_valid_configuration_without_doubts(example: Config) -> None:
    assert find_warnings(example, DEPLOY / "weirlog.example.yaml") == []
    assert "sesame" not in "\n".join(describe(example))


def test_the_example_shows_every_kind_of_source_and_sink(example: Config) -> None:
    assert {source.type for source in example.sources} == {"file", "kafka"}
    assert {sink.type for sink in example.sinks} == {"file", "kafka", "webhook"}


def test_what_the_example_calls_a_default_is_one(example: Config) -> None:
    least = "sources: [{type: file, paths: [a]}, {type: kafka, brokers: ['a:1'], topics: [t]}]\n"
    least += "sinks: [{type: file, path: b}, {type: webhook, url: 'https://h/'}]"
    defaults = Config.model_validate(yaml.safe_load(least))
    for section in ("model", "batch", "alerts", "outbox", "selfwatch", "http", "state_dir"):
        assert getattr(example, section) == getattr(defaults, section), section
    file, default_file = example.sources[0], defaults.sources[0]
    assert isinstance(file, FileSource)
    assert isinstance(default_file, FileSource)
    assert (file.format, file.start_at, file.max_line) == (
        default_file.format,
        default_file.start_at,
        default_file.max_line,
    )
    stream, default_stream = example.sources[1], defaults.sources[1]
    assert isinstance(stream, KafkaSource)
    assert isinstance(default_stream, KafkaSource)
    assert (stream.group, stream.start_at) == (default_stream.group, default_stream.start_at)
    hook, default_hook = example.sinks[2], defaults.sinks[1]
    assert isinstance(hook, WebhookSink)
    assert isinstance(default_hook, WebhookSink)
    assert hook.timeout == default_hook.timeout


def test_the_example_names_every_key_there_is(example: Config) -> None:
    text = (DEPLOY / "weirlog.example.yaml").read_text()
    sections = [
        *(example, example.model, example.batch, example.alerts, example.outbox, example.selfwatch, example.http)
    ]
    keys = {key for part in (*sections, *example.sources, *example.sinks) if part for key in type(part).model_fields}
    stream = example.sources[1]
    assert isinstance(stream, KafkaSource)
    assert stream.security is not None
    keys |= set(type(stream.security).model_fields)
    missing = {key for key in keys if not re.search(rf"^[ #-]*\b{key}:", text, re.MULTILINE)}
    assert missing == set()


# --- the container -------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, continuation lines joined."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_the_image_has_two_stages_on_the_oldest_python_that_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = project["requires-python"].removeprefix(">=")
    assert of("FROM") == [f"python:{version}-slim AS build", f"python:{version}-slim"]


def test_the_image_has_no_tensorflow() -> None:
    installs = [run for run in of("RUN") if "pip install" in run]
    assert len(installs) == 1
    assert not re.search(r"tensorflow|\[train\]|--extra", installs[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any("tensorflow" in dependency for dependency in project["dependencies"])


def test_everything_that_the_build_copies_exists_and_is_let_through() -> None:
    copies = [copy.split()[:-1] for copy in of("COPY") if "--from" not in copy]
    sources = {source for copy in copies for source in copy}
    allowed = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)
    mapped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    assert set(mapped.values()) <= sources


def test_the_container_does_not_run_as_root() -> None:
    last = max(index for index, (name, _) in enumerate(instructions()) if name == "FROM")
    users = [rest for name, rest in instructions()[last:] if name == "USER"]
    assert len(users) == 1
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[0])


def test_the_container_is_checked_where_the_daemon_listens(example: Config) -> None:
    (check,) = of("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert example.listen is not None
    assert f"http://127.0.0.1:{example.listen.port}/healthz" in command[2]
    compile(command[2], "healthcheck", "exec")
    assert of("EXPOSE") == [str(example.listen.port)]


def test_the_container_keeps_its_state_where_the_daemon_puts_it(example: Config) -> None:
    assert of("VOLUME") == [str(example.state_dir)]
    assert json.loads(of("ENTRYPOINT")[0]) + json.loads(of("CMD")[0]) == [
        "weirlog",
        "run",
        "--config",
        "/etc/weirlog/weirlog.yaml",
    ]


# --- compose -------------------------------------------------------------------------------------------------------


@pytest.fixture
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return content


def test_compose_has_kafka_and_two_members_of_one_group(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"kafka", "weirlog-1", "weirlog-2"}
    assert compose["services"]["kafka"]["image"].startswith("apache/kafka:")
    config = load_config(DEPLOY / "compose.weirlog.yaml", {})
    (source,) = config.sources
    assert isinstance(source, KafkaSource)
    assert source.group
    assert int(compose["services"]["kafka"]["environment"]["KAFKA_NUM_PARTITIONS"]) >= 2


def test_the_members_share_a_configuration_that_is_there_and_no_state(compose: dict[str, Any]) -> None:
    states = set()
    for name in ("weirlog-1", "weirlog-2"):
        mounts = [volume.split(":") for volume in compose["services"][name]["volumes"]]
        configured = next(source for source, target, *_ in mounts if target == "/etc/weirlog/weirlog.yaml")
        assert load_config(DEPLOY / configured, {}).sources
        states.add(next(source for source, target, *_ in mounts if target == "/var/lib/weirlog"))
    assert len(states) == 2
    assert states < set(compose["volumes"])


def test_the_members_reach_kafka_under_its_advertised_name(compose: dict[str, Any]) -> None:
    advertised = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].removeprefix("PLAINTEXT://")
    config = load_config(DEPLOY / "compose.weirlog.yaml", {})
    brokers = {broker for entry in (*config.sources, *config.sinks) for broker in getattr(entry, "brokers", ())}
    assert brokers == {advertised}


def test_the_members_have_little_power_and_time_to_drain(compose: dict[str, Any]) -> None:
    for name in ("weirlog-1", "weirlog-2"):
        member = compose["services"][name]
        assert member["read_only"] is True
        assert member["cap_drop"] == ["ALL"]
        assert member["security_opt"] == ["no-new-privileges:true"]
        assert member["stop_grace_period"] == "40s"
        assert all(port.startswith("127.0.0.1:") for port in member["ports"])
        assert (DEPLOY / member["build"]["context"] / member["build"]["dockerfile"]).is_file()


def test_what_the_members_write_lies_on_their_volume(compose: dict[str, Any]) -> None:
    config = load_config(DEPLOY / "compose.weirlog.yaml", {})
    written = [config.state_dir, *(sink.path for sink in config.sinks if isinstance(sink, FileSink))]
    assert all(str(path).startswith("/var/lib/weirlog") for path in written)


# --- nginx ---------------------------------------------------------------------------------------------------------


def test_the_log_format_has_these_keys_in_this_order() -> None:
    text = (DEPLOY / "nginx-log-format.conf").read_text()
    (head,) = re.findall(r"^log_format (.*)$", text, re.MULTILINE)
    assert head == "weirlog escape=json"
    line = "".join(re.findall(r"^\s+'(.*)';?$", text, re.MULTILINE))
    assert dict(re.findall(r'"(\w+)":"?(\$\w+)', line)) == LOG_KEYS
    assert list(json.loads(re.sub(r"(?<!\")\$\w+", "0", line))) == list(LOG_KEYS)


@pytest.mark.server
def test_nginx_takes_the_log_format(tmp_path: Path) -> None:
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ include {DEPLOY}/nginx-log-format.conf; access_log {tmp_path}/access.json.log weirlog; }}\n"
    )
    command = [
        require_program("nginx"),
        "-t",
        "-p",
        str(tmp_path),
        "-c",
        str(config),
        "-e",
        str(tmp_path / "error.log"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "[emerg]" not in done.stderr


# --- rules ---------------------------------------------------------------------------------------------------------


def test_every_rule_says_what_it_means_and_how_bad_it_is() -> None:
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
