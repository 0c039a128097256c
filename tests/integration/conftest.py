"""Servers that several tests share, started when the first test asks for one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from integration.kafka_broker import KafkaBroker


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
