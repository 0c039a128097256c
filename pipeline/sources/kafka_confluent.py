"""librdkafka behind the calls, types and errors that the Kafka source knows of kafka-python: `client: confluent`.

confluent-kafka is no dependency of weirlog and is imported when a consumer is made. What differs from kafka-python stays
within this file: callbacks run inside poll, in the source's own thread; a partition is not fetched before it has been
sought; a partition that is paused loses what was fetched of it.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog

from weirlog.pipeline.errors import StopError
from weirlog.pipeline.kafka_client import HOPELESS, REFUSALS, KafkaSecurity, errors, kafka
from weirlog.pipeline.kafka_log import QUIET_S
from weirlog.pipeline.sources.kafka_consumer import TopicPartition
from weirlog.pipeline.timing import Clock, Deadline

log = structlog.get_logger(__name__)

T = TypeVar("T")

SOCKET_TIMEOUT_MS = 10_000
"""Of one request; the library's 60 s would outlast the deadline of a stop."""
QUEUE_BACKOFF_MS = 50
"""How long fetching rests when enough is fetched. In the library's 1,000 ms a source would read its queue empty."""
METADATA_TIMEOUT_S = 1.0
"""Of one question for a topic; between two of them the reasons of failures are heard."""
RESTING_S = 1.0
"""A pause this short only asks for nothing: a real one throws away what is fetched, and fetching takes up to a second to
begin again after it (measured with librdkafka 2.16)."""
PLACING_S = 10.0
"""From when on a partition that cannot be sought is told."""
COORDINATOR_TIMEOUT_S = 2.0
"""After a failed commit, how long the coordinator may take to show that it is there before another one is tried."""
LATEST, EARLIEST = -1, -2
"""Kafka's names, as times, of a partition's end and of its beginning."""

_SETTINGS = {
    "client_id": "client.id",
    "group_id": "group.id",
    "enable_auto_commit": "enable.auto.commit",
    "session_timeout_ms": "session.timeout.ms",
    "heartbeat_interval_ms": "heartbeat.interval.ms",
    "max_poll_interval_ms": "max.poll.interval.ms",
    "auto_offset_reset": "auto.offset.reset",
    "allow_auto_create_topics": "allow.auto.create.topics",
    "fetch_max_bytes": "fetch.max.bytes",
    "max_partition_fetch_bytes": "max.partition.fetch.bytes",
    "reconnect_backoff_max_ms": "reconnect.backoff.max.ms",
}
"""kafka-python's names and librdkafka's."""
_OTHERWISE = {
    *("bootstrap_servers", "bootstrap_timeout_ms"),  # read here
    *(
        "security_protocol",
        "sasl_mechanism",
        "sasl_plain_username",
        "sasl_plain_password",
        "ssl_context",
    ),  # KafkaSecurity
    *("max_poll_records", "kafka_client", "api_version"),  # given with each poll, or meaningless here
}

_LOCAL_ERRORS = {
    "_AUTHENTICATION": errors.SaslAuthenticationFailedError,
    "_TRANSPORT": errors.KafkaConnectionError,
    "_RESOLVE": errors.KafkaConnectionError,
    "_SSL": errors.KafkaConnectionError,
    "_ALL_BROKERS_DOWN": errors.KafkaConnectionError,
    "_TIMED_OUT": errors.KafkaTimeoutError,
    "_TIMED_OUT_QUEUE": errors.KafkaTimeoutError,
    "_WAIT_COORD": errors.KafkaTimeoutError,
    "_UNKNOWN_TOPIC": errors.UnknownTopicOrPartitionError,
    "_UNKNOWN_PARTITION": errors.UnknownTopicOrPartitionError,
    "_ASSIGNMENT_LOST": errors.CommitFailedError,
    "_FENCED": errors.CommitFailedError,
    "_INVALID_ARG": errors.KafkaConfigurationError,
    "_UNSUPPORTED_FEATURE": errors.KafkaConfigurationError,
    # After it a client does nothing any more; a new process may.
    "_FATAL": errors.KafkaConfigurationError,
}
"""librdkafka's own errors by name; those of the brokers have Kafka's numbers."""


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


