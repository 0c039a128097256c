"""What a site's own ordinary traffic would alert, and where: read once, in bounded memory."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from weirlog.daemon.lines import Line
from weirlog.daemon.score import batches
from weirlog.daemon.volume import Volume
from weirlog.models.calibration import LOGIT_LIMIT, logit
from weirlog.models.detector import Detector
from weirlog.models.errors import ArtifactError, UnparsableError
from weirlog.models.formats import LogFormat
from weirlog.models.known_benign import Place, place_of
from weirlog.models.request import JSON, Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import client_address
from weirlog.pipeline.redaction import Redactor

STEPS_PER_LOGIT: Final = 20
"""Scores are counted in steps of 0.05 logits: finer than the scores of two days agree, and 694 counters hold any log."""
LOWEST: Final = 0.5
"""Requests below it are only counted, and no threshold below it is proposed: the model itself takes them for benign."""
CERTAIN_RATE: Final = 1e-4
CERTAIN_SCORE: Final = 0.999
"""Of a model whose false-positive rates are not known."""
MOST_PLACES: Final = 2_000
"""When there are twice as many, as when a scanner makes up paths, the rarest are let go. One takes 2 kB as a rule, and
30 kB if its requests have every score there is."""
LEAST_CLIENTS: Final = 3
"""So many different clients must have reached a score at a place before it is ordinary there: one attacker is not many."""


@dataclass(slots=True)
class Suspicion:
    """Requests of one place that look suspicious.

    Attributes:
        place: where.
        requests: how many there are from LOWEST on, or from the threshold on where that is lower.
        alerts: how many of them reach the present threshold.
        certain: how many scored so high that they count as attacks until a person has looked at them.
        highest: the highest score.
        clients: the LEAST_CLIENTS clients with the highest scores that are not certain, and those scores.
        steps: how many requests there are by score, in steps of the logit.
        kind: of the one with the highest score, as the model has it.
        line: its number from 1, in the input named `source`.
        source: the input.
        evidence: what drove its score, redacted, as in an alert.
    """

    place: Place
    requests: int = 0
    alerts: int = 0
    certain: int = 0
    highest: float = -1.0
    clients: dict[str, float] = field(default_factory=dict)
    steps: Counter[int] = field(default_factory=Counter)
    kind: str | None = None
    line: int = 0
    source: str = ""
    evidence: dict[str, JSON] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Names the place on a command line; the same in every log."""
        text = f"{self.place.method}\0{self.place.path}\0{self.place.field}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    @property
    def ordinary_score(self) -> float | None:
        """The highest score that LEAST_CLIENTS clients have reached without being certain; None with fewer clients."""
        return min(self.clients.values()) if len(self.clients) == LEAST_CLIENTS else None


