"""The Kafka source and sink, and a whole daemon, against a real Apache Kafka; and against one that fails on cue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import eventually
from integration.daemon import Daemon, running
from integration.kafka_broker import PASSWORD, USER, KafkaBroker
from integration.kafka_sources import read_until, source_of
from integration.mock_cluster import MOCK_API_VERSION, OFFSET_COMMIT, PRODUCE, MockCluster, mock_cluster
from requests_by_hand import ATTACKS, hapi_line

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import PermanentError, RetryableError, StopError
from weirlog.pipeline.kafka_client import KafkaSecurity, kafka
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sinks.kafka import KafkaSink
from weirlog.pipeline.sources.kafka import REQUEST_TIMEOUT_MS

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:unclosed <(socket|ssl):ResourceWarning"),  # see `_collect_sockets`
]

Unused = Callable[[str], str]

ILLEGAL_GENERATION, MESSAGE_TOO_LARGE, TOPIC_AUTHORIZATION_FAILED = 22, 10, 29
"""Kafka's numbers of these errors."""


def sink_of(brokers: list[str], topic: str, **options: Any) -> KafkaSink:
    return KafkaSink("kafka-0", brokers=brokers, topic=topic, **{"security": None, "timeout_s": 6.0, **options})


def place(record: Record) -> tuple[bytes, str, str, int]:
    return record.payload, record.partition.name, record.partition.key, record.receipt.position


def alert(name: str) -> Alert:
    return Alert(name, 0.0, None, None, 1.0, json.dumps({"id": name}).encode())


def test_what_is_not_settled_is_not_committed_and_comes_again_as_the_same(
    kafka: KafkaBroker, unused: Unused, client: str
) -> None:
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 1)
    kafka.send(topic, b"one", None, b"two", b"three")
    source = source_of(kafka.brokers, topic, group, client)
    source.open()
    one, two, three = read_until(lambda records: len(records) == 3, source)
    settle_all([one.receipt, three.receipt])
    source.commit()
    source.close()
    assert kafka.committed(group, topic) == {0: 2}, "the message without value is done with, the gap holds the rest"
    source = source_of(kafka.brokers, topic, group, client)
    source.open()
    again = read_until(lambda records: len(records) == 2, source)
    source.close()
    assert [place(record) for record in again] == [place(two), place(three)]


def test_a_new_group_at_the_end_misses_nothing_after_a_crash_before_its_first_record(
    kafka: KafkaBroker, unused: Unused, client: str
) -> None:
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 1)
    kafka.send(topic, b"old")
    source = source_of(kafka.brokers, topic, group, client, start_at="end")
    source.open()
    assert eventually(lambda: not source.poll(0.1) and kafka.committed(group, topic) == {0: 1}, within_s=20)
    source.close()
    kafka.send(topic, b"new")
    source = source_of(kafka.brokers, topic, group, client, start_at="end")
    source.open()
    records = read_until(bool, source)
    source.close()
    assert [record.payload for record in records] == [b"new"]


def test_a_broker_that_goes_and_comes_back_is_survived(kafka: KafkaBroker, unused: Unused, client: str) -> None:
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 1)
    kafka.send(topic, b"one", b"two")
    sink = sink_of(kafka.brokers, topic)
    source = source_of(kafka.brokers, topic, group, client)
    source.open()
    before = read_until(lambda records: len(records) == 2, source)
    settle_all([before[0].receipt])
    source.commit()
    settle_all([before[1].receipt])
    kafka.kill()
    try:
        with pytest.raises(RetryableError, match="committing"):
            source.commit()
        with pytest.raises(RetryableError, match=kafka.brokers[0]):
            sink.deliver([alert("three")])
    finally:
        kafka.start()

    def delivered() -> bool:
        try:
            sink.deliver([alert("three")])
        except RetryableError:
            return False
        return True

    assert eventually(delivered, within_s=30)
    after = read_until(lambda records: any(b"three" in record.payload for record in records), source)
    settle_all(record.receipt for record in after)
    source.commit()
    source.close()
    sink.close()
    end = max(record.receipt.position for record in after)
    assert kafka.committed(group, topic) == {0: end}


def test_a_silent_broker_holds_up_neither_a_commit_nor_the_end(kafka: KafkaBroker, unused: Unused, client: str) -> None:
    topic, group = unused("log"), unused("group")
    kafka.create_topic(topic, 1)
    kafka.send(topic, b"one", b"two")
    source = source_of(kafka.brokers, topic, group, client)
    source.open()
    settle_all(record.receipt for record in read_until(lambda records: len(records) == 2, source))
    with kafka.silent():
        started = time.monotonic()
        with pytest.raises(RetryableError, match="committing"):
            source.commit()
        source.close()
        assert time.monotonic() - started < 5 * 2 * REQUEST_TIMEOUT_MS / 1000
    kafka.send(topic, b"three")
    source = source_of(kafka.brokers, topic, group, client)
    source.open()
    records = read_until(lambda records: any(record.payload == b"three" for record in records), source)
    assert [record.payload for record in records] in ([b"one", b"two", b"three"], [b"three"]), (
        "carried out late, or not"
    )
    source.close()


def test_alerts_are_readable_under_their_ids(kafka: KafkaBroker, unused: Unused) -> None:
    topic = unused("alerts")
    kafka.create_topic(topic, 3)
    sink = sink_of(kafka.brokers, topic)
    alerts = [alert(f"id-{number}") for number in range(100)]
    sink.deliver(alerts)
    sink.close()
    assert sorted(kafka.read(topic)) == sorted((one.id.encode(), one.body) for one in alerts)


