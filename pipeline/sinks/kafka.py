"""Alerts into a topic of a Kafka cluster: the alert's id is the key, its document the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import PermanentError, PipelineError, RetryableError
from weirlog.pipeline.kafka_client import KafkaSecurity, connect, errors, explained, kafka
from weirlog.pipeline.timing import Clock, Deadline, SystemClock

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S = 2.0
REFUSED_FOR_EVER = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTopicError,
    errors.InvalidRecordError,
)
"""What no later attempt changes."""


class Pending(Protocol):
    """What is used of kafka-python's future of one message."""

    def get(self, timeout: float) -> object: ...


class Producer(Protocol):
    """What is used of kafka.KafkaProducer."""

    def send(self, topic: str, *, key: bytes, value: bytes) -> Pending: ...
    def close(self, timeout: float) -> None: ...


class KafkaSink:
    """Writes to one topic, acknowledged by every replica in sync, without duplicates within one connection.

    Args:
        name: unique among the sinks.
        brokers: "host:port" each.
        topic: where to.
        security: how to reach the brokers, or None for plain text.
        timeout_s: the most that one `deliver` blocks, connecting included.
        clock: time.
        settings: further settings of kafka-python.
        make: what makes the producer, from kafka-python's settings.
    """

    max_alerts = 256

    def __init__(
        self,
        name: str,
        *,
        brokers: Sequence[str],
        topic: str,
        security: KafkaSecurity | None,
        timeout_s: float = 30.0,
        clock: Clock | None = None,
        settings: dict[str, Any] | None = None,
        make: Callable[..., Producer] = kafka.KafkaProducer,
    ) -> None:
        self.name = name
        self._brokers = tuple(brokers)
        self._topic = topic
        self._security = security or KafkaSecurity()
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._settings = settings or {}
        self._make = make
        self._producer: Producer | None = None

    def deliver(self, alerts: Sequence[Alert]) -> None:
        deadline = Deadline(self._clock, self._timeout_s)
        try:
            producer = self._connected()
            pending = [producer.send(self._topic, key=alert.id.encode(), value=alert.body) for alert in alerts]
        except (errors.KafkaError, OSError, ValueError) as error:
            raise self._failed(error) from error
        failures: list[Exception] = []
        for answer in pending:
            try:
                answer.get(timeout=deadline.remaining_s)
            except errors.KafkaError as error:
                failures.append(error)
        if failures:
            # Any one that may pass later makes the whole worth another try.
            worst = next((error for error in failures if not isinstance(error, REFUSED_FOR_EVER)), failures[0])
            raise self._failed(worst) from worst

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(CLOSE_TIMEOUT_S)
        except errors.KafkaError as error:
            log.warning("closing the connection to Kafka failed", sink=self.name, reason=str(error))

    def _connected(self) -> Producer:
        if self._producer is None:
            third_ms = int(self._timeout_s * 1000 / 3)
            settings = {
                **self._security.settings(),
                "client_id": f"weirlog-sink-{self.name}",
                "acks": "all",
                "enable_idempotence": True,
                "bootstrap_timeout_ms": third_ms,
                "max_block_ms": third_ms,  # for the metadata of the topic
                # What is not acknowledged by then is dropped by the client, so that nothing piles up in it.
                "delivery_timeout_ms": third_ms,
                "request_timeout_ms": max(1000, third_ms // 2),
                **self._settings,
            }
            self._producer = connect(self._make, self._brokers, settings)
        return self._producer

    def _failed(self, error: Exception) -> PipelineError:
        """Return what to raise, and start afresh next time.

        An idempotent producer that was refused one message fails all that follow with that same error.
        """
        self.close()
        if isinstance(error, REFUSED_FOR_EVER):
            place = f"topic {self._topic} of Kafka at {', '.join(self._brokers)}"
            return PermanentError(f"sink {self.name}: {place} refuses an alert: {type(error).__name__}: {error}"[:500])
        # A missing permission, too, may be granted later: the alerts wait in the outbox.
        return RetryableError(str(explained(error, f"sink {self.name}: writing to {self._topic}", self._brokers)))
