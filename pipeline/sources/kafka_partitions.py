"""The partitions that a member of a consumer group reads: a ledger each, and what came of them and waits to be handed on.

Nothing here speaks with a broker. What is held belongs to the source's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Position, Record
from weirlog.pipeline.sources.kafka_consumer import Message, TopicPartition

log = structlog.get_logger(__name__)

FLAWED_KEPT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class KafkaLimits:
    """How much a Kafka source takes at once.

    Attributes:
        max_records: of one chunk.
        max_bytes: of one chunk; a single longer message still passes.
        max_message_bytes: longer messages are flawed records.
        fetch_bytes: of one answer of a broker, as it is on the wire: the client holds one or two for each broker.
    """

    max_records: int = 500
    max_bytes: int = 4 * 1024**2
    max_message_bytes: int = 1024**2
    fetch_bytes: int = 8 * 1024**2


@dataclass(slots=True)
class _Held:
    """One partition that this member reads.

    Attributes:
        ledger: its records in flight.
        next: position after the last record that was read.
        committed: what the group knows.
    """

    ledger: Ledger
    next: Position
    committed: Position


class HeldPartitions:
    """Those of one source.

    Args:
        source: its name.
        limits: how much is taken at once.
    """

    def __init__(self, source: str, limits: KafkaLimits) -> None:
        self._source = source
        self._limits = limits
        self._held: dict[TopicPartition, _Held] = {}
        self._waiting: deque[tuple[TopicPartition, Record]] = deque()

    def hold(self, partition: TopicPartition, start: Position, committed: Position | None) -> None:
        """Read a partition from `start` on; `committed` is what the group knows of it, or None."""
        ledger = Ledger(Partition(self._source, "kafka", partition.topic, str(partition.partition)), start)
        self._held[partition] = _Held(ledger, start, -1 if committed is None else committed)

    def forget(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """Make stale whatever is in flight for `partitions`; return the watermarks of those that were read."""
        watermarks = {}
        for partition in self._held.keys() & partitions:
            ledger = self._held.pop(partition).ledger
            watermarks[partition] = watermark = ledger.watermark
            ledger.reset(watermark)
        self._waiting = deque(item for item in self._waiting if item[0] not in partitions)
        return watermarks

    def take(self, polled: Mapping[TopicPartition, Sequence[Message]], now: float) -> list[TopicPartition]:
        """Open receipts for what came, except of partitions that are not held; return those.

        Args:
            polled: messages, in order in each partition.
            now: `Clock.monotonic()`.
        """
        strangers = []
        for partition, messages in polled.items():
            held = self._held.get(partition)
            if held is None:
                strangers.append(partition)
                continue
            for message in messages:
                if message.offset < held.next:
                    self._rewind(partition, held, message.offset)
                held.next = message.offset + 1
                receipt = held.ledger.open(held.next)
                if message.value is None:  # a deletion in a compacted topic is no request
                    held.ledger.settle(receipt)
                    continue
                flaw = None
                payload = message.value
                if len(payload) > self._limits.max_message_bytes:
                    flaw = f"message of {len(payload)} bytes is longer than {self._limits.max_message_bytes}"
                    payload = payload[:FLAWED_KEPT_BYTES]
                self._waiting.append((partition, Record(payload, receipt, now, flaw)))
        return strangers

    def next_chunk(self) -> list[Record]:
        """Return the next of the records that wait, within the limits; they wait no more."""
        chunk: list[Record] = []
        size = 0
        while self._waiting and len(chunk) < self._limits.max_records:
            size += len(self._waiting[0][1].payload)
            if chunk and size > self._limits.max_bytes:
                break
            chunk.append(self._waiting.popleft()[1])
        return chunk

    def noted(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Say that the group knows these positions, also of partitions that are not held."""
        for partition, position in positions.items():
            if partition in self._held:
                self._held[partition].committed = position

    def behind(self, ends: Mapping[TopicPartition, Position]) -> int:
        """Return how many messages are there and not yet read, of partitions that are held and end so."""
        return sum(max(0, end - self._held[partition].next) for partition, end in ends.items())

    @property
    def names(self) -> list[TopicPartition]:
        """All that are held."""
        return list(self._held)

    @property
    def uncommitted(self) -> dict[TopicPartition, Position]:
        """The watermarks that the group does not know yet."""
        return {
            partition: held.ledger.watermark
            for partition, held in self._held.items()
            if held.ledger.watermark != held.committed
        }

    @property
    def waiting(self) -> int:
        """Records that came and were not handed on."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        return sum(held.ledger.in_flight for held in self._held.values())

    def _rewind(self, partition: TopicPartition, held: _Held, offset: int) -> None:
        """Go on from an earlier place: the topic was made anew, or the place it was read from is gone."""
        log.warning(
            "a partition begins anew; reading it from there",
            source=self._source,
            topic=partition.topic,
            partition=partition.partition,
            position=offset,
            formerly=held.next,
        )
        held.ledger.reset(offset)
        self._waiting = deque(item for item in self._waiting if item[0] != partition)
