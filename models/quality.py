"""What a detector is worth, measured by class: on labelled files, harmless texts, attacks by kind and spelling, bodies.

Every figure is a share of counted requests with its 95 % interval, and every request that counts against the detector
can be listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol, TypeVar

import numpy as np

from weirlog.models.corpus.attacks import SELF_CONTAINED
from weirlog.models.corpus.encodings import ENCODINGS, PLAIN
from weirlog.models.dataset import SYNTHETIC, Row
from weirlog.models.evaluation import Measures, evaluate
from weirlog.models.request import Request
from weirlog.models.samples import (
    FORMS,
    POSITIONS,
    UPLOAD,
    Attack,
    Form,
    Harmless,
    Place,
    Placed,
    long_body,
    place,
    request_of,
    spread,
)
from weirlog.models.share import Share
from weirlog.models.text import CanonicalText
from weirlog.models.verdict import Explanation, Verdict

T = TypeVar("T")

AT_ONCE: Final = 1_000
BODY_SIZES_BYTES: Final = tuple(kilobytes * 1_000 for kilobytes in (1, 2, 4, 8, 16, 32, 64, 128))
BODY_SEED: Final = 60_013
_AROUND: Final[Mapping[Place, tuple[str, str]]] = {
    "query": ("weekly report ", " please check before friday"),
    "body": ("Good morning, I have a question about the last delivery: ", " and thanks for looking into it."),
    "path": ("archive/2024/", "/details"),
}


class Measured(Protocol):
    """What is measured; `weirlog.models.detector.Detector` is one."""

    threshold: float

    def text(self, request: Request) -> CanonicalText: ...

    def classify(self, requests: Sequence[Request]) -> list[Verdict]: ...

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]: ...


@dataclass(frozen=True, slots=True)
class FileQuality:
    """What a detector does on one labelled file.

    Attributes:
        name: of the file.
        measures: over all its rows.
        recall: at the detector's threshold.
        alerts: on the benign rows, at the threshold.
        hosts: by origin, alerts on the different texts of its benign rows; origins that were made up are left out.
    """

    name: str
    measures: Measures
    recall: Share
    alerts: Share
    hosts: Mapping[str, Share]

    def recall_at(self, fp_rate: float) -> Share | None:
        """Return the recall at a false-positive rate, None where the file has too few benign rows to show it."""
        recall = self.measures.recall_at[fp_rate]
        return None if recall is None else Share(round(recall * self.measures.attacks), self.measures.attacks)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One text in one request, judged.

    Attributes:
        kind: of the attack; None for a harmless text.
        encoding: how it was spelt, PLAIN for as it is written.
        place: where it stood.
        text: as it is written.
        verdict: of the request.
    """

    kind: str | None
    encoding: str
    place: Place
    text: str
    verdict: Verdict

    @property
    def flagged(self) -> bool:
        return self.verdict.is_attack

    @property
    def named(self) -> bool:
        return self.verdict.kind == self.kind


@dataclass(frozen=True, slots=True)
class BodyOutcome:
    """One long body, judged. `attack` and `position` are None where it hides nothing."""

    size_bytes: int
    form: Form
    position: str | None
    attack: Attack | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Marking:
    """What an explanation marked in an attack with harmless words before and after it.

    Attributes:
        attack: the attack.
        place: where it stood.
        marked: the marked part, None where there was no explanation.
        overlaps: whether a character of it belongs to the attack.
        inside: the share of its characters that do.
    """

    attack: Attack
    place: Place
    marked: str | None
    overlaps: bool
    inside: float


def share(outcomes: Iterable[Outcome], count: Callable[[Outcome], bool]) -> Share:
    """Return how many of the outcomes count."""
    counted = [count(outcome) for outcome in outcomes]
    return Share(sum(counted), len(counted))


def measure_file(detector: Measured, name: str, rows: Iterable[Row]) -> FileQuality:
    """Return what a detector does on the rows of a file. Memory is about 100 bytes a row."""
    scores: list[float] = []
    labels: list[int] = []
    hosts: dict[str, dict[int, bool]] = {}
    for part in _parts(rows):
        for row, verdict in zip(part, detector.classify([row.request for row in part]), strict=True):
            scores.append(verdict.score)
            labels.append(row.label)
            if not row.label and row.origin is not None and SYNTHETIC not in row.origin:
                hosts.setdefault(row.origin, {})[hash(detector.text(row.request).text)] = verdict.is_attack
    truth = np.array(labels, np.int32)
    flagged = np.array(scores) >= detector.threshold
    return FileQuality(
        name,
        evaluate(np.array(scores), truth, detector.threshold),
        Share(int(flagged[truth == 1].sum()), int((truth == 1).sum())),
        Share(int(flagged[truth == 0].sum()), int((truth == 0).sum())),
        {origin: Share(sum(texts.values()), len(texts)) for origin, texts in hosts.items()},
    )


