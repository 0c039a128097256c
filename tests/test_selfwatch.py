"""The self-watch: what is wrong with weirlog itself is told once, and so is its end."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from alerts_by_hand import an_alert
from fakes import FakeClock, RecordingMetrics
from outboxes import open_outbox
from structlog.testing import capture_logs

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.delivery import DeliveryWorker
from weirlog.pipeline.engine import PipelineState, ScorerState, SinkState, SourceState
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.findings import Patience
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.notices import Condition
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.selfwatch import SelfWatch
from weirlog.pipeline.sinks.file import FileSink
from weirlog.pipeline.sinks.webhook import WebhookSink
from weirlog.pipeline.timing import Deadline

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
        self.source = SourceState("access", True, 0.0, False, None, None, None, 0, None)
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


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "outbox.db")
    yield watched
    watched.outbox.close()


def test_while_everything_gets_on_nothing_is_told(watched: Watched) -> None:
    for _ in range(4000):
        watched.read(lag=5)
        watched.deliver()
        watched.look()
    assert (watched.kinds, watched.watch.reasons, watched.watch.needs_restart) == ([], (), False)


# --- sources -------------------------------------------------------------------------------------------------------


def test_a_source_that_reads_nothing_while_more_and_more_is_there_is_stuck(watched: Watched) -> None:
    for second in range(700):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.source-stuck", {"source": "access"})
    assert "source access has read nothing for more than 10 min" in notice["message"]
    assert "restart weirlog" in notice["message"]
    (reason,) = watched.watch.reasons
    assert "1,699 bytes" in reason, "as it is now"
    assert watched.watch.needs_restart


def test_a_source_that_reads_again_is_no_reason_any_more_and_its_recovery_is_told(watched: Watched) -> None:
    for second in range(1202):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    watched.read()
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]
    assert watched.told[1]["recovered_from"] == "weirlog.source-stuck"
    assert watched.told[1]["message"] == "source access reads again, after 20 min"
    assert (watched.watch.reasons, watched.watch.needs_restart) == ((), False)


def test_half_a_line_that_waits_for_its_end_is_no_stuck_source(watched: Watched) -> None:
    """It counts as unread, but there is nothing to read: a restart would end nothing, again and again."""
    watched.source = replace(watched.source, lag=30)
    watched.look(5000)
    assert (watched.kinds, watched.watch.needs_restart) == ([], False)


def test_a_burst_after_hours_of_silence_is_no_stuck_source(watched: Watched) -> None:
    watched.look(5000)
    watched.source = replace(watched.source, lag=100)
    watched.look()
    watched.source = replace(watched.source, lag=200)
    watched.look()
    watched.read()
    watched.look(1000)
    assert watched.kinds == []


def test_a_source_that_is_held_back_while_others_work_is_not_stuck(watched: Watched) -> None:
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic())
    for second in range(3000):
        watched.source = replace(watched.source, lag=second)
        watched.scorer = replace(watched.scorer, batches_settled=second // 100)
        watched.look()
    assert (watched.kinds, watched.watch.needs_restart) == ([], False)


def test_a_source_that_is_held_back_though_nobody_works_is_stuck(watched: Watched) -> None:
    """A receipt that nobody settles would stop a source for ever and in silence."""
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic(), lag=5)
    watched.look(599)
    assert watched.kinds == []
    watched.look(3)
    assert watched.kinds == ["weirlog.source-stuck"]
    assert "held back" in watched.told[0]["message"]
    assert watched.watch.needs_restart


def test_a_source_whose_thread_shows_no_life_needs_a_restart(watched: Watched) -> None:
    watched.source = replace(watched.source, shows_life=False, last_beat=watched.clock.monotonic() - 21)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck"]
    assert watched.watch.needs_restart


def test_a_source_that_fails_for_long_is_told_and_not_restarted(watched: Watched) -> None:
    """It is being tried again all the while, and a broker that is away would not come back for it."""
    watched.source = replace(
        watched.source, failure="Kafka at b:9092 is away; start it", failing_since=watched.clock.monotonic(), lag=None
    )
    watched.look(299)
    assert watched.kinds == []
    watched.look(2000)
    assert watched.kinds == ["weirlog.source-stuck"]
    assert watched.told[0]["message"] == (
        "source access has failed for more than 5 min: Kafka at b:9092 is away; start it"
    )
    assert not watched.watch.needs_restart
    watched.source = replace(watched.source, failure=None, failing_since=None, lag=0)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]


def test_a_source_may_be_silent_for_ever_where_nobody_said_otherwise(watched: Watched) -> None:
    watched.look(20_000)
    assert watched.kinds == []


def test_a_source_that_is_silent_for_longer_than_is_normal_is_told_and_nothing_more(watched: Watched) -> None:
    watched.source = replace(watched.source, name="quiet")
    watched.look(3599)
    assert watched.kinds == []
    watched.look(3601)
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.source-silent", {"source": "quiet"})
    assert "nothing has come from source quiet for more than 1 h" in notice["message"]
    assert (watched.watch.reasons, watched.watch.needs_restart) == ((), False)
    watched.read()
    watched.look()
    assert watched.told[1]["message"] == "source quiet has something to read again, after 2 h"


@pytest.mark.parametrize("hindrance", ["failing_since", "held_back_since"])
def test_a_source_that_cannot_read_is_not_called_silent(watched: Watched, hindrance: str) -> None:
    watched.source = replace(
        watched.source,
        name="quiet",
        lag=1,
        **{hindrance: watched.clock.monotonic()},  # type: ignore[arg-type]
    )
    for batch in range(5000):
        watched.scorer = replace(watched.scorer, batches_settled=batch)
        watched.look()
    watched.source = replace(watched.source, **{hindrance: None})  # type: ignore[arg-type]
    watched.look(100)
    assert "weirlog.source-silent" not in watched.kinds


# --- scorer and outbox ---------------------------------------------------------------------------------------------


def test_a_scorer_that_shows_no_life_needs_a_restart(watched: Watched) -> None:
    watched.look()
    beat = watched.clock.monotonic()
    watched.clock.advance(21)
    watched.scorer = replace(watched.scorer, shows_life=False, last_beat=beat)
    watched.watch.check(PipelineState([watched.source], watched.scorer, [watched.sink]))
    assert watched.kinds == ["weirlog.scorer-stuck"]
    assert "nothing is detected" in watched.told[0]["message"]
    assert watched.watch.needs_restart
    watched.scorer = replace(watched.scorer, shows_life=True)
    watched.look()
    assert watched.told[1]["message"] == "requests are scored again, after 22 s"
    assert not watched.watch.needs_restart


def full(path: Path) -> Watched:
    """Return a pipeline whose outbox has no room and whose scorer waits for it."""
    watched = Watched(path, limit_bytes=1)
    watched.outbox.take([an_alert(1)], [])
    with pytest.raises(RetryableError) as refusal:
        watched.outbox.take([an_alert(2)], [])
    watched.scorer = replace(watched.scorer, failure=str(refusal.value), failing_since=watched.clock.monotonic())
    return watched


def test_a_full_outbox_tells_that_it_is_full_and_loses_no_alert(tmp_path: Path) -> None:
    watched = full(tmp_path / "outbox.db")
    watched.look(301)
    (notice,) = watched.told
    assert notice["kind"] == "weirlog.outbox-blocked"
    assert "detection waits" in notice["message"]
    assert "raise outbox.max_size" in notice["message"]
    assert not watched.watch.needs_restart, "a restart would find it as full"
    for sink in ("file", "hook"):
        watched.outbox.delivered(sink, [seq for seq, _ in watched.outbox.pending(sink, 10)])
    watched.outbox.take([an_alert(2)], [])
    watched.outbox.delivered("hook", [seq for seq, _ in watched.outbox.pending("hook", 10)])
    watched.outbox.delivered("file", [seq for seq, _ in watched.outbox.pending("file", 10)])
    watched.scorer = replace(watched.scorer, failure=None, failing_since=None)
    watched.look()
    assert watched.told[0]["message"] == "alerts can be stored again, and detection goes on, after 5 min"
    watched.outbox.close()


def test_a_source_that_waits_for_a_full_outbox_is_not_called_stuck(tmp_path: Path) -> None:
    """A restart would find the outbox as full, and the supervisor would end the daemon every ten minutes."""
    watched = full(tmp_path / "outbox.db")
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic(), lag=1000)
    watched.look(7200)
    assert watched.kinds == ["weirlog.outbox-blocked"]
    assert not watched.watch.needs_restart
    watched.outbox.close()


def test_a_full_outbox_is_not_over_before_there_is_room(tmp_path: Path) -> None:
    """After a restart the scorer has yet to find out that it is full."""
    watched = full(tmp_path / "outbox.db")
    watched.look(301)
    watched.restart()
    watched.look(10)
    assert watched.kinds == ["weirlog.outbox-blocked"]
    watched.outbox.close()


def test_a_full_outbox_takes_a_bounded_number_of_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weirlog.pipeline.outbox.LIMIT_UNDELIVERED", 3)
    watched = full(tmp_path / "outbox.db")
    for position in range(3):
        watched.watch.tell_gap(replace(GAP, position=position))
    with pytest.raises(RetryableError, match="full"):
        watched.watch.tell_gap(replace(GAP, position=3))
    assert watched.kinds == ["weirlog.gap"] * 3
    watched.outbox.close()


# --- sinks ---------------------------------------------------------------------------------------------------------


def test_a_sink_that_fails_for_long_is_told_once_to_every_sink(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(299)
    assert (watched.kinds, watched.watch.reasons) == ([], ())
    watched.look(3000)
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.sink-failing", {"sink": "hook"})
    assert "webhook hook answers 503" in notice["message"]
    assert watched.watch.reasons == (notice["message"],)
    assert not watched.watch.needs_restart
    assert [alert.id for _, alert in watched.outbox.pending("hook", 10)] == [notice["id"]], "read on its recovery"


def test_a_sink_that_takes_alerts_again_is_told_with_how_long_it_did_not(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(7200 + 300)
    watched.deliver()
    watched.look(10)
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    recovery = watched.told[1]
    assert recovery["message"] == "sink hook takes alerts again, after 2 h 5 min"
    assert recovery["duration_s"] == 7501
    assert (recovery["began"], recovery["about"]) == (watched.told[0]["began"], {"sink": "hook"})
    assert watched.watch.reasons == ()
    assert watched.metrics.gauges["conditions_open",] == 0


def test_a_sink_that_fails_again_is_told_again(watched: Watched) -> None:
    for _ in range(2):
        watched.fail_sink()
        watched.look(301)
        watched.deliver()
        watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"] * 2
    assert len({notice["id"] for notice in watched.told}) == 4


def test_a_delivery_without_end_counts_as_failing(watched: Watched) -> None:
    watched.sink = replace(watched.sink, busy_since=watched.clock.monotonic())
    watched.look(301)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert "one delivery for more than 5 min" in watched.told[0]["message"]


# --- over restarts, and when the store fails -----------------------------------------------------------------------


def test_a_restart_tells_a_condition_that_goes_on_not_again(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    for _ in range(2):
        watched.restart()
        watched.fail_sink()
        watched.look(400)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert watched.watch.reasons != ()


def test_a_notice_that_is_delivered_and_forgotten_is_not_told_again_either(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    for sink in ("file", "hook"):
        watched.outbox.delivered(sink, [seq for seq, _ in watched.outbox.pending(sink, 10)])
    watched.clock.advance(10 * 86400)
    assert watched.outbox.prune() == 1
    watched.restart()
    watched.fail_sink()
    watched.look(400)
    assert watched.outbox.latest(10) == []


def test_a_later_run_tells_the_end_of_what_an_earlier_one_told(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    watched.restart()
    watched.look(100)
    assert watched.kinds == ["weirlog.sink-failing"], "that nothing fails yet shows nothing"
    watched.deliver()
    watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    assert watched.told[1]["duration_s"] == 402
    assert watched.outbox.conditions() == []
    watched.restart()
    watched.deliver()
    watched.look()
    assert len(watched.told) == 2


def test_a_source_that_was_stuck_stops_no_watchdog_after_the_restart(watched: Watched) -> None:
    """Else the service manager would end each new run before it has had a chance."""
    for second in range(700):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    assert watched.watch.needs_restart
    watched.restart()
    watched.look(30)
    watched.source = replace(watched.source, is_open=True, lag=2000)
    watched.look(30)
    assert not watched.watch.needs_restart
    assert watched.kinds == ["weirlog.source-stuck"], "to be open is not to read"
    watched.read(lag=1900)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]


def test_an_outbox_that_knew_no_conditions_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    open_outbox(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE conditions")
    connection.close()
    watched = Watched(path)
    watched.fail_sink()
    watched.look(301)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert [condition.name for condition in watched.outbox.conditions()] == ["hook"]
    watched.outbox.close()


def test_a_condition_of_what_is_no_longer_configured_is_forgotten(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    watched.restart()
    watched.sink = replace(watched.sink, name="other")
    with capture_logs() as lines:
        watched.look()
    assert [(line["log_level"], line["name"]) for line in lines] == [("warning", "hook")]
    assert watched.outbox.conditions() == []
    assert watched.kinds == ["weirlog.sink-failing"]


class FailingStore:
    """Takes nothing for now."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.is_down = True

    def tell(self, notice: Alert, *, begins: Condition | None = None, ends: Condition | None = None) -> None:
        if self.is_down:
            raise RetryableError("the disk is full; make room")
        self._outbox.tell(notice, begins=begins, ends=ends)

    def conditions(self) -> Sequence[Condition]:
        return self._outbox.conditions()

    def forget_condition(self, condition: Condition) -> None:
        self._outbox.forget_condition(condition)

    @property
    def is_full(self) -> bool:
        return False


