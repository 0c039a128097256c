"""librdkafka behind the calls of kafka-python: settings and errors, and how partitions go, over a library in memory.

What librdkafka itself makes of it is tested in `integration/test_kafka.py` and `integration/test_kafka_confluent.py`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes import FakeClock
from structlog.testing import capture_logs

from weirlog.pipeline.errors import StopError
from weirlog.pipeline.kafka_client import KafkaSecurity, errors, kafka
from weirlog.pipeline.kafka_log import QUIET_S
from weirlog.pipeline.librdkafka import Complaints, translated_error, translated_settings
from weirlog.pipeline.sources.kafka_confluent import (
    IDLE_INTERVAL_S,
    PLACING_S,
    RESTING_S,
    ConfluentConsumer,
    ConfluentConsumers,
)
from weirlog.pipeline.sources.kafka_consumer import OUTDATED, Moves

P0, P1 = kafka.TopicPartition("log", 0), kafka.TopicPartition("log", 1)
SETTINGS: dict[str, Any] = {
    "bootstrap_servers": ["one:9092", "two:9092"],
    "bootstrap_timeout_ms": 1000,
    "client_id": "weirlog-source-k",
    "group_id": "weirlog",
    "enable_auto_commit": False,
    "fetch_max_bytes": 8 * 1024**2,
}
PLAIN = KafkaSecurity()


@dataclass(frozen=True)
class LibraryError:
    """As confluent_kafka.KafkaError."""

    named: str
    number: int = -1
    text: str = "something"
    is_fatal: bool = False

    def name(self) -> str:
        return self.named

    def code(self) -> int:
        return self.number

    def str(self) -> str:
        return self.text

    def fatal(self) -> bool:
        return self.is_fatal


class LibraryException(Exception):  # noqa: N818 - the library's name
    """As confluent_kafka.KafkaException."""


@dataclass(frozen=True)
class Place:
    """As confluent_kafka.TopicPartition."""

    topic: str
    partition: int
    offset: int = -1001
    error: LibraryError | None = None


@dataclass(frozen=True)
class LibraryMessage:
    number: int
    failure: LibraryError | None = None

    def error(self) -> LibraryError | None:
        return self.failure

    def topic(self) -> str:
        return "log"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def value(self) -> bytes:
        return b"%d" % self.number


@dataclass
class FakeLibrary:
    """As the package confluent_kafka, with one consumer. `failing` names the calls that fail, and how."""

    calls: list[tuple[str, object]] = field(default_factory=list)
    failing: dict[str, LibraryError] = field(default_factory=dict)
    queue: list[LibraryMessage] = field(default_factory=list)
    callbacks: dict[str, Callable[..., None]] = field(default_factory=dict)
    answer: list[Place] = field(default_factory=list)
    next_callback: tuple[str, list[Place]] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    KafkaException = LibraryException
    TopicPartition = Place

    def Consumer(self, settings: dict[str, Any], *, logger: object) -> FakeLibrary:  # noqa: N802 - the library's name
        self.settings = settings
        return self

    def called(self, name: str) -> list[object]:
        return [argument for call, argument in self.calls if call == name]

    def _call(self, name: str, argument: object) -> None:
        self.calls.append((name, argument))
        if name in self.failing:
            raise LibraryException(self.failing[name])

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def poll(self, timeout_s: float) -> LibraryMessage | None:
        self._call("poll", timeout_s)
        if self.next_callback is not None:
            name, places = self.next_callback
            self.next_callback = None
            self.callbacks[name](self, places)
        return self.queue.pop(0) if self.queue else None

    def consume(self, count: int, timeout_s: float) -> list[LibraryMessage]:
        self._call("consume", count)
        found, self.queue = self.queue[:count], self.queue[count:]
        return found

    def assign(self, places: list[Place]) -> None:
        self._call("assign", places)

    def pause(self, places: list[Place]) -> None:
        self._call("pause", [place.partition for place in places])

    def resume(self, places: list[Place]) -> None:
        self._call("resume", [place.partition for place in places])

    def seek(self, place: Place) -> None:
        self._call("seek", (place.partition, place.offset))

    def list_topics(self, topic: str, timeout: float) -> None:
        self._call("list_topics", topic)

    def committed(self, places: list[Place], timeout: float) -> list[Place]:
        self._call("committed", timeout)
        return self.answer

    def commit(self, *, offsets: list[Place], asynchronous: bool) -> list[Place]:
        assert asynchronous is False
        self._call("commit", offsets)
        return self.answer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def moves() -> Moves:
    return Moves()


@pytest.fixture
def consumer(library: FakeLibrary, clock: FakeClock, moves: Moves) -> ConfluentConsumer:
    consumer = ConfluentConsumer(library, SETTINGS, PLAIN, clock)
    consumer.subscribe(["log"], listener=moves)
    return consumer


def assign(library: FakeLibrary, consumer: ConfluentConsumer, *partitions: kafka.TopicPartition) -> None:
    library.next_callback = "on_assign", [Place(*partition) for partition in partitions]
    consumer.poll(0, 10)


def offsets(polled: object) -> list[int]:
    assert isinstance(polled, dict)
    return [message.offset for messages in polled.values() for message in messages]


# --- settings ---


def test_nothing_is_committed_by_itself_and_what_is_fetched_ahead_is_bounded() -> None:
    found = translated_settings(SETTINGS, PLAIN)
    assert found["bootstrap.servers"] == "one:9092,two:9092"
    assert found["enable.auto.commit"] is False
    assert found["enable.auto.offset.store"] is False
    assert found["queued.max.messages.kbytes"] == 8192
    assert found["fetch.max.bytes"] == 8 * 1024**2


def test_a_setting_without_counterpart_is_refused_by_name() -> None:
    with pytest.raises(errors.KafkaConfigurationError, match="does not know the settings metrics_enabled"):
        translated_settings(SETTINGS | {"metrics_enabled": True}, PLAIN)


def test_security_is_told_in_librdkafkas_words() -> None:
    security = KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "weirlog", "secret", "ca.pem", "cert.pem", "key.pem")
    found = translated_settings(SETTINGS | {"ssl_context": object(), "sasl_mechanism": "SCRAM-SHA-512"}, security)
    expected = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "weirlog",
        "sasl.password": "secret",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "cert.pem",
        "ssl.key.location": "key.pem",
        "enable.ssl.certificate.verification": True,
        "ssl.endpoint.identification.algorithm": "https",
    }
    assert expected.items() <= found.items()
    assert "ssl.key.password" not in found, "the password is that of SASL"


def test_without_sasl_the_password_is_the_keys() -> None:
    security = KafkaSecurity("SSL", password="secret", cert_file="cert.pem", key_file="key.pem")
    found = translated_settings(SETTINGS, security)
    assert found["ssl.key.password"] == "secret"
    assert not [name for name in found if name.startswith("sasl.")]


def test_librdkafka_knows_every_setting() -> None:
    """A name that it does not know would keep every source from opening."""
    library = pytest.importorskip("confluent_kafka")
    times = {
        "session_timeout_ms": 10_000,
        "heartbeat_interval_ms": 1_000,
        "max_poll_interval_ms": 60_000,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": 1024**2,
        "reconnect_backoff_max_ms": 2_000,
    }
    for security in (PLAIN, KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "weirlog", "secret")):
        made = ConfluentConsumer(library, SETTINGS | times, security, FakeClock())
        assert made.assignment() == set()
        made.close(autocommit=False, timeout_ms=1000)


def test_a_value_that_librdkafka_refuses_is_an_error_of_the_configuration() -> None:
    library = pytest.importorskip("confluent_kafka")
    with pytest.raises(errors.KafkaConfigurationError, match="refuses its settings.*max.poll.interval.ms"):
        ConfluentConsumer(library, SETTINGS | {"session_timeout_ms": 400_000}, PLAIN, FakeClock())


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(StopError, match=r"pip install 'weirlog\[confluent\]'.*kafka-python"):
        ConfluentConsumers(None, FakeClock())(**SETTINGS)


# --- errors ---


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LibraryError("ILLEGAL_GENERATION", 22), OUTDATED),
        (LibraryError("UNKNOWN_MEMBER_ID", 25), OUTDATED),
        (LibraryError("REBALANCE_IN_PROGRESS", 27), OUTDATED),
        (LibraryError("_ASSIGNMENT_LOST", -142), OUTDATED),
        (LibraryError("TOPIC_AUTHORIZATION_FAILED", 29), errors.TopicAuthorizationFailedError),
        (LibraryError("_AUTHENTICATION", -169), errors.SaslAuthenticationFailedError),
        (LibraryError("_TRANSPORT", -195), errors.KafkaConnectionError),
        (LibraryError("_WAIT_COORD", -180), errors.KafkaTimeoutError),
        (LibraryError("_STATE", -172), errors.KafkaError),
        (LibraryError("_STATE", -172, is_fatal=True), errors.KafkaConfigurationError),
    ],
    ids=lambda value: value.named if isinstance(value, LibraryError) else "",
)
def test_an_error_means_what_that_of_kafka_python_means(error: LibraryError, expected: Any) -> None:
    found = translated_error(error)
    assert isinstance(found, expected)
    assert f"{error.named}: something" in str(found)


# --- partitions ---


def test_a_partition_is_held_still_until_it_is_sought(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    assign(library, consumer, P0, P1)
    assert consumer.assignment() == {P0, P1}
    assert [sorted(paused) for paused in library.called("pause")] == [[0, 1]]  # type: ignore[call-overload]
    consumer.seek(P1, 40)
    consumer.poll(0, 10)
    assert library.called("seek") == [(1, 40)]
    assert library.called("resume") == [[1]]


def test_a_partition_that_cannot_be_sought_yet_is_tried_again_and_then_told(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    """librdkafka refuses while partitions that were taken away are still being let go."""
    assign(library, consumer, P0)
    consumer.seek(P0, 40)
    library.failing["seek"] = LibraryError("_STATE", -172)
    consumer.poll(0, 10)
    consumer.poll(0, 10)
    assert library.called("resume") == []
    clock.advance(PLACING_S)
    consumer.poll(0, 10)
    with pytest.raises(errors.KafkaError, match="_STATE"):
        consumer.poll(0, 10)
    library.failing.clear()
    consumer.poll(0, 10)
    assert library.called("resume") == [[0]]


def test_what_is_sought_anew_flows_no_more_until_it_is_there(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    """Else a message from before the seek would look like a partition that begins anew."""
    assign(library, consumer, P0)
    consumer.seek(P0, 40)
    consumer.poll(0, 10)
    consumer.seek(P0, 20)
    library.failing["seek"] = LibraryError("_STATE", -172)
    library.calls.clear()
    consumer.poll(0, 10)
    assert library.called("pause") == [[0]]


def test_a_partition_that_was_taken_away_cannot_be_sought(
    library: FakeLibrary, consumer: ConfluentConsumer, moves: Moves
) -> None:
    assign(library, consumer, P0, P1)
    moves.take()
    consumer.seek(P1, 3)
    library.next_callback = "on_revoke", [Place(*P1)]
    library.failing["seek"] = LibraryError("_STATE", -172)
    consumer.poll(0, 10)
    assert consumer.assignment() == {P0}
    assert moves.take() == {P1}
    with pytest.raises(ValueError, match="not assigned"):
        consumer.seek(P1, 3)
    library.calls.clear()
    consumer.poll(0, 10)
    assert library.called("seek") == []


def test_partitions_that_are_lost_are_told_as_lost(
    library: FakeLibrary, consumer: ConfluentConsumer, moves: Moves
) -> None:
    assign(library, consumer, P0)
    moves.take()
    library.next_callback = "on_lost", [Place(*P0)]
    consumer.poll(0, 10)
    assert (consumer.assignment(), moves.take(), moves.joining) == (set(), {P0}, True)


def test_a_member_without_partitions_learns_that_its_brokers_are_gone_and_recovers(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    """librdkafka lets go of all partitions once a session has run out, and then just waits."""
    consumer.poll(0, 10)
    assert library.called("list_topics") == []
    clock.advance(IDLE_INTERVAL_S)
    library.failing["list_topics"] = LibraryError("_TRANSPORT", -195)
    for _ in range(2):
        with pytest.raises(errors.KafkaConnectionError):
            consumer.poll(0, 10)
    assert len(library.called("poll")) == 3, "it goes on polling, by which it joins again"
    library.failing.clear()
    consumer.poll(0, 10)
    consumer.poll(0, 10)
    assert library.called("list_topics") == ["log"] * 3


def test_a_member_with_partitions_asks_nothing_of_its_own(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    assign(library, consumer, P0)
    clock.advance(IDLE_INTERVAL_S)
    consumer.poll(0, 10)
    assert library.called("list_topics") == []


def test_a_short_pause_asks_for_nothing_and_a_long_one_keeps_the_membership(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    """A real pause throws away what was fetched."""
    assign(library, consumer, P0)
    consumer.seek(P0, 0)
    consumer.poll(0, 10)
    library.queue = [LibraryMessage(0)]
    consumer.pause(P0)
    library.calls.clear()
    assert consumer.poll(0, 10) == {}
    assert library.calls == []
    clock.advance(RESTING_S)
    consumer.poll(0, 10)
    assert [name for name, _ in library.calls][:2] == ["pause", "poll"]
    library.calls.clear()
    consumer.resume(P0)
    consumer.poll(0, 10)
    assert [name for name, _ in library.calls][:2] == ["resume", "poll"]


def test_a_handing_over_that_fails_is_told_by_the_next_poll(
    library: FakeLibrary, consumer: ConfluentConsumer, moves: Moves
) -> None:
    """Raised within the callback it would cost the messages of that poll."""
    library.failing["assign"] = LibraryError("_STATE", -172)
    library.queue = [LibraryMessage(0)]
    assign(library, consumer, P0)
    assert moves.take() == {P0}
    with pytest.raises(errors.KafkaError, match="_STATE"):
        consumer.poll(0, 10)


# --- messages ---


def test_messages_come_in_order_and_no_more_than_asked_for(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    library.queue = [LibraryMessage(number) for number in range(5)]
    assert offsets(consumer.poll(0, 3)) == [0, 1, 2]
    assert consumer.poll(0, 3) == {P0: [(3, b"3"), (4, b"4")]}


def test_an_error_among_messages_costs_none_of_them(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    """They are taken already: librdkafka would not give them again."""
    denied = LibraryError("TOPIC_AUTHORIZATION_FAILED", 29)
    library.queue = [LibraryMessage(0), LibraryMessage(1, denied), LibraryMessage(2)]
    assert offsets(consumer.poll(0, 10)) == [0, 2]
    with pytest.raises(errors.TopicAuthorizationFailedError):
        consumer.poll(0, 10)


def test_a_call_that_fails_midway_costs_no_message(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    library.queue = [LibraryMessage(0), LibraryMessage(1)]
    library.failing["consume"] = LibraryError("_TRANSPORT", -195)
    assert offsets(consumer.poll(0, 10)) == [0]
    with pytest.raises(errors.KafkaConnectionError):
        consumer.poll(0, 10)
    library.failing.clear()
    assert offsets(consumer.poll(0, 10)) == [1]


@pytest.mark.parametrize("name", ["_PARTITION_EOF", "_TRANSPORT", "_ALL_BROKERS_DOWN", "UNKNOWN_TOPIC_OR_PART"])
def test_what_librdkafka_gets_over_by_itself_is_no_failure(
    library: FakeLibrary, consumer: ConfluentConsumer, name: str
) -> None:
    library.queue = [LibraryMessage(0, LibraryError(name, 3 if name[0] != "_" else -1))]
    assert [consumer.poll(0, 10) for _ in range(2)] == [{}, {}]


# --- commits ---


def test_a_commit_fails_where_one_of_its_partitions_does(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    library.answer = [Place("log", 0, 5), Place("log", 1, 7, LibraryError("ILLEGAL_GENERATION", 22))]
    with pytest.raises(errors.IllegalGenerationError):
        consumer.commit(places({P0: 5, P1: 7}), timeout_ms=1000)
    assert library.called("commit") == [[Place("log", 0, 5), Place("log", 1, 7)]]


def test_after_a_failed_commit_the_coordinator_must_show_first_that_it_is_there(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    """librdkafka would block for a whole session timeout each second."""
    library.failing = {name: LibraryError("_WAIT_COORD", -180) for name in ("commit", "committed")}
    for _ in range(3):
        with pytest.raises(errors.KafkaTimeoutError):
            consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert len(library.called("commit")) == 1
    library.failing.clear()
    library.answer = [Place("log", 0, 5)]
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert len(library.called("commit")) == 2
    consumer.commit(places({P0: 6}), timeout_ms=1000)
    assert len(library.called("committed")) == 3, "all is well: nothing more is asked"


@pytest.mark.parametrize(("offset", "expected"), [(7, 7), (0, 0), (-1001, None)])
def test_a_group_without_position_has_none(
    library: FakeLibrary, consumer: ConfluentConsumer, offset: int, expected: int | None
) -> None:
    library.answer = [Place("log", 0, offset)]
    assert consumer.committed(P0, timeout_ms=1000) == expected


def places(positions: dict[kafka.TopicPartition, int]) -> dict[kafka.TopicPartition, Any]:
    return {partition: kafka.OffsetAndMetadata(position, "", -1) for partition, position in positions.items()}


# --- complaints ---


def told(act: Callable[[], None]) -> Sequence[Any]:
    with capture_logs() as lines:
        act()
    return lines


def test_a_refusal_stays_the_reason_whatever_comes_after_it(clock: FakeClock) -> None:
    complaints = Complaints("client", clock)
    complaints.hear(LibraryError("_AUTHENTICATION", -169, "wrong password"))
    complaints.hear(LibraryError("_TRANSPORT", -195))
    complaints.hear(LibraryError("_ALL_BROKERS_DOWN", -187))
    assert isinstance(complaints.reason, errors.SaslAuthenticationFailedError)
    complaints.forget()
    assert complaints.reason is None


def test_a_complaint_is_told_once_in_a_while(clock: FakeClock) -> None:
    """librdkafka complains with each attempt to connect."""
    complaints = Complaints("client", clock)

    def complain() -> None:
        complaints.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#consumer-1", "connection refused")

    assert [line["reason"] for line in told(complain)] == ["connection refused"]
    assert told(complain) == []
    clock.advance(QUIET_S)
    assert len(told(complain)) == 1


def test_what_is_no_complaint_is_not_told(clock: FakeClock) -> None:
    complaints = Complaints("client", clock)
    assert told(lambda: complaints.log(logging.INFO, "%s [%s] %s", "REQTMOUT", "rdkafka#consumer-1", "late")) == []
