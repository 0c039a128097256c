"""Configurations to test with, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weirlog.daemon.config import Config, ConfigurationError, load_config
from weirlog.daemon.config_errors import Problem

LEAST = """
sources:
  - {type: file, paths: [/var/log/access.log]}
sinks:
  - {type: file, path: /tmp/alerts.jsonl}
"""
HIDDEN = "hunter2-xyzzy"

Load = Callable[..., Config]


def load_text(folder: Path, text: str, **environ: str) -> Config:
    """Load `text` as the file weirlog.yaml in `folder`."""
    path = folder / "weirlog.yaml"
    path.write_text(text)
    return load_config(path, environ)


def problems(load: Load, text: str, **environ: str) -> dict[str, str]:
    """Return message by path of everything wrong with `text`."""
    with pytest.raises(ConfigurationError) as caught:
        load(text, **environ)
    return {problem.path: problem.message for problem in caught.value.problems}


def kafka(security: str = "null", **keys: str) -> str:
    extra = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return (
        f"sources:\n  - type: kafka\n    brokers: ['b:9092']\n    topics: [t]\n    security: {security}\n{extra}"
        "sinks:\n  - {type: file, path: /tmp/alerts.jsonl}\n"
    )


def webhook(**keys: str) -> str:
    entry = ", ".join(
        f"{key}: {value}" for key, value in ({"type": "webhook", "url": "'https://h.example/x'"} | keys).items()
    )
    return f"sources:\n  - {{type: file, paths: [/var/log/a.log]}}\nsinks:\n  - {{{entry}}}\n"


def the_problem(load: Load, text: str) -> Problem:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    (problem,) = caught.value.problems
    return problem


def secrets_everywhere(secret: str) -> str:
    security = f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {secret}}}"
    return kafka(security) + f"  - {{type: webhook, url: 'https://h.example/{HIDDEN}', secret: {secret}}}\n"