def judge_harmless(detector: Measured, texts: Sequence[Harmless]) -> list[Outcome]:
    """Return what a detector says of harmless texts, each where people write such."""
    requests = [request_of(text, number) for number, text in enumerate(texts)]
    verdicts = _classify(detector, requests)
    return [Outcome(None, PLAIN, text.place, text.text, verdict) for text, verdict in zip(texts, verdicts, strict=True)]


def judge_attacks(detector: Measured, attacks: Sequence[Attack]) -> list[Outcome]:
    """Return what a detector says of attacks in each of their places, as they are and in each single encoding.

    An encoding that changes nothing in an attack is left out for it.
    """
    found: list[tuple[Attack, str, Place]] = []
    requests: list[Request] = []
    for number, attack in enumerate(attacks):
        for encoding, name, text in _spellings(attack):
            for where in attack.places:
                found.append((attack, encoding, where))
                requests.append(place(text, where, name, number).request)
    verdicts = _classify(detector, requests)
    return [
        Outcome(attack.kind, encoding, where, attack.text if not attack.hostile_name else attack.name, verdict)
        for (attack, encoding, where), verdict in zip(found, verdicts, strict=True)
    ]


def judge_bodies(
    detector: Measured,
    attacks: Sequence[Attack],
    *,
    sizes_bytes: Sequence[int] = BODY_SIZES_BYTES,
    attacks_a_cell: int = len(SELF_CONTAINED),
    clean_a_cell: int = 8,
) -> list[BodyOutcome]:
    """Return what a detector says of long bodies of every size and form, with an attack at every position and without.

    An uploaded file hides none: it is there for its false alerts.

    Args:
        detector: what is measured.
        attacks: those of SELF_CONTAINED are taken in turn.
        sizes_bytes: of the prose around them.
        attacks_a_cell: how many for each size, form and position.
        clean_a_cell: how many bodies without an attack for each size and form.
    """
    usable = spread([attack for attack in attacks if attack.kind in SELF_CONTAINED and not attack.hostile_name])
    outcomes: list[BodyOutcome] = []
    turn = 0
    for size_bytes in sizes_bytes:
        for form in (*FORMS, UPLOAD):
            cells: list[tuple[str | None, Attack | None]] = [(None, None)] * clean_a_cell
            for position in POSITIONS if usable and form != UPLOAD else ():
                for _ in range(attacks_a_cell):
                    cells.append((position, usable[turn % len(usable)]))
                    turn += 1
            for number, (where, attack) in enumerate(cells):
                text = None if attack is None else attack.text
                body = long_body(BODY_SEED + number, size_bytes, form, text, where or POSITIONS[0])
                (verdict,) = detector.classify([body])
                outcomes.append(BodyOutcome(size_bytes, form, where, attack, verdict))
    return outcomes


def mark_attacks(detector: Measured, attacks: Sequence[Attack]) -> list[Marking]:
    """Return what explanations mark in each attack, in each of its places, between harmless words."""
    cases = [
        (attack, where, place(attack.text, where, attack.name, number, around=_AROUND[where]))
        for number, attack in enumerate(attacks)
        for where in attack.places
    ]
    markings: list[Marking] = []
    for part in _parts(cases):
        explanations = detector.explain_all([placed.request for _, _, placed in part])
        for (attack, where, placed), explanation in zip(part, explanations, strict=True):
            marked, inside = _inside(detector.text(placed.request), placed, attack.hostile_name, explanation)
            markings.append(Marking(attack, where, marked, inside > 0.0, inside))
    return markings


def _inside(
    text: CanonicalText, placed: Placed, hostile_name: bool, explanation: Explanation | None
) -> tuple[str | None, float]:
    """Return the part that an explanation marks, and the share of its characters that belong to the attack."""
    if explanation is None:
        return None, 0.0
    marked = explanation.excerpt[explanation.start : explanation.end]
    if not marked or explanation.field != placed.field.lower():
        return marked, 0.0
    field = next(field for field in text.fields if field.name == explanation.field)
    start = text.text.find(explanation.excerpt, field.start, field.end) + explanation.start
    name = 0 if field.name == "path" or hostile_name else len(field.name.partition(".")[2]) + 1
    first = field.start if hostile_name else field.start + name + placed.before
    return marked, max(0, min(start + len(marked), field.end - placed.after) - max(start, first)) / len(marked)


def _spellings(attack: Attack) -> list[tuple[str, str, str]]:
    """Return the encoding, and the name and the text in it, as it is written first."""
    spellings = [(PLAIN, attack.name, attack.text)]
    for encoding in ENCODINGS:
        name = encoding.spell(attack.name) if attack.hostile_name else attack.name
        text = encoding.spell(attack.text)
        if attack.kind in encoding.kinds and (name, text) != (attack.name, attack.text):
            spellings.append((encoding.name, name, text))
    return spellings


def _classify(detector: Measured, requests: Sequence[Request]) -> list[Verdict]:
    return [verdict for part in _parts(requests) for verdict in detector.classify(part)]


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while part := list(islice(source, AT_ONCE)):
        yield part
