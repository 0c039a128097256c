"""A second model that reads what the first reads: what both say is counted, and only the first is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.scoring import Classifier
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

TOLD_EVERY_S: Final = 60.0
"""Every failure is counted; a client that knows one that makes the model fail must not fill the log."""
WHO: Final = {(True, True): "both", (True, False): "live", (False, True): "shadow", (False, False): "neither"}
"""Who calls a request an attack: the model at work, the other."""


class ShadowedClassifier:
    """Gives the verdicts of the model at work, and counts how often the other agrees. Thread-safe if both models are.

    Args:
        live: the model at work. What it raises, `classify` raises.
        shadow: the other. What it raises is counted and told, and costs no verdict.
        metrics: where `shadow_verdicts_total` and `shadow_failures_total` go.
        clock: how often a failure is told.
    """

    def __init__(self, live: Classifier, shadow: Classifier, metrics: Metrics, clock: Clock) -> None:
        self._live = live
        self._shadow = shadow
        self._metrics = metrics
        self._clock = clock
        self._told_at: float | None = None
        # Begun at 0: a rate over a series that does not exist yet cannot be looked at.
        metrics.count("shadow_failures_total", 0)
        for who in WHO.values():
            metrics.count("shadow_verdicts_total", 0, kind=who)

    @property
    def name(self) -> str:
        return self._live.name

    @property
    def digest(self) -> str:
        return self._live.digest

    def classify(self, requests: Sequence[Request]) -> Sequence[Verdict]:
        """Return the verdicts of the model at work. Blocks for both models, one after the other."""
        verdicts = self._live.classify(requests)
        try:
            others = self._shadow.classify(requests)
        except Exception as error:  # noqa: BLE001 - whatever its code raises: a model on trial must not stop the watch
            self._metrics.count("shadow_failures_total")
            self._tell(error)
            return verdicts
        pairs = zip(verdicts, others, strict=True)
        for who, count in Counter(WHO[verdict.is_attack, other.is_attack] for verdict, other in pairs).items():
            self._metrics.count("shadow_verdicts_total", count, kind=who)
        return verdicts

    def explain_all(self, requests: Sequence[Request]) -> Sequence[Explanation | None]:
        return self._live.explain_all(requests)

    def _tell(self, error: Exception) -> None:
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.error("the shadow model failed on a batch", model=self._shadow.name, exc_info=error)
