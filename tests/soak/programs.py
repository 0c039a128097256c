"""Runs the programs of this package, each in a process of its own: a fork wants a process with a single thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from children import child

TESTS = Path(__file__).parents[1]


def start_program(name: str, *arguments: str, **streams: IO[Any] | int) -> subprocess.Popen[bytes]:
    """Start `python -m soak.NAME`; `streams` and further settings as for Popen."""
    return subprocess.Popen(_command(name, arguments), env=_environment({}), **streams)


def run_program(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Run `python -m soak.NAME`, pass on what it prints, and return every JSON object among it."""
    printed = []
    command, whole = _command(name, arguments), _environment(environment or {})
    with child(command, stdout=subprocess.PIPE, env=whole, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)  # noqa: T201 - progress of a long run
            printed.append(line)
        assert process.wait() == 0, f"soak.{name} failed"
    return [json.loads(line) for line in printed if line.startswith("{")]


def _command(name: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", f"soak.{name}", *arguments]


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **more, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "error"}