def library() -> Any:
    """Return the package confluent_kafka.

    Raises:
        StopError: it is not installed, or cannot be loaded.
    """
    try:
        import confluent_kafka  # noqa: PLC0415 - not a dependency
    except ImportError as error:
        raise StopError(
            f"`client: confluent` needs the package confluent-kafka, which cannot be loaded ({error}); install it by "
            "`pip install 'weirlog[confluent]'`, or use `client: kafka-python`"
        ) from error
    return confluent_kafka


def translated_settings(settings: Mapping[str, Any], security: KafkaSecurity) -> dict[str, Any]:
    """Return librdkafka's settings for kafka-python's.

    Raises:
        KafkaConfigurationError: one of them has no counterpart here.
    """
    unknown = sorted(settings.keys() - _SETTINGS.keys() - _OTHERWISE)
    if unknown:
        raise errors.KafkaConfigurationError(f"the client confluent does not know the settings {', '.join(unknown)}")
    fetch_bytes = settings["fetch_max_bytes"]
    return {
        "bootstrap.servers": ",".join(settings["bootstrap_servers"]),
        # The assignors and the isolation of kafka-python: members of both kinds may share a group and read the same.
        "partition.assignment.strategy": "range,roundrobin",
        "isolation.level": "read_uncommitted",
        "enable.auto.offset.store": False,
        "socket.timeout.ms": SOCKET_TIMEOUT_MS,
        "socket.keepalive.enable": True,
        # Beside one answer of each broker this is all that is held ahead of the source.
        "queued.max.messages.kbytes": max(1, fetch_bytes // 1024),
        "fetch.queue.backoff.ms": QUEUE_BACKOFF_MS,
        "log_level": 4,
        **_translated_security(security),
        **{name: settings[known] for known, name in _SETTINGS.items() if known in settings},
    }


def _translated_security(security: KafkaSecurity) -> dict[str, Any]:
    found: dict[str, Any] = {"security.protocol": security.protocol}
    sasl = security.protocol.startswith("SASL_")
    if sasl:
        found |= {
            "sasl.mechanism": security.mechanism,
            "sasl.username": security.username,
            "sasl.password": security.password,
        }
    if security.protocol.endswith("SSL"):
        # The wheel brings an OpenSSL of its own, which does not know where this system keeps its authorities.
        system = ssl.get_default_verify_paths()
        authorities = security.ca_file or system.cafile or system.capath
        found |= {
            "enable.ssl.certificate.verification": True,
            "ssl.endpoint.identification.algorithm": "https",
            **({"ssl.ca.location": authorities} if authorities else {}),
        }
        if security.cert_file is not None:
            found |= {"ssl.certificate.location": security.cert_file, "ssl.key.location": security.key_file}
            # Without SASL the password is the key's.
            found |= {"ssl.key.password": security.password} if security.password and not sasl else {}
    return found


def translated_error(error: Any) -> Exception:
    """Return kafka-python's error for a confluent_kafka.KafkaError."""
    name, code = error.name(), error.code()
    text = f"{name}: {error.str()}"
    if error.fatal():
        name = "_FATAL"
    kind = errors.for_code(code) if code > 0 else _LOCAL_ERRORS.get(name, errors.KafkaError)
    found: Exception = kind(text)
    return found


class ConfluentConsumer:
    """A confluent_kafka.Consumer as the Kafka source sees one. Everything happens in the thread that uses it.

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
        self._commit_failed = False
        configuration = translated_settings(settings, security) | {"error_cb": self._complaints.hear}
        try:
            self._consumer = library.Consumer(configuration, logger=self._complaints)
        except (library.KafkaException, ValueError, TypeError) as error:
            raise errors.KafkaConfigurationError(f"librdkafka refuses its settings: {error}") from error

    def subscribe(self, topics: Sequence[str], *, listener: kafka.ConsumerRebalanceListener) -> None:
        self._asked(
            self._consumer.subscribe,
            list(topics),
            on_assign=partial(self._on_assign, listener),
            on_revoke=partial(self._on_taken, listener.on_partitions_revoked),
            on_lost=partial(self._on_taken, listener.on_partitions_lost),
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
        messages: list[Any] = []
        try:
            # Only `poll` returns with the first message that comes; `consume` would wait for all of them.
            first = self._consumer.poll(timeout_ms / 1000)
            if first is not None:
                messages.append(first)
                messages += self._consumer.consume(max_records - 1, 0)
        except self._library.KafkaException as error:
            self._failure = translated_error(error.args[0])
        return self._by_partition(messages)

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

    def committed(self, partition: TopicPartition, *, timeout_ms: int) -> int | None:
        asked = self._named([partition])
        (found,) = self._answers(self._asked(self._consumer.committed, asked, timeout=timeout_ms / 1000))
        return found.offset if found.offset >= 0 else None

    def beginning_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._offsets(partitions, EARLIEST, timeout_ms)

    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._offsets(partitions, LATEST, timeout_ms)

    def commit(self, offsets: Mapping[TopicPartition, kafka.OffsetAndMetadata], *, timeout_ms: int) -> None:  # noqa: ARG002 - see below
        """Commit. Blocks until the coordinator has answered.

        A commit has no time limit but librdkafka's own: a session timeout to find a coordinator, SOCKET_TIMEOUT_MS for its
        answer. So that not every second is spent on that while there is none, a commit after a failed one first asks
        something that has a limit.
        """
        if self._commit_failed:
            self.committed(next(iter(offsets)), timeout_ms=int(1000 * COORDINATOR_TIMEOUT_S))
        self._commit_failed = True
        asked = [
            self._library.TopicPartition(partition.topic, partition.partition, place.offset)
            for partition, place in offsets.items()
        ]
        self._answers(self._asked(self._consumer.commit, offsets=asked, asynchronous=False))
        self._commit_failed = False

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:  # noqa: ARG002 - nothing is stored, so nothing is committed
        """Leave the group and let go of everything. Blocks for the time limit of librdkafka's own, 5 s."""
        self._asked(self._consumer.close)

    # --- rebalances; called by librdkafka inside poll and close, where whatever is raised would cost messages ---

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

    def _let_go(self, partitions: set[TopicPartition]) -> None:
        for held in (self._assigned, self._placed, self._flowing, self._paused):
            held -= partitions
        self._places = {partition: place for partition, place in self._places.items() if partition not in partitions}

    # --- asking librdkafka ---

    def _set_going(self) -> None:
        """Seek where that is still to be done, and fetch exactly what is sought and not paused."""
        going = self._placed - self._paused
        if stopping := self._flowing - going:
            self._asked(self._consumer.pause, self._named(stopping))
            self._flowing -= stopping
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

    def _by_partition(self, messages: Iterable[Any]) -> dict[TopicPartition, list[FetchedMessage]]:
        found: dict[tuple[str, int], list[FetchedMessage]] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                self._complaints.hear(error)
                failure = translated_error(error)
                # librdkafka goes on by itself after all others, such as a topic that does not exist.
                self._failure = failure if isinstance(failure, HOPELESS) else self._failure
                continue
            partition = message.topic(), message.partition()
            found.setdefault(partition, []).append(FetchedMessage(message.offset(), message.value()))
        return {TopicPartition(*partition): fetched for partition, fetched in found.items()}

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


class Complaints:
    """What librdkafka reports: kept for the true reason of a failure, and from flooding the log.

    Args:
        client_id: the client's name.
        clock: time.
    """

    def __init__(self, client_id: str, clock: Clock) -> None:
        self.reason: Exception | None = None
        """The last error that was heard since `forget`; a refusal stays."""
        self._client_id = client_id
        self._clock = clock
        self._told_at: dict[str, float] = {}  # one entry for each kind of complaint that librdkafka knows

    def forget(self) -> None:
        self.reason = None

    def hear(self, error: Any) -> None:
        """Take note of an error; librdkafka itself goes on."""
        heard = translated_error(error)
        # That all are away is no reason, only a count.
        if error.name() != "_ALL_BROKERS_DOWN" and not isinstance(self.reason, REFUSALS):
            self.reason = heard
        self._tell(error.name(), error.str())

    def log(self, level: int, _pattern: str, kind: str, _client: str, text: str) -> None:
        """Take a line of librdkafka's log, as its logger."""
        if level >= logging.WARNING:
            self._tell(kind, text)

    def _tell(self, kind: str, text: str) -> None:
        now = self._clock.monotonic()
        if now - self._told_at.get(kind, -QUIET_S) >= QUIET_S:
            self._told_at[kind] = now
            log.warning("the Kafka client complains", client=self._client_id, kind=kind, reason=text)
