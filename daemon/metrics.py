"""Every metric, typed, in one place, kept for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from weirlog.daemon.printable import printable
from weirlog.pipeline import metrics as names
from weirlog.pipeline.notices import NOTICE_KINDS

PREFIX = "weirlog_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CHILDREN_LIMIT = 200
"""Label sets of one metric; sources, sinks and kinds are few, and a mistake must not fill the memory."""
LABEL_LIMIT = 100


@dataclass(frozen=True, slots=True)
class CounterSpec:
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GaugeSpec:
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramSpec:
    help: str
    buckets: tuple[float, ...]
    labels: tuple[str, ...] = ()


COUNTERS: dict[names.Counter, CounterSpec] = {
    "records_read_total": CounterSpec("Log lines or messages read.", ("source",)),
    "bytes_read_total": CounterSpec("Bytes of log lines or messages read.", ("source",)),
    "bytes_possibly_lost_total": CounterSpec(
        "Bytes that were gone before they were read, at most: truncation, deletion, damage.", ("source",)
    ),
    "source_errors_total": CounterSpec("Times that a source failed and was tried again.", ("source",)),
    "commits_total": CounterSpec("Times that a source's progress was made durable.", ("source",)),
    "records_scored_total": CounterSpec("Requests that the model scored."),
    "records_unparsable_total": CounterSpec("Records that are no request log of the format expected.", ("source",)),
    "attacks_total": CounterSpec("Requests at or above the threshold, by the kind of attack.", ("kind",)),
    "shadow_verdicts_total": CounterSpec(
        "Requests by who calls them an attack, the model at work or the one in its shadow: both, live, shadow, neither.",
        ("kind",),
    ),
    "shadow_failures_total": CounterSpec("Batches on which the model in the shadow failed."),
    "alerts_total": CounterSpec("Alerts put into the outbox for delivery."),
    "alerts_grouped_total": CounterSpec("Attacks counted into an earlier alert of their group."),
    "alerts_delivered_total": CounterSpec("Alerts that a sink has taken durably.", ("sink",)),
    "delivery_failures_total": CounterSpec("Attempts to deliver that failed.", ("sink",)),
    "notices_total": CounterSpec("Alerts about weirlog itself put into the outbox, by their kind.", ("kind",)),
    "dead_letters_total": CounterSpec(
        "Records or alerts put aside with a reason, by stage: parse, deliver.", ("stage",)
    ),
    "dead_letters_dropped_total": CounterSpec("Oldest dead letters dropped because their store was full."),
}

GAUGES: dict[names.Gauge, GaugeSpec] = {
    "source_lag": GaugeSpec("Bytes (files) or messages (Kafka) that are there and not yet read.", ("source",)),
    "records_in_flight": GaugeSpec("Records read whose outcome is not yet durable.", ("source",)),
    "outbox_pending": GaugeSpec("Alerts that wait for a sink.", ("sink",)),
    "outbox_bytes": GaugeSpec("Bytes of alerts in the outbox that some sink has yet to take."),
    "outbox_full": GaugeSpec("1 while detection waits because the outbox is at its limit."),
    "source_up": GaugeSpec("1 while a source reads, 0 while it fails.", ("source",)),
    "sink_up": GaugeSpec("1 while a sink takes alerts, 0 while it fails.", ("sink",)),
    "work_spared_ratio": GaugeSpec(
        "Share of the work not done twice since the model was loaded: of texts, and of the other texts' characters.",
        ("kind",),
    ),
    "conditions_open": GaugeSpec("Things that are wrong with weirlog itself at present and were told in a notice."),
}

HISTOGRAMS: dict[names.Histogram, HistogramSpec] = {
    "batch_records": HistogramSpec(
        "Records in a micro-batch.",
        # Powers of two up to the largest max_records that pays; 128 is the default.
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    ),
    "score_seconds": HistogramSpec(
        "Time to judge one micro-batch, from parsing to verdicts.",
        # From one request on the fastest engine (0.5 ms) to a full batch of long ones on TensorFlow (seconds).
        (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    ),
    "delivery_seconds": HistogramSpec(
        "Time of one attempt to deliver.",
        # From an fsync on a good disk (1 ms) to the webhook's time limit (10 s unless configured).
        (0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10, 30),
        ("sink",),
    ),
    "record_to_alert_seconds": HistogramSpec(
        "Time from reading a record to its alert being durable in the outbox.",
        # From max_delay_ms (50 ms) to the minutes that a full outbox or a slow engine makes it wait.
        (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60, 300),
    ),
}


class PrometheusMetrics:
    """Keeps figures for Prometheus, in a registry of its own. Any thread may call anything.

    Args:
        version: of weirlog, for `weirlog_build_info`.
    """

    def __init__(self, version: str) -> None:
        # Process-wide in prometheus_client; without it every series comes with its time of birth, twice the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client left it without
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        registry = self.registry
        self._metrics: dict[str, Any] = {
            **{
                name: Counter(PREFIX + name, spec.help, spec.labels, registry=registry)
                for name, spec in COUNTERS.items()
            },
            **{name: Gauge(PREFIX + name, spec.help, spec.labels, registry=registry) for name, spec in GAUGES.items()},
            **{
                name: Histogram(PREFIX + name, spec.help, spec.labels, buckets=spec.buckets, registry=registry)
                for name, spec in HISTOGRAMS.items()
            },
        }
        self._labels: dict[str, tuple[str, ...]] = {
            name: spec.labels for table in (COUNTERS, GAUGES, HISTOGRAMS) for name, spec in table.items()
        }
        self._children: dict[tuple[object, ...], Any] = {}
        self._sizes: dict[str, int] = {}
        build = Gauge(PREFIX + "build_info", "Always 1; the version that runs.", ("version",), registry=registry)
        build.labels(version).set(1)
        self._model = Gauge(
            PREFIX + "model_info", "Always 1; the model that decides.", ("name", "digest"), registry=registry
        )

    def count(self, name: names.Counter, amount: float = 1, **labels: str) -> None:
        self._child(name, labels).inc(amount)

    def gauge(self, name: names.Gauge, value: float, **labels: str) -> None:
        self._child(name, labels).set(value)

    def observe(self, name: names.Histogram, value: float, **labels: str) -> None:
        self._child(name, labels).observe(value)

    def set_model(self, name: str, digest: str) -> None:
        """Say which model decides from now on."""
        self._model.clear()
        self._model.labels(printable(name, LABEL_LIMIT), printable(digest, LABEL_LIMIT)).set(1)

    def expect(self, sources: Sequence[str], sinks: Sequence[str]) -> None:
        """Begin every series of these at 0: a rate over a series that does not exist yet cannot be alerted on."""
        expected: dict[str, Sequence[str]] = {"source": sources, "sink": sinks, "stage": ("parse", "deliver")}
        for name, labels in self._labels.items():
            values = expected.get(labels[0], ()) if labels else ()
            if name == "notices_total":
                values = NOTICE_KINDS
            for value in values:
                self._child(name, {labels[0]: value})

    def render(self) -> bytes:
        """Return all figures as Prometheus reads them, of type CONTENT_TYPE."""
        return generate_latest(self.registry)

    def snapshot(self) -> dict[str, dict[str, float]]:
        """Return counters and gauges without the prefix: {"alerts_total": {"": 3}, "sink_up": {"file-0": 1}}.

        A figure stands under its label's value, or under "" where it has no label.
        """
        figures: dict[str, dict[str, float]] = {}
        for family in self.registry.collect():
            for sample in family.samples if family.type in {"counter", "gauge"} else ():
                name = sample.name.removeprefix(PREFIX)
                if name in self._labels:
                    figures.setdefault(name, {})["/".join(sample.labels.values())] = sample.value
        return figures

    def _child(self, name: str, labels: dict[str, str]) -> Any:
        """Return the series of these labels; prometheus_client's own look-up takes a lock and three times as long.

        Raises:
            KeyError: the table above has no such metric, or other labels.
        """
        key = (name, *labels.items()) if len(labels) < 2 else (name, *sorted(labels.items()))
        child = self._children.get(key)
        return self._new_child(key, name, labels) if child is None else child

    def _new_child(self, key: tuple[object, ...], name: str, labels: dict[str, str]) -> Any:
        metric, expected = self._metrics[name], self._labels[name]
        if set(labels) != set(expected):
            raise KeyError(f"{name} has the labels {expected}, not {tuple(labels)}")
        if not expected:
            child = metric
        elif self._sizes.get(name, 0) >= CHILDREN_LIMIT:
            return metric.labels(*("other" for _ in expected))
        else:
            self._sizes[name] = self._sizes.get(name, 0) + 1
            child = metric.labels(*(printable(labels[label], LABEL_LIMIT) for label in expected))
        self._children[key] = child
        return child
