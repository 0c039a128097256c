"""librdkafka behind the calls of kafka-python, over a library in memory: how partitions, messages and commits go.

What librdkafka itself makes of it is tested in `integration/test_kafka.py` and `integration/test_kafka_clients.py`.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from fakes import FakeClock
from librdkafka_in_memory import PLAIN, SETTINGS, FakeLibrary, LibraryError, LibraryMessage, Place

from weirlog.pipeline.errors import StopError
from weirlog.pipeline.kafka_client import KafkaSecurity, errors, kafka
from weirlog.pipeline.sources.kafka_confluent import (
    IDLE_INTERVAL_S,
    PLACING_S,
    RESTING_S,
    ConfluentConsumer,
    ConfluentConsumers,
)
from weirlog.pipeline.sources.kafka_consumer import Moves

P0, P1 = kafka.TopicPartition("log", 0), kafka.TopicPartition("log", 1)


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


def flow(library: FakeLibrary, consumer: ConfluentConsumer, *partitions: kafka.TopicPartition) -> None:
    """Hand over and seek, after which messages are taken."""
    assign(library, consumer, *partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    consumer.poll(0, 10)
    library.calls.clear()


def offsets(polled: object) -> list[int]:
    assert isinstance(polled, dict)
    return [message.offset for messages in polled.values() for message in messages]


# --- making one ---


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
        made.close(autocommit=False, timeout_ms=30_000)


def test_a_value_that_librdkafka_refuses_is_an_error_of_the_configuration() -> None:
    library = pytest.importorskip("confluent_kafka")
    with pytest.raises(errors.KafkaConfigurationError, match="refuses its settings.*max.poll.interval.ms"):
        ConfluentConsumer(library, SETTINGS | {"session_timeout_ms": 400_000}, PLAIN, FakeClock())


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(StopError, match=r"pip install 'weirlog\[confluent\]'.*kafka-python"):
        ConfluentConsumers(None, FakeClock())(**SETTINGS)


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
    assert library.called("list_topics") == ["log"], "whether the brokers are there is asked at once"


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
    """A real pause throws away what librdkafka has fetched."""
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
    flow(library, consumer, P0)
    library.queue = [LibraryMessage(number) for number in range(5)]
    assert offsets(consumer.poll(0, 3)) == [0, 1, 2]
    assert consumer.poll(0, 3) == {P0: [(3, b"3"), (4, b"4")]}


def test_an_error_among_messages_costs_none_of_them(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    """They are taken already: librdkafka would not give them again."""
    flow(library, consumer, P0)
    denied = LibraryError("TOPIC_AUTHORIZATION_FAILED", 29)
    library.queue = [LibraryMessage(0), LibraryMessage(1, denied), LibraryMessage(2)]
    assert offsets(consumer.poll(0, 10)) == [0, 2]
    with pytest.raises(errors.TopicAuthorizationFailedError):
        consumer.poll(0, 10)


def test_a_call_that_fails_midway_costs_no_message(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    flow(library, consumer, P0)
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
    flow(library, consumer, P0)
    library.queue = [LibraryMessage(0, LibraryError(name, 3 if name[0] != "_" else -1))]
    assert [consumer.poll(0, 10) for _ in range(2)] == [{}, {}]


# --- commits ---


def test_a_commit_is_over_when_it_is_answered(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    started = clock.monotonic()
    library.silent_polls = 3
    consumer.commit(places({P0: 5, P1: 7}), timeout_ms=1000)
    assert library.called("commit") == [[Place("log", 0, 5), Place("log", 1, 7)]]
    assert len(library.called("poll")) == 4
    assert clock.monotonic() - started < 1


def commit_while_eight_come(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    """Commit, where four of eight messages come before the answer does."""
    flow(library, consumer, P0)
    library.queue = [LibraryMessage(number) for number in range(8)]
    library.silent_polls = 3
    consumer.commit(places({P0: 5}), timeout_ms=1000)


def test_what_comes_while_a_commit_waits_is_handed_out_once_and_in_order(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    commit_while_eight_come(library, consumer)
    assert len(library.queue) == 4
    assert offsets(consumer.poll(1000, 5)) == [0, 1, 2, 3, 4]
    assert library.called("poll")[-1] == 0, "nothing is waited for where something is there"
    assert offsets(consumer.poll(0, 10)) == [5, 6, 7]
    assert consumer.poll(0, 10) == {}


def test_what_came_while_a_commit_waited_is_all_that_a_poll_gives_where_it_is_enough(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    commit_while_eight_come(library, consumer)
    assert offsets(consumer.poll(0, 4)) == [0, 1, 2, 3]
    assert offsets(consumer.poll(0, 4)) == [4, 5, 6, 7]


def test_while_a_commit_waits_only_so_much_is_taken(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    """The library in memory goes on with a partition that it was told to pause; librdkafka does not."""
    flow(library, consumer, P0, P1)
    library.queue = [LibraryMessage(number, of=number % 2) for number in range(SETTINGS["max_poll_records"])]
    library.silent_polls = 100
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert [sorted(paused) for paused in library.called("pause")] == [[0, 1]]  # type: ignore[call-overload]
    library.calls.clear()
    assert sorted(offsets(consumer.poll(0, 10))) == list(range(10))
    assert [sorted(resumed) for resumed in library.called("resume")] == [[0, 1]]  # type: ignore[call-overload]


def test_what_came_of_a_paused_partition_waits_until_it_is_resumed(
    library: FakeLibrary, consumer: ConfluentConsumer, clock: FakeClock
) -> None:
    flow(library, consumer, P0, P1)
    library.queue = [LibraryMessage(0), LibraryMessage(7, of=1), LibraryMessage(1)]
    library.silent_polls = 3
    consumer.pause(P0)
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert consumer.poll(0, 10) == {P1: [(7, b"7")]}
    clock.advance(RESTING_S)
    assert consumer.poll(0, 10) == {}
    consumer.resume(P0)
    library.queue = [LibraryMessage(2)]
    assert offsets(consumer.poll(0, 10)) == [0, 1, 2]


@pytest.mark.parametrize("callback", ["on_revoke", "on_lost", "on_assign"])
@pytest.mark.parametrize("when", ["while the commit waits", "in the next poll"])
def test_what_came_of_a_partition_that_moves_is_dropped(
    library: FakeLibrary, consumer: ConfluentConsumer, callback: str, when: str
) -> None:
    """It is somebody else's, or will be read anew from where it is sought to."""
    flow(library, consumer, P0)
    library.queue = [LibraryMessage(0), LibraryMessage(1)]
    library.silent_polls = 1
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    library.next_callback = callback, [Place(*P0)]
    if when == "while the commit waits":
        consumer.commit(places({P0: 6}), timeout_ms=1000)
    assert consumer.poll(0, 10) == {}


