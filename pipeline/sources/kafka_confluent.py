"""librdkafka behind the calls, types and errors that the Kafka source knows of kafka-python: `client: confluent`.

confluent-kafka is no dependency of weirlog and is imported when a consumer is made. What differs from kafka-python stays
within this file: callbacks run inside poll, in the source's own thread; a partition is not fetched before it has been
sought; a partition that is paused loses what librdkafka has fetched of it.

No call waits for the brokers longer than its caller says; what librdkafka itself puts no limit to is in `pipeline.librdkafka`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from weirlog.pipeline.kafka_client import HOPELESS, KafkaSecurity, errors, kafka
from weirlog.pipeline.librdkafka import (
    Commits,
    Complaints,
    close_within,
    library,
    translated_error,
    translated_settings,
)
from weirlog.pipeline.sources.kafka_consumer import TopicPartition
from weirlog.pipeline.timing import Clock, Deadline

T = TypeVar("T")

METADATA_TIMEOUT_S = 1.0
"""Of one question for a topic; between two of them the reasons of failures are heard."""
IDLE_INTERVAL_S = 10.0
"""Between two such questions of a member without partitions. One that cannot reach its brokers soon has none, and would
learn of nothing."""
RESTING_S = 1.0
"""A pause this short only asks for nothing: a real one throws away what is fetched, and fetching takes up to a second to
begin again after it (measured with librdkafka 2.16)."""
PLACING_S = 10.0
"""From when on a partition that cannot be sought is told."""
LATEST, EARLIEST = -1, -2
"""Kafka's names, as times, of a partition's end and of its beginning."""


class FetchedMessage(NamedTuple):
    """What the source uses of a message."""

    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class ConfluentConsumers:
    """Makes consumers for a Kafka source: give it as `make`.

    Args:
        security: how to reach the brokers, as the source knows it.
        clock: time.
    """

    security: KafkaSecurity | None
    clock: Clock

    def __call__(self, **settings: Any) -> ConfluentConsumer:
        """Return a consumer. It connects later: `partitions_for_topic` waits for that.

        Args:
            settings: as of kafka-python.

        Raises:
            StopError: confluent-kafka is not installed.
            KafkaConfigurationError: a setting is unknown or librdkafka refuses its value.
        """
        return ConfluentConsumer(library(), settings, self.security or KafkaSecurity(), self.clock)


class ConfluentConsumer:
    """A confluent_kafka.Consumer as the Kafka source sees one. All but closing happens in the thread that uses it.

    Args:
        library: the package confluent_kafka.
        settings: as of kafka-python.
        security: how to reach the brokers.
        clock: time.

    Raises:
        KafkaConfigurationError: a setting is unknown or librdkafka refuses its value.
    """

    def __init__(self, library: Any, settings: Mapping[str, Any], security: KafkaSecurity, clock: Clock) -> None:
        self._library = library
        self._clock = clock
        self._never = threading.Event()
        self._bootstrap_s = settings["bootstrap_timeout_ms"] / 1000
        self._complaints = Complaints(str(settings["client_id"]), clock)
        # Of the partitions that are ours: where those stand that are still to be sought, those that were, and of these
        # the ones that librdkafka fetches; and of all the ones that the source has paused.
        self._assigned: set[TopicPartition] = set()
        self._places: dict[TopicPartition, int] = {}
        self._placed: set[TopicPartition] = set()
        self._flowing: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._rest = Deadline(clock, 0.0)
        self._placing = Deadline(clock, PLACING_S)
        self._failure: Exception | None = None  # to be raised by the next poll, since this one has messages
        # What came and was not handed out: of a paused partition, or while a commit was waited for. Only of partitions
        # that are where they were sought to, and about `_most_fetched` at most.
        self._fetched: dict[tuple[str, int], list[FetchedMessage]] = {}
        self._most_fetched: int = settings["max_poll_records"]
        self._commits = Commits(clock, self._serve)
        self._topics: Sequence[str] = ()
        self._idle = Deadline(clock, IDLE_INTERVAL_S)
        callbacks = {"error_cb": self._complaints.hear, "on_commit": self._commits.hear}
        configuration = translated_settings(settings, security) | callbacks
        try:
            self._consumer = library.Consumer(configuration, logger=self._complaints)
        except (library.KafkaException, ValueError, TypeError) as error:
            raise errors.KafkaConfigurationError(f"librdkafka refuses its settings: {error}") from error

    def subscribe(self, topics: Sequence[str], *, listener: kafka.ConsumerRebalanceListener) -> None:
        self._topics = tuple(topics)
        self._asked(
            self._consumer.subscribe,
            list(topics),
            on_assign=partial(self._on_assign, listener),
            on_revoke=partial(self._on_taken, listener.on_partitions_revoked),
            on_lost=partial(self._on_lost, listener),
        )

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Return the partitions of a topic, or None when there is none. Blocks until a broker has said so.

        Raises:
            KafkaError: none has, for as long as a first connection may take; a refusal outranks other reasons.
        """
        deadline = Deadline(self._clock, self._bootstrap_s)
        self._complaints.forget()
        while True:
            try:
                described = self._consumer.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics[topic]
                break
            except self._library.KafkaException as error:
                # Callbacks run here; a message would be one of a partition that is not sought yet, and come again.
                self._consumer.poll(0)
                if deadline.passed:
                    raise (self._complaints.reason or translated_error(error.args[0])) from error
                self._clock.wait(self._never, 0.1)
        failure = translated_error(described.error) if described.error is not None else None
        if isinstance(failure, HOPELESS):
            raise failure
        return set(described.partitions) or None

    def poll(self, timeout_ms: float, max_records: int) -> Mapping[TopicPartition, Sequence[FetchedMessage]]:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self._flowing and self._flowing <= self._paused and not self._places and not self._rest.passed:
            self._clock.wait(self._never, timeout_ms / 1000)
            return {}
        self._set_going()
        ready = sum(len(messages) for partition, messages in self._fetched.items() if partition not in self._paused)
        if ready < max_records:
            self._fetch(0.0 if ready else timeout_ms / 1000, max_records - ready)
        if not self._assigned and self._idle.passed:
            self._asked(self._consumer.list_topics, self._topics[0], timeout=METADATA_TIMEOUT_S)
        if self._assigned or self._idle.passed:
            self._idle = Deadline(self._clock, IDLE_INTERVAL_S)
        going = [partition for partition in self._fetched if partition not in self._paused]
        return {TopicPartition(*partition): self._fetched.pop(partition) for partition in going}

    def assignment(self) -> set[TopicPartition]:
        return set(self._assigned)

    def pause(self, *partitions: TopicPartition) -> None:
        if not self._paused:
            self._rest = Deadline(self._clock, RESTING_S)
        self._paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused.difference_update(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from `offset`, with the next poll; until librdkafka has done so nothing comes of the partition.

        Raises:
            ValueError: the partition is not this member's.
        """
        if partition not in self._assigned:
            raise ValueError(f"{partition} is not assigned")
        if not self._places:
            self._placing = Deadline(self._clock, PLACING_S)
        self._places[partition] = offset
        self._placed.discard(partition)
        self._fetched.pop(partition, None)

    def committed(self, partition: TopicPartition, *, timeout_ms: int) -> int | None:
        asked = self._named([partition])
        (found,) = self._answers(self._asked(self._consumer.committed, asked, timeout=timeout_ms / 1000))
        return found.offset if found.offset >= 0 else None

    def beginning_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._offsets(partitions, EARLIEST, timeout_ms)

    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._offsets(partitions, LATEST, timeout_ms)

    def commit(self, offsets: Mapping[TopicPartition, kafka.OffsetAndMetadata], *, timeout_ms: int) -> None:
        """Commit. Blocks until the coordinator has answered; what comes meanwhile is for the next `poll`.

        Raises:
            KafkaTimeoutError: it has not, or not even to the commit before. It may still carry that one out, which is
                harmless: positions only grow.
            KafkaError: it has refused.
        """
        asked = [
            self._library.TopicPartition(partition.topic, partition.partition, place.offset)
            for partition, place in offsets.items()
        ]
        commit = partial(self._asked, self._consumer.commit, offsets=asked, asynchronous=True)
        self._commits.ask(commit, timeout_ms / 1000)

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:  # noqa: ARG002 - nothing is stored, so nothing is committed
        """Leave the group and let go of everything.

        Raises:
            KafkaTimeoutError: there was no time for it. librdkafka goes on with that in a thread of its own.
        """
        close_within(timeout_ms / 1000, partial(self._asked, self._consumer.close))

    # --- callbacks; called by librdkafka inside poll and close, where whatever is raised would cost messages ---

    def _on_assign(self, listener: kafka.ConsumerRebalanceListener, consumer: Any, assigned: Iterable[Any]) -> None:
        partitions = {TopicPartition(one.topic, one.partition) for one in assigned}
        try:
            # Any place will do, to be left by a seek: without one librdkafka would first ask for the committed place,
            # and refuse to seek until that was known.
            consumer.assign(self._named(partitions, 0))
            consumer.pause(self._named(partitions))
        except self._library.KafkaException as error:
            self._failure = translated_error(error.args[0])
        self._let_go(set(self._assigned))
        self._assigned = set(partitions)
        listener.on_partitions_assigned(partitions)

    def _on_taken(
        self, told: Callable[[Iterable[TopicPartition]], None], _consumer: object, taken: Iterable[Any]
    ) -> None:
        partitions = {TopicPartition(one.topic, one.partition) for one in taken}
        self._let_go(partitions)
        told(partitions)

    def _on_lost(self, listener: kafka.ConsumerRebalanceListener, consumer: object, lost: Iterable[Any]) -> None:
        self._on_taken(listener.on_partitions_lost, consumer, lost)
        self._idle = Deadline(self._clock, 0.0)  # most often the brokers are gone: to be known at once

    def _let_go(self, partitions: set[TopicPartition]) -> None:
        for held in (self._assigned, self._placed, self._flowing, self._paused):
            held -= partitions
        for partition in self._fetched.keys() & partitions:
            del self._fetched[partition]
        self._places = {partition: place for partition, place in self._places.items() if partition not in partitions}

    # --- asking librdkafka ---

    def _set_going(self) -> None:
        """Seek where that is still to be done, and fetch exactly what is sought and not paused."""
        self._stop(self._flowing - (self._placed - self._paused))
        for partition, offset in sorted(self._places.items()):
            try:
                self._asked(self._consumer.seek, *self._named([partition], offset))
            except errors.KafkaError as error:
                # Most often it is not fetched yet, since partitions that were taken away are still being let go.
                if self._placing.passed:
                    self._failure = error
                continue
            del self._places[partition]
            self._placed.add(partition)
        if starting := self._placed - self._paused - self._flowing:
            self._asked(self._consumer.resume, self._named(starting))
            self._flowing |= starting

    def _stop(self, partitions: set[TopicPartition]) -> None:
        if partitions:
            self._asked(self._consumer.pause, self._named(partitions))
            self._flowing = self._flowing - partitions

    def _serve(self) -> None:
        """Let callbacks run, of which librdkafka has none run without taking a message, too."""
        if sum(map(len, self._fetched.values())) >= self._most_fetched:
            self._stop(self._flowing)
        self._fetch(0.0, 1)

    def _fetch(self, timeout_s: float, count: int) -> None:
        """Take up to `count` messages, and let callbacks run. A failure is for the next `poll`: it costs no message."""
        messages: list[Any] = []
        try:
            # Only `poll` returns with the first message that comes; `consume` would wait for all of them.
            first = self._consumer.poll(timeout_s)
            if first is not None:
                messages.append(first)
                if count > 1:
                    messages += self._consumer.consume(count - 1, 0)
        except self._library.KafkaException as error:
            self._failure = translated_error(error.args[0])
        for message in messages:
            complaint = message.error()
            if complaint is not None:
                self._complaints.hear(complaint)
                failure = translated_error(complaint)
                # librdkafka goes on by itself after all others, such as a topic that does not exist.
                self._failure = failure if isinstance(failure, HOPELESS) else self._failure
                continue
            partition = message.topic(), message.partition()
            # What still flows of a partition that is to be sought is from before that.
            if partition in self._placed:
                self._fetched.setdefault(partition, []).append(FetchedMessage(message.offset(), message.value()))

    def _offsets(
        self, partitions: Sequence[TopicPartition], time: int, timeout_ms: int
    ) -> Mapping[TopicPartition, int]:
        asked = self._named(partitions, time)
        found = self._answers(self._asked(self._consumer.offsets_for_times, asked, timeout=timeout_ms / 1000))
        return {TopicPartition(one.topic, one.partition): one.offset for one in found}

    def _asked(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        try:
            return question(*arguments, **named)
        except self._library.KafkaException as error:
            raise translated_error(error.args[0]) from error

    def _answers(self, answers: Sequence[Any]) -> Sequence[Any]:
        for answer in answers:
            if answer.error is not None:
                raise translated_error(answer.error)
        return answers

    def _named(self, partitions: Iterable[TopicPartition], *place: int) -> list[Any]:
        return [self._library.TopicPartition(one.topic, one.partition, *place) for one in partitions]
