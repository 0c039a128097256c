"""An alert outlives an hour of a dead receiver and two restarts of weirlog."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from alerts_by_hand import an_alert
from fakes import FakeClock, RecordingMetrics
from outboxes import open_outbox
from watched import PATIENCE

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.delivery import DeliveryWorker
from weirlog.pipeline.engine import PipelineState, ScorerState, SinkState
from weirlog.pipeline.selfwatch import SelfWatch
from weirlog.pipeline.sinks.file import FileSink
from weirlog.pipeline.sinks.webhook import WebhookSink
from weirlog.pipeline.timing import Deadline


class SteppedClock(FakeClock):
    """Turns by itself while somebody waits on it, a second at a time, and lets a test act after each."""

    def __init__(self) -> None:
        super().__init__()
        self.each_second: Callable[[], None] = lambda: None

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        end = self.monotonic() + timeout_s
        while not event.is_set() and self.monotonic() < end:
            self.advance(min(1.0, end - self.monotonic()))
            self.each_second()
        return event.is_set()


class Receiver:
    """A webhook's other side, down until a certain moment."""

    def __init__(self, clock: FakeClock, up_from: float) -> None:
        self._clock, self._up_from = clock, up_from
        self.refused = 0
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self._clock.monotonic() < self._up_from:
            self.refused += 1
            return httpx.Response(503)
        self.bodies.append(json.loads(request.content))
        assert request.headers["webhook-id"] == self.bodies[-1]["id"]
        return httpx.Response(204)


def run_for(folder: Path, clock: SteppedClock, receiver: Receiver, duration_s: float, alerts: Sequence[Alert]) -> None:
    """Be one run of the daemon, from opening its outbox to a drain of 25 s."""
    metrics = RecordingMetrics()
    outbox = open_outbox(folder / "outbox.db", sinks=["file", "hook"], clock=clock, metrics=metrics)
    watch = SelfWatch(outbox, PATIENCE, clock, metrics)
    stopping = threading.Event()
    hook = WebhookSink("hook", "https://h.example/x", clock=clock, transport=httpx.MockTransport(receiver))
    worker = DeliveryWorker(hook, outbox, clock=clock, metrics=metrics)
    end = clock.monotonic() + duration_s

    def each_second() -> None:
        sink = SinkState("hook", worker.failure, worker.failing_since, worker.busy_since, worker.deliveries)
        watch.check(PipelineState([], ScorerState(True, clock.monotonic(), None, None, 0), [sink]))
        if clock.monotonic() >= end:
            worker.deadline = Deadline(clock, 25)
            stopping.set()

    clock.each_second = each_second
    outbox.take(alerts, [])
    worker.run(stopping)
    clock.each_second = lambda: None
    file = DeliveryWorker(FileSink("file", folder / "alerts.jsonl"), outbox, clock=clock, metrics=metrics)
    file.deadline = Deadline(clock, 25)
    file.run(stopping)
    outbox.close()


def test_an_alert_outlives_an_hour_of_a_dead_webhook_and_two_restarts_and_the_outage_is_told(tmp_path: Path) -> None:
    clock = SteppedClock()
    receiver = Receiver(clock, up_from=clock.monotonic() + 3600)
    alert = an_alert(7)

    run_for(tmp_path, clock, receiver, 1200, [alert])
    written = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [document["kind"] for document in written] == ["sqli", "weirlog.sink-failing"], "told in the first run"
    run_for(tmp_path, clock, receiver, 1200, [alert])
    run_for(tmp_path, clock, receiver, 2400, [])

    assert receiver.refused > 20
    assert receiver.bodies[0]["id"] == alert.id
    told = ["sqli", "weirlog.sink-failing", "weirlog.recovered"]
    assert [body["kind"] for body in receiver.bodies] == told
    written = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [document["kind"] for document in written] == told
    assert [body["id"] for body in receiver.bodies] == [document["id"] for document in written]
    assert "sink hook takes alerts again, after 1 h" in written[2]["message"]
