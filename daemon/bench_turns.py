"""What `weirlog bench` compares takes turns, round after round: whoever else uses the machine then slows all of it alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

TURN_S = 1.0
"""A turn's length that is aimed at: the machine drifts over tens of seconds, a turn must be far shorter."""
MOST_ROUNDS = 9


@dataclass(slots=True)
class Turns:
    """What is measured in turn, and what came of it.

    Attributes:
        name: what people are told.
        take: measures for about so many seconds; None where the result is kept elsewhere.
        weight: how long a turn is against the others.
        results: one a turn.
        failure: why it is not measured, for people.
    """

    name: str
    take: Callable[[float], float | None]
    weight: float = 1.0
    results: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def median(self) -> float | None:
        return statistics.median(self.results) if self.results else None


def plan(weights: Sequence[float], seconds: float) -> tuple[int, float]:
    """Return (rounds, seconds of a turn of weight 1) so that all turns take about `seconds`."""
    whole = sum(weights)
    rounds = max(1, min(MOST_ROUNDS, round(seconds / (whole * TURN_S))))
    return rounds, seconds / (whole * rounds)


def in_turn(measured: Sequence[Turns], seconds: float, tell: Callable[[str], None]) -> None:
    """Let all take their turns, round after round, for about `seconds`; `tell` is told whose turn it is."""
    rounds, turn_s = plan([turns.weight for turns in measured], seconds)
    for number in range(1, rounds + 1):
        for turns in measured:
            tell(f"round {number} of {rounds}: {turns.name}")
            result = turns.take(turn_s * turns.weight)
            if result is not None:
                turns.results.append(result)
