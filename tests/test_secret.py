"""Secrets: read from three places and shown by nothing."""

from __future__ import annotations

import copy
import json
import os
import pickle
from functools import partial
from pathlib import Path

import pytest
from configurations import HIDDEN, Load, kafka, load_text, problems, secrets_everywhere, webhook

from weirlog.daemon.config import ConfigurationError, Secret, WebhookSink
from weirlog.daemon.config_report import describe, find_warnings


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


@pytest.mark.parametrize("secret", [HIDDEN, "{env: IT}", "{file: it}"])
def test_a_secret_is_shown_by_nothing(load: Load, tmp_path: Path, secret: str) -> None:
    (tmp_path / "it").write_text(HIDDEN + "\n")
    config = load(secrets_everywhere(secret), IT=HIDDEN)
    hook = config.sinks[1]
    assert isinstance(hook, WebhookSink)
    assert hook.secret is not None
    assert hook.secret.reveal() == HIDDEN
    file = tmp_path / "weirlog.yaml"
    for text in (
        repr(config),
        str(config),
        str(config.model_dump()),
        config.model_dump_json(),
        f"{hook.secret} {hook.secret!r} {hook.secret:>20}",
        "\n".join(describe(config)),
        "\n".join(find_warnings(config, file)),
    ):
        assert HIDDEN not in text
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(hook.secret)
    with pytest.raises(TypeError):
        json.dumps(hook.secret)


@pytest.mark.parametrize(
    "broken",
    [
        f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {{envv: {HIDDEN}}}}}",
        f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: [{HIDDEN}]}}",
        f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {{env: '{HIDDEN}'}}}}",
        f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, pasword: {HIDDEN}}}",
        f"{{protocol: PLAINTEXT, password: {HIDDEN}}}",
        f"{HIDDEN}",
        f"[{HIDDEN}]",
        f"*{HIDDEN}",
        f"!{HIDDEN}",
        f"{{password: {HIDDEN}, password: {HIDDEN}}}",
        f"{{password: {HIDDEN}",
    ],
)
def test_no_problem_quotes_what_may_be_a_secret(load: Load, broken: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(kafka(broken))
    assert HIDDEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("environ", [{}, {"KAFKA_PASSWORD": ""}])
def test_a_secret_missing_from_the_environment_is_named_with_its_key(load: Load, environ: dict[str, str]) -> None:
    text = kafka("{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {env: KAFKA_PASSWORD}}")
    message = problems(load, text, **environ)["sources[0].security.password"]
    assert "environment variable KAFKA_PASSWORD is not set or empty; set it" in message


def test_a_secret_file_is_read_without_its_last_newline_alone(load: Load, tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b" two words \n\n")
    hook = load(webhook(secret="{file: it}")).sinks[0]
    assert isinstance(hook, WebhookSink)
    assert hook.secret is not None
    assert hook.secret.reveal() == " two words \n"
    assert hook.secret.origin == f"file {tmp_path}/it"


def test_a_secret_file_that_cannot_serve_is_named_with_the_remedy(load: Load, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    said = {
        name: problems(load, webhook(secret=f"{{file: {name}}}"))["sinks[0].secret"]
        for name in ("empty", "large", "binary", "pipe")
    }
    said["nowhere"] = problems(load, webhook(secret="{file: nowhere}"))["sinks[0].secret"]
    assert "is empty" in said["empty"]
    assert "larger than 64 KiB" in said["large"]
    assert "not UTF-8" in said["binary"]
    assert "no regular file" in said["pipe"]
    assert "cannot be read (No such file or directory); create it" in said["nowhere"]
    assert all(str(tmp_path) in message for message in said.values())


@pytest.mark.parametrize("value", ["12345", "true", "1.5"])
def test_a_secret_that_looks_like_a_number_must_be_quoted(load: Load, value: str) -> None:
    message = problems(load, webhook(secret=value))["sinks[0].secret"]
    assert "put quotes around" in message
    assert value not in message.replace("true/false", "")


def test_a_webhooks_address_may_come_from_the_environment(load: Load) -> None:
    hook = load(webhook(url="{env: HOOK}"), HOOK="http://[::1]:8080/abc").sinks[0]
    assert isinstance(hook, WebhookSink)
    assert (hook.url.reveal(), hook.destination) == ("http://[::1]:8080/abc", "http://[::1]:8080")


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a", "elsewhere")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_a_secret_cannot_be_copied_out(load: Load) -> None:
    with pytest.raises(TypeError, match="not written"):
        copy.deepcopy(Secret("a"))
