"""What the Kafka source and sink share: how a client is secured and made, and what its errors mean."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weirlog.pipeline.errors import PipelineError, RetryableError, StopError
from weirlog.pipeline.kafka_client import KafkaSecurity, connect, errors, explained

BROKERS = ["one:9092", "two:9092"]


def test_plain_text_needs_no_settings() -> None:
    assert KafkaSecurity().settings() == {"security_protocol": "PLAINTEXT"}


def test_sasl_says_who_asks() -> None:
    security = KafkaSecurity("SASL_PLAINTEXT", "SCRAM-SHA-512", "weirlog", "secret")
    assert security.settings() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "weirlog",
        "sasl_plain_password": "secret",
    }


def test_a_password_never_shows() -> None:
    assert "secret" not in repr(KafkaSecurity("SASL_SSL", "PLAIN", "weirlog", "secret"))


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_checks_who_answers(protocol: Any) -> None:
    context = KafkaSecurity(protocol, "PLAIN", "weirlog", "secret").settings()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_certificate_that_cannot_be_read_stops_and_is_named(tmp_path: Path) -> None:
    """The library would only call its broker unreachable, for ever."""
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(StopError, match=f"TLS towards Kafka cannot be set up from {broken}: .*; check these files"):
        KafkaSecurity("SSL", ca_file=str(broken)).settings()


def failing(error: Exception, say: Callable[[], None] = lambda: None) -> Callable[..., object]:
    """Return what makes a client that cannot connect, as kafka-python's constructors do."""

    def make(**_: object) -> object:
        say()
        raise error

    return make


def test_a_timeout_gives_way_to_the_reason_that_only_the_log_tells() -> None:
    refused = errors.SaslAuthenticationFailedError("wrong password")
    log = logging.getLogger("kafka.net.manager")
    make = failing(errors.KafkaTimeoutError("no bootstrap"), lambda: log.warning("failed: %s", refused))
    with pytest.raises(errors.SaslAuthenticationFailedError, match="wrong password"):
        connect(make, BROKERS, {"client_id": "a-refused-client"})


def test_an_error_that_speaks_for_itself_stays_as_it_is() -> None:
    log = logging.getLogger("kafka.net.manager")
    make = failing(
        errors.KafkaConfigurationError("unknown setting"), lambda: log.warning("failed: %s", OSError("away"))
    )
    with pytest.raises(errors.KafkaConfigurationError, match="unknown setting"):
        connect(make, BROKERS, {"client_id": "a-misconfigured-client"})


def test_what_is_given_outranks_the_defaults() -> None:
    made = connect(dict, BROKERS, {"client_id": "a-patient-client", "bootstrap_timeout_ms": 7})
    assert made["bootstrap_servers"] == BROKERS
    assert made["bootstrap_timeout_ms"] == 7
    assert made["client_id"] == "a-patient-client"


@pytest.mark.parametrize(
    ("error", "kind", "remedy"),
    [
        (errors.KafkaTimeoutError("late"), RetryableError, "check that the brokers run and can be reached"),
        (errors.KafkaConnectionError("111 ECONNREFUSED"), RetryableError, "check that the brokers run"),
        (OSError("network is unreachable"), RetryableError, "check that the brokers run"),
        (errors.SaslAuthenticationFailedError("no"), StopError, "check user, password and permissions"),
        (errors.TopicAuthorizationFailedError("t"), StopError, "check user, password and permissions"),
        (errors.GroupAuthorizationFailedError("g"), StopError, "check user, password and permissions"),
        (errors.InvalidTopicError("a b"), StopError, "check the configuration"),
        (errors.UnsupportedCodecError("lz4"), StopError, "pip install lz4 python-snappy"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_names_what_was_done_where_and_the_remedy(
    error: Exception, kind: type[PipelineError], remedy: str
) -> None:
    meant = explained(error, "source k: reading t", BROKERS)
    assert type(meant) is kind
    text = str(meant)
    assert text.startswith("source k: reading t ")
    assert "one:9092, two:9092" in text
    assert type(error).__name__ in text
    assert text.count(type(error).__name__) == 1
    assert remedy in text


def test_a_long_reason_is_cut() -> None:
    """It may hold what a broker, or whoever claims to be one, has sent."""
    assert len(str(explained(errors.KafkaError("x" * 100_000), "reading", BROKERS))) < 1_000
