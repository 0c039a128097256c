"""What `weirlog tune` tells: a page for a terminal, or one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console

from weirlog.daemon.printable import printable
from weirlog.daemon.tune import LEAST_CLIENTS, Survey, Suspicion
from weirlog.daemon.tune_proposal import Proposal
from weirlog.daemon.volume import DAY_S
from weirlog.models.known_benign import ANY
from weirlog.models.request import JSON

SHOWN: Final = 20
IN_JSON: Final = 200


def report(survey: Survey, proposal: Proposal) -> dict[str, Any]:
    """Return everything as JSON data; texts from the log are redacted."""
    detector = survey.detector
    return {
        "model": {"name": detector.name, "digest": detector.digest},
        "log": {
            "lines": survey.lines,
            "unparsable": survey.unparsable,
            "requests": survey.volume.requests,
            "span_s": survey.volume.span_s,
            "requests_per_day": proposal.requests_per_day,
        },
        "present": {
            "threshold": detector.threshold,
            "alerts": survey.alerts,
            "alerts_per_day": _daily(survey.alerts, survey, proposal),
            "places": [_as_json(found) for found in survey.most_alerting(IN_JSON)],
            "places_let_go": survey.let_go,
        },
        "proposed": {
            "threshold": proposal.threshold,
            "known_benign": [
                {"id": found.id, **_place(found), "ceiling": pattern.ceiling}
                for found, pattern in zip(proposal.learnt, proposal.patterns, strict=True)
            ],
            "alerts_per_day": proposal.alerts_per_day,
            "certain_per_day": proposal.certain_per_day,
        },
        "certain_from": survey.certain,
        "not_learnt": [
            {**_as_json(found.suspicion), "reason": found.reason} for found in proposal.not_learnt[:IN_JSON]
        ],
    }


def show(survey: Survey, proposal: Proposal, console: Console) -> None:
    """Print everything for a person."""
    for line in _page(survey, proposal):
        console.print(line, soft_wrap=True)


def _page(survey: Survey, proposal: Proposal) -> Iterator[str]:
    volume = survey.volume
    span = "" if volume.span_s is None else f" in {_span(volume.span_s)}"
    yield (
        f"{survey.lines:,} lines: {volume.requests:,} requests{span}, {survey.unparsable:,} unparsable; "
        f"{proposal.requests_per_day:,.0f} requests a day"
    )
    if volume.span_s is not None and volume.span_s < DAY_S:
        yield "The log is shorter than a day: nights and mornings differ, so a longer one tells more."
    yield (
        f"At the present threshold {survey.detector.threshold:.6g}: {survey.alerts:,} alerts, "
        f"{_rate(_daily(survey.alerts, survey, proposal))} a day before grouping"
    )
    places = survey.most_alerting(len(survey.suspicions))
    for found in places[:SHOWN]:
        yield from _evidence(found)
    yield from _rest(len(places))
    yield from _proposed(survey, proposal)
    if proposal.not_learnt:
        yield "\nNot learnt: look at these. Give --accept ID for each that is benign after all."
        for left in proposal.not_learnt[:SHOWN]:
            yield f"  {left.suspicion.id}  {_where(left.suspicion)}: {left.reason}"
        yield from _rest(len(proposal.not_learnt))


def _evidence(found: Suspicion) -> Iterator[str]:
    kind = f", {printable(found.kind, 64)}" if found.kind else ""
    alerts = "1 alert" if found.alerts == 1 else f"{found.alerts:,} alerts"
    yield f"  {found.id}  {alerts}, up to {found.highest:.6f}{kind}: {_where(found)}"
    yield f"            {printable(found.source, 200)}:{found.line}: {_marked(found.evidence)}"


def _marked(evidence: Mapping[str, JSON]) -> str:
    """Return an excerpt with the part that drove the score framed, as `weirlog explain` frames it."""
    match evidence:
        case {"excerpt": str(excerpt), "start": int(start), "end": int(end)}:
            return printable(f"{excerpt[:start]}»{excerpt[start:end]}«{excerpt[end:]}", 240)
    return "nothing in it stands out"


def _proposed(survey: Survey, proposal: Proposal) -> Iterator[str]:
    present = survey.detector.threshold
    moved = "as it is" if proposal.threshold == present else "lower" if proposal.threshold < present else "higher"
    yield f"\nProposed threshold: {proposal.threshold:.6g} ({moved})"
    yield f"Proposed as known to be benign: {len(proposal.patterns) or 'nothing'}"
    for found, pattern in zip(proposal.learnt, proposal.patterns, strict=True):
        yield f"  {found.id}  {_where(found)}, up to {pattern.ceiling:.6g}"
    yield f"Alerts then: {_rate(proposal.alerts_per_day)} a day"
    if proposal.certain_per_day:
        yield (
            f"  and {_rate(proposal.certain_per_day)} a day that score {survey.certain:.6g} or more: "
            "attacks, until someone has looked"
        )


def _rest(places: int) -> Iterator[str]:
    if places > SHOWN:
        yield f"  … and {places - SHOWN:,} more; --json lists up to {IN_JSON}"


def _as_json(found: Suspicion) -> dict[str, Any]:
    return {
        "id": found.id,
        **_place(found),
        "requests": found.requests,
        "alerts": found.alerts,
        "certain": found.certain,
        "highest": found.highest,
        "clients": _clients(found),
        "kind": found.kind,
        "example": {"source": found.source, "line": found.line, **found.evidence},
    }


def _place(found: Suspicion) -> dict[str, str]:
    place = found.place
    return {"method": place.method, "path": place.path, "field": printable(place.field, 200)}


def _where(found: Suspicion) -> str:
    place = found.place
    page = "any page" if place.path == ANY else f"{place.method} {printable(place.path, 200)}"
    return f"{page}, {printable(place.field, 100) or 'no field'}"


def _clients(found: Suspicion) -> str:
    count = len(found.clients)
    return f"{count}+" if count == LEAST_CLIENTS else str(count)


def _daily(count: int, survey: Survey, proposal: Proposal) -> float:
    return count * proposal.requests_per_day / survey.volume.requests


def _rate(daily: float) -> str:
    return f"{daily:,.0f}" if daily >= 10 else f"{daily:.2g}"


def _span(seconds: float) -> str:
    return f"{seconds / DAY_S:.1f} days" if seconds >= 2 * DAY_S else f"{seconds / 3600:.1f} hours"
