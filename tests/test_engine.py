"""The pipeline's threads: start, drain in order, and a crash that nobody can overlook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes import FakeClock, RecordingMetrics, eventually
from test_reading import ScriptedSource
from test_scoring import WordClassifier, WordFormat

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.batching import BatchLimits
from weirlog.pipeline.channel import Channel
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.delivery import DeliveryWorker
from weirlog.pipeline.engine import STUCK_S, Pipeline, Signals
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.grouping import Grouping
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.reading import Reader
from weirlog.pipeline.records import Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.scorer import Scorer
from weirlog.pipeline.scoring import Judge
from weirlog.pipeline.timing import Deadline, SystemClock


class ListSink:
    """Keeps what it is given; fails while it is told to."""

    name = "list"
    max_alerts = 10

    def __init__(self) -> None:
        self.paths: list[object] = []
        self.down = False
        self.closed = False

    def deliver(self, alerts: Sequence[Alert]) -> None:
        if self.down:
            raise RetryableError("down")
        for alert in alerts:
            request = alert.document()["request"]
            assert isinstance(request, dict)
            self.paths.append(request["path"])

    def close(self) -> None:
        self.closed = True


class Assembled:
    """A whole pipeline over a scripted source and a real outbox."""

    def __init__(self, folder: Path, source: ScriptedSource, limits: BatchLimits | None = None) -> None:
        clock, metrics, signals = SystemClock(), RecordingMetrics(), Signals.fresh()
        self.clock = clock
        self.source, self.sink = source, ListSink()
        self.outbox = Outbox(
            folder / "outbox.db",
            sinks=["list"],
            limit_bytes=1 << 20,
            keep_s=60,
            grouping=Grouping((), 600),
            clock=clock,
            metrics=metrics,
        )
        channel: Channel[Record] = Channel(100)
        reader = Reader(
            source,
            channel,
            max_in_flight=1000,
            stopping=signals.stopping,
            drained=signals.drained,
            clock=clock,
            metrics=metrics,
        )
        judge = Judge(WordClassifier(), {"scripted": WordFormat()}, Redactor(), clock, metrics)
        scorer = Scorer(
            channel,
            judge,
            self.outbox,
            limits or BatchLimits(max_delay_s=0.01),
            aborting=signals.aborting,
            clock=clock,
            metrics=metrics,
        )
        worker = DeliveryWorker(self.sink, self.outbox, clock=clock, metrics=metrics)
        self.pipeline = Pipeline([reader], channel, scorer, [worker], signals, clock)

    def stop(self, within_s: float = 10.0) -> bool:
        complete = self.pipeline.stop(Deadline(self.clock, within_s))
        self.outbox.close()
        return complete


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def until(condition: Callable[[], bool]) -> None:
    assert eventually(condition)


def test_attacks_reach_the_sink_and_positions_are_committed(tmp_path: Path) -> None:
    assembled = Assembled(tmp_path, ScriptedSource([b"/a", b"/attack1"], [b"unparsable", b"/attack2"]))
    assembled.pipeline.start()
    until(lambda: assembled.sink.paths == ["/attack1", "/attack2"])
    assert assembled.stop()
    assert assembled.source.committed[-1] == assembled.source.ledger.watermark > 0
    assert assembled.source.ledger.in_flight == 0
    assert assembled.sink.closed
    assert not {"score", "read scripted", "deliver list"} & threads()


def test_a_stop_flushes_the_partial_batch_before_the_last_commit(tmp_path: Path) -> None:
    patient = BatchLimits(max_records=1000, max_delay_s=3600)
    assembled = Assembled(tmp_path, ScriptedSource([b"/attack1", b"/a"]), patient)
    assembled.pipeline.start()
    until(lambda: assembled.source.in_flight == 2)
    assert assembled.stop()
    assert assembled.sink.paths == ["/attack1"]
    assert assembled.source.committed[-1] == len(b"/attack1\n/a\n")


def test_a_sink_that_is_down_makes_no_stop_incomplete(tmp_path: Path) -> None:
    """Its alerts are safe in the outbox, and the next start sends them."""
    assembled = Assembled(tmp_path, ScriptedSource([b"/attack1"]))
    assembled.sink.down = True
    assembled.pipeline.start()
    until(lambda: assembled.source.script == [] and assembled.source.in_flight == 0)
    assert assembled.stop()

    again = Assembled(tmp_path, ScriptedSource())
    again.pipeline.start()
    until(lambda: again.sink.paths == ["/attack1"])
    assert again.stop()


def refusing(*_arguments: object) -> None:
    raise RetryableError("outbox.db: the disk is full; make room")


def test_a_stop_does_not_wait_for_a_disk_that_is_full_and_says_what_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More was read than the channel holds: neither the scorer nor the reader can hand over what it has."""
    script = [[b"/attack%d" % number for number in range(90)], [b"/a"] * 90, [b"/b"] * 90]
    assembled = Assembled(tmp_path, ScriptedSource(*script))
    monkeypatch.setattr(assembled.outbox, "take", refusing)
    assembled.pipeline.start()
    until(lambda: assembled.pipeline.scorer.failing_since is not None and not assembled.source.script)
    began = assembled.clock.monotonic()
    assert not assembled.stop(within_s=25.0)
    assert assembled.clock.monotonic() - began < 10.0, "the grace of 25 s is not waited for"
    assert assembled.pipeline.left == {"scripted": 270}
    assert assembled.pipeline.left_because == "outbox.db: the disk is full; make room"
    assert set(assembled.source.committed) <= {0}
    assert not {"score", "read scripted", "deliver list"} & threads()


