"""Both clients of a Kafka source over librdkafka's mock cluster: the contract of sources, and what only the wire shows."""

from __future__ import annotations

import importlib.util
import itertools
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.source import Feed, SourceContract
from fakes import FakeClock, RecordingMetrics, eventually
from integration.mock_cluster import MOCK_API_VERSION, MockCluster, mock_cluster
from servers import missing, require_program

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.kafka_client import KafkaSecurity, kafka
from weirlog.pipeline.sources.kafka import LAG_INTERVAL_S, KafkaSource
from weirlog.pipeline.sources.kafka_confluent import ConfluentConsumers
from weirlog.pipeline.timing import Clock, SystemClock

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:unclosed <(socket|ssl):ResourceWarning"),  # see `_collect_sockets`
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[MockCluster]:
    with mock_cluster() as cluster:
        yield cluster


class MockFeed(Feed):
    """A topic of its own, read as a group of its own that starts at the beginning."""

    def __init__(self, cluster: MockCluster, topic: str, client: str) -> None:
        self.cluster = cluster
        self.topic = topic
        self.client = client
        self.clock: Clock = SystemClock()
        self._producer = kafka.KafkaProducer(bootstrap_servers=cluster.address, api_version=MOCK_API_VERSION)

    def source(self) -> KafkaSource:
        confluent = {"make": ConfluentConsumers(None, SystemClock())} if self.client == "confluent" else {}
        return KafkaSource(
            "kafka-0",
            brokers=[self.cluster.address],
            topics=[self.topic],
            group=self.topic,
            start_at="beginning",
            security=None,
            clock=self.clock,
            metrics=RecordingMetrics(),
            # The mock waits for a member that has left until its session has run out.
            settings={"api_version": MOCK_API_VERSION, "session_timeout_ms": 1500, "heartbeat_interval_ms": 300},
            **confluent,  # type: ignore[arg-type]  # one keyword
        )

    def write(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._producer.send(self.topic, payload)
        self._producer.flush(10)

    def close(self) -> None:
        self._producer.close(timeout=5)


@pytest.fixture(params=["kafka-python", "confluent"])
def feed(request: pytest.FixtureRequest, cluster: MockCluster) -> Iterator[MockFeed]:
    topic = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    cluster.create_topic(topic)
    feed = MockFeed(cluster, topic, request.param)
    yield feed
    feed.close()


class TestContract(SourceContract):
    pass


def test_many_messages_come_once_and_in_order_however_often_reading_pauses(feed: MockFeed) -> None:
    """Short pauses and long ones: what was fetched and thrown away by a pause is fetched again."""
    sent = [b"%d" % number for number in range(3_000)]
    feed.write(*sent)
    source = feed.source()
    source.open()
    received: list[bytes] = []
    lengths = itertools.cycle([2, 25])

    def enough() -> bool:
        records = source.poll(0.05)
        if not records:
            return False
        received.extend(record.payload for record in records)
        source.pause()
        for _ in range(next(lengths)):
            assert list(source.poll(0.05)) == []
        source.resume()
        return len(received) >= len(sent)

    assert eventually(enough, within_s=30), len(received)
    source.close()
    assert received == sent


def test_the_lag_counts_what_is_not_read_yet(feed: MockFeed) -> None:
    feed.write(b"one")
    feed.clock = clock = FakeClock()
    source = feed.source()
    source.open()
    assert eventually(lambda: bool(source.poll(0.05)), within_s=30)
    source.pause()
    feed.write(b"two", b"three")
    clock.advance(LAG_INTERVAL_S)
    source.poll(0.05)
    assert source.lag == 2
    source.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody else has signed, with its key in one file."""
    openssl = require_program("openssl")
    path = tmp_path / "certificate.pem"
    arguments = f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {path} -out {path}.crt -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([openssl, *arguments.split(), *names], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


class Relay:
    """Speaks TLS in front of the mock cluster's port, and asks its clients for a certificate."""

    def __init__(self, certificate: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate))
        context.load_cert_chain(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self.shaken_hands = threading.Event()
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _run(self) -> None:
        while True:
            try:
                connection = self._listening.accept()[0]
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    with self._context.wrap_socket(connection, server_side=True) as wrapped:
                        # In TLS 1.3 a client's certificate is checked with the first bytes that it sends.
                        if wrapped.recv(1):
                            self.shaken_hands.set()
                except OSError:
                    continue

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_broker_is_spoken_to_only_where_its_certificate_is_trusted(
    certificate: Path, client: str, *, trusted: bool
) -> None:
    if importlib.util.find_spec("confluent_kafka") is None:
        missing("the package confluent-kafka")
    own = str(certificate)
    security = KafkaSecurity("SSL", ca_file=own if trusted else None, cert_file=own, key_file=own)
    relay = Relay(certificate)
    confluent = {"make": ConfluentConsumers(security, SystemClock())} if client == "confluent" else {}
    source = KafkaSource(
        "kafka-0",
        brokers=[relay.address],
        topics=["log"],
        group="group",
        start_at="end",
        security=security,
        clock=SystemClock(),
        metrics=RecordingMetrics(),
        settings={"bootstrap_timeout_ms": 1500},
        **confluent,  # type: ignore[arg-type]  # one keyword
    )
    try:
        # The relay is no broker: it falls silent once hands are shaken.
        with pytest.raises(RetryableError) as raised:
            source.open()
    finally:
        source.close()
        relay.close()
    assert relay.shaken_hands.is_set() == trusted
    assert trusted or "certificate" in str(raised.value).lower()
