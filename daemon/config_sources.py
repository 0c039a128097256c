"""Where logs come from: the sections under `sources`."""

from __future__ import annotations

import importlib.util
from typing import Annotated, Literal, TypeAlias, Union

from pydantic import BeforeValidator, Field

from weirlog.daemon.config_formats import Format
from weirlog.daemon.config_sections import NAME, Name, Patience, Section, Security, Text, Topic
from weirlog.daemon.config_types import Broker, PathPattern, Size, refuse

SILENT_AFTER = Field(
    default=None,
    description="a notice when nothing has come for so long; null for a source that may be silent for ever",
)


def _check_client(value: object) -> object:
    if value == "confluent" and importlib.util.find_spec("confluent_kafka") is None:
        refuse(
            "confluent needs the package confluent-kafka, which is not installed; install it by "
            "`pip install 'weirlog[confluent]'`, or use kafka-python"
        )
    return value


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
    client: Annotated[Literal["kafka-python", "confluent"], BeforeValidator(_check_client)] = Field(
        default="kafka-python",
        description="kafka-python, or confluent for librdkafka, which costs less of the processor",
    )
    start_at: Literal["end", "beginning"] = Field(default="end", description="where a group without offsets starts")
    format: Format = Field(default="auto", description="log format; auto finds out message by message")
    silent_after: Patience | None = SILENT_AFTER
    security: Security | None = None


Source: TypeAlias = Annotated[Union[FileSource, KafkaSource], Field(discriminator="type")]
