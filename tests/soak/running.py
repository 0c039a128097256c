"""The daemon with the cheap model in a process of its own, with one log and one file of alerts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fakes import eventually

from soak.lives import MARKER, AlertFile, write_config
from soak.programs import start_program


class Running:
    """A daemon that is ready.

    Args:
        folder: where log, state and alerts stand, from an earlier one perhaps.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "logs" / "access.log"
        self.state = folder / "state"
        self.alerts = AlertFile(folder / "alerts.jsonl")
        self._stderr = folder / "stderr"
        self.log.parent.mkdir(exist_ok=True)
        with self._stderr.open("wb") as stderr:
            self.process: subprocess.Popen[bytes] = start_program(
                "one_life", str(write_config(folder, self.log)), stderr=stderr
            )
        try:
            assert eventually(lambda: self.has_told("ready"), within_s=30), self.stderr
        except BaseException:
            self.kill()
            raise

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def has_told(self, event: str) -> bool:
        """Whether its log has an entry of this name, or one that begins so."""
        return f'"event": "{event}' in self.stderr

    def has_alerted(self, *numbers: int) -> bool:
        """Whether the attacks with these numbers are among the alerts."""
        self.alerts.look()
        return {f"{MARKER}{number}" for number in numbers} <= self.alerts.ids.keys()

    def stop(self) -> int:
        """Tell it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(40)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