def test_a_disk_that_has_room_again_during_a_stop_makes_it_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembled = Assembled(tmp_path, ScriptedSource([b"/attack1"]))
    take, refusals = assembled.outbox.take, [refusing] * 2

    def full_at_first(alerts: Sequence[Alert], dead: Sequence[DeadLetter]) -> None:
        if refusals:
            refusals.pop()()
        take(alerts, dead)

    monkeypatch.setattr(assembled.outbox, "take", full_at_first)
    assembled.pipeline.start()
    until(lambda: assembled.source.script == [])
    assert assembled.stop()
    assert (assembled.pipeline.left, assembled.pipeline.left_because) == ({}, None)
    assert assembled.sink.paths == ["/attack1"]


def test_a_stop_whose_last_commit_fails_is_not_complete(tmp_path: Path) -> None:
    assembled = Assembled(tmp_path, ScriptedSource([b"/a"]))
    assembled.source.commit_errors = [RetryableError("checkpoint: no space left")] * 1_000
    assembled.pipeline.start()
    until(lambda: assembled.source.script == [] and assembled.source.in_flight == 0)
    assert not assembled.stop()
    assert assembled.pipeline.left_because == "checkpoint: no space left"


def test_a_crashed_thread_ends_the_pipeline_and_says_why(tmp_path: Path) -> None:
    assembled = Assembled(tmp_path, ScriptedSource([b"/a"], ZeroDivisionError("a bug")))
    assembled.pipeline.start()
    assert assembled.pipeline.ended.wait(10)
    assert isinstance(assembled.pipeline.failure, ZeroDivisionError)
    assert not assembled.stop()


def test_the_state_tells_what_each_part_has_done_and_what_it_fails_at(tmp_path: Path) -> None:
    source = ScriptedSource([b"/a", b"/attack1"], [b"/b"], on_open=[RetryableError("not yet")])
    assembled = Assembled(tmp_path, source)
    assembled.sink.down = True
    before = assembled.pipeline.state()
    assert (before.sources[0].is_open, before.sources[0].records_read, before.sources[0].lag) == (False, 0, None)
    assert (before.scorer.batches_settled, before.sinks[0].deliveries) == (0, 0)
    assembled.pipeline.start()
    until(lambda: assembled.pipeline.state().sinks[0].failing_since is not None)
    until(lambda: assembled.pipeline.state().sources[0].lag == 0)  # about a second after the start
    state = assembled.pipeline.state()
    (read,) = state.sources
    assert (read.name, read.is_open, read.records_read, read.failing_since) == ("scripted", True, 3, None)
    assert read.shows_life
    assert state.scorer.batches_settled >= 1
    assert state.sinks[0].failure == "down"
    assembled.sink.down = False
    until(lambda: assembled.pipeline.state().sinks[0].deliveries == 1)
    assert assembled.pipeline.state().sinks[0].failing_since is None
    assert assembled.stop()


def test_a_thread_that_shows_no_life_is_named(tmp_path: Path) -> None:
    assembled = Assembled(tmp_path, ScriptedSource())
    assembled.pipeline.start()
    until(lambda: assembled.pipeline.settled_in)
    names = [assembled.pipeline.stuck]
    assembled.pipeline._clock = FakeClock(assembled.clock.monotonic() + STUCK_S + 5)
    names.append(assembled.pipeline.stuck)
    assert names in ([None, "score"], [None, "read scripted"])
    state = assembled.pipeline.state()
    assert False in (state.scorer.shows_life, state.sources[0].shows_life)
    assert assembled.stop()
