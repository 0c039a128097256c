"""What `quality` measured, on one page of Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from weirlog.models.corpus.attacks import SELF_CONTAINED
from weirlog.models.corpus.encodings import PLAIN
from weirlog.models.evaluation import FP_RATES
from weirlog.models.quality import BodyOutcome, FileQuality, Marking, Outcome, share
from weirlog.models.samples import FORMS, PLACES, POSITIONS, UPLOAD
from weirlog.models.share import Share

LISTED: Final = 30
"""Attacks listed that were missed."""
TEXT_CHARACTERS: Final = 100
_ENTITIES: Final = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>|`*_[]\\~"})


@dataclass(frozen=True, slots=True)
class Quality:
    """All that was measured of one model.

    Attributes:
        model: its name and digest.
        threshold: the score from which a request counts as an attack.
        files: on labelled files.
        trained_on: names of those that it was trained on: their figures flatter.
        harmless: harmless texts that look like attacks, by where they come from.
        attacks: hand-written attacks, in every spelling.
        bodies: long bodies.
        markings: explanations of the attacks.
    """

    model: str
    threshold: float
    files: Sequence[FileQuality] = ()
    trained_on: frozenset[str] = frozenset()
    harmless: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    attacks: Sequence[Outcome] = ()
    bodies: Sequence[BodyOutcome] = ()
    markings: Sequence[Marking] = ()


def page(quality: Quality) -> str:
    """Return the page; a part that was not measured is left out."""
    parts = [
        [
            f"# Detection by {quality.model}",
            "",
            f"Threshold {quality.threshold:g}. In brackets: found of all, and the 95 % interval (Wilson).",
        ],
        _files(quality) if quality.files else [],
        _hosts(quality.files) if any(file.hosts for file in quality.files) else [],
        _harmless(quality.harmless) if quality.harmless else [],
        [*_kinds(quality.attacks), *_encodings(quality.attacks), *_missed(quality.attacks)] if quality.attacks else [],
        _bodies(quality.bodies) if quality.bodies else [],
        _markings(quality.markings) if quality.markings else [],
    ]
    return "\n".join(chain.from_iterable(part and [*part, ""] for part in parts))


def told(counted: Share | None) -> str:
    """Return a share as people read it: `97.2 % (35 of 36; 85.8–99.5)`, or a dash where nothing was counted."""
    if counted is None or counted.value is None:
        return "–"
    low, high = counted.interval
    return f"{100 * counted.value:.1f} % ({counted.found} of {counted.of}; {100 * low:.1f}–{100 * high:.1f})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)]), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Return a text fit for a cell: cut, control characters and other scripts escaped, no sign in it markup."""
    cut = text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"
    escaped = "".join(sign if " " <= sign <= "~" or sign == "…" else ascii(sign)[1:-1] for sign in cut)
    return f"<code>{escaped.translate(_ENTITIES)}</code>"


def _files(quality: Quality) -> list[str]:
    rates = [f"recall at FPR {100 * rate:g} %" for rate in FP_RATES]
    heads = ["file", "benign", "attacks", "AUC", *rates, "recall", "alerts on benign"]
    rows = []
    for file in quality.files:
        measures = file.measures
        rows.append(
            [
                f"{file.name}{' *' if file.name in quality.trained_on else ''}",
                str(measures.rows - measures.attacks),
                str(measures.attacks),
                "–" if measures.auc is None else f"{measures.auc:.4f}",
                *[told(file.recall_at(rate)) for rate in FP_RATES],
                told(file.recall),
                told(file.alerts),
            ]
        )
    note = "`*`: the model was trained on rows of this file, so its figures flatter. Recall without a rate is at the threshold."
    return ["## Labelled files", "", *_table(heads, rows), "", note]


def _hosts(files: Sequence[FileQuality]) -> list[str]:
    rows = []
    for file in files:
        for origin, counted in sorted(file.hosts.items()):
            low, high = counted.interval
            each = 10_000 * (counted.value or 0.0)
            interval = f"{10_000 * low:.1f}–{10_000 * high:.1f}"
            rows.append([file.name, _code(origin), str(counted.of), str(counted.found), f"{each:.1f}", interval])
    heads = ["file", "origin of benign rows", "different requests", "alerts", "alerts in 10,000", "95 %"]
    return ["## False alerts by host", "", *_table(heads, rows)]


def _harmless(harmless: Mapping[str, Sequence[Outcome]]) -> list[str]:
    everything = list(chain.from_iterable(harmless.values()))
    groups = {**harmless, **{f"in a {place}": [each for each in everything if each.place == place] for place in PLACES}}
    rows = [[name, told(share(outcomes, _flagged))] for name, outcomes in {**groups, "all": everything}.items()]
    lines = ["## Harmless texts that look like attacks", "", *_table(["texts", "flagged"], rows), ""]
    flagged = sorted((each for each in everything if each.flagged), key=lambda each: -each.verdict.score)
    listed = [[_code(each.text), each.place, f"{each.verdict.score:.4f}", each.verdict.kind or "–"] for each in flagged]
    return [*lines, *_table(["flagged", "in a", "score", "taken for"], listed)]


