"""librdkafka in the words of kafka-python: the package, its settings, its errors, what it complains of, and its patience.

It puts no limit to a commit, nor to closing while a commit is unanswered. Where a broker accepts connections and says nothing,
or knows no coordinator, a commit was not answered for as long as that lasted, and closing waited for the answer (librdkafka
2.16, its mock cluster with answers late by 1,000 s, or FindCoordinator failing with error 15: more than 160 s). Without
an unanswered commit closing took less than 0.1 s there, and with brokers away.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from weirlog.pipeline.errors import StopError
from weirlog.pipeline.kafka_client import REFUSALS, KafkaSecurity, errors
from weirlog.pipeline.kafka_log import QUIET_S
from weirlog.pipeline.timing import Clock, Deadline

log = structlog.get_logger(__name__)

SOCKET_TIMEOUT_MS = 10_000
"""Of one request; the library's 60 s would outlast the deadline of a stop."""
QUEUE_BACKOFF_MS = 50
"""How long fetching rests when enough is fetched. In the library's 1,000 ms a source would read its queue empty."""
ANSWER_INTERVAL_S = 0.005
"""Between two looks for the answer to a commit."""
FORMER_ANSWER_S = 1.0
"""How long a commit waits for the answer to the one before it, so that reading goes on while there is no coordinator."""
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
_SECURITY = {"security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password", "ssl_context"}
"""Taken from KafkaSecurity, since an SSLContext cannot be told to librdkafka."""
_OTHERWISE = {"bootstrap_servers", "bootstrap_timeout_ms", "max_poll_records", "kafka_client", "api_version"}
"""Used elsewhere, or without meaning here."""

_LOCAL_ERRORS = {
    "_AUTHENTICATION": errors.SaslAuthenticationFailedError,
    "_TRANSPORT": errors.KafkaConnectionError,
    "_RESOLVE": errors.KafkaConnectionError,
    "_SSL": errors.KafkaConnectionError,
    "_ALL_BROKERS_DOWN": errors.KafkaConnectionError,
    "_TIMED_OUT": errors.KafkaTimeoutError,
    "_TIMED_OUT_QUEUE": errors.KafkaTimeoutError,
    "_WAIT_COORD": errors.KafkaTimeoutError,
    # librdkafka also says so of partitions that exist, when it reaches nobody who could know them.
    "_UNKNOWN_TOPIC": errors.LeaderNotAvailableError,
    "_UNKNOWN_PARTITION": errors.LeaderNotAvailableError,
    "_ASSIGNMENT_LOST": errors.CommitFailedError,
    "_FENCED": errors.CommitFailedError,
    "_INVALID_ARG": errors.KafkaConfigurationError,
    "_UNSUPPORTED_FEATURE": errors.KafkaConfigurationError,
    # After it a client does nothing any more; a new process may.
    "_FATAL": errors.KafkaConfigurationError,
}
"""librdkafka's own errors by name; those of the brokers have Kafka's numbers."""


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
    unknown = sorted(settings.keys() - _SETTINGS.keys() - _SECURITY - _OTHERWISE)
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


class Commits:
    """Commits, of which one at most is unanswered: so no answer is taken for that to another.

    Args:
        clock: time.
        serve: lets librdkafka run its callbacks, without blocking.
    """

    def __init__(self, clock: Clock, serve: Callable[[], None]) -> None:
        self._clock = clock
        self._serve = serve
        self._never = threading.Event()
        self._unanswered = False
        self._failure: Exception | None = None

    def ask(self, commit: Callable[[], object], timeout_s: float) -> None:
        """Commit, and block until that is answered.

        Raises:
            KafkaTimeoutError: it is not, within `timeout_s`; or the one before is not, and this one was not asked for.
            KafkaError: it was refused.
        """
        deadline = Deadline(self._clock, timeout_s)
        self._wait(Deadline(self._clock, min(FORMER_ANSWER_S, timeout_s)))
        commit()
        self._unanswered = True
        self._wait(deadline)
        if self._failure is not None:
            raise self._failure

    def hear(self, error: Any, partitions: Iterable[Any]) -> None:
        """Take the answer, as librdkafka's `on_commit`."""
        failures = (error, *(partition.error for partition in partitions))
        self._failure = next((translated_error(failure) for failure in failures if failure is not None), None)
        self._unanswered = False

    def _wait(self, deadline: Deadline) -> None:
        while self._unanswered:
            if deadline.passed:
                raise errors.KafkaTimeoutError("the group's coordinator does not answer a commit")
            self._clock.wait(self._never, ANSWER_INTERVAL_S)
            self._serve()


def close_within(timeout_s: float, close: Callable[[], object]) -> None:
    """Call `close` in a thread, and leave that behind where it takes longer. It does not keep the process from ending.

    Raises:
        KafkaTimeoutError: it takes longer.
        KafkaError: `close` did.
    """
    failures: list[errors.KafkaError] = []

    def run() -> None:
        try:
            close()
        except errors.KafkaError as error:
            failures.append(error)

    closing = threading.Thread(target=run, name="closing a Kafka client", daemon=True)
    closing.start()
    closing.join(timeout_s)
    if closing.is_alive():
        raise errors.KafkaTimeoutError(f"librdkafka does not close within {timeout_s:g} s")
    if failures:
        raise failures[0]
