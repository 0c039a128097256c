"""The Kafka sink over a producer in memory; `integration/test_kafka.py` does it over a real cluster."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeClock

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import PermanentError, RetryableError
from weirlog.pipeline.kafka_client import errors
from weirlog.pipeline.sinks.kafka import KafkaSink


def alert(name: str) -> Alert:
    return Alert(name, 0.0, None, None, 1.0, f'{{"id":"{name}"}}'.encode())


class FakePending:
    def __init__(self, topic: FakeTopic, message: tuple[str, bytes, bytes]) -> None:
        self._topic = topic
        self._message = message

    def get(self, timeout: float) -> object:
        self._topic.timeouts.append(timeout)
        self._topic.clock.advance(self._topic.takes_s)
        if error := self._topic.failing.get(self._message[1]):
            raise error
        self._topic.messages.append(self._message)
        return None


class FakeTopic:
    """A topic, and the producers that were made to write there. `failing` holds errors by key; b"" fails to connect."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.takes_s = 0.0
        self.settings: list[dict[str, Any]] = []
        self.messages: list[tuple[str, bytes, bytes]] = []
        self.timeouts: list[float] = []
        self.failing: dict[bytes, Exception] = {}
        self.closed = 0

    def make(self, **settings: Any) -> FakeTopic:
        if b"" in self.failing:
            raise self.failing[b""]
        self.settings.append(settings)
        return self

    def send(self, topic: str, *, key: bytes, value: bytes) -> FakePending:
        return FakePending(self, (topic, key, value))

    def close(self, timeout: float) -> None:
        assert timeout < 10, "closing is bounded"
        self.closed += 1


@pytest.fixture
def topic() -> FakeTopic:
    return FakeTopic()


@pytest.fixture
def sink(topic: FakeTopic) -> KafkaSink:
    return KafkaSink(
        "kafka-0",
        brokers=["broker:9092"],
        topic="alerts",
        security=None,
        timeout_s=30.0,
        clock=topic.clock,
        make=topic.make,
    )


def test_an_alert_is_written_under_its_id(sink: KafkaSink, topic: FakeTopic) -> None:
    sink.deliver([alert("a"), alert("b")])
    assert topic.messages == [("alerts", b"a", b'{"id":"a"}'), ("alerts", b"b", b'{"id":"b"}')]


def test_every_replica_in_sync_acknowledges_and_retries_repeat_nothing(sink: KafkaSink, topic: FakeTopic) -> None:
    sink.deliver([alert("a")])
    assert (topic.settings[0]["acks"], topic.settings[0]["enable_idempotence"]) == ("all", True)


def test_nothing_is_connected_to_before_the_first_delivery(sink: KafkaSink, topic: FakeTopic) -> None:
    assert topic.settings == []
    sink.close()
    sink.deliver([alert("a")])
    sink.deliver([alert("b")])
    assert len(topic.settings) == 1


def test_an_absent_broker_is_retried_with_its_name_and_a_remedy(sink: KafkaSink, topic: FakeTopic) -> None:
    topic.failing[b""] = errors.KafkaTimeoutError("no answer")
    with pytest.raises(RetryableError, match=r"broker:9092.*check that the brokers run"):
        sink.deliver([alert("a")])


def test_one_deadline_holds_for_all_alerts(sink: KafkaSink, topic: FakeTopic) -> None:
    topic.takes_s = 10.0
    sink.deliver([alert("a"), alert("b"), alert("c"), alert("d")])
    assert topic.timeouts == [30.0, 20.0, 10.0, 0.0]


def test_one_alert_that_was_not_acknowledged_fails_the_delivery_and_starts_afresh(
    sink: KafkaSink, topic: FakeTopic
) -> None:
    topic.failing[b"b"] = errors.NotEnoughReplicasError()
    with pytest.raises(RetryableError, match="NotEnoughReplicas"):
        sink.deliver([alert("a"), alert("b"), alert("c")])
    assert topic.closed == 1
    topic.failing.clear()
    sink.deliver([alert("b")])
    assert len(topic.settings) == 2


@pytest.mark.parametrize("error", [errors.MessageSizeTooLargeError(), errors.InvalidTopicError()])
def test_what_no_later_attempt_changes_is_permanent(sink: KafkaSink, topic: FakeTopic, error: Exception) -> None:
    topic.failing[b"a"] = error
    with pytest.raises(PermanentError, match="alerts of Kafka at broker:9092"):
        sink.deliver([alert("a"), alert("b")])
    assert topic.closed == 1, "a producer that was refused one message fails all that follow"


def test_with_both_kinds_of_failure_it_is_worth_another_try(sink: KafkaSink, topic: FakeTopic) -> None:
    topic.failing = {b"a": errors.MessageSizeTooLargeError(), b"b": errors.KafkaTimeoutError("no answer")}
    with pytest.raises(RetryableError):
        sink.deliver([alert("a"), alert("b")])


def test_a_missing_permission_may_be_granted_later(sink: KafkaSink, topic: FakeTopic) -> None:
    topic.failing[b"a"] = errors.TopicAuthorizationFailedError({"alerts"})
    with pytest.raises(RetryableError, match="check user, password and permissions"):
        sink.deliver([alert("a")])


def test_closing_twice_is_harmless(sink: KafkaSink, topic: FakeTopic) -> None:
    sink.deliver([alert("a")])
    sink.close()
    sink.close()
    assert topic.closed == 1
