"""The reader: what a source's thread does, with a source that acts on cue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Self

import pytest
from fakes import FakeClock, RecordingMetrics, eventually

from weirlog.pipeline.channel import Channel
from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.reading import Reader
from weirlog.pipeline.records import Partition, Record


class ScriptedSource:
    """Plays one step of its script at each poll that is not paused; every step returns payloads or raises."""

    name = "scripted"

    def __init__(self, *script: Sequence[bytes] | Exception, on_open: Sequence[Exception] = ()) -> None:
        self.ledger = Ledger(Partition(self.name, "file", "access.log", "1:a"), 0)
        self.script = list(script)
        self.on_open = list(on_open)
        self.paused = False
        self.committed: list[int] = []
        self.commit_errors: list[Exception] = []
        self.closed = 0
        self.paused_polls = 0
        self._position = 0

    def open(self) -> None:
        if self.on_open:
            raise self.on_open.pop(0)

    def poll(self, timeout_s: float) -> Sequence[Record]:
        if self.paused:
            self.paused_polls += 1
            return ()
        step = self.script.pop(0) if self.script else ()
        if isinstance(step, Exception):
            raise step
        records = []
        for payload in step:
            self._position += len(payload) + 1
            records.append(Record(payload, self.ledger.open(self._position), 0.0))
        return records

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def commit(self) -> None:
        if self.commit_errors:
            raise self.commit_errors.pop(0)
        self.committed.append(self.ledger.watermark)

    def close(self) -> None:
        self.closed += 1

    @property
    def in_flight(self) -> int:
        return self.ledger.in_flight

    @property
    def lag(self) -> int | None:
        return len(self.script)


class Running:
    """A reader in its thread, with everything around it."""

    def __init__(self, source: ScriptedSource, capacity: int = 100, max_in_flight: int = 1000) -> None:
        self.source = source
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.channel: Channel[Record] = Channel(capacity)
        self.stopping, self.drained = threading.Event(), threading.Event()
        self.reader = Reader(
            source,
            self.channel,
            max_in_flight=max_in_flight,
            stopping=self.stopping,
            drained=self.drained,
            clock=self.clock,
            metrics=self.metrics,
        )
        self.raised: list[BaseException] = []
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.reader.run()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.raised.append(error)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        self.drained.set()
        self.channel.close()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def until(self, condition: Callable[[], bool]) -> None:
        assert eventually(condition)


def test_records_reach_the_channel_and_settled_ones_are_committed() -> None:
    with Running(ScriptedSource([b"a", b"b"], [b"c"])) as running:
        running.until(lambda: len(running.channel) == 3)
        first = running.channel.take(1)
        for record in first:
            running.source.ledger.settle(record.receipt)
        running.clock.advance(1.5)
        running.until(lambda: 4 in running.source.committed)
    assert max(running.source.committed) == 4, "what is not settled is never committed"
    assert running.metrics.counters["records_read_total", "source=scripted"] == 3


def test_the_last_commit_waits_for_the_scorer() -> None:
    """On a stop, what is still being scored is settled before the position is written for the last time."""
    with Running(ScriptedSource([b"a"])) as running:
        running.until(lambda: len(running.channel) == 1)
        running.stopping.set()
        assert running.reader.finished_reading.wait(10)
        assert running.thread.is_alive()
        running.source.ledger.settle(running.channel.take(1)[0].receipt)
        running.drained.set()
        running.thread.join(10)
        assert running.source.committed[-1] == 2
        assert running.source.closed == 1


def test_a_source_that_fails_is_tried_again_and_loses_nothing() -> None:
    source = ScriptedSource([b"a"], RetryableError("broker away"), [b"b"], on_open=[RetryableError("not yet")] * 3)
    with Running(source) as running:
        running.until(lambda: len(running.channel) == 2)
        running.until(lambda: running.reader.failure is None)
    assert running.metrics.counters["source_errors_total", "source=scripted"] == 4
    assert running.metrics.gauges["source_up", "source=scripted"] == 1


def test_a_failing_source_says_why() -> None:
    source = ScriptedSource(on_open=[RetryableError("broker:9092 does not answer")] * 1_000_000)
    with Running(source) as running:
        running.until(lambda: running.reader.failure == "broker:9092 does not answer")
        assert not running.reader.is_open


def test_a_full_channel_pauses_the_source_and_keeps_polling_it() -> None:
    """A consumer group throws out a member that does not poll; a paused poll yields nothing."""
    with Running(ScriptedSource([b"a"], [b"b"], [b"c"]), capacity=1) as running:
        running.until(lambda: running.source.paused_polls >= 2)
        assert [record.payload for record in running.channel.take(1)] == [b"a"]
        assert [record.payload for record in running.channel.take(5)] == [b"b"]
        assert [record.payload for record in running.channel.take(5)] == [b"c"]
        running.until(lambda: not running.source.paused)
        running.until(lambda: running.reader.held_back_since is None)


def test_a_source_that_is_held_back_says_since_when() -> None:
    with Running(ScriptedSource([b"a"], [b"b"]), capacity=1) as running:
        running.until(lambda: running.source.paused_polls >= 1)
        since = running.reader.held_back_since
        running.until(lambda: running.source.paused_polls >= 3)
        assert running.reader.held_back_since == since is not None


def test_a_long_wait_after_a_failure_is_no_lack_of_life() -> None:
    """Else the watchdog would end a daemon whose broker asks for patience."""
    running = Running(ScriptedSource(on_open=[RetryableError("busy", retry_after_s=600)]))
    margins: list[float] = []
    wait = running.clock.wait

    def watched_wait(event: threading.Event, timeout_s: float) -> bool:
        if timeout_s >= 600:
            margins.append(running.reader.last_beat - running.clock.monotonic() - timeout_s)
        return wait(event, timeout_s)

    running.clock.wait = watched_wait  # type: ignore[method-assign]
    with running:
        running.until(lambda: running.reader.is_open)
    assert margins == [pytest.approx(0, abs=1e-6)]


def test_too_much_in_flight_pauses_the_source() -> None:
    """Memory stays flat when records wait for an outbox that takes nothing."""
    with Running(ScriptedSource([b"a", b"b"], [b"c"]), max_in_flight=2) as running:
        running.until(lambda: running.source.paused_polls >= 2)
        assert len(running.channel) == 2
        for record in running.channel.take(1):
            running.source.ledger.settle(record.receipt)
        assert [record.payload for record in running.channel.take(5)] == [b"c"]


def test_a_commit_that_fails_is_counted_and_tried_again() -> None:
    source = ScriptedSource([b"a"])
    source.commit_errors = [RetryableError("disk full")]
    with Running(source) as running:
        running.clock.advance(2)
        running.until(lambda: running.metrics.counters["source_errors_total", "source=scripted"] == 1)
        running.clock.advance(2)
        running.until(lambda: len(source.committed) > 0)


def test_it_shows_since_when_and_why_commits_fail_and_how_many_did_not() -> None:
    source = ScriptedSource([b"a"])
    source.commit_errors = [RetryableError("disk full"), RetryableError("disk still full")]
    with Running(source) as running:
        reader = running.reader
        running.clock.advance(2)
        running.until(lambda: reader.commit_failure == "disk full")
        began = reader.commit_failing_since
        running.clock.advance(2)
        running.until(lambda: reader.commit_failure == "disk still full")
        assert (reader.commit_failing_since, reader.commits) == (began, 0)
        assert began is not None
        running.clock.advance(2)
        running.until(lambda: reader.commits == 1)
        assert (reader.commit_failure, reader.commit_failing_since) == (None, None)


def test_a_source_that_must_stop_brings_its_thread_down_and_is_closed() -> None:
    with Running(ScriptedSource(StopError("the checkpoint is unreadable"))) as running:
        running.thread.join(0.1)
        assert running.reader.finished_reading.wait(10)
        running.drained.set()
        running.thread.join(10)
    assert [str(error) for error in running.raised] == ["the checkpoint is unreadable"]
    assert running.source.closed == 1


@pytest.mark.parametrize("stop_first", [True, False])
def test_a_source_that_never_opens_still_stops(stop_first: bool) -> None:
    running = Running(ScriptedSource(on_open=[RetryableError("away")] * 1_000_000))
    if stop_first:
        running.stopping.set()
    with running:
        running.stopping.set()
        running.drained.set()
        running.thread.join(10)
        assert not running.thread.is_alive()
    assert running.source.committed == []
