"""Sources that read a real topic, with either client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakes import RecordingMetrics, eventually

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.kafka import KafkaSource
from weirlog.pipeline.sources.kafka_confluent import ConfluentConsumers
from weirlog.pipeline.timing import SystemClock

CLIENTS = ["kafka-python", "confluent"]


def source_of(brokers: list[str], topic: str, group: str, client: str = "kafka-python", **options: Any) -> KafkaSource:
    if client == "confluent":
        options["make"] = ConfluentConsumers(options.get("security"), SystemClock())
    return KafkaSource(
        "kafka-0",
        brokers=brokers,
        topics=[topic],
        group=group,
        **{"start_at": "beginning", "security": None, **options},
        clock=SystemClock(),
        metrics=RecordingMetrics(),
    )


def read_until(enough: Callable[[list[Record]], bool], *sources: KafkaSource, within_s: float = 30) -> list[Record]:
    """Poll in turn until the records that came are enough."""
    records: list[Record] = []

    def step() -> bool:
        for source in sources:
            try:
                records.extend(source.poll(0.1))
            except RetryableError:
                continue  # as the reader does: again, a little later
        return enough(records)

    assert eventually(step, within_s=within_s), [record.payload for record in records]
    return records