def test_a_wrong_password_stops_the_source_and_is_told_by_the_sink(
    kafka: KafkaBroker, unused: Unused, client: str
) -> None:
    topic = unused("log")
    kafka.create_topic(topic, 1)
    wrong = KafkaSecurity("SASL_PLAINTEXT", "PLAIN", USER, "wrong")
    quick = {"bootstrap_timeout_ms": 10_000}  # a busy broker takes its time before it refuses
    source = source_of(kafka.sasl_brokers, topic, "group", client, security=wrong, settings=quick)
    reasons: list[str] = []

    def stopped() -> bool:
        try:
            source.open()
        except RetryableError:  # kafka-python may see the connection go before it reads why
            return False
        except StopError as error:
            reasons.append(str(error))
        return True

    assert eventually(stopped, within_s=40)
    assert ["refused" in reason for reason in reasons] == [True]
    assert "wrong" not in reasons[0]

    def told() -> bool:
        with pytest.raises(RetryableError) as failure:
            sink_of(kafka.sasl_brokers, topic, security=wrong, timeout_s=15.0).deliver([alert("a")])
        return "refused" in str(failure.value)

    assert eventually(told, within_s=40)
    right = sink_of(kafka.sasl_brokers, topic, security=KafkaSecurity("SASL_PLAINTEXT", "PLAIN", USER, PASSWORD))
    right.deliver([alert("a")])
    right.close()
    assert kafka.read(topic) == [(b"a", b'{"id": "a"}')]


def test_an_absent_broker_is_told_within_the_time_limit_and_leaves_nothing_behind(client: str) -> None:
    sink = sink_of(["127.0.0.1:1"], "alerts", timeout_s=3.0)
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1:1.*check"):
        sink.deliver([alert("a")])
    source = source_of(["127.0.0.1:1"], "log", "group", client, settings={"bootstrap_timeout_ms": 500})
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1:1.*check"):
        source.open()
    source.close()


# --- the whole daemon ---


def test_after_sigkill_every_attack_in_a_topic_is_alerted_under_one_id(
    tmp_path: Path, kafka: KafkaBroker, unused: Unused, client: str
) -> None:
    topic, alerts, group = unused("log"), unused("alerts"), unused("group")
    kafka.create_topic(topic, 2)
    kafka.create_topic(alerts, 1)
    source = (
        f"{{type: kafka, brokers: ['{kafka.brokers[0]}'], topics: [{topic}], group: {group}, format: hapi, "
        f"start_at: beginning, client: {client}}}"
    )
    sink = f"{{type: kafka, brokers: ['{kafka.brokers[0]}'], topic: {alerts}}}"

    def ids(daemon: Daemon) -> set[str]:
        return {found["id"] for found in daemon.alerts}

    count = 400
    kafka.send(topic, *[hapi_line(ATTACKS[0]).encode()] * count)
    with running(tmp_path, source, sinks=sink, ready=False) as daemon:
        assert eventually(lambda: bool(daemon.alerts), within_s=40), daemon.stderr
        daemon.kill()
    assert sum(kafka.committed(group, topic).values()) < count, "it was killed before it was through"
    with running(tmp_path, source, sinks=sink, ready=False) as daemon:
        assert eventually(lambda: len(ids(daemon)) == count, within_s=40), daemon.stderr
        assert eventually(lambda: len({key for key, _ in kafka.read(alerts)}) == count, within_s=20), daemon.stderr
        assert daemon.terminate() == 0, daemon.stderr
    places = {(found["source"]["partition"], found["source"]["position"]) for found in daemon.alerts}
    assert len(places) == count, "one id for one place in the log"
    assert kafka.committed(group, topic) == {0: count // 2, 1: count // 2}


# --- a cluster that fails on cue ---


@pytest.fixture
def failing() -> Iterator[MockCluster]:
    with mock_cluster() as cluster:
        yield cluster


def test_a_commit_refused_for_an_old_generation_loses_nothing(failing: MockCluster, client: str) -> None:
    failing.create_topic("log")
    # The group waits for the member of the old generation until its session has run out.
    settings = {"api_version": MOCK_API_VERSION, "session_timeout_ms": 2000, "heartbeat_interval_ms": 500}
    producer = kafka.KafkaProducer(bootstrap_servers=failing.address, api_version=MOCK_API_VERSION)
    for value in (b"one", b"two", b"three"):
        producer.send("log", value).get(timeout=10)
    producer.close(timeout=5)
    source = source_of([failing.address], "log", "group", client, settings=settings)
    source.open()
    records = read_until(lambda records: len(records) == 3, source)
    settle_all([records[0].receipt])
    failing.fail(OFFSET_COMMIT, ILLEGAL_GENERATION)
    source.commit()
    again = read_until(lambda records: len(records) == 2, source)
    assert [record.payload for record in again] == [b"two", b"three"]
    settle_all(record.receipt for record in again)
    source.commit()
    source.close()
    source = source_of([failing.address], "log", "group", client, settings=settings)
    source.open()
    assert [list(source.poll(0.1)) for _ in range(20)] == [[]] * 20
    assert source.lag == 0
    source.close()


@pytest.mark.parametrize(
    ("code", "expected"), [(MESSAGE_TOO_LARGE, PermanentError), (TOPIC_AUTHORIZATION_FAILED, RetryableError)]
)
def test_a_refused_alert_is_permanent_or_not_as_its_error_says(
    failing: MockCluster, code: int, expected: type[Exception]
) -> None:
    failing.create_topic("alerts")
    sink = sink_of([failing.address], "alerts", settings={"api_version": MOCK_API_VERSION})
    sink.deliver([alert("a")])
    failing.fail(PRODUCE, code)
    with pytest.raises(expected):
        sink.deliver([alert("b")])
    sink.deliver([alert("c")])
    sink.close()
