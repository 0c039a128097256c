"""Where alerts go: the sections under `sinks`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, Union
from urllib.parse import urlsplit

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from weirlog.daemon.config_sections import NAME, Name, Section, Security, Topic
from weirlog.daemon.config_types import Broker, Duration, FilePath, ReadableFile, refuse
from weirlog.daemon.secret import SECRET_SCHEMA, Secret, SecretText, resolve_secret


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
