"""How long the calls of `client: confluent` wait: for brokers that are away, for silent ones, and for late answers."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import eventually
from integration.mock_cluster import FIND_COORDINATOR, MOCK_API_VERSION, OFFSET_COMMIT, MockCluster, mock_cluster

from weirlog.pipeline.kafka_client import KafkaSecurity, errors, kafka
from weirlog.pipeline.sources.kafka_confluent import ConfluentConsumer, ConfluentConsumers
from weirlog.pipeline.sources.kafka_consumer import Moves
from weirlog.pipeline.timing import SystemClock

pytestmark = pytest.mark.server

LIMIT_MS = 1_000
MOST_S = 5.0
"""A busy machine may take its time, too; without a limit it would be a minute at least."""
P0 = kafka.TopicPartition("log", 0)
LONGEST_MS = 1_000_000
COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR = 15, 16
"""Kafka's numbers of these errors."""
TESTS = Path(__file__).parents[1]


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with mock_cluster() as cluster:
        cluster.create_topic("log")
        yield cluster
        cluster.come_back()  # what was left behind goes on now, and ends


def joined(address: str, count: int = 10, max_poll_records: int = 500) -> ConfluentConsumer:
    """Return a consumer that stands at the beginning of one partition with `count` messages."""
    producer = kafka.KafkaProducer(bootstrap_servers=address, api_version=MOCK_API_VERSION)
    for number in range(count):
        producer.send("log", b"%d" % number)
    producer.close(timeout=10)
    consumer = ConfluentConsumers(KafkaSecurity(), SystemClock())(
        bootstrap_servers=[address],
        bootstrap_timeout_ms=10_000,
        client_id="test",
        group_id="group",
        enable_auto_commit=False,
        # A session longer than the test: else librdkafka gives up by itself.
        session_timeout_ms=60_000,
        heartbeat_interval_ms=300,
        fetch_max_bytes=8 * 1024**2,
        max_poll_records=max_poll_records,
        reconnect_backoff_max_ms=500,
    )
    consumer.subscribe(["log"], listener=Moves())

    def assigned() -> bool:
        consumer.poll(50, 500)
        return consumer.assignment() == {P0}

    assert eventually(assigned, within_s=20)
    consumer.seek(P0, 0)
    return consumer


def commit(consumer: ConfluentConsumer, position: int) -> None:
    consumer.commit({P0: kafka.OffsetAndMetadata(position, "", -1)}, timeout_ms=LIMIT_MS)


def seconds(call: Callable[[], object]) -> float:
    """Return how long `call` takes, whatever the client says to it."""
    started = time.monotonic()
    with suppress(errors.KafkaError):
        call()
    return time.monotonic() - started


def fall_silent(cluster: MockCluster) -> None:
    cluster.delay(LONGEST_MS)


def refuse_to_know_a_coordinator(cluster: MockCluster) -> None:
    cluster.fail(FIND_COORDINATOR, *[COORDINATOR_NOT_AVAILABLE] * 10_000)
    cluster.fail(OFFSET_COMMIT, NOT_COORDINATOR)


@pytest.mark.parametrize("befall", [MockCluster.go_away, fall_silent, refuse_to_know_a_coordinator])
def test_no_call_waits_much_longer_than_its_limit(cluster: MockCluster, befall: Callable[[MockCluster], None]) -> None:
    consumer = joined(cluster.address)
    commit(consumer, 1)
    befall(cluster)
    with pytest.raises(errors.KafkaError):
        commit(consumer, 2)
    calls: dict[str, Callable[[], object]] = {
        "commit": lambda: commit(consumer, 3),
        "committed": lambda: consumer.committed(P0, timeout_ms=LIMIT_MS),
        "beginning_offsets": lambda: consumer.beginning_offsets([P0], LIMIT_MS),
        "end_offsets": lambda: consumer.end_offsets([P0], LIMIT_MS),
        "seek": lambda: consumer.seek(P0, 5),
        "poll": lambda: consumer.poll(LIMIT_MS, 500),
        "pause": lambda: consumer.pause(P0),
        "poll while it pauses": lambda: [consumer.poll(LIMIT_MS, 500) for _ in range(2)],
        "resume": lambda: consumer.resume(P0),
        "poll again": lambda: consumer.poll(LIMIT_MS, 500),
        "close": lambda: consumer.close(autocommit=False, timeout_ms=LIMIT_MS),
    }
    took = {name: seconds(call) for name, call in calls.items()}
    assert [name for name, taken in took.items() if taken > MOST_S] == [], took


@pytest.mark.parametrize("befall", [MockCluster.go_away, fall_silent])
def test_once_the_broker_is_back_commits_succeed_again(
    cluster: MockCluster, befall: Callable[[MockCluster], None]
) -> None:
    consumer = joined(cluster.address)
    commit(consumer, 1)
    befall(cluster)
    for position in (2, 3):
        with pytest.raises(errors.KafkaTimeoutError):
            commit(consumer, position)
    cluster.come_back()

    def committed() -> bool:
        consumer.poll(50, 500)
        try:
            commit(consumer, 4)
        except errors.KafkaError:
            return False
        return True

    assert eventually(committed, within_s=30)
    assert consumer.committed(P0, timeout_ms=10_000) == 4
    consumer.close(autocommit=False, timeout_ms=10_000)


def test_messages_come_once_and_in_order_however_late_commits_are_answered(cluster: MockCluster) -> None:
    """In time and too late, while messages flow and while they pause, and with more than may be taken meanwhile."""
    count, most = 1_500, 30
    consumer = joined(cluster.address, count, max_poll_records=most)
    received: list[int] = []
    turns = itertools.count()

    def all_came() -> bool:
        turn = next(turns)
        cluster.delay([0, 20, 400][turn % 3])
        if turn % 5 == 1:
            consumer.pause(P0)
        if received:
            seconds(lambda: consumer.commit({P0: kafka.OffsetAndMetadata(received[-1], "", -1)}, timeout_ms=300))
        received.extend(message.offset for message in consumer.poll(10, most).get(P0, ()))
        consumer.resume(P0)
        received.extend(message.offset for message in consumer.poll(10, most).get(P0, ()))
        return len(received) >= count

    assert eventually(all_came, within_s=90), len(received)
    assert received == list(range(count))
    cluster.delay(0)
    consumer.close(autocommit=False, timeout_ms=10_000)


def test_a_process_ends_though_its_client_does_not_close(cluster: MockCluster, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from integration.test_kafka_patience import commit, errors, joined

consumer = joined({cluster.address!r})
print("joined", flush=True)
sys.stdin.readline()
try:
    commit(consumer, 1)
except errors.KafkaTimeoutError:
    print("no answer", flush=True)
try:
    consumer.close(autocommit=False, timeout_ms=100)
except errors.KafkaTimeoutError:
    print("not closed", flush=True)
sys.exit(7)
"""
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-I", program], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(line == "joined\n" for line in process.stdout)
            fall_silent(cluster)
            output, complaints = process.communicate("\n", timeout=60)
        finally:
            process.kill()
    assert {"no answer", "not closed"} <= set(output.splitlines()), complaints
    assert process.returncode == 7, complaints
