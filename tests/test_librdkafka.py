"""librdkafka in the words of kafka-python: settings, errors, complaints."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fakes import FakeClock
from librdkafka_in_memory import PLAIN, SETTINGS, LibraryError
from structlog.testing import capture_logs

from weirlog.pipeline.kafka_client import KafkaSecurity, errors
from weirlog.pipeline.kafka_log import QUIET_S
from weirlog.pipeline.librdkafka import (
    FORMER_ANSWER_S,
    Commits,
    Complaints,
    close_within,
    translated_error,
    translated_settings,
)
from weirlog.pipeline.sources.kafka_consumer import OUTDATED


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


# --- settings ---


def test_nothing_is_committed_by_itself_and_what_is_fetched_ahead_is_bounded() -> None:
    found = translated_settings(SETTINGS, PLAIN)
    assert found["bootstrap.servers"] == "one:9092,two:9092"
    assert found["enable.auto.commit"] is False
    assert found["enable.auto.offset.store"] is False
    assert found["queued.max.messages.kbytes"] == 8192
    assert found["fetch.max.bytes"] == 8 * 1024**2


def test_a_setting_without_counterpart_is_refused_by_name() -> None:
    with pytest.raises(errors.KafkaConfigurationError, match="does not know the settings metrics_enabled"):
        translated_settings(SETTINGS | {"metrics_enabled": True}, PLAIN)


def test_security_is_told_in_librdkafkas_words() -> None:
    security = KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "weirlog", "secret", "ca.pem", "cert.pem", "key.pem")
    found = translated_settings(SETTINGS | {"ssl_context": object(), "sasl_mechanism": "SCRAM-SHA-512"}, security)
    expected = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "weirlog",
        "sasl.password": "secret",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "cert.pem",
        "ssl.key.location": "key.pem",
        "enable.ssl.certificate.verification": True,
        "ssl.endpoint.identification.algorithm": "https",
    }
    assert expected.items() <= found.items()
    assert "ssl.key.password" not in found, "the password is that of SASL"


def test_without_sasl_the_password_is_the_keys() -> None:
    security = KafkaSecurity("SSL", password="secret", cert_file="cert.pem", key_file="key.pem")
    found = translated_settings(SETTINGS, security)
    assert found["ssl.key.password"] == "secret"
    assert not [name for name in found if name.startswith("sasl.")]


# --- errors ---


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LibraryError("ILLEGAL_GENERATION", 22), OUTDATED),
        (LibraryError("UNKNOWN_MEMBER_ID", 25), OUTDATED),
        (LibraryError("REBALANCE_IN_PROGRESS", 27), OUTDATED),
        (LibraryError("_ASSIGNMENT_LOST", -142), OUTDATED),
        (LibraryError("TOPIC_AUTHORIZATION_FAILED", 29), errors.TopicAuthorizationFailedError),
        (LibraryError("_AUTHENTICATION", -169), errors.SaslAuthenticationFailedError),
        (LibraryError("_TRANSPORT", -195), errors.KafkaConnectionError),
        (LibraryError("_WAIT_COORD", -180), errors.KafkaTimeoutError),
        (LibraryError("_STATE", -172), errors.KafkaError),
        (LibraryError("_STATE", -172, is_fatal=True), errors.KafkaConfigurationError),
    ],
    ids=lambda value: value.named if isinstance(value, LibraryError) else "",
)
def test_an_error_means_what_that_of_kafka_python_means(error: LibraryError, expected: Any) -> None:
    found = translated_error(error)
    assert isinstance(found, expected)
    assert f"{error.named}: something" in str(found)


# --- commits ---


class Coordinator:
    """Answers a commit once it was looked for `after` times; with what `fails` says of it."""

    def __init__(self, clock: FakeClock) -> None:
        self.after: float = 0
        self.fails: LibraryError | None = None
        self.asked = 0
        self.looked = 0
        self.commits = Commits(clock, self._serve)
        self._open = 0

    def commit(self) -> None:
        self.asked += 1
        self._open += 1

    def _serve(self) -> None:
        self.looked += 1
        if self._open and self.looked > self.after:
            self._open -= 1
            self.commits.hear(self.fails, [])


@pytest.fixture
def coordinator(clock: FakeClock) -> Coordinator:
    return Coordinator(clock)


def test_a_commit_waits_for_its_answer(coordinator: Coordinator, clock: FakeClock) -> None:
    started = clock.monotonic()
    coordinator.after = 100
    coordinator.commits.ask(coordinator.commit, 5.0)
    assert coordinator.looked == 101
    assert clock.monotonic() - started < 1


def test_a_commit_that_was_refused_fails(coordinator: Coordinator) -> None:
    coordinator.fails = LibraryError("ILLEGAL_GENERATION", 22)
    with pytest.raises(errors.IllegalGenerationError):
        coordinator.commits.ask(coordinator.commit, 5.0)
    coordinator.fails = None
    coordinator.commits.ask(coordinator.commit, 5.0)
    assert coordinator.asked == 2


def test_a_commit_without_answer_fails_within_its_limit_and_no_other_is_asked_for(
    coordinator: Coordinator, clock: FakeClock
) -> None:
    coordinator.after = float("inf")
    for limit_s, expected_s in ((5.0, 5.0), (5.0, FORMER_ANSWER_S), (0.2, 0.2)):
        started = clock.monotonic()
        with pytest.raises(errors.KafkaTimeoutError, match="does not answer"):
            coordinator.commits.ask(coordinator.commit, limit_s)
        assert clock.monotonic() - started == pytest.approx(expected_s, abs=0.02)
    assert coordinator.asked == 1


def test_an_answer_that_comes_late_is_not_taken_for_that_of_the_next_commit(
    coordinator: Coordinator, clock: FakeClock
) -> None:
    coordinator.after = float("inf")
    with pytest.raises(errors.KafkaTimeoutError):
        coordinator.commits.ask(coordinator.commit, 5.0)
    coordinator.after = coordinator.looked + 2
    started = clock.monotonic()

    def refused() -> None:
        coordinator.commit()
        coordinator.fails = LibraryError("ILLEGAL_GENERATION", 22)
        coordinator.after = coordinator.looked + 2

    with pytest.raises(errors.IllegalGenerationError):
        coordinator.commits.ask(refused, 5.0)
    assert (coordinator.asked, clock.monotonic() - started < 1) == (2, True)


def test_the_failure_of_an_old_commit_is_not_that_of_the_next(coordinator: Coordinator) -> None:
    coordinator.after = float("inf")
    with pytest.raises(errors.KafkaTimeoutError):
        coordinator.commits.ask(coordinator.commit, 5.0)
    coordinator.after = 0
    coordinator.fails = LibraryError("_WAIT_COORD", -180)

    def fine() -> None:
        coordinator.commit()
        coordinator.fails = None

    coordinator.commits.ask(fine, 5.0)
    assert coordinator.asked == 2


# --- closing ---


def test_closing_is_left_behind_where_it_takes_too_long() -> None:
    answered, over = threading.Event(), threading.Event()

    def close() -> None:
        answered.wait(30)
        over.set()

    with pytest.raises(errors.KafkaTimeoutError, match=r"not close within 0\.01 s"):
        close_within(0.01, close)
    assert not over.is_set()
    assert all(thread.daemon for thread in threading.enumerate() if "closing" in thread.name)
    answered.set()
    assert over.wait(30), "it goes on by itself"


def test_closing_fails_as_the_client_does() -> None:
    def close() -> None:
        raise errors.KafkaConnectionError("away")

    with pytest.raises(errors.KafkaConnectionError, match="away"):
        close_within(30, close)


# --- complaints ---


def told(act: Callable[[], None]) -> Sequence[Any]:
    with capture_logs() as lines:
        act()
    return lines


def test_a_refusal_stays_the_reason_whatever_comes_after_it(clock: FakeClock) -> None:
    complaints = Complaints("client", clock)
    complaints.hear(LibraryError("_AUTHENTICATION", -169, "wrong password"))
    complaints.hear(LibraryError("_TRANSPORT", -195))
    complaints.hear(LibraryError("_ALL_BROKERS_DOWN", -187))
    assert isinstance(complaints.reason, errors.SaslAuthenticationFailedError)
    complaints.forget()
    assert complaints.reason is None


def test_a_complaint_is_told_once_in_a_while(clock: FakeClock) -> None:
    """librdkafka complains with each attempt to connect."""
    complaints = Complaints("client", clock)

    def complain() -> None:
        complaints.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#consumer-1", "connection refused")

    assert [line["reason"] for line in told(complain)] == ["connection refused"]
    assert told(complain) == []
    clock.advance(QUIET_S)
    assert len(told(complain)) == 1


def test_what_is_no_complaint_is_not_told(clock: FakeClock) -> None:
    complaints = Complaints("client", clock)
    assert told(lambda: complaints.log(logging.INFO, "%s [%s] %s", "REQTMOUT", "rdkafka#consumer-1", "late")) == []
