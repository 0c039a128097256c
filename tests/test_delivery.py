"""The delivery worker: at least once, in order, patient with a sink that fails, done with what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from alerts_by_hand import an_alert, some_alerts
from fakes import FakeClock, RecordingMetrics, eventually
from outboxes import open_outbox
from structlog.testing import capture_logs

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.archive import Archive
from weirlog.pipeline.delivery import GUILTY_AFTER, RETRY_AFTER_LIMIT_S, SUSPECT_AFTER, DeliveryWorker
from weirlog.pipeline.errors import PermanentError, RetryableError
from weirlog.pipeline.timing import Backoff, Deadline, SystemClock


class ScriptedSink:
    """Takes alerts, unless its script says otherwise."""

    name = "a"

    def __init__(self, max_alerts: int = 3) -> None:
        self.max_alerts = max_alerts
        self.taken: list[int] = []
        self.attempts: list[list[int]] = []
        self.closed = 0
        self.script: Callable[[list[int]], None] = lambda numbers: None

    def deliver(self, alerts: Sequence[Alert]) -> None:
        numbers = [int(alert.id, 16) for alert in alerts]
        self.attempts.append(numbers)
        self.script(numbers)
        self.taken += numbers

    def close(self) -> None:
        self.closed += 1


class NoJitter(Backoff):
    """Waits exactly as long as the other side asked for, or one second."""

    def next_s(self, at_least_s: float | None = None) -> float:
        self.attempt += 1
        return 1.0 if at_least_s is None else at_least_s


class Delivery:
    """A worker with its outbox; `work` runs it until nothing is pending or the sink was tried so often."""

    def __init__(self, path: Path, sink: ScriptedSink) -> None:
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.outbox = open_outbox(path, sinks=["a"], clock=self.clock, metrics=self.metrics)
        self.sink = sink
        self.worker = DeliveryWorker(
            sink,
            self.outbox,
            clock=self.clock,
            metrics=self.metrics,
            backoff=NoJitter(random=None),  # type: ignore[arg-type]
        )
        self.archive = Archive(path)

    def work(self, attempts: int = 1000) -> None:
        stopping = threading.Event()
        script = self.sink.script
        left = attempts

        def counted(numbers: list[int]) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                stopping.set()
            script(numbers)

        wait = self.outbox.wait

        def wait_or_stop(sink: str, timeout_s: float) -> None:
            if not self.outbox.pending(sink, 1):
                stopping.set()
            wait(sink, timeout_s)

        self.sink.script = counted
        self.outbox.wait = wait_or_stop  # type: ignore[method-assign]
        self.worker.run(stopping)
        self.sink.script = script
        self.outbox.wait = wait  # type: ignore[method-assign]

    def take(self, *numbers: int) -> None:
        self.outbox.take(some_alerts(*numbers), [])


@pytest.fixture
def delivery(tmp_path: Path) -> Iterator[Delivery]:
    delivery = Delivery(tmp_path / "outbox.db", ScriptedSink())
    yield delivery
    delivery.archive.close()
    delivery.outbox.close()


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Delivery]:
    delivery = Delivery(tmp_path / "outbox.db", ScriptedSink(max_alerts=1))
    yield delivery
    delivery.archive.close()
    delivery.outbox.close()


def failing(error: Exception, when: Callable[[list[int]], bool] = lambda numbers: True) -> Callable[[list[int]], None]:
    def script(numbers: list[int]) -> None:
        if when(numbers):
            raise error

    return script


class TestSuccess:
    def test_alerts_are_delivered_in_order_in_batches_that_the_sink_can_take(self, delivery: Delivery) -> None:
        delivery.take(*range(8))
        delivery.work()
        assert delivery.sink.attempts == [[0, 1, 2], [3, 4, 5], [6, 7]]
        assert delivery.outbox.pending("a", 9) == []

    def test_figures_tell_of_it(self, delivery: Delivery) -> None:
        delivery.take(1, 2)
        delivery.work()
        assert delivery.metrics.counters["alerts_delivered_total", "sink=a"] == 2
        assert delivery.metrics.gauges["sink_up", "sink=a"] == 1
        assert len(delivery.metrics.histograms["delivery_seconds", "sink=a"]) == 1

    def test_the_sink_is_closed_at_the_end(self, delivery: Delivery) -> None:
        delivery.work()
        assert delivery.sink.closed == 1


class TestFailure:
    def test_a_failing_sink_is_tried_again_and_gets_the_same_alerts(self, delivery: Delivery) -> None:
        delivery.take(1, 2)
        failures = iter([True, True, False])
        delivery.sink.script = failing(RetryableError("away"), lambda numbers: next(failures))
        delivery.work()
        assert delivery.sink.attempts == [[1, 2]] * 3
        assert delivery.sink.taken == [1, 2]
        assert delivery.metrics.counters["delivery_failures_total", "sink=a"] == 2

    def test_its_state_shows_while_it_fails_and_after(self, delivery: Delivery) -> None:
        delivery.take(1)
        delivery.sink.script = failing(RetryableError("broker away"))
        delivery.work(attempts=2)
        assert delivery.worker.failure == "broker away"
        assert delivery.metrics.gauges["sink_up", "sink=a"] == 0
        delivery.sink.script = lambda numbers: None
        delivery.work()
        assert delivery.worker.failure is None
        assert delivery.metrics.gauges["sink_up", "sink=a"] == 1

    def test_only_changes_of_state_are_logged(self, delivery: Delivery) -> None:
        delivery.take(1)
        failures = iter([True] * 20 + [False] * 5)
        delivery.sink.script = failing(RetryableError("away"), lambda numbers: next(failures))
        with capture_logs() as logs:
            delivery.work()
        assert [entry["event"] for entry in logs] == ["the sink fails; trying again", "the sink takes alerts again"]

    @pytest.mark.parametrize(("asked_s", "waited_s"), [(90.0, 90.0), (1e9, RETRY_AFTER_LIMIT_S), (-5.0, 0.0)])
    def test_the_wait_that_the_other_side_asks_for_is_honoured_within_reason(
        self, delivery: Delivery, asked_s: float, waited_s: float
    ) -> None:
        delivery.take(1)
        failures = iter([True, False])
        delivery.sink.script = failing(RetryableError("busy", retry_after_s=asked_s), lambda numbers: next(failures))
        before = delivery.clock.monotonic()
        delivery.work()
        idle_s = 0.25
        assert delivery.clock.monotonic() - before == pytest.approx(waited_s, abs=2 * idle_s)

    def test_what_cannot_be_noted_is_noted_later_and_not_delivered_again(
        self, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery.take(1)
        delivered = delivery.outbox.delivered
        failures = iter([True, True, True, False])

        def on_a_full_disk(sink: str, seqs: Sequence[int]) -> None:
            if next(failures):
                raise RetryableError("disk full")
            delivered(sink, seqs)

        monkeypatch.setattr(delivery.outbox, "delivered", on_a_full_disk)
        delivery.work()
        assert delivery.sink.attempts == [[1]]
        assert delivery.outbox.pending("a", 9) == []

    def test_an_unknown_error_ends_the_worker_and_closes_the_sink(self, delivery: Delivery) -> None:
        """The supervisor brings the process down: to swallow it would hide a bug."""
        delivery.take(1)
        delivery.sink.script = failing(ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError):
            delivery.work()
        assert delivery.sink.closed == 1
        assert len(delivery.outbox.pending("a", 9)) == 1


class TestRefusal:
    def test_of_a_refused_batch_only_the_alerts_at_fault_are_given_up(self, delivery: Delivery) -> None:
        delivery.take(1, 2, 3, 4)
        delivery.sink.script = failing(PermanentError("answers 413"), lambda numbers: 2 in numbers)
        delivery.work()
        assert delivery.sink.attempts == [[1, 2, 3], [1], [2], [3], [4]]
        assert delivery.sink.taken == [1, 3, 4]
        (letter,) = delivery.archive.dead_letters(9)
        assert (letter.stage, letter.reason, letter.partition) == ("deliver", "answers 413", an_alert(2).id)
        assert delivery.metrics.counters["dead_letters_total", "stage=deliver"] == 1

    def test_a_failure_in_the_middle_repeats_only_what_is_not_noted(self, delivery: Delivery) -> None:
        delivery.take(1, 2, 3)
        failures = iter([True])

        def script(numbers: list[int]) -> None:
            if len(numbers) > 1 and 2 in numbers:
                raise PermanentError("too much")
            if numbers == [2] and next(failures, False):
                raise RetryableError("away")

        delivery.sink.script = script
        delivery.work()
        assert delivery.sink.taken == [1, 2, 3]

    def test_a_refused_alert_can_be_delivered_again(self, delivery: Delivery) -> None:
        delivery.take(1)
        delivery.sink.script = failing(PermanentError("no"))
        delivery.work()
        delivery.sink.script = lambda numbers: None
        delivery.archive.redeliver(delivery.archive.refused())
        delivery.work()
        assert delivery.sink.taken == [1]

    def test_a_run_of_refusals_is_logged_once(self, delivery: Delivery) -> None:
        """An attacker may find out what makes a receiver refuse."""
        delivery.take(*range(50))
        delivery.sink.script = failing(PermanentError("no"))
        with capture_logs() as logs:
            delivery.work()
        assert [entry["event"] for entry in logs] == ["the sink refuses an alert; see the dead letters"]
        assert len(delivery.archive.dead_letters(99)) == 50


class TestPoison:
    """A request that makes the receiver answer 500 must not stop all alerts behind it."""

    def test_one_alert_that_always_fails_is_given_up_while_others_are_taken(self, single: Delivery) -> None:
        single.take(*range(6))
        single.sink.script = failing(RetryableError("answers 500"), lambda numbers: 0 in numbers)
        single.work()
        assert single.sink.taken == [1, 2, 3, 4, 5]
        (letter,) = single.archive.dead_letters(9)
        assert letter.partition == an_alert(0).id
        assert "while others were taken: answers 500" in letter.reason
        assert single.sink.attempts.count([0]) == SUSPECT_AFTER + GUILTY_AFTER

    def test_a_sink_that_is_down_for_long_loses_nothing(self, single: Delivery) -> None:
        single.take(*range(6))
        single.sink.script = failing(RetryableError("away"))
        single.work(attempts=500)
        single.sink.script = lambda numbers: None
        single.work()
        assert single.sink.taken == list(range(6))
        assert single.archive.dead_letters(9) == []

    def test_a_sink_that_comes_back_between_two_attempts_loses_nothing(self, single: Delivery) -> None:
        single.take(*range(6))
        attempts = 0

        def script(numbers: list[int]) -> None:
            nonlocal attempts
            attempts += 1
            # The last failure is of the first alert; the very next attempt, at the second one, succeeds.
            if attempts <= SUSPECT_AFTER + 1:
                raise RetryableError("away")

        single.sink.script = script
        single.work()
        assert sorted(single.sink.taken) == list(range(6))
        assert single.archive.dead_letters(9) == []

    def test_a_failing_alert_alone_waits_for_another_to_compare(self, single: Delivery) -> None:
        single.take(0)
        single.sink.script = failing(RetryableError("answers 500"))
        single.work(attempts=50)
        assert single.archive.dead_letters(9) == []
        assert len(single.outbox.pending("a", 9)) == 1


class TestStop:
    def stop(self, delivery: Delivery, within_s: float = 25.0) -> None:
        stopping = threading.Event()
        stopping.set()
        delivery.worker.deadline = Deadline(delivery.clock, within_s)
        delivery.worker.run(stopping)

    def test_what_is_left_is_delivered_before_the_end(self, delivery: Delivery) -> None:
        delivery.take(*range(8))
        self.stop(delivery)
        assert delivery.sink.taken == list(range(8))
        assert delivery.sink.closed == 1

    def test_the_deadline_ends_it_and_the_rest_stays(self, delivery: Delivery) -> None:
        delivery.take(*range(8))
        delivery.sink.script = lambda numbers: delivery.clock.advance(10)
        self.stop(delivery, within_s=15)
        assert delivery.sink.taken == list(range(6))
        assert len(delivery.outbox.pending("a", 9)) == 2

    def test_a_failing_sink_does_not_hold_it_up(self, delivery: Delivery) -> None:
        delivery.take(1)
        delivery.sink.script = failing(RetryableError("away"))
        before = delivery.clock.monotonic()
        with capture_logs() as logs:
            self.stop(delivery)
        assert delivery.clock.monotonic() == before
        assert delivery.sink.attempts == [[1]]
        assert logs[-1] == {
            "event": "alerts stay in the outbox for the next start",
            "log_level": "warning",
            "sink": "a",
            "alerts": 1,
        }

    def test_a_sink_that_was_failing_is_not_tried_again(self, delivery: Delivery) -> None:
        """Each attempt may take the whole of its time limit, and the next start has time for it."""
        delivery.take(1)
        delivery.sink.script = failing(RetryableError("no answer within 10 s"))
        delivery.worker.deadline = Deadline(delivery.clock, 25.0)
        delivery.work(attempts=3)
        assert delivery.sink.attempts == [[1]] * 3
        assert len(delivery.outbox.pending("a", 9)) == 1


def test_a_running_worker_delivers_what_comes_and_stops_when_told(tmp_path: Path) -> None:
    """With the machine's own clock, in a thread of its own, as in the daemon."""
    clock, metrics, sink, stopping = SystemClock(), RecordingMetrics(), ScriptedSink(), threading.Event()
    outbox = open_outbox(tmp_path / "outbox.db", sinks=["a"])
    outbox._clock = clock
    worker = DeliveryWorker(sink, outbox, clock=clock, metrics=metrics)
    thread = threading.Thread(target=worker.run, args=(stopping,))
    thread.start()
    outbox.take(some_alerts(1), [])
    assert eventually(lambda: sink.taken == [1])
    outbox.take(some_alerts(2, 3), [])
    assert eventually(lambda: sink.taken == [1, 2, 3])
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    outbox.close()
