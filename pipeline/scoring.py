"""A batch of records to what is to be kept of it: alerts and dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from weirlog.models.errors import UnparsableError
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import Alert, build_alert
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

CANARY = Request({"method": "get", "query": {}, "path": "/", "statusCode": 200, "requestPayload": None})
"""A request that every working model can score: tells a model that is broken from a record that breaks it."""


class Classifier(Protocol):
    """What scoring asks of a model. Several threads use it at once."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def classify(self, requests: Sequence[Request]) -> Sequence[Verdict]: ...

    def explain_all(self, requests: Sequence[Request]) -> Sequence[Explanation | None]: ...


class Parser(Protocol):
    """What scoring asks of a log format: raises UnparsableError and nothing else. Several threads use it at once."""

    def parse(self, line: bytes) -> Request: ...


@dataclass(slots=True)
class Judgement:
    """What is to be kept of one batch; every other record of it was benign."""

    alerts: list[Alert] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


class Judge:
    """Parses, classifies and turns verdicts into alerts. Stateless: several threads judge at once.

    Args:
        classifier: the model at work.
        parsers: how each source's lines are read, by the source's name.
        redactor: what is blotted out of alerts.
        clock: the time that alerts carry.
        metrics: where figures go.
        explain: say in each alert which part of the request drove the score, at the cost of more work for each attack.
    """

    def __init__(
        self,
        classifier: Classifier,
        parsers: Mapping[str, Parser],
        redactor: Redactor,
        clock: Clock,
        metrics: Metrics,
        *,
        explain: bool = True,
    ) -> None:
        self._explains = explain
        self._classifier = classifier
        self._parsers = parsers
        self._redactor = redactor
        self._clock = clock
        self._metrics = metrics

    def judge(self, batch: Sequence[Record]) -> Judgement:
        """Return the alerts and dead letters of `batch`, in its order.

        Raises:
            StopError: the model no longer scores even the simplest request.

        Blocks for one scoring pass over the batch, and about two more over the attacks in it, to explain them.
        """
        judgement = Judgement()
        records, requests = self._parse(batch, judgement)
        attacks = [
            (record, request, verdict)
            for record, request, verdict in self._classify(records, requests, judgement)
            if verdict.is_attack
        ]
        explanations = self._explain([request for _, request, _ in attacks])
        for (record, request, verdict), explanation in zip(attacks, explanations, strict=True):
            judgement.alerts.append(self._alert(record, request, verdict, explanation))
            self._metrics.count("attacks_total", kind=verdict.kind or "unknown")
        self._metrics.count("records_scored_total", len(records))
        return judgement

    def _parse(self, batch: Sequence[Record], judgement: Judgement) -> tuple[list[Record], list[Request]]:
        records, requests = [], []
        for record in batch:
            try:
                if record.flaw is not None:
                    raise UnparsableError(record.flaw)
                request = self._parsers[record.partition.source].parse(record.payload)
            except UnparsableError as error:
                self._metrics.count("records_unparsable_total", source=record.partition.source)
                judgement.dead.append(self._dead_letter(record, str(error)))
            else:
                records.append(record)
                requests.append(request)
        return records, requests

    def _classify(
        self, records: Sequence[Record], requests: Sequence[Request], judgement: Judgement
    ) -> list[tuple[Record, Request, Verdict]]:
        """Classify; where that fails, find the records at fault by halving and dead-letter those alone.

        One request that a bug cannot digest must not stop the watch over all others, nor crash the daemon again at
        every restart, since it would be read again.
        """
        if not records:
            return []
        try:
            return list(zip(records, requests, self._classifier.classify(requests), strict=True))
        except Exception as error:
            if len(records) > 1:
                half = len(records) // 2
                return [
                    *self._classify(records[:half], requests[:half], judgement),
                    *self._classify(records[half:], requests[half:], judgement),
                ]
            self._check_model(error)
            log.exception("a request could not be scored", source=records[0].partition.name)
            judgement.dead.append(self._dead_letter(records[0], f"not scorable: {type(error).__name__}"))
            return []

    def _check_model(self, error: Exception) -> None:
        try:
            self._classifier.classify([CANARY])
        except Exception:  # noqa: BLE001 - whatever the model's code raises, the answer is the same
            raise StopError(
                f"model {self._classifier.name} fails on every request: {error!r}; check it with `weirlog models verify`"
            ) from error

    def _alert(self, record: Record, request: Request, verdict: Verdict, explanation: Explanation | None) -> Alert:
        return build_alert(
            record,
            request,
            verdict,
            explanation,
            model_name=self._classifier.name,
            model_digest=self._classifier.digest,
            redactor=self._redactor,
            time=self._clock.time(),
        )

    def _explain(self, requests: Sequence[Request]) -> Sequence[Explanation | None]:
        if not self._explains or not requests:
            return [None] * len(requests)
        try:
            return self._classifier.explain_all(requests)
        except Exception:
            # The alerts matter more than their explanations; the log tells the developers.
            log.exception("attacks could not be explained", count=len(requests))
            return [None] * len(requests)

    def _dead_letter(self, record: Record, reason: str) -> DeadLetter:
        return DeadLetter(
            stage="parse",
            reason=reason,
            source=record.partition.name,
            partition=record.partition.key,
            position=record.receipt.position,
            payload=record.payload,
            time=self._clock.time(),
        )
