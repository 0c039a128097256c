"""Several members of one consumer group: each polls on a thread of its own, as in daemons of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from fakes import eventually
from integration.kafka_broker import KafkaBroker
from integration.kafka_sources import CLIENTS, read_until, source_of

from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.kafka import KafkaSource

pytestmark = pytest.mark.server

Unused = Callable[[str], str]


@contextmanager
def reading(source: KafkaSource) -> Iterator[list[Record]]:
    """Poll a source until this ends; yield the records that came so far."""
    records: list[Record] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            records.extend(source.poll(0.1))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield records
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("clients", [*zip(CLIENTS, CLIENTS, strict=True), CLIENTS], ids="-".join)
def test_two_members_share_the_partitions_and_together_miss_nothing(
    kafka: KafkaBroker, unused: Unused, clients: Sequence[str]
) -> None:
    """They may use different clients: a group changes over member by member."""
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 4)
    sent = [b"%d" % number for number in range(80)]
    kafka.send(topic, *sent[:40])
    with ExitStack() as stack:
        first, second = (source_of(kafka.brokers, topic, group, client) for client in clients)
        stack.callback(first.close)
        stack.callback(second.close)
        first.open()
        early = read_until(lambda records: len(records) == 40, first)
        settle_all(record.receipt for record in early[::2])
        first.commit()
        second.open()
        with reading(first) as firsts, reading(second) as seconds:

            def shared() -> bool:
                come = {record.payload for record in (*firsts, *seconds)}
                return come >= set(sent[40:]) and len({record.partition.key for record in seconds}) == 2

            # A chunk at a time while the group is divided anew.
            for start in range(40, 80, 10):
                kafka.send(topic, *sent[start : start + 10])
            assert eventually(shared, within_s=30), (len(firsts), len(seconds))
        late = [*firsts, *seconds]
        settle_all(record.receipt for record in late if record.receipt.ledger.in_flight)
        first.commit()
        second.commit()
    assert {record.payload for record in (*early, *late)} == set(sent)


def test_a_member_that_is_held_back_and_polls_in_passing_lets_its_group_settle(
    kafka: KafkaBroker, unused: Unused, client: str
) -> None:
    """A membership that comes about between two polls must not be thrown away: that divides the group once more."""
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 2)
    with ExitStack() as stack:
        held, free = (source_of(kafka.brokers, topic, group, client) for _ in range(2))
        stack.callback(held.close)
        stack.callback(free.close)
        held.open()
        kafka.send(topic, *(b"%d" % number for number in range(20)))
        read_until(lambda records: len(records) == 20, held)
        held.pause()
        free.open()
        with reading(free) as come:
            pause = threading.Event()

            def settled() -> bool:
                held.poll(0.0)
                pause.wait(0.15)  # for room in the channel
                return bool(come) and not held._moves.joining and len(held._opened.assignment()) == 1

            assert eventually(settled, within_s=30)


def test_a_paused_member_stays_in_its_group(kafka: KafkaBroker, unused: Unused, client: str) -> None:
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 1)
    kafka.send(topic, b"one")
    # Three seconds without a poll, and the group goes on without it.
    settings = {"max_poll_interval_ms": 3000, "session_timeout_ms": 3000, "heartbeat_interval_ms": 500}
    source = source_of(kafka.brokers, topic, group, client, settings=settings)
    source.open()
    (one,) = read_until(bool, source)
    source.pause()
    kafka.send(topic, b"two")
    assert [list(source.poll(0.25)) for _ in range(16)] == [[]] * 16
    settle_all([one.receipt])
    source.commit()
    assert kafka.committed(group, topic) == {0: 1}
    assert source.in_flight == 0
    source.resume()
    assert [record.payload for record in read_until(bool, source)] == [b"two"]
    source.close()
