"""What the sections of the configuration share, and those of a few keys each.

A section says what each key is called, what it may hold, and what it is when left out.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)

from weirlog.daemon.config_types import (
    Duration,
    ListenAddress,
    ReadableFile,
    Size,
    parse_host_port,
    refuse,
    shown,
)
from weirlog.daemon.secret import SecretText

Whole: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]


def check_name(value: str) -> str:
    """Return a name as it is; refuse what none may be."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        refuse(f"{shown(value)} is no name; use at most 64 letters, digits, - . and _")
    return value


def _check_topic(value: str) -> str:
    # The rule of Kafka itself (org.apache.kafka.common.internals.Topic).
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value) or value in {".", ".."}:
        refuse(f"{shown(value)} is no topic; use at most 249 letters, digits, - . and _")
    return value


def _check_text(value: str) -> str:
    if not value.strip() or len(value) > 1000 or not value.isprintable():
        refuse(f"{shown(value)} is empty, too long, or holds control characters")
    return value


def _check_patience(value: float) -> float:
    if value < 1:
        refuse(f"is {value:g} s; expected at least 1s")
    return value


Patience: TypeAlias = Annotated[Duration, AfterValidator(_check_patience)]
Name: TypeAlias = Annotated[
    str, AfterValidator(check_name), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"})
]
Topic: TypeAlias = Annotated[str, AfterValidator(_check_topic)]
Text: TypeAlias = Annotated[str, AfterValidator(_check_text)]


NAME = Field(
    default="",
    description="identity of its metrics and of its stored progress, by default type and place in the list, as in "
    "file-0; renaming it, or moving an unnamed one, forgets that progress",
)


class Section(BaseModel):
    """A mapping in the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class Security(Section):
    """How to reach a Kafka broker safely."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(description="PLAINTEXT, SSL, SASL_…")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(default=None, description="of SASL")
    username: Text | None = Field(default=None, description="of SASL")
    password: SecretText | None = Field(default=None, description="of SASL, or of the key file")
    ca_file: ReadableFile | None = Field(default=None, description="PEM of the authorities to trust, not the system's")
    cert_file: ReadableFile | None = Field(default=None, description="PEM of this client's certificate")
    key_file: ReadableFile | None = Field(default=None, description="PEM of this client's key")

    @model_validator(mode="after")
    def _fits_protocol(self) -> Self:
        sasl, tls = self.protocol.startswith("SASL_"), self.protocol.endswith("SSL")
        missing = [key for key in ("mechanism", "username", "password") if sasl and getattr(self, key) is None]
        if missing:
            refuse(f"protocol {self.protocol} needs {', '.join(missing)}")
        idle = [key for key in ("mechanism", "username") if not sasl and getattr(self, key) is not None]
        idle += [key for key in ("ca_file", "cert_file", "key_file") if not tls and getattr(self, key) is not None]
        idle += ["password"] if self.password and not sasl and not self.key_file else []
        if idle:
            refuse(f"protocol {self.protocol} does not use {', '.join(idle)}; remove them or choose another protocol")
        if (self.cert_file is None) != (self.key_file is None):
            refuse("cert_file and key_file are needed both or neither")
        return self


class Batch(Section):
    """When a micro-batch is closed: whichever comes first."""

    max_records: Whole = Field(default=128, ge=1, le=8192)
    max_bytes: Size = 1024**2
    max_delay_ms: Number = Field(default=50, ge=0, le=60_000, description="milliseconds")
    threads: Whole | None = Field(
        default=None, ge=1, le=64, description="batches judged side by side; null for one a core, at most 4"
    )


class Outbox(Section):
    """The store between detection and delivery."""

    max_size: Size = Field(default=1024**3, description="past it, detection waits rather than lose an alert")
    keep: Duration = Field(default=30 * 86400.0, description="how long delivered alerts can be looked at")


class SelfWatch(Section):
    """When weirlog alerts about itself."""

    stuck_after: Patience = Field(
        default=600.0, description="a source reads nothing for so long, though more and more is there to read"
    )
    failing_after: Patience = Field(
        default=300.0, description="a source, its commits or a sink fail for so long, or the outbox takes nothing"
    )


class Http(Section):
    """The web page, metrics and health."""

    listen: ListenAddress | None = Field(default=parse_host_port("127.0.0.1:9464"), description="host:port; null: none")