def test_what_came_before_a_seek_is_dropped_and_what_still_comes_until_it_is_done_too(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    flow(library, consumer, P0, P1)
    library.queue = [LibraryMessage(4), LibraryMessage(7, of=1), LibraryMessage(5)]
    library.silent_polls = 1
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    consumer.seek(P0, 2)
    library.silent_polls = 0
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert library.queue == []
    library.queue = [LibraryMessage(2)]
    assert consumer.poll(0, 10) == {P1: [(7, b"7")], P0: [(2, b"2")]}


def test_an_error_that_comes_while_a_commit_waits_is_told_by_the_next_poll(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    flow(library, consumer, P0)
    library.queue = [LibraryMessage(0, LibraryError("TOPIC_AUTHORIZATION_FAILED", 29)), LibraryMessage(1)]
    library.silent_polls = 1
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    with pytest.raises(errors.TopicAuthorizationFailedError):
        consumer.poll(0, 10)
    assert offsets(consumer.poll(0, 10)) == [1]


def test_a_commit_fails_where_one_of_its_partitions_does(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    library.answer = [Place("log", 0, 5), Place("log", 1, 7, LibraryError("ILLEGAL_GENERATION", 22))]
    with pytest.raises(errors.IllegalGenerationError):
        consumer.commit(places({P0: 5, P1: 7}), timeout_ms=1000)


def test_a_commit_that_cannot_even_be_asked_for_waits_for_no_answer(
    library: FakeLibrary, consumer: ConfluentConsumer
) -> None:
    library.failing["commit"] = LibraryError("_FATAL", -150, is_fatal=True)
    with pytest.raises(errors.KafkaConfigurationError):
        consumer.commit(places({P0: 5}), timeout_ms=1000)
    library.failing.clear()
    library.silent_polls = 0
    consumer.commit(places({P0: 5}), timeout_ms=1000)
    assert len(library.called("commit")) == 2


@pytest.mark.parametrize(("offset", "expected"), [(7, 7), (0, 0), (-1001, None)])
def test_a_group_without_position_has_none(
    library: FakeLibrary, consumer: ConfluentConsumer, offset: int, expected: int | None
) -> None:
    library.answer = [Place("log", 0, offset)]
    assert consumer.committed(P0, timeout_ms=1000) == expected


# --- closing ---


def test_what_keeps_it_from_closing_is_told(library: FakeLibrary, consumer: ConfluentConsumer) -> None:
    library.failing["close"] = LibraryError("_TRANSPORT", -195)
    with pytest.raises(errors.KafkaConnectionError):
        consumer.close(autocommit=False, timeout_ms=10_000)
    library.failing.clear()
    consumer.close(autocommit=False, timeout_ms=10_000)
    assert len(library.called("close")) == 2


def places(positions: dict[kafka.TopicPartition, int]) -> dict[kafka.TopicPartition, Any]:
    return {partition: kafka.OffsetAndMetadata(position, "", -1) for partition, position in positions.items()}
