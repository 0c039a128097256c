"""What the Kafka source and the Kafka sink share: how a client is secured, made, and what its errors mean."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from weirlog.pipeline.errors import PipelineError, RetryableError, StopError
from weirlog.pipeline.kafka_log import overhearing

with warnings.catch_warnings():
    # kafka-python 3.0 reads its schemas by a function that Python 3.11 and 3.12 call deprecated, and 3.13 does not.
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    import kafka as kafka  # noqa: PLC0414 -- everybody takes it from here, past that warning
    from kafka import errors as errors  # noqa: PLC0414
    from kafka.net.compat import KafkaNetClient

T = TypeVar("T")

Protocol: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]

BOOTSTRAP_TIMEOUT_MS = 10_000
"""How long a first connection may take: a broker that is away is told after that."""
RECONNECT_MS = 2_000
"""The longest pause between two attempts to connect again. With the library's 30 s, reading went on no sooner than 45 s
after a broker was back that had been away for half a minute."""

REFUSALS = (
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
"""The brokers have understood who asks, and say no."""
HOPELESS = (
    *REFUSALS,
    errors.KafkaConfigurationError,
    errors.UnsupportedVersionError,
    errors.UnsupportedCodecError,
    errors.InvalidTopicError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
)
"""Trying again changes nothing until somebody changes a setting."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How to reach a broker safely.

    Attributes:
        protocol: as Kafka calls it.
        mechanism: of SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
        username: of SASL.
        password: of SASL, or of the key file where there is no SASL.
        ca_file: PEM of the authorities to trust instead of the system's.
        cert_file: PEM of this client's certificate.
        key_file: PEM of this client's key.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return kafka-python's settings for this.

        Raises:
            StopError: a certificate or key cannot be read. The library would only call its broker unreachable.
        """
        settings: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.startswith("SASL_"):
            settings |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.protocol.endswith("SSL"):
            settings["ssl_context"] = self._tls()
        return settings

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                # Without SASL the password is the key's; an empty one makes OpenSSL fail rather than ask a terminal.
                password = None if self.protocol.startswith("SASL_") else self.password
                context.load_cert_chain(self.cert_file, self.key_file, password or "")
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(path for path in (self.ca_file, self.cert_file, self.key_file) if path)
            raise StopError(f"TLS towards Kafka cannot be set up from {files}: {error}; check these files") from error
        return context


def connect(make: Callable[..., T], brokers: Sequence[str], settings: dict[str, Any]) -> T:
    """Return `make(bootstrap_servers=…, **settings)`. Blocks until a broker answers, or BOOTSTRAP_TIMEOUT_MS.

    Args:
        make: KafkaConsumer or KafkaProducer.
        brokers: "host:port" each.
        settings: of kafka-python; the bootstrap timeout may be among them, and `client_id` must tell this client from
            all others of the process.

    Raises:
        KafkaError, OSError: what kept the connection from coming about, as far as the library's log tells: a refused
            password, a name that is unknown, a certificate that is not trusted.
    """
    made: list[KafkaNetClient] = []

    def remember(**configs: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**configs))
        return made[0]

    configs = {
        "bootstrap_servers": list(brokers),
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_max_ms": RECONNECT_MS,
        "kafka_client": remember,
        **settings,
    }
    with overhearing(configs["client_id"], REFUSALS, (errors.KafkaTimeoutError,)) as heard:
        try:
            return make(**configs)
        except BaseException as error:
            # The constructor leaves its thread and sockets behind when no broker answers; one more with each attempt.
            for client in made:
                client.close()
            if isinstance(error, errors.KafkaTimeoutError) and isinstance(heard.reason, errors.KafkaError | OSError):
                raise heard.reason from error
            raise


def explained(error: Exception, doing: str, brokers: Sequence[str]) -> PipelineError:
    """Return what `error` means for a caller who was `doing` something at `brokers`.

    Returns:
        StopError for what only a changed setting or permission ends, RetryableError for everything else.
    """
    place = ", ".join(brokers)
    # kafka-python's errors begin with their own name, most of the time.
    name, text = type(error).__name__, str(error)
    reason = (text if name in text else f"{name}: {text}")[:500]
    if isinstance(error, errors.UnsupportedCodecError):
        return StopError(
            f"{doing} meets messages at {place} that cannot be unpacked ({reason}); install what unpacks them beside "
            "weirlog: `pip install lz4 python-snappy`"
        )
    if isinstance(error, REFUSALS):
        return StopError(f"{doing} is refused by Kafka at {place} ({reason}); check user, password and permissions")
    if isinstance(error, HOPELESS):
        return StopError(f"{doing} cannot work with Kafka at {place} ({reason}); check the configuration")
    return RetryableError(f"{doing} fails at Kafka {place} ({reason}); check that the brokers run and can be reached")
