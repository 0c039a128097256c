"""Runs a program of this package in a process of its own, single-threaded, as forking wants it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def run_program(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Run `python -m soak.NAME`, pass on what it prints, and return every JSON object among it."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"soak.{name}", *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {}), "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "error"},
        text=True,
    )
    assert process.stdout is not None
    printed = []
    with process.stdout:
        for line in process.stdout:
            print(line, end="", flush=True)  # noqa: T201 - progress of a long run
            printed.append(line)
    assert process.wait() == 0, f"soak.{name} failed"
    return [json.loads(line) for line in printed if line.startswith("{")]
