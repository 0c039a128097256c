"""From what a site's log would alert to a threshold and patterns that keep to a number of alerts a day."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weirlog.daemon.printable import printable
from weirlog.daemon.tune import LEAST_CLIENTS, LOWEST, STEPS_PER_LOGIT, Survey, Suspicion, score_of, step_of
from weirlog.daemon.tuning import MOST_PATTERNS, KnownPattern, TunedModel, Tuning
from weirlog.models.known_benign import Pattern

LEAST_REQUESTS: Final = 5
"""Fewer requests at a place are no habit of the site."""
LEAST_ALLOWED: Final = 10
"""A lower threshold than the present one is proposed only where the log is so long that so many alerts may stand in it:
else it would follow from the few highest scores, which differ from log to log by chance."""
MARGIN: Final = STEPS_PER_LOGIT // 2
"""A ceiling stands half a logit above the highest ordinary score: the next log's will not be the same."""


class ProposalError(Exception):
    """Nothing can be proposed; says what to give."""


@dataclass(frozen=True, slots=True)
class NotLearnt:
    """A place that goes on alerting and that a person should look at.

    Attributes:
        suspicion: the place.
        reason: why it was not learnt.
    """

    suspicion: Suspicion
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to set.

    Attributes:
        requests_per_day: as given, or as the log's times tell.
        threshold: the score from which a request is an attack.
        patterns: what is known to be benign, and up to which score.
        learnt: the places of the patterns, in their order.
        not_learnt: what a person should look at, the most alerts first.
        alerts_per_day: how many would then be left of the log's requests, without the certain ones.
        certain_per_day: how many scored so high that they are taken for attacks.
    """

    requests_per_day: float
    threshold: float
    patterns: tuple[Pattern, ...]
    learnt: tuple[Suspicion, ...]
    not_learnt: tuple[NotLearnt, ...]
    alerts_per_day: float
    certain_per_day: float


class Tuner:
    """Finds a proposal.

    The present threshold stays, or falls, where it keeps to the alerts a day by itself. Else places are learnt, the
    busiest first, until it does. Only when no place is left does the threshold rise: a pattern makes one field of one
    page less watched, a threshold all of them. Requests that are certain count as attacks, not as false alerts: an
    attacker in the log can neither raise the threshold with them nor have them learnt.

    Args:
        survey: what was read.
        alerts_per_day: how many benign requests a day may alert.
        requests_per_day: how many the site has; None reads it from the log's times.
        accepted: ids of places that a person has looked at, and that are benign whatever they scored.

    Raises:
        ProposalError: the log holds no requests or does not tell a day's, or no place has an accepted id, or too many do.
    """

    def __init__(
        self,
        survey: Survey,
        alerts_per_day: float,
        requests_per_day: float | None = None,
        accepted: Collection[str] = (),
    ) -> None:
        per_day = requests_per_day or survey.volume.per_day
        if not survey.volume.requests:
            raise ProposalError("no line of the log is a request: give another log, or its --format")
        if per_day is None:
            raise ProposalError(
                "the log's times do not tell how many requests a day there are: give --per-day REQUESTS"
            )
        unknown = set(accepted) - {suspicion.id for suspicion in survey.suspicions.values()}
        if unknown:
            raise ProposalError(f"no suspicious place has the id {', '.join(map(printable, sorted(unknown)))}")
        if len(accepted) > MOST_PATTERNS:
            raise ProposalError(f"{len(accepted)} places are accepted, and a tuning holds at most {MOST_PATTERNS}")
        self._survey = survey
        self._accepted = accepted
        self._per_day = per_day
        # Each request of the log stands for so many a day.
        self._weight = per_day / survey.volume.requests
        self._allowed = alerts_per_day / self._weight
        self._end = step_of(survey.certain)

    def propose(self) -> Proposal:
        """Return what to set."""
        present = self._survey.detector.threshold
        start = step_of(present)
        start += score_of(start) < present
        learnt = [found for found in self._by_alerts() if found.id in self._accepted]
        lowest = self._lowest(learnt)
        if lowest <= start:
            step = lowest if self._allowed >= LEAST_ALLOWED else start
        else:
            left = self._left(start, learnt)
            for found in self._by_alerts():
                if left <= self._allowed or len(learnt) >= MOST_PATTERNS:
                    break
                if found.id not in self._accepted and self._reason(found) is None:
                    spared = self._spared(found, start)
                    left -= spared
                    learnt += [found] if spared else []
            step = start if left <= self._allowed else self._lowest(learnt)
        # Under a higher threshold a ceiling may say nothing any more.
        learnt = [found for found in learnt if self._ceiling_step(found) >= step]
        return Proposal(
            requests_per_day=self._per_day,
            threshold=present if step == start else score_of(step),
            patterns=tuple(Pattern(found.place, self._ceiling(found)) for found in learnt),
            learnt=tuple(learnt),
            not_learnt=tuple(self._not_learnt()),
            alerts_per_day=self._left(step, learnt) * self._weight,
            certain_per_day=self._certain(step) * self._weight,
        )

    def _certain(self, step: int) -> int:
        """Return how many requests of the log are certain and would alert from `step` on."""
        first = max(step, self._end)
        accepted = [found.steps for found in self._by_alerts() if found.id in self._accepted]
        return _from(first, self._survey.steps) - sum(_from(first, steps) for steps in accepted)

    def _by_alerts(self) -> list[Suspicion]:
        return sorted(self._survey.suspicions.values(), key=lambda found: (-found.alerts, -found.highest, found.place))

    def _reason(self, found: Suspicion) -> str | None:
        """Return why a place must not be learnt, or None where it may."""
        ordinary = found.requests - found.certain
        if not found.place.is_plain:
            return "its name is nothing that a site makes up"
        if not ordinary:
            return f"all scored {self._survey.certain:.6g} or more"
        if ordinary < LEAST_REQUESTS:
            return f"fewer than {LEAST_REQUESTS} requests: no habit of the site"
        if found.ordinary_score is None:
            return f"from fewer than {LEAST_CLIENTS} clients: one attacker could have sent them"
        return None

    def _ceiling(self, found: Suspicion) -> float:
        return score_of(self._ceiling_step(found) + 1)

    def _ceiling_step(self, found: Suspicion) -> int:
        """Return the last step in which a learnt place's requests are benign."""
        if found.id in self._accepted:
            return step_of(found.highest) + MARGIN
        ordinary = found.ordinary_score
        assert ordinary is not None  # nothing else is learnt
        return min(step_of(ordinary) + MARGIN, self._end - 1)

    def _spared(self, found: Suspicion, step: int) -> int:
        """Return how many requests of a place, from `step` on and not certain, a pattern for it would keep silent."""
        last = min(self._ceiling_step(found), self._end - 1)
        return sum(count for place, count in found.steps.items() if step <= place <= last)

    def _left(self, step: int, learnt: Sequence[Suspicion]) -> int:
        """Return how many requests of the log, the certain ones left out, would alert from `step` on."""
        steps = self._survey.steps
        return sum(count for place, count in steps.items() if step <= place < self._end) - sum(
            self._spared(found, step) for found in learnt
        )

    def _lowest(self, learnt: Sequence[Suspicion]) -> int:
        """Return the lowest step from which on no more than what is allowed would alert."""
        low, high = min(step_of(LOWEST), self._end), self._end
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._left(middle, learnt) <= self._allowed else (middle + 1, high)
        return low

    def _not_learnt(self) -> list[NotLearnt]:
        looked_at = []
        for found in self._by_alerts():
            if found.id in self._accepted or not (found.alerts or found.certain):
                continue
            reason = self._reason(found)
            if reason is None and found.certain:
                reason = f"{found.certain} of {found.requests} scored {self._survey.certain:.6g} or more"
            if reason is not None:
                looked_at.append(NotLearnt(found, reason))
        return looked_at


def to_tuning(proposal: Proposal, survey: Survey) -> Tuning:
    """Return what the configuration loads."""
    return Tuning(
        version=1,
        model=TunedModel(name=survey.detector.name, digest=survey.detector.digest),
        requests_per_day=float(f"{proposal.requests_per_day:.4g}"),
        # Nine digits are finer than float32 near 1. Upwards: what lay below the threshold stays below it.
        threshold=min(1.0, math.ceil(proposal.threshold * 1e9) / 1e9),
        known_benign=tuple(
            KnownPattern(
                method=pattern.place.method,
                path=pattern.place.path,
                field=pattern.place.field,
                # Downwards: what is certain stays above it.
                ceiling=math.floor(pattern.ceiling * 1e9) / 1e9,
            )
            for pattern in proposal.patterns
        ),
    )


def _from(first: int, steps: Mapping[int, int]) -> int:
    return sum(count for step, count in steps.items() if step >= first)