def test_what_cannot_be_stored_is_told_later_with_when_it_began_and_ended(watched: Watched) -> None:
    store = FailingStore(watched.outbox)
    watched.watch = SelfWatch(store, PATIENCE, watched.clock, watched.metrics)
    watched.fail_sink()
    with capture_logs() as lines:
        watched.look(301)
        watched.deliver()
        watched.look(99)
    assert watched.kinds == []
    assert [line["log_level"] for line in lines] == ["error", "warning"], "complained of once"
    store.is_down = False
    watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    assert watched.told[1]["duration_s"] == 302
    watched.look(100)
    assert len(watched.told) == 2


def test_what_goes_on_again_before_its_end_was_stored_has_not_ended(watched: Watched) -> None:
    store = FailingStore(watched.outbox)
    watched.watch = SelfWatch(store, PATIENCE, watched.clock, watched.metrics)
    watched.fail_sink()
    watched.look(301)
    watched.deliver()
    watched.look()
    watched.fail_sink()
    watched.look(301)
    store.is_down = False
    watched.look(10)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert len(watched.outbox.conditions()) == 1


def test_a_gap_that_is_told_twice_is_delivered_once(watched: Watched) -> None:
    """After a crash between telling and noting it, the source tells it again."""
    watched.watch.tell_gap(GAP)
    watched.clock.advance(60)
    watched.watch.tell_gap(GAP)
    watched.watch.tell_gap(replace(GAP, position=200))
    assert watched.kinds == ["weirlog.gap"] * 2
    assert watched.metrics.counters["notices_total", "kind=weirlog.gap"] == 2


# --- the known case ------------------------------------------------------------------------------------------------


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
