"""Servers that several tests share, started when the first test asks for one."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import warnings
from collections.abc import Callable, Iterator

import pytest
from integration.kafka_broker import KafkaBroker
from integration.kafka_sources import CLIENTS
from servers import missing


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """An Apache Kafka for the whole run; its topics are told apart by name."""
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def unused(_numbers: Iterator[int]) -> Callable[[str], str]:
    """Give names that no other test of this run uses."""
    return lambda kind: f"{kind}-{next(_numbers)}"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """Return what a source is read with; librdkafka is there wherever the mock cluster is."""
    name: str = request.param
    if name == "confluent" and importlib.util.find_spec("confluent_kafka") is None:
        missing("the package confluent-kafka")
    return name


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    """Collect the sockets that kafka-python 3.0 leaves behind when a connection fails, while nobody minds."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
