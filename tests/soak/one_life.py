"""The daemon with the cheap model, in the foreground: python -m soak.one_life CONFIG."""

from __future__ import annotations

import sys
from pathlib import Path

from soak.lives import run_daemon

if __name__ == "__main__":
    sys.exit(run_daemon(Path(sys.argv[1])))
