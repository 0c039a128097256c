"""Kafka in `weirlog bench`: a topic filled beforehand, on brokers that are given or on a mock cluster of librdkafka's."""

from __future__ import annotations

import importlib.util
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weirlog.daemon.bench_children import Answering, own_program
from weirlog.daemon.bench_pipeline import MARK_EVERY, RUN, Source, blocks, daemon, rate_of_backlog
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.kafka_client import connect, errors, explained, kafka

PARTITIONS = 4
"""As many as the mock cluster gives a topic that is first heard of; it keeps 5 MB of each."""
MOCK_BYTES = 16 << 20
"""What a topic on the mock cluster is filled with at most; beyond, it forgets the oldest messages."""
MOCK_VERSION = (2, 3)
"""The mock cluster speaks no newer protocol than kafka-python calls so."""
START_LIMIT_S = 30.0
SEND_LIMIT_S = 60.0
CLOSE_LIMIT_S = 5.0
BATCH_BYTES = 256 << 10
"""The mock cluster also bounds how many batches it keeps."""


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where the topics are.

    Attributes:
        addresses: "host:port" each.
        described: what people read.
        settings: further ones that clients need there.
        mock: whether it is the mock cluster.
    """

    addresses: tuple[str, ...]
    described: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    mock: bool = False


@contextmanager
def mock_brokers() -> Iterator[Brokers]:
    """Run a mock cluster of one broker in a process of its own.

    Raises:
        StopError: confluent-kafka is not installed, or the cluster does not start.
    """
    if importlib.util.find_spec("confluent_kafka") is None:
        raise StopError(
            "no broker: give one with --kafka HOST:PORT, or install confluent-kafka, which carries a mock cluster"
        )
    with Answering("the mock Kafka cluster", own_program("bench_mock_broker")) as child:
        address = child.hear(limit_s=START_LIMIT_S)["address"]
        yield Brokers((address,), "mock cluster of librdkafka", {"api_version": MOCK_VERSION}, mock=True)


def given_brokers(addresses: Sequence[str]) -> Brokers:
    """Return brokers that run already; they are spoken to without TLS and without a password."""
    return Brokers(tuple(addresses), ", ".join(addresses))


def rate_of_topic(brokers: Brokers, lines: Sequence[bytes], log_format: str, seconds: float) -> float:
    """Return how many messages a second a fresh daemon takes from a topic that is filled before, over `seconds`.

    The topic is new, and removed afterwards.

    Raises:
        PipelineError: the brokers cannot be reached, or the daemon ends or stands still.
    """
    topic = f"weirlog-bench-{secrets.token_hex(4)}"
    form = log_format if log_format == "hapi" else "auto"
    section = {
        "type": "kafka",
        "brokers": list(brokers.addresses),
        "topics": [topic],
        "group": topic,
        "start_at": "beginning",
        "format": form,
    }
    program = tuple(own_program("bench_mock_daemon")) if brokers.mock else RUN
    with _topic(brokers, topic), tempfile.TemporaryDirectory(prefix="weirlog-bench-") as folder:
        marks = _fill(brokers, topic, lines)
        with daemon(Path(folder), Source(section, program)) as running:
            return rate_of_backlog(running, marks, seconds)


@contextmanager
def _topic(brokers: Brokers, topic: str) -> Iterator[None]:
    if brokers.mock:  # which makes topics when it first hears of them, and removes none
        yield
        return
    options = {topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}
    _administer(brokers, f"making topic {topic}", lambda admin: admin.create_topics(options, wait_for_metadata=True))
    try:
        yield
    finally:
        _administer(brokers, f"removing topic {topic}", lambda admin: admin.delete_topics([topic]))


def _administer(brokers: Brokers, doing: str, work: Callable[[Any], object]) -> None:
    try:
        admin = connect(kafka.KafkaAdminClient, brokers.addresses, {"client_id": "weirlog-bench-topics"})
        try:
            work(admin)
        finally:
            admin.close()
    except (errors.KafkaError, OSError) as error:
        raise explained(error, doing, brokers.addresses) from error


def _fill(brokers: Brokers, topic: str, lines: Sequence[bytes]) -> int:
    """Send lines with marks among them, a block to each partition in turn; return how many marks. Blocks until done."""
    settings = {
        "client_id": "weirlog-bench-producer",
        "batch_size": BATCH_BYTES,
        "linger_ms": 100,
        "max_block_ms": int(SEND_LIMIT_S * 1000),
        **brokers.settings,
    }
    marks = size = 0
    sent: list[Any] = []
    try:
        producer = connect(kafka.KafkaProducer, brokers.addresses, settings)
        try:
            for block in blocks(lines):
                size += len(block)
                if brokers.mock and size > MOCK_BYTES:
                    break
                sent += [producer.send(topic, line, partition=marks % PARTITIONS) for line in block[:-1].split(b"\n")]
                marks += 1
            producer.flush(SEND_LIMIT_S)
            for message in sent:
                message.get(SEND_LIMIT_S)
        finally:
            producer.close(CLOSE_LIMIT_S)
    except (errors.KafkaError, OSError) as error:
        raise explained(error, f"filling topic {topic}", brokers.addresses) from error
    if not marks:
        raise StopError(f"{len(lines)} lines are too few to fill a topic; at least {MARK_EVERY} are needed")
    return marks
