"""Sections of the configuration to sources and sinks. Clients of Kafka and HTTP are loaded only where one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from weirlog.daemon import config as configured
from weirlog.daemon.config import Config
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.sinks import Sink
from weirlog.pipeline.sources import Source
from weirlog.pipeline.timing import Clock

if TYPE_CHECKING:
    from weirlog.pipeline.kafka_client import KafkaSecurity
    from weirlog.pipeline.sources.kafka_consumer import Consumer

# ruff: noqa: PLC0415 - kafka-python costs 0.2 s and httpx 0.15 s to import: a host that only tails a file has neither


def build_sources(
    config: Config, clock: Clock, metrics: Metrics, on_gap: Callable[[Gap], None] | None = None
) -> list[Source]:
    """Return the configured sources, not yet open; their state stands in the state directory under their names."""
    return [_source(section, config, clock, metrics, on_gap) for section in config.sources]


def _source(
    section: configured.Source, config: Config, clock: Clock, metrics: Metrics, on_gap: Callable[[Gap], None] | None
) -> Source:
    if isinstance(section, configured.FileSource):
        from weirlog.pipeline.sources.checkpoint import Checkpoint
        from weirlog.pipeline.sources.file import FileSource
        from weirlog.pipeline.sources.files import Pace
        from weirlog.pipeline.sources.tail import TailLimits

        return FileSource(
            section.name,
            section.paths,
            start_at=section.start_at,
            checkpoint=Checkpoint(config.state_dir / f"{section.name}.checkpoint.json"),
            clock=clock,
            metrics=metrics,
            limits=TailLimits(line_bytes=section.max_line),
            pace=Pace(deleted_s=section.close_deleted_after),
            on_gap=on_gap,
        )
    from weirlog.pipeline.sources.kafka import KafkaSource

    security = _security(section.security)
    return KafkaSource(
        section.name,
        brokers=section.brokers,
        topics=section.topics,
        group=section.group,
        start_at=section.start_at,
        security=security,
        clock=clock,
        metrics=metrics,
        make=_consumers(section.client, security, clock),
    )


def _consumers(
    client: Literal["kafka-python", "confluent"], security: KafkaSecurity | None, clock: Clock
) -> Callable[..., Consumer]:
    if client == "confluent":
        from weirlog.pipeline.sources.kafka_confluent import ConfluentConsumers

        return ConfluentConsumers(security, clock)
    from weirlog.pipeline.kafka_client import kafka

    made: Callable[..., Consumer] = kafka.KafkaConsumer
    return made


def build_sink(section: configured.Sink, clock: Clock) -> Sink:
    """Return a configured sink; it connects when it first delivers."""
    if isinstance(section, configured.FileSink):
        from weirlog.pipeline.sinks.file import FileSink

        return FileSink(section.name, section.path)
    if isinstance(section, configured.WebhookSink):
        from weirlog.pipeline.sinks.webhook import WebhookSink

        return WebhookSink(
            section.name,
            section.url.reveal(),
            clock=clock,
            secret=section.secret.reveal() if section.secret else None,
            timeout_s=section.timeout,
            ca_file=section.ca_file,
        )
    from weirlog.pipeline.sinks.kafka import KafkaSink

    return KafkaSink(
        section.name,
        brokers=section.brokers,
        topic=section.topic,
        security=_security(section.security),
        clock=clock,
    )


def _security(section: configured.Security | None) -> KafkaSecurity | None:
    from weirlog.pipeline.kafka_client import KafkaSecurity

    if section is None:
        return None
    return KafkaSecurity(
        protocol=section.protocol,
        mechanism=section.mechanism,
        username=section.username,
        password=section.password.reveal() if section.password else None,
        ca_file=str(section.ca_file) if section.ca_file else None,
        cert_file=str(section.cert_file) if section.cert_file else None,
        key_file=str(section.key_file) if section.key_file else None,
    )
