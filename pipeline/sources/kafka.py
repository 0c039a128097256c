"""Topics of a Kafka cluster, read as a member of a consumer group.

What is committed to the group is the ledgers' watermark and nothing else. The client may move partitions between members
at any moment, on a thread of its own; this source only takes note of that there, and acts in its own thread after the
next poll: what was in flight for a moved partition is forgotten, and reading goes on from what is settled. That may repeat
records and never loses any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import structlog

from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.kafka_client import KafkaSecurity, connect, errors, explained, kafka
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Position, Record
from weirlog.pipeline.sources.kafka_consumer import OUTDATED, Consumer, Moves, TopicPartition, polled_joined
from weirlog.pipeline.sources.kafka_partitions import HeldPartitions, KafkaLimits
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

T = TypeVar("T")

LAG_INTERVAL_S = 10.0
"""Between two questions for the ends of the partitions; an idle source learns by it that its brokers are gone."""
SESSION_TIMEOUT_MS = 10_000
"""After so long a killed member's partitions are handed on, most often to itself, restarted. The library's 45 s would
leave attacks unseen for as long; being taken for dead too early costs no more than repeated records."""
REQUEST_TIMEOUT_MS = 5_000
"""For one request that this source waits for, such as a commit."""
LAG_TIMEOUT_MS = 2_000
"""A cluster with one broker down has partitions whose end nobody knows; the others are to be read all the same."""
PLACE_INTERVAL_S = 5.0
"""Between two attempts to find out where to resume in a partition."""


class KafkaSource:
    """Reads topics as one member of a consumer group.

    Args:
        name: unique among the sources.
        brokers: "host:port" each.
        topics: what to read.
        group: the consumer group; its members share the partitions.
        start_at: where a group without committed positions begins.
        security: how to reach the brokers, or None for plain text.
        clock: time.
        metrics: where figures go.
        limits: how much is taken at once.
        settings: further settings of kafka-python.
        make: what makes the consumer, from kafka-python's settings.
    """

    def __init__(
        self,
        name: str,
        *,
        brokers: Sequence[str],
        topics: Sequence[str],
        group: str,
        start_at: Literal["end", "beginning"],
        security: KafkaSecurity | None,
        clock: Clock,
        metrics: Metrics,
        limits: KafkaLimits | None = None,
        settings: Mapping[str, Any] | None = None,
        make: Callable[..., Consumer] = kafka.KafkaConsumer,
    ) -> None:
        self.name = name
        self._brokers = tuple(brokers)
        self._topics = tuple(topics)
        self._group = group
        self._start_at = start_at
        self._security = security or KafkaSecurity()
        self._clock = clock
        self._metrics = metrics
        self._limits = limits or KafkaLimits()
        self._held = HeldPartitions(name, self._limits)
        self._settings = dict(settings or {})
        self._make = make
        self._consumer: Consumer | None = None
        self._moves = Moves()
        # Ours, or being handed over, and not yet sought to its place; with what is known to be settled there.
        self._unplaced: dict[TopicPartition, Position | None] = {}
        self._next_place = 0.0
        self._partitions_at_start: dict[str, int] = {}
        self._paused = False
        self._lag: int | None = None
        self._next_lag = 0.0

    def open(self) -> None:
        self.close()
        self._moves = Moves()
        settings = {
            **self._security.settings(),
            "client_id": f"weirlog-source-{self.name}",
            "group_id": self._group,
            "enable_auto_commit": False,
            "session_timeout_ms": SESSION_TIMEOUT_MS,
            # Only where a committed position no longer exists: what is left of the partition is read, from its start.
            "auto_offset_reset": "earliest",
            # A mistyped topic must not come into being by being asked for.
            "allow_auto_create_topics": False,
            "max_poll_records": self._limits.max_records,
            "fetch_max_bytes": self._limits.fetch_bytes,
            "max_partition_fetch_bytes": min(self._limits.fetch_bytes, 1024**2),
            **self._settings,
        }
        doing = f"source {self.name}: joining group {self._group}"
        self._consumer = consumer = self._asked(doing, lambda: connect(self._make, self._brokers, settings))
        try:
            consumer.subscribe(self._topics, listener=self._moves)
            self._look_for_topics(consumer)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> Sequence[Record]:
        consumer = self._opened
        if self._held.waiting and not self._paused:
            timeout_s = 0.0
        doing = f"source {self.name}: reading {', '.join(self._topics)}"
        if self._held.waiting < self._limits.max_records:
            limit = self._limits.max_records
            polled = self._asked(doing, lambda: polled_joined(consumer, self._moves, self._clock, timeout_s, limit))
            self._forget_moved()
            # Of partitions whose place is not known yet nothing was taken: that comes again.
            for partition in self._held.take(polled, self._clock.monotonic()):
                self._unplaced.setdefault(partition, None)
        if self._unplaced and not self._moves.joining and self._clock.monotonic() >= self._next_place:
            self._place_all(consumer)
        if self._clock.monotonic() >= self._next_lag:
            self._measure_lag(consumer)
        return () if self._paused else self._held.next_chunk()

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._opened.pause(*self._opened.assignment())

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._opened.resume(*self._opened.assignment())

    def commit(self) -> None:
        if self._moves.joining or self._moves.pending:
            return  # the next poll finds out what is still ours
        if positions := self._held.uncommitted:
            self._commit(self._opened, positions)

    def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        self._held.forget(self._held.names)
        self._unplaced.clear()
        self._paused = False
        self._lag = None
        if consumer is None:
            return
        try:
            consumer.close(autocommit=False, timeout_ms=REQUEST_TIMEOUT_MS)
        except errors.KafkaError as error:
            log.warning("leaving the consumer group failed; it notices by itself", source=self.name, reason=str(error))

    @property
    def in_flight(self) -> int:
        return self._held.in_flight

    @property
    def lag(self) -> int | None:
        return self._lag

    # --- asking the client ---

    @property
    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise StopError(f"source {self.name} is used before it is open")
        return self._consumer

    def _asked(self, doing: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except (errors.KafkaError, OSError) as error:
            raise explained(error, doing, self._brokers) from error

    def _look_for_topics(self, consumer: Consumer) -> None:
        doing = f"source {self.name}: looking for {', '.join(self._topics)}"
        counts = {
            topic: len(self._asked(doing, partial(consumer.partitions_for_topic, topic)) or ())
            for topic in self._topics
        }
        missing = [topic for topic, count in counts.items() if not count]
        if len(missing) == len(self._topics):
            raise RetryableError(
                f"source {self.name}: Kafka at {', '.join(self._brokers)} has no topic {', '.join(missing)}; create it, "
                "or correct `topics`"
            )
        if missing:
            log.warning("these topics do not exist; the others are read", source=self.name, topics=missing)
        for topic, count in counts.items():
            self._partitions_at_start.setdefault(topic, count)

    def _commit(self, consumer: Consumer, positions: Mapping[TopicPartition, Position]) -> None:
        # No leader epoch: a watermark is a place in the ledger, whose record's epoch is not kept.
        offsets = {partition: kafka.OffsetAndMetadata(position, "", -1) for partition, position in positions.items()}
        try:
            consumer.commit(offsets, timeout_ms=REQUEST_TIMEOUT_MS)
        except OUTDATED as error:
            log.info("the group has moved on; reading again from what is settled", source=self.name, reason=str(error))
            self._moves.note({*self._held.names, *positions})
            return
        except errors.KafkaError as error:
            raise explained(error, f"source {self.name}: committing to group {self._group}", self._brokers) from error
        self._held.noted(positions)

    def _measure_lag(self, consumer: Consumer) -> None:
        """Ask where the partitions end.

        Raises:
            RetryableError: the brokers do not answer, and nothing else came from them either.
        """
        self._lag = None
        partitions = self._held.names
        try:
            ends = self._asked(
                f"source {self.name}: asking for the ends of {', '.join(self._topics)}",
                lambda: consumer.end_offsets(partitions, LAG_TIMEOUT_MS) if partitions else {},
            )
        except RetryableError:
            if not self._held.waiting:
                raise
        else:
            self._lag = self._held.behind(ends)
        self._next_lag = self._clock.monotonic() + LAG_INTERVAL_S

    # --- rebalances ---

    def _forget_moved(self) -> None:
        """Let go of what is in flight for partitions that moved, also of those that came straight back."""
        moved = self._moves.take()
        if not moved:
            return
        settled = self._held.forget(moved)
        for partition in moved:
            self._unplaced[partition] = settled.get(partition, self._unplaced.get(partition))
        self._next_place = 0.0

    def _place_all(self, consumer: Consumer) -> None:
        """Seek to its place in every partition that was handed over.

        Raises:
            RetryableError: for some it could not be found out; they stay unread, and the next call tries again.
        """
        assigned = consumer.assignment()
        failure: RetryableError | None = None
        for partition in sorted(self._unplaced):
            settled = self._unplaced[partition]
            try:
                if partition in assigned:
                    self._place(consumer, partition, settled)
            except RetryableError as error:
                failure = error
            else:
                del self._unplaced[partition]
        if failure is not None:
            self._next_place = self._clock.monotonic() + PLACE_INTERVAL_S
            if not self._held.waiting:
                raise failure

    def _place(self, consumer: Consumer, partition: TopicPartition, settled: Position | None) -> None:
        name = f"{partition.topic}[{partition.partition}]"
        doing = f"source {self.name}: finding out where to resume in {name}"
        committed = self._asked(doing, lambda: consumer.committed(partition, timeout_ms=REQUEST_TIMEOUT_MS))
        if committed is None and settled is None:
            start = self._asked(doing, lambda: self._first_position(consumer, partition))
            # At once: after a crash before the first commit, "the end" would be a later one, and the gap be lost.
            self._commit(consumer, {partition: start})
            committed = start
        # What this member has settled is settled, whether or not it came to committing it.
        start = max(position for position in (committed, settled) if position is not None)
        try:
            consumer.seek(partition, start)
            if self._paused:
                consumer.pause(partition)
        except ValueError:
            return  # it was taken away meanwhile, and the listener has noted that
        self._held.hold(partition, start, committed)
        log.info("reading", source=self.name, topic=partition.topic, partition=partition.partition, position=start)

    def _first_position(self, consumer: Consumer, partition: TopicPartition) -> Position:
        # A partition that was added while this source runs is new, and read from its beginning.
        is_new = partition.partition >= self._partitions_at_start.get(partition.topic, 0)
        ask = consumer.beginning_offsets if is_new or self._start_at == "beginning" else consumer.end_offsets
        return ask([partition], REQUEST_TIMEOUT_MS)[partition]
