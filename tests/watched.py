"""A self-watch over a real outbox, and the state of a pipeline that a test changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import FakeClock, RecordingMetrics
from outboxes import open_outbox

from weirlog.pipeline.engine import PipelineState, ScorerState, SinkState, SourceState
from weirlog.pipeline.findings import Patience
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.selfwatch import SelfWatch

PATIENCE = Patience(stuck_s=600, failing_s=300, silent_s={"quiet": 3600})
GAP = Gap("access", "/var/log/access.log", "17:ab", 100, 7, "truncated")


class Watched:
    """A self-watch over a real outbox, and the state of a pipeline that a test changes."""

    def __init__(self, path: Path, *, limit_bytes: int = 1 << 30) -> None:
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self._path, self._limit_bytes = path, limit_bytes
        self.outbox = self._open()
        self.watch = self._watch()
        self.began = self.clock.time()
        self.source = SourceState("access", True, 0.0, True, None, None, None, 0, 0)
        self.scorer = ScorerState(True, 0.0, None, None, 0)
        self.sink = SinkState("hook", None, None, None, 0)

    def _open(self) -> Outbox:
        return open_outbox(
            self._path, sinks=["file", "hook"], limit_bytes=self._limit_bytes, clock=self.clock, metrics=self.metrics
        )

    def _watch(self) -> SelfWatch:
        return SelfWatch(self.outbox, PATIENCE, self.clock, self.metrics)

    def restart(self) -> None:
        """As after a crash: nothing but the outbox's file is left."""
        self.outbox.close()
        self.outbox = self._open()
        self.watch = self._watch()
        self.source = SourceState(self.source.name, True, 0.0, False, None, None, None, 0, None)
        self.scorer = ScorerState(True, 0.0, None, None, 0)
        self.sink = SinkState("hook", None, None, None, 0)

    def look(self, seconds: int = 1) -> None:
        """Let so many seconds pass with a look each."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.scorer = replace(self.scorer, last_beat=self.clock.monotonic())
            self.watch.check(PipelineState([self.source], self.scorer, [self.sink]))

    def fail_sink(self) -> None:
        self.sink = replace(self.sink, failure="webhook hook answers 503", failing_since=self.clock.monotonic())

    def deliver(self) -> None:
        self.sink = replace(self.sink, failure=None, failing_since=None, deliveries=self.sink.deliveries + 1)

    def read(self, lag: int = 0) -> None:
        self.source = replace(self.source, records_read=self.source.records_read + 1, lag=lag)

    @property
    def told(self) -> list[dict[str, Any]]:
        """The documents of all notices, oldest first."""
        return [alert.document() for _, alert in self.outbox.pending("file", 1000) if alert.is_notice]

    @property
    def kinds(self) -> list[str]:
        return [notice["kind"] for notice in self.told]
