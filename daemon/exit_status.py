"""What the process says as it ends; systemd does not restart after USAGE."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
"""Told to stop, and something that was read could not be kept (a full disk, a broker away): it is read again."""
