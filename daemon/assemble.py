"""Configuration to a wired daemon: the one place that knows every room."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import structlog

from weirlog.daemon.config import Config
from weirlog.daemon.configured_model import load_live, load_shadow
from weirlog.daemon.connect import build_sink, build_sources
from weirlog.daemon.log_formats import parser_of
from weirlog.daemon.metrics import PrometheusMetrics
from weirlog.daemon.web.server import WebServer
from weirlog.daemon.web.state import RefusedError, WebState
from weirlog.models.detector import Detector
from weirlog.models.errors import UnparsableError
from weirlog.models.formats import log_format
from weirlog.pipeline.batching import BatchLimits
from weirlog.pipeline.channel import Channel
from weirlog.pipeline.delivery import DeliveryWorker
from weirlog.pipeline.engine import Pipeline, Signals
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.findings import Patience
from weirlog.pipeline.grouping import Grouping
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.reading import Reader
from weirlog.pipeline.records import Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.scorer import Scorer
from weirlog.pipeline.scoring import Judge
from weirlog.pipeline.selfwatch import SelfWatch
from weirlog.pipeline.shadow import ShadowedClassifier
from weirlog.pipeline.sinks import Sink
from weirlog.pipeline.state_lock import StateLock
from weirlog.pipeline.timing import Clock, Deadline

log = structlog.get_logger(__name__)

CHANNEL_RECORDS = 4096
"""Some 30 micro-batches wait between the sources and the scorer: enough to keep it busy over a slow poll."""
THREADS_LIMIT = 4
"""Of judging threads, where the configuration names no number: past it they wait for the interpreter's lock."""
MAX_IN_FLIGHT = 16384
"""Records of one source between read and settled; with lines of 1 kB, some 16 MB."""
RESTART_PARTS = ("sources", "sinks", "batch", "outbox", "selfwatch", "state_dir", "http")
"""Sections that a reload cannot change."""


