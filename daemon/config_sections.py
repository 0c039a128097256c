"""The sections of the configuration: what each key is called, what it may hold, and what it is when left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, Union
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from weirlog.daemon.config_errors import ConfigurationError
from weirlog.daemon.config_types import (
    Broker,
    Duration,
    FilePath,
    ListenAddress,
    PathPattern,
    ReadableFile,
    Size,
    SizeOrNone,
    is_number,
    located,
    parse_host_port,
    refuse,
    shown,
)
from weirlog.daemon.secret import SECRET_SCHEMA, Secret, SecretText, resolve_secret
from weirlog.daemon.threshold import FORMS, OWN, Threshold, ThresholdError, parse_threshold
from weirlog.daemon.tuning import TuningFile, read_tuning

FORMATS = ("auto", "hapi", "combined", "nginx-json", "caddy", "traefik", "envoy", "haproxy", "alb", "ecs")
GROUP_KEYS = ("client", "kind", "path", "source")

Whole: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]


def _check_name(value: str) -> str:
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


def _check_format(value: object) -> str:
    if isinstance(value, Mapping):
        refuse(f"a mapping of fields is not taken by this version; expected one of {', '.join(FORMATS)}")
    if not isinstance(value, str) or value not in FORMATS:
        refuse(f"{shown(value)} is no log format; expected one of {', '.join(FORMATS)}")
    return value


def _check_client(value: object) -> object:
    if value == "confluent":
        refuse("confluent is not available in this version; the supported value is kafka-python")
    return value


def _check_patience(value: float) -> float:
    if value < 1:
        refuse(f"is {value:g} s; expected at least 1s")
    return value


Patience: TypeAlias = Annotated[Duration, AfterValidator(_check_patience)]
Name: TypeAlias = Annotated[
    str, AfterValidator(_check_name), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"})
]
Topic: TypeAlias = Annotated[str, AfterValidator(_check_topic)]
Text: TypeAlias = Annotated[str, AfterValidator(_check_text)]
Format: TypeAlias = Annotated[
    str, PlainValidator(_check_format), PlainSerializer(str), WithJsonSchema({"enum": list(FORMATS)})
]

NAME = Field(
    default="",
    description="identity of its metrics and of its stored progress, by default type and place in the list, as in "
    "file-0; renaming it, or moving an unnamed one, forgets that progress",
)


class Section(BaseModel):
    """A mapping in the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


# --- sources -------------------------------------------------------------------------------------------------------


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


SILENT_AFTER = Field(
    default=None,
    description="a notice when nothing has come for so long; null for a source that may be silent for ever",
)


class FileSource(Section):
    """Log files that are written to while weirlog reads them."""

    type: Literal["file"]
    name: Name = NAME
    paths: tuple[PathPattern, ...] = Field(min_length=1, description="a list of paths, which may hold * and ?")
    format: Format = Field(default="auto", description="log format; auto finds out line by line")
    start_at: Literal["end", "beginning"] = Field(
        default="end", description="where to start in files never seen before"
    )
    max_line: Size = Field(default=1024**2, description="longest line that is scored; longer ones are dead letters")
    close_deleted_after: Patience = Field(
        default=3600.0, description="a deleted file is let go after so long, even if lines in it are unread"
    )
    silent_after: Patience | None = SILENT_AFTER


class KafkaSource(Section):
    """Topics of a Kafka cluster; members of one group share their partitions."""

    type: Literal["kafka"]
    name: Name = NAME
    brokers: tuple[Broker, ...] = Field(min_length=1, description="a list of host:port")
    topics: tuple[Topic, ...] = Field(min_length=1, description="a list of topics")
    group: Text = Field(default="weirlog", description="consumer group")
    client: Annotated[Literal["kafka-python"], BeforeValidator(_check_client)] = Field(default="kafka-python")
    start_at: Literal["end", "beginning"] = Field(default="end", description="where a group without offsets starts")
    format: Format = Field(default="auto", description="log format; auto finds out message by message")
    silent_after: Patience | None = SILENT_AFTER
    security: Security | None = None


Source: TypeAlias = Annotated[Union[FileSource, KafkaSource], Field(discriminator="type")]


# --- model, batch, alerts ------------------------------------------------------------------------------------------