def _kinds(attacks: Sequence[Outcome]) -> list[str]:
    plain = [each for each in attacks if each.encoding == PLAIN]
    rows = []
    for kind in dict.fromkeys(each.kind for each in plain):
        of_kind = [each for each in plain if each.kind == kind]
        found = [each for each in of_kind if each.flagged]
        wrong = Counter(each.verdict.kind for each in found if not each.named)
        others = ", ".join(f"{name} {count}" for name, count in wrong.most_common(3))
        rows.append([kind or "", told(share(of_kind, _flagged)), told(share(found, _named)), others or "–"])
    for where in PLACES:
        there = [each for each in plain if each.place == where]
        found = [each for each in there if each.flagged]
        rows.append([f"all, in a {where}", told(share(there, _flagged)), told(share(found, _named)), ""])
    found = [each for each in plain if each.flagged]
    rows.append(["all", told(share(plain, _flagged)), told(share(found, _named)), ""])
    heads = ["kind", "found", "of these named rightly", "named otherwise"]
    return ["## Attacks as they are written", "", *_table(heads, rows), ""]


def _encodings(attacks: Sequence[Outcome]) -> list[str]:
    heads = ["spelling", "found", "of these named rightly", "kinds found least"]
    rows = []
    for encoding in dict.fromkeys(each.encoding for each in attacks):
        spelt = [each for each in attacks if each.encoding == encoding]
        found = [each for each in spelt if each.flagged]
        by_kind = {
            kind: share([each for each in spelt if each.kind == kind], _flagged)
            for kind in dict.fromkeys(each.kind for each in spelt)
        }
        worst = sorted(by_kind.items(), key=lambda item: item[1].value or 0.0)[:4]
        least = ", ".join(
            f"{kind} {counted.found} of {counted.of}" for kind, counted in worst if (counted.value or 0) < 1
        )
        rows.append([encoding, told(share(spelt, _flagged)), told(share(found, _named)), least or "–"])
    return ["## Attacks in other spellings", "", *_table(heads, rows), ""]


def _missed(attacks: Sequence[Outcome]) -> list[str]:
    missed: dict[tuple[str | None, str], list[Outcome]] = {}
    for each in attacks:
        if each.encoding == PLAIN and not each.flagged:
            missed.setdefault((each.kind, each.text), []).append(each)
    rows = []
    for (kind, text), outcomes in missed.items():
        scores = ", ".join(f"{each.place} {each.verdict.score:.4f}" for each in outcomes)
        rows.append([_code(text), kind or "", scores])
    more = ["", f"And {len(rows) - LISTED} more."] if len(rows) > LISTED else []
    return [*_table(["missed as it is written", "kind", "scores"], rows[:LISTED]), *more]


def _bodies(bodies: Sequence[BodyOutcome]) -> list[str]:
    columns = [*((form, position) for form in FORMS for position in (*POSITIONS, None)), (UPLOAD, None)]
    heads = ["body, kB", *[f"{form}, {position or 'no attack'}" for form, position in columns]]
    rows = []
    for size_bytes in dict.fromkeys(each.size_bytes for each in bodies):
        cells = [_body_share(bodies, size_bytes, form, position) for form, position in columns]
        rows.append([f"{size_bytes / 1000:g}", *[f"{cell.found} of {cell.of}" for cell in cells]])
    hidden = [each for each in bodies if each.attack is not None]
    clean = [each for each in bodies if each.attack is None]
    summary = [
        f"Attacks found: {told(_flags(hidden))}; harmless bodies flagged: {told(_flags(clean))}.",
        f"The attacks are of {', '.join(SELF_CONTAINED)}, in prose that the model has not been trained on.",
    ]
    by_kind = [
        [kind, told(_flags([each for each in hidden if each.attack is not None and each.attack.kind == kind]))]
        for kind in SELF_CONTAINED
    ]
    return ["## Long bodies", "", *_table(heads, rows), "", *summary, "", *_table(["kind", "found"], by_kind)]


def _body_share(bodies: Sequence[BodyOutcome], size_bytes: int, form: str, position: str | None) -> Share:
    return _flags(
        [each for each in bodies if (each.size_bytes, each.form, each.position) == (size_bytes, form, position)]
    )


def _flags(bodies: Sequence[BodyOutcome]) -> Share:
    return Share(sum(each.verdict.is_attack for each in bodies), len(bodies))


def _markings(markings: Sequence[Marking]) -> list[str]:
    rows = []
    kinds = dict.fromkeys(each.attack.kind for each in markings)
    for kind in [*kinds, None]:
        of_kind = [each for each in markings if kind is None or each.attack.kind == kind]
        overlapping = Share(sum(each.overlaps for each in of_kind), len(of_kind))
        mostly = Share(sum(each.inside >= 0.5 for each in of_kind), len(of_kind))
        rows.append([kind or "all", told(overlapping), told(mostly)])
    heads = ["kind", "the marked part overlaps the attack", "at least half of it is the attack's"]
    return ["## Explanations of attacks between harmless words", "", *_table(heads, rows)]


def _flagged(outcome: Outcome) -> bool:
    return outcome.flagged


def _named(outcome: Outcome) -> bool:
    return outcome.named