class Assembly:
    """Everything of one daemon, wired. A context manager: leaving it lets go of the state directory.

    Args:
        config: what to wire.
        clock: time.
        extra_sinks: sinks beside the configured ones, as the demo's terminal.

    Raises:
        ArtifactError: the model cannot be used.
        StopError: the state directory is in use, unreadable or of a newer version.
    """

    def __init__(self, config: Config, clock: Clock, extra_sinks: Sequence[Sink] = ()) -> None:
        self.config = config
        self.detector = load_live(config.model)
        self.shadow = load_shadow(config.model)
        self.metrics = PrometheusMetrics(version("weirlog"))
        self.web_address: str | None = None
        self._clock = clock
        self._closing = ExitStack()
        sinks = [*(build_sink(section, clock) for section in config.sinks), *extra_sinks]
        try:
            self.outbox = self._open_state([sink.name for sink in sinks])
            self.selfwatch = SelfWatch(self.outbox, _patience(config), clock, self.metrics)
            self.pipeline = self._wire(sinks)
            self._web = self._build_web()
        except BaseException:
            self._closing.close()
            raise
        self.metrics.set_model(self.detector.name, self.detector.digest)
        self.metrics.expect([source.name for source in config.sources], [sink.name for sink in sinks])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start(self) -> None:
        """Start every thread and return.

        Raises:
            StopError: the web server cannot listen.
        """
        if self._web is not None:
            self.web_address = f"http://{self._web.start()}/"
        self.pipeline.start()

    def stop(self, deadline: Deadline) -> bool:
        """Drain by `deadline`; return whether everything that was read is settled and committed."""
        complete = self.pipeline.stop(deadline)
        if self._web is not None:
            self._web.stop(deadline)
        return complete

    def reload(self, config: Config) -> None:
        """Load and warm a new model with its tuning, redaction and formats, then put them in place of the old between two batches.

        What cannot change while running (sources, sinks, grouping, state directory, web address, batch limits) is
        named in the log and waits for a restart.

        Raises:
            ArtifactError: the new model cannot be used; the old one goes on.
        """
        detector, shadow = load_live(config.model), load_shadow(config.model)
        judge = self._judge(config, detector, shadow)
        self.pipeline.scorer.judge = judge
        self.detector, self.shadow = detector, shadow
        self.metrics.set_model(detector.name, detector.digest)
        waiting = [part for part in RESTART_PARTS if getattr(config, part) != getattr(self.config, part)]
        if waiting:
            log.warning("these changes wait for a restart", sections=waiting)
        log.info(
            "reloaded",
            model=detector.name,
            digest=detector.digest[:12],
            threshold=detector.threshold,
            known_benign=len(detector.known_benign),
            **({} if shadow is None else {"shadow": shadow.name, "shadow_threshold": shadow.threshold}),
        )

    def readiness(self) -> list[str]:
        """Return the reasons why the daemon is not ready; none when it is."""
        reasons = [
            f"source {reader.name}: {reader.failure or 'is being opened'}"
            for reader in self.pipeline.readers
            if reader.failure is not None or not reader.is_open
        ]
        if self.pipeline.scorer.failure is not None:
            reasons.append(f"outbox: {self.pipeline.scorer.failure}")
        if self.pipeline.failure is not None:
            reasons.append(f"a thread has crashed: {self.pipeline.failure}")
        if (stuck := self.pipeline.stuck) is not None:
            reasons.append(f"thread {stuck} shows no life")
        return [*reasons, *self.selfwatch.reasons]

    def watch(self) -> bool:
        """Look whether everything gets on; return whether it does, or may yet do without a restart.

        Called about once a second by the main thread. Blocks for a write to the outbox where there is a notice to tell.
        """
        try:
            self.selfwatch.check(self.pipeline.state())
        except StopError as error:
            self.pipeline.fail(error)
        return self.pipeline.stuck is None and not self.selfwatch.needs_restart

    def status_line(self) -> str:
        """Return one line for `systemctl status`."""
        figures = self.metrics.snapshot()
        scored, alerts = (int(sum(figures.get(name, {}).values())) for name in ("records_scored_total", "alerts_total"))
        reasons = self.readiness()
        return f"{scored} requests scored, {alerts} alerts" + (f"; not ready: {reasons[0]}" if reasons else "")

    @property
    def records_read(self) -> int:
        """Records that all sources have handed over so far."""
        return int(sum(self.metrics.snapshot().get("records_read_total", {}).values()))

    def sweep(self) -> None:
        """Forget alerts delivered long ago, and count what was spared. Called now and then by the main thread."""
        self.outbox.prune()
        for kind, share in self.detector.spared.items():
            self.metrics.gauge("work_spared_ratio", share, kind=kind)

    def _judge(self, config: Config, detector: Detector, shadow: Detector | None) -> Judge:
        return Judge(
            detector if shadow is None else ShadowedClassifier(detector, shadow, self.metrics, self._clock),
            {source.name: parser_of(source.format) for source in self.config.sources},
            _redactor(config),
            self._clock,
            self.metrics,
            explain=config.alerts.explain,
        )

    def _open_state(self, sink_names: Sequence[str]) -> Outbox:
        config = self.config
        self._closing.enter_context(StateLock(config.state_dir))
        outbox = Outbox(
            config.state_dir / "outbox.db",
            sinks=sink_names,
            limit_bytes=config.outbox.max_size,
            keep_s=config.outbox.keep,
            grouping=Grouping(config.alerts.group_by, config.alerts.repeat_after),
            clock=self._clock,
            metrics=self.metrics,
        )
        self._closing.callback(outbox.close)
        return outbox

    def _wire(self, sinks: Sequence[Sink]) -> Pipeline:
        channel: Channel[Record] = Channel(CHANNEL_RECORDS)
        signals = Signals.fresh()
        batch = self.config.batch
        readers = [
            Reader(
                source,
                channel,
                max_in_flight=MAX_IN_FLIGHT,
                stopping=signals.stopping,
                drained=signals.drained,
                clock=self._clock,
                metrics=self.metrics,
            )
            for source in build_sources(self.config, self._clock, self.metrics, self.selfwatch.tell_gap)
        ]
        scorer = Scorer(
            channel,
            self._judge(self.config, self.detector, self.shadow),
            self.outbox,
            BatchLimits(batch.max_records, batch.max_bytes, batch.max_delay_ms / 1000),
            aborting=signals.aborting,
            clock=self._clock,
            metrics=self.metrics,
            threads=batch.threads or min(len(os.sched_getaffinity(0)), THREADS_LIMIT),
        )
        workers = [DeliveryWorker(sink, self.outbox, clock=self._clock, metrics=self.metrics) for sink in sinks]
        return Pipeline(readers, channel, scorer, workers, signals, self._clock)

    def _build_web(self) -> WebServer | None:
        listen = self.config.listen
        if listen is None:
            return None
        state = WebState(
            metrics=self.metrics.render,
            readiness=self.readiness,
            alerts=self.outbox.latest,
            stats=self._stats,
            score=self._score_one,
        )
        return WebServer(state, listen.host, listen.port, on_crash=self.pipeline.fail)

    def _stats(self) -> dict[str, Any]:
        return {
            "version": version("weirlog"),
            "model": _described(self.detector),
            "shadow": None if self.shadow is None else _described(self.shadow),
            "sources": [source.name for source in self.config.sources],
            "sinks": [sink.name for sink in self.config.sinks],
            "ready": not self.readiness(),
            "figures": self.metrics.snapshot(),
        }

    def _score_one(self, line: bytes) -> dict[str, Any]:
        try:
            request = log_format("auto").parse(line)
        except UnparsableError as error:
            raise RefusedError(str(error)) from error
        detector = self.detector
        verdict = detector.classify([request])[0]
        explanation = detector.explain(request) if verdict.is_attack else None
        return {
            "score": verdict.score,
            "threshold": verdict.threshold,
            "verdict": "attack" if verdict.is_attack else "benign",
            "kind": verdict.kind if verdict.is_attack else None,
            "explanation": explanation and _redactor(self.config).explanation(explanation, request),
        }


def _described(detector: Detector) -> dict[str, Any]:
    return {"name": detector.name, "digest": detector.digest, "threshold": detector.threshold}


def _patience(config: Config) -> Patience:
    return Patience(
        stuck_s=config.selfwatch.stuck_after,
        failing_s=config.selfwatch.failing_after,
        silent_s={source.name: source.silent_after for source in config.sources if source.silent_after is not None},
    )


def _redactor(config: Config) -> Redactor:
    return Redactor(config.alerts.redact.extra_keys, enabled=config.alerts.redact.enabled)