def _located_model(value: str, info: ValidationInfo) -> str:
    """Return a bundled model's name as it is, a directory (whatever holds a /) as an absolute path."""
    if "/" not in value:
        return _check_name(value)
    return located(value, info)


def _check_threshold(value: object) -> float | str | None:
    if value is None:
        return None
    if is_number(value):
        score = float(value)  # type: ignore[arg-type]  # is_number says so
        if not 0.0 < score < 1.0:
            refuse(f"is {shown(value)}; expected less than 1 and greater than 0, or {FORMS}")
        return score
    if not isinstance(value, str) or ":" not in value:
        refuse(f"is {shown(value)}; expected {FORMS}; a number without quotes")
    try:
        parse_threshold(value)
    except ThresholdError as error:
        refuse(str(error))
    return value


def _read_tuning(value: object, info: ValidationInfo) -> TuningFile | None:
    if value is None or isinstance(value, TuningFile):
        return value
    if not isinstance(value, str):
        refuse(f"is {shown(value)}; expected the path of a file that `weirlog tune --out FILE` wrote")
    try:
        return read_tuning(Path(located(value, info)))
    except ConfigurationError as error:
        refuse("; ".join(str(error).splitlines()))


class Model(Section):
    """Which model decides, and how."""

    ref: Annotated[str, AfterValidator(_located_model)] = Field(
        default="default", description="a bundled model's name, or a directory (then with a /)"
    )
    threshold: Annotated[
        float | str | None,
        PlainValidator(_check_threshold),
        WithJsonSchema(
            {
                "oneOf": [
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    {"type": "string", "pattern": "^(fp-rate:[0-9.eE+-]+|alerts-per-day:[0-9.eE+-]+(@[0-9.eE+-]+)?)$"},
                    {"type": "null"},
                ],
                "examples": [0.98, "fp-rate:1e-5", "alerts-per-day:20@1e6"],
            }
        ),
    ] = Field(
        default=None,
        description="score from which a request is an attack, or fp-rate:1e-5, or alerts-per-day:20@1e6 (of a million "
        "requests; without @, of as many as `tuning` says); null takes that of `tuning`, or else the model's own",
    )
    tuning: Annotated[
        TuningFile | None,
        PlainValidator(_read_tuning),
        PlainSerializer(lambda value: value and str(value.path)),
        WithJsonSchema({"type": ["string", "null"]}),
    ] = Field(default=None, description="a file that `weirlog tune` wrote: a threshold and known benign requests")
    engine: Literal["auto", "numba", "numpy", "tensorflow"] = "auto"
    share_prefixes: bool = Field(default=True, description="requests of a batch share the work on a common beginning")
    prefix_memory: SizeOrNone = Field(
        default=4 << 20, description="for beginnings kept for later batches; 0 keeps none"
    )
    duplicate_memory: SizeOrNone = Field(
        default=4 << 20, description="for verdicts of requests that come again; 0 keeps none"
    )
    shadow: None = Field(default=None, description="not in this version")

    @model_validator(mode="after")
    def _threshold_is_told(self) -> Self:
        try:
            self.chosen_threshold.rate()
        except ThresholdError as error:
            refuse(f"threshold {error}, or give `tuning` a file that tells it")
        return self

    @property
    def chosen_threshold(self) -> Threshold:
        """What `threshold` says, with the volume that `tuning` tells; else the threshold of `tuning`."""
        tuning = None if self.tuning is None else self.tuning.tuning
        if self.threshold is None:
            return OWN if tuning is None else Threshold(score=tuning.threshold)
        if isinstance(self.threshold, str):
            return parse_threshold(self.threshold).at_volume(None if tuning is None else tuning.requests_per_day)
        return Threshold(score=self.threshold)


class Batch(Section):
    """When a micro-batch is closed: whichever comes first."""

    max_records: Whole = Field(default=128, ge=1, le=8192)
    max_bytes: Size = 1024**2
    max_delay_ms: Number = Field(default=50, ge=0, le=60_000, description="milliseconds")
    threads: Whole | None = Field(
        default=None, ge=1, le=64, description="batches judged side by side; null for one a core, at most 4"
    )


class Redaction(Section):
    """What is blotted out of alerts."""

    enabled: bool = True
    extra_keys: tuple[str, ...] = ()


