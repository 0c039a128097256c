"""A Kafka cluster in memory, and kafka-python's consumer over it, as far as a source needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeClock

from weirlog.pipeline.kafka_client import kafka

P0, P1 = kafka.TopicPartition("log", 0), kafka.TopicPartition("log", 1)


@dataclass(frozen=True)
class FakeMessage:
    offset: int
    value: bytes | None


@dataclass
class FakeCluster:
    """Partitions, and what a group has committed. `failing` names the requests that fail, and how."""

    logs: dict[kafka.TopicPartition, list[FakeMessage]] = field(default_factory=lambda: {P0: []})
    committed: dict[kafka.TopicPartition, int] = field(default_factory=dict)
    failing: dict[str, Exception] = field(default_factory=dict)
    consumers: list[FakeConsumer] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def write(self, *values: bytes | None, partition: kafka.TopicPartition = P0) -> None:
        log = self.logs[partition]
        for value in values:
            log.append(FakeMessage(log[-1].offset + 1 if log else 0, value))

    def end(self, partition: kafka.TopicPartition) -> int:
        log = self.logs[partition]
        return log[-1].offset + 1 if log else 0

    def make(self, **settings: Any) -> FakeConsumer:
        self.fail("connect")
        self.consumers.append(FakeConsumer(self, settings))
        return self.consumers[-1]

    def fail(self, request: str) -> None:
        if request in self.failing:
            raise self.failing[request]

    @property
    def consumer(self) -> FakeConsumer:
        return self.consumers[-1]


class FakeConsumer:
    """As kafka.KafkaConsumer behaves: joins in the first poll, keeps its place in partitions that come straight back."""

    def __init__(self, cluster: FakeCluster, settings: dict[str, Any]) -> None:
        self.cluster = cluster
        self.settings = settings
        self.places: dict[kafka.TopicPartition, int] = {}
        self.paused: set[kafka.TopicPartition] = set()
        self.closed_with: dict[str, object] | None = None
        self.next_assignment: set[kafka.TopicPartition] | None = None
        self.polls_before = 0  # until it is handed over
        self._listener: Any = None

    def subscribe(self, topics: Sequence[str], *, listener: Any) -> None:
        self._listener = listener
        self.next_assignment = {partition for partition in self.cluster.logs if partition.topic in topics}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        self.cluster.fail("partitions_for_topic")
        return {partition.partition for partition in self.cluster.logs if partition.topic == topic} or None

    def rebalance(self, assigned: set[kafka.TopicPartition]) -> None:
        """Divide the group anew, as the library does: behind its owner's back."""
        self.revoke()
        self.places = {partition: self.places.get(partition, self._start(partition)) for partition in assigned}
        self.paused &= assigned
        self._listener.on_partitions_assigned(assigned)

    def revoke(self) -> None:
        self._listener.on_partitions_revoked(set(self.places))

    def _start(self, partition: kafka.TopicPartition) -> int:
        return self.cluster.committed.get(partition, 0)

    def poll(self, timeout_ms: float, max_records: int) -> Mapping[kafka.TopicPartition, Sequence[FakeMessage]]:
        self.cluster.fail("poll")
        if self.next_assignment is not None and self.polls_before == 0:
            self.rebalance(self.next_assignment)
            self.next_assignment = None
        self.polls_before = max(0, self.polls_before - 1)
        polled = {}
        for partition in sorted(self.places):
            log = self.cluster.logs[partition]
            if log and self.places[partition] > log[-1].offset + 1:
                self.places[partition] = log[0].offset  # out of range: the earliest
            found = [message for message in log if message.offset >= self.places[partition]][:max_records]
            if found and partition not in self.paused:
                polled[partition] = found
                self.places[partition] = found[-1].offset + 1
        if not polled:
            self.cluster.clock.advance(timeout_ms / 1000)
        return polled

    def assignment(self) -> set[kafka.TopicPartition]:
        return set(self.places)

    def pause(self, *partitions: kafka.TopicPartition) -> None:
        self.paused.update(partitions)

    def resume(self, *partitions: kafka.TopicPartition) -> None:
        self.paused.difference_update(partitions)

    def seek(self, partition: kafka.TopicPartition, offset: int) -> None:
        if partition not in self.places:
            raise ValueError("Unassigned partition")
        self.places[partition] = offset

    def committed(self, partition: kafka.TopicPartition, *, timeout_ms: int) -> int | None:
        self.cluster.fail("committed")
        return self.cluster.committed.get(partition)

    def beginning_offsets(
        self, partitions: Sequence[kafka.TopicPartition], timeout_ms: int
    ) -> Mapping[kafka.TopicPartition, int]:
        return {partition: self.cluster.logs[partition][0].offset for partition in partitions}

    def end_offsets(
        self, partitions: Sequence[kafka.TopicPartition], timeout_ms: int
    ) -> Mapping[kafka.TopicPartition, int]:
        self.cluster.fail("end_offsets")
        return {partition: self.cluster.end(partition) for partition in partitions}

    def commit(self, offsets: Mapping[kafka.TopicPartition, kafka.OffsetAndMetadata], *, timeout_ms: int) -> None:
        self.cluster.fail("commit")
        self.cluster.committed.update({partition: place.offset for partition, place in offsets.items()})

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:
        self.closed_with = {"autocommit": autocommit}
        self.cluster.fail("close")
