"""What the Kafka source sees of its client: the calls it makes, and the moves of partitions that it is told of."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from weirlog.pipeline.kafka_client import errors, kafka
from weirlog.pipeline.timing import Clock

TopicPartition: TypeAlias = kafka.TopicPartition

OUTDATED = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
)
"""The group has moved on without this member: its partitions are somebody else's, or will be handed out anew."""


JOIN_S = 4.0
"""How long one poll goes on while the group is being divided anew: the others hear of it at their next heartbeat, within 3 s."""
JOIN_POLL_S = 0.1


class Message(Protocol):
    """What is used of a message."""

    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Consumer(Protocol):
    """What is used of kafka.KafkaConsumer."""

    def subscribe(self, topics: Sequence[str], *, listener: kafka.ConsumerRebalanceListener) -> None: ...
    def partitions_for_topic(self, topic: str) -> set[int] | None: ...
    def poll(self, timeout_ms: float, max_records: int) -> Mapping[TopicPartition, Sequence[Message]]: ...
    def assignment(self) -> set[TopicPartition]: ...
    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...
    def seek(self, partition: TopicPartition, offset: int) -> None: ...
    def committed(self, partition: TopicPartition, *, timeout_ms: int) -> int | None: ...
    def beginning_offsets(
        self, partitions: Sequence[TopicPartition], timeout_ms: int
    ) -> Mapping[TopicPartition, int]: ...
    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]: ...
    def commit(self, offsets: Mapping[TopicPartition, kafka.OffsetAndMetadata], *, timeout_ms: int) -> None: ...
    def close(self, *, autocommit: bool, timeout_ms: int) -> None: ...


class Moves(kafka.ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Takes note of partitions that were taken away or handed over. The client calls it on its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moved: set[TopicPartition] = set()
        self.joining = True
        """Whether the group is being divided anew. Until that is over the coordinator answers nothing else."""

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.joining = True
        self.note(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.note(assigned)
        self.joining = False

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self.joining = True
        self.note(lost)

    def note(self, partitions: Iterable[TopicPartition]) -> None:
        with self._lock:
            self._moved.update(partitions)

    def take(self) -> set[TopicPartition]:
        """Return the partitions that moved since the last call."""
        with self._lock:
            moved, self._moved = self._moved, set()
            return moved

    @property
    def pending(self) -> bool:
        with self._lock:
            return bool(self._moved)


def polled_joined(
    consumer: Consumer, moves: Moves, clock: Clock, timeout_s: float, max_records: int
) -> Mapping[TopicPartition, Sequence[Message]]:
    """Poll once; while the group is being divided anew, go on with it for up to JOIN_S.

    kafka-python 3.0 forgets a membership that came about between two polls and asks for another one, for which the group
    is divided once more: a member that is held back, and polls in passing, would never let it settle.
    """
    until = clock.monotonic() + JOIN_S
    while True:
        polled = consumer.poll(1000 * timeout_s, max_records)
        if polled or not moves.joining or clock.monotonic() >= until:
            return polled
        timeout_s = max(timeout_s, JOIN_POLL_S)
