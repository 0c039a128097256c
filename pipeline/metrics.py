"""The names of everything that the pipeline measures, and the little it asks of whoever keeps the figures.

`weirlog.daemon.metrics` keeps them for Prometheus, under the prefix `weirlog_`, and says what each one means.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

Counter: TypeAlias = Literal[
    "records_read_total",  # source
    "bytes_read_total",  # source
    "bytes_possibly_lost_total",  # source: what gaps may have swallowed
    "source_errors_total",  # source
    "commits_total",  # source
    "records_scored_total",
    "records_unparsable_total",  # source
    "attacks_total",  # kind
    "shadow_verdicts_total",  # kind: who says attack: both, live, shadow, neither
    "shadow_failures_total",
    "alerts_total",  # alerts put into the outbox for delivery
    "alerts_grouped_total",  # attacks counted into an earlier alert of their group
    "alerts_delivered_total",  # sink
    "delivery_failures_total",  # sink
    "notices_total",  # kind: alerts about weirlog itself put into the outbox
    "dead_letters_total",  # stage: parse | deliver
    "dead_letters_dropped_total",  # the oldest, when their store is full
]
Gauge: TypeAlias = Literal[
    "source_lag",  # source: bytes or messages not yet read
    "records_in_flight",  # source
    "outbox_pending",  # sink
    "outbox_bytes",
    "outbox_full",
    "source_up",  # source: 1 while it reads, 0 while it fails
    "sink_up",  # sink
    "work_spared_ratio",  # kind of work: duplicates, prefixes_in_batch, prefixes_across_batches
    "conditions_open",  # what is wrong with weirlog itself at present
]
Histogram: TypeAlias = Literal[
    "batch_records",
    "score_seconds",  # one micro-batch, parse to verdict
    "delivery_seconds",  # sink
    "record_to_alert_seconds",  # read to durable in the outbox
]


class Metrics(Protocol):
    """Keeps figures. Every method may be called from any thread and none of them blocks."""

    def count(self, name: Counter, amount: float = 1, **labels: str) -> None: ...

    def gauge(self, name: Gauge, value: float, **labels: str) -> None: ...

    def observe(self, name: Histogram, value: float, **labels: str) -> None: ...


class NoMetrics:
    """Keeps nothing: for one-shot commands."""

    def count(self, name: Counter, amount: float = 1, **labels: str) -> None:
        """Forget it."""

    def gauge(self, name: Gauge, value: float, **labels: str) -> None:
        """Forget it."""

    def observe(self, name: Histogram, value: float, **labels: str) -> None:
        """Forget it."""
