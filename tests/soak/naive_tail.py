"""The tailer that everybody writes first, to show that the proofs find what it loses."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.timing import Clock


class NaiveTail:
    """Remembers an offset by path and calls `readline`. Knows no rotation, truncation or unfinished work.

    Args:
        name: see Source.
        path: the log.
        state: where the offset is kept.
        clock: time.
    """

    def __init__(self, name: str, path: Path, state: Path, clock: Clock) -> None:
        self.name = name
        self.lag = None
        self._path, self._state, self._clock = path, state, clock
        self._offset = 0
        self._paused = False
        self._never = threading.Event()

    def open(self) -> None:
        self._offset = msgspec.json.decode(self._state.read_bytes(), type=int) if self._state.exists() else 0

    def poll(self, timeout_s: float) -> Sequence[Record]:
        records: list[Record] = []
        if not self._paused and self._path.exists():
            with self._path.open("rb") as log:
                inode = self._path.stat().st_ino
                log.seek(self._offset)
                while (line := log.readline()).endswith(b"\n"):
                    self._offset += len(line)
                    if line.strip():
                        records.append(self._record(line.rstrip(b"\r\n"), inode))
        if not records:
            self._clock.wait(self._never, timeout_s)
        return records

    def _record(self, payload: bytes, inode: int) -> Record:
        # It never asks what was settled, so a ledger for each record does.
        ledger = Ledger(Partition(self.name, "file", str(self._path), f"{inode}:naive"), self._offset - 1)
        return Record(payload, ledger.open(self._offset), self._clock.monotonic())

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self) -> None:
        self._state.write_bytes(msgspec.json.encode(self._offset))

    def close(self) -> None:
        """Nothing is held."""

    @property
    def in_flight(self) -> int:
        return 0
