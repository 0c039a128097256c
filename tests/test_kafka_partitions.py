"""The partitions that a Kafka source holds: what came of them, in order and bounded, and what of it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from structlog.testing import capture_logs

from weirlog.pipeline.kafka_client import kafka
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Position, Record
from weirlog.pipeline.sources.kafka_partitions import HeldPartitions, KafkaLimits

P0, P1 = kafka.TopicPartition("log", 0), kafka.TopicPartition("log", 1)


@dataclass(frozen=True)
class FakeMessage:
    offset: int
    value: bytes | None


def holding(*partitions: kafka.TopicPartition, limits: KafkaLimits | None = None, start: int = 0) -> HeldPartitions:
    held = HeldPartitions("kafka-0", limits or KafkaLimits())
    for partition in partitions:
        held.hold(partition, start, None)
    return held


def came(*values: bytes | None, start: int = 0) -> Sequence[FakeMessage]:
    return [FakeMessage(offset, value) for offset, value in enumerate(values, start)]


def chunk(held: HeldPartitions, *values: bytes | None, start: Position = 0) -> list[Record]:
    assert held.take({P0: came(*values, start=start)}, 0.0) == []
    return held.next_chunk()


def test_a_partition_names_its_topic_and_number() -> None:
    partition = chunk(holding(P0), b"one")[0].partition
    assert (partition.source, partition.type, partition.name, partition.key) == ("kafka-0", "kafka", "log", "0")


def test_a_message_too_long_is_a_flawed_record_with_its_beginning() -> None:
    long, short = chunk(holding(P0, limits=KafkaLimits(max_message_bytes=2000)), b"x" * 2001, b"y" * 2000)
    assert (long.payload, long.flaw) == (b"x" * 1024, "message of 2001 bytes is longer than 2000")
    assert (len(short.payload), short.flaw) == (2000, None)


def test_chunks_are_bounded_in_bytes_and_records() -> None:
    held = holding(P0, limits=KafkaLimits(max_records=3, max_bytes=10))
    held.take({P0: came(b"aaaa", b"bbbb", b"cccc", b"d" * 20, b"e", b"f", b"g", b"h")}, 0.0)
    assert held.waiting == 8
    chunks = [[record.payload for record in held.next_chunk()] for _ in range(6)]
    assert chunks == [[b"aaaa", b"bbbb"], [b"cccc"], [b"d" * 20], [b"e", b"f", b"g"], [b"h"], []]


def test_of_a_partition_that_is_not_held_nothing_is_taken() -> None:
    held = holding(P0)
    assert held.take({P1: came(b"theirs"), P0: came(b"ours")}, 0.0) == [P1]
    assert [record.payload for record in held.next_chunk()] == [b"ours"]
    assert held.names == [P0]


def test_only_what_is_settled_and_not_known_to_the_group_is_to_be_committed() -> None:
    held = HeldPartitions("kafka-0", KafkaLimits())
    held.hold(P0, 5, 5)
    held.hold(P1, 0, None)
    assert held.uncommitted == {P1: 0}, "a group without a position must learn of where it begins"
    held.noted({P1: 0})
    one, two = chunk(held, b"one", b"two", start=5)
    settle_all([two.receipt])
    assert held.uncommitted == {}, "what comes before it is not"
    settle_all([one.receipt])
    assert (held.uncommitted, held.in_flight) == ({P0: 7}, 0)
    held.noted({P0: 7, kafka.TopicPartition("other", 0): 3})
    assert held.uncommitted == {}


def test_what_is_forgotten_gives_its_watermark_and_what_was_in_flight_of_it_counts_no_more() -> None:
    held = holding(P0, P1)
    held.take({P0: came(b"one", b"two"), P1: came(b"other")}, 0.0)
    one, two, other = held.next_chunk()
    settle_all([one.receipt])
    held.take({P0: came(b"three", start=2), P1: came(b"another", start=1)}, 0.0)
    assert held.forget({P0}) == {P0: 1}
    settle_all([two.receipt, other.receipt])
    assert held.uncommitted == {P1: 1}
    assert [record.payload for record in held.next_chunk()] == [b"another"]
    assert held.forget(held.names) == {P1: 1}
    assert (held.names, held.waiting, held.in_flight) == ([], 0, 0)


def test_a_partition_that_begins_anew_is_told_and_nothing_of_before_is_handed_on() -> None:
    held = holding(P0, P1, start=10)
    (stale,) = chunk(held, b"old", start=10)
    held.take({P0: came(b"waits", start=11), P1: came(b"other", start=10)}, 0.0)
    with capture_logs() as lines:
        held.take({P0: came(b"first")}, 0.0)
    assert [(line["log_level"], line["formerly"], line["position"]) for line in lines] == [("warning", 12, 0)]
    other, first = held.next_chunk()
    assert (other.payload, first.payload) == (b"other", b"first")
    settle_all([stale.receipt])
    assert held.uncommitted == {P0: 0, P1: 10}
    settle_all([first.receipt])
    assert held.uncommitted[P0] == 1


def test_behind_is_counted_from_what_was_read_and_never_below_nothing() -> None:
    held = holding(P0, P1)
    held.take({P0: came(b"one", b"two")}, 0.0)
    assert held.behind({P0: 5, P1: 1}) == 4
    assert held.behind({P0: 1, P1: 0}) == 0