def _parse_redaction(value: object) -> Redaction:
    if isinstance(value, Redaction):
        return value
    if value == "default":
        return Redaction()
    if value == "off" or value is False:
        return Redaction(enabled=False)
    if not isinstance(value, list) or not all(isinstance(key, str) and key for key in value):
        refuse(f"is {shown(value)}; expected default, off, or a list of key names to redact beside the default ones")
    return Redaction(extra_keys=tuple(value))


def _written_redaction(value: Redaction) -> object:
    return list(value.extra_keys) or ("default" if value.enabled else "off")


def _check_group_by(value: tuple[str, ...]) -> tuple[str, ...]:
    for key in value:
        if key not in GROUP_KEYS:
            refuse(f"{shown(key)} is nothing to group by; expected some of {', '.join(GROUP_KEYS)}")
    if len(set(value)) < len(value):
        refuse("names a key twice")
    return value


class Alerts(Section):
    """What becomes of attacks."""

    redact: Annotated[
        Redaction,
        PlainValidator(_parse_redaction),
        PlainSerializer(_written_redaction),
        WithJsonSchema({"oneOf": [{"enum": ["default", "off"]}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(default=Redaction(), description="default, off, or a list of keys to redact beside the default ones")
    group_by: Annotated[
        tuple[str, ...],
        AfterValidator(_check_group_by),
        WithJsonSchema({"type": "array", "items": {"enum": list(GROUP_KEYS)}, "uniqueItems": True}),
    ] = Field(default=("client", "kind"), description="attacks that agree in these are one alert; [] groups nothing")
    repeat_after: Duration = Field(default=600.0, description="a group that goes on gives another alert after so long")
    explain: bool = Field(default=True, description="say which part of the request drove the score", strict=True)


# --- sinks ---------------------------------------------------------------------------------------------------------


class FileSink(Section):
    """A file of JSON lines."""

    type: Literal["file"]
    name: Name = NAME
    path: FilePath = Field(description="the path of a file")


class KafkaSink(Section):
    """A topic of a Kafka cluster."""

    type: Literal["kafka"]
    name: Name = NAME
    brokers: tuple[Broker, ...] = Field(min_length=1, description="a list of host:port")
    topic: Topic = Field(description="a topic")
    security: Security | None = None


def _check_url(value: object, info: ValidationInfo) -> Secret:
    """A URL is held as a secret: the path of a chat system's webhook lets anyone write there."""
    secret = resolve_secret(value, info)
    try:
        url = urlsplit(secret.reveal())
        valid = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0 and secret.reveal().isascii()
        valid = valid and secret.reveal().isprintable() and " " not in secret.reveal()
    except ValueError:
        valid = False
    if not valid:
        refuse("is no web address; expected https://host/path, or where to find it: {env: NAME} or {file: PATH}")
    if url.username is not None or url.password is not None:
        refuse("holds a user name or password before @; the receiver is shown `secret` by a signature instead")
    return secret


class WebhookSink(Section):
    """An HTTP endpoint that is sent every alert."""

    type: Literal["webhook"]
    name: Name = NAME
    url: Annotated[
        Secret,
        PlainValidator(_check_url),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(SECRET_SCHEMA),
    ] = Field(description="https://host/path, or where to find it: {env: NAME} or {file: PATH}")
    template: Literal["json"] = "json"
    secret: SecretText | None = Field(default=None, description="signs what is sent (Standard Webhooks)")
    timeout: Duration = Field(default=10.0, description="for one attempt")
    ca_file: ReadableFile | None = Field(default=None, description="PEM of the authorities to trust, not the system's")

    @field_validator("timeout")
    @classmethod
    def _bounded(cls, value: float) -> float:
        if not 0.1 <= value <= 300:
            refuse("is not between 100ms and 5m")
        return value

    @property
    def destination(self) -> str:
        """Scheme, host and port: as much of the address as may be shown."""
        url = urlsplit(self.url.reveal())
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return f"{url.scheme}://{host}" + (f":{url.port}" if url.port else "")


Sink: TypeAlias = Annotated[Union[FileSink, KafkaSink, WebhookSink], Field(discriminator="type")]


# --- outbox, self-watch and web server -------------------------------------------------


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
        default=300.0, description="a source or a sink fails for so long, or the outbox takes nothing"
    )


class Http(Section):
    """The web page, metrics and health."""

    listen: ListenAddress | None = Field(default=parse_host_port("127.0.0.1:9464"), description="host:port; null: none")
