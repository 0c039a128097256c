"""The installed command, run as a script would."""

from __future__ import annotations

import subprocess

from integration.daemon import WEIRLOG


def weirlog(*arguments: str, stdin: str = "", timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([WEIRLOG, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout_s)