class Survey:
    """Scores a log and counts what it finds.

    Args:
        detector: the model, at the present threshold and without any known benign requests.
        log_format: how a line is read.
        redactor: what is blotted out of evidence.
        certain: the score from which a request is taken for an attack whatever its place; None for the model's own.

    Raises:
        ArtifactError: the model reads texts, not requests.
    """

    def __init__(
        self, detector: Detector, log_format: LogFormat, redactor: Redactor, certain: float | None = None
    ) -> None:
        if detector.reads_plain_texts:
            raise ArtifactError(
                f"model {detector.name} reads texts, and a site's log holds requests: take another model"
            )
        self.detector = detector
        self.certain = score_of(step_of(certain_score(detector) if certain is None else certain))
        self.volume = Volume()
        self.lines = self.unparsable = self.alerts = self.let_go = 0
        self.steps: Counter[int] = Counter()
        self.suspicions: dict[Place, Suspicion] = {}
        self._format = log_format
        self._redactor = redactor
        self._watched = min(LOWEST, detector.threshold)

    def read(self, source: str, lines: Iterable[Line], progressed: Callable[[], None]) -> None:
        """Score every line of one input, named `source`; may be called for several."""
        before = 0
        for batch in batches(lines):
            self._read(source, before, batch)
            before += len(batch)
            progressed()

    def _read(self, source: str, before: int, batch: Sequence[Line]) -> None:
        numbers, requests = [], []
        for number, line in enumerate(batch, start=before + 1):
            self.lines += 1
            try:
                if line.flaw is not None:
                    raise UnparsableError(line.flaw)
                request = self._format.parse(line.payload)
            except UnparsableError:
                self.unparsable += 1
                continue
            numbers.append(number)
            requests.append(request)
            self.volume.add(request.time)
        watched = []
        for number, request, verdict in zip(numbers, requests, self.detector.classify(requests), strict=True):
            self.steps[step_of(verdict.score)] += 1
            if verdict.score >= self._watched:
                watched.append((number, request, verdict))
        explanations = self.detector.explain_all([request for _, request, _ in watched])
        for (number, request, verdict), explanation in zip(watched, explanations, strict=True):
            self._suspect(source, number, request, verdict, explanation)

    def _suspect(
        self, source: str, number: int, request: Request, verdict: Verdict, explanation: Explanation | None
    ) -> None:
        place = place_of(request, "" if explanation is None else explanation.field)
        found = self.suspicions.get(place)
        if found is None:
            self._make_room()
            found = self.suspicions[place] = Suspicion(place)
        found.requests += 1
        found.steps[step_of(verdict.score)] += 1
        found.alerts += verdict.is_attack
        self.alerts += verdict.is_attack
        if verdict.score >= self.certain:
            found.certain += 1
        else:
            _note_client(found.clients, _client_of(request), verdict.score)
        if verdict.score > found.highest:
            found.highest, found.kind, found.line, found.source = verdict.score, verdict.kind, number, source
            found.evidence = {} if explanation is None else self._redactor.explanation(explanation, request)

    def _make_room(self) -> None:
        if len(self.suspicions) < 2 * MOST_PLACES:
            return
        # What is let go stays in the totals, and can neither be shown nor learnt.
        kept = sorted(self.suspicions.values(), key=lambda suspicion: -suspicion.requests)[:MOST_PLACES]
        self.let_go += len(self.suspicions) - len(kept)
        self.suspicions = {suspicion.place: suspicion for suspicion in kept}

    def most_alerting(self, limit: int) -> list[Suspicion]:
        """Return the places with the most alerts at the present threshold, most first."""
        alerting = (suspicion for suspicion in self.suspicions.values() if suspicion.alerts)
        return list(islice(sorted(alerting, key=lambda found: (-found.alerts, -found.highest, found.place)), limit))


def certain_score(detector: Detector) -> float:
    """Return the score from which on ordinary requests are too rare to be learnt from without a person's word."""
    if detector.calibration is None:
        return CERTAIN_SCORE
    return detector.calibration.threshold_for(max(CERTAIN_RATE, 1.01 * detector.calibration.fp_rate(1.0))).threshold


def step_of(score: float) -> int:
    """Return in which step of the logit a score lies."""
    return math.floor(logit(score) * STEPS_PER_LOGIT)


def score_of(step: int) -> float:
    """Return the lowest score of a step, at most 1."""
    place = step / STEPS_PER_LOGIT
    return 1.0 / (1.0 + math.exp(-place)) if place < LOGIT_LIMIT else 1.0


def _note_client(clients: dict[str, float], client: str, score: float) -> None:
    """Keep the LEAST_CLIENTS clients with the highest scores, each with its own highest."""
    clients[client] = max(score, clients.get(client, 0.0))
    if len(clients) > LEAST_CLIENTS:
        del clients[min(clients, key=clients.__getitem__)]


def _client_of(request: Request) -> str:
    """Return who sent a request: its address, of IPv6 the network of 64 bits, for one host may have all of that."""
    text = client_address(request.client)
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return text or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
