"""A server that writes numbered requests at a steady rate and has its log renamed under it now and then."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from soak.lives import MARKER, line

KEPT_FILES = 40
"""Rotated logs that stay at least, as logrotate's `rotate` would have it."""


@dataclass(slots=True)
class RotatingLog:
    """One log. Belongs to one thread.

    Attributes:
        path: of the log.
        first: number of its first request; every request of a run has its own.
        lines_per_s: how fast it is written.
        attack_share: of its requests.
        rotate_every_s: the shortest and the longest time between two rotations.
        random: decides.
        written: requests so far.
        missing: attacks that were written and not seen among the alerts, in order.
    """

    path: Path
    first: int
    lines_per_s: float
    attack_share: float
    rotate_every_s: tuple[float, float]
    random: random.Random
    written: int = 0
    missing: deque[str] = field(default_factory=deque)
    rotations: int = 0
    _began: float | None = None
    _rotate_at: float = 0.0
    _reopen_at: float | None = None
    _log: BinaryIO | None = None
    _rotated: deque[tuple[Path, str | None]] = field(default_factory=deque)  # with its last attack
    _last_attack: str | None = None

    def tick(self, now: float) -> None:
        """Write what is due at the steady rate, and rotate if that is."""
        self._began = self._began or now
        self.write(int((now - self._began) * self.lines_per_s) - self.written, now)

    def write(self, lines: int, now: float) -> None:
        """Write so many lines at once, and rotate if that is due."""
        self._rotate_at = self._rotate_at or now + self.random.uniform(*self.rotate_every_s)
        if self._reopen_at is not None and now >= self._reopen_at:
            self.close()
        if self._log is None:
            self._log = self.path.open("ab", buffering=0)
        if lines > 0:
            self._log.write(b"".join(self._next() for _ in range(lines)))
        if now >= self._rotate_at and self._reopen_at is None:
            self._rotate(now)

    def saw(self, alerted: dict[str, set[str]]) -> None:
        """Strike off what is alerted; remove old logs of which everything is."""
        while self.missing and self.missing[0] in alerted:
            self.missing.popleft()
        while len(self._rotated) > KEPT_FILES:
            path, last_attack = self._rotated[0]
            if last_attack is not None and last_attack not in alerted:
                break
            path.unlink()
            self._rotated.popleft()

    def forget(self) -> None:
        """Ask for no attack any more, and keep the last two rotated logs alone."""
        self.missing.clear()
        while len(self._rotated) > 2:
            self._rotated.popleft()[0].unlink()

    def close(self) -> None:
        if self._reopen_at is not None:
            # What was written after the file was renamed is in it, too.
            path, _ = self._rotated.pop()
            self._rotated.append((path, self._last_attack))
        self._reopen_at = None
        if self._log is not None:
            self._log.close()
        self._log = None

    def _next(self) -> bytes:
        number = self.first + self.written
        self.written += 1
        attack = self.random.random() < self.attack_share
        if attack:
            self._last_attack = f"{MARKER}{number}"
            self.missing.append(self._last_attack)
        return line(number, attack=attack)

    def _rotate(self, now: float) -> None:
        self.rotations += 1
        rotated = self.path.with_name(f"{self.path.name}.{self.rotations}")
        self.path.rename(rotated)
        self._rotated.append((rotated, self._last_attack))
        # Until the server is told to reopen its log it writes to the renamed one.
        self._reopen_at = now + self.random.uniform(0.0, 0.2)
        self._rotate_at = now + self.random.uniform(*self.rotate_every_s)
