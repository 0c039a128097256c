"""What the model says of one request."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The outcome of scoring one request.

    Attributes:
        score: probability in [0, 1] that it is an attack.
        threshold: the score from which it counts as one.
        kind: the most likely kind of attack by its field name ("sqli", "xss", "path-traversal", …), or None for a
            model without that head. Meaningful for attacks only.
    """

    score: float
    threshold: float
    kind: str | None = None

    @property
    def is_attack(self) -> bool:
        return self.score >= self.threshold


@dataclass(frozen=True, slots=True)
class Explanation:
    """The part of a request that drove its score.

    Attributes:
        field: where it stands: "path", "query.id", "body.user.name", "header.user-agent", or "text" where the canonical
            text knows no fields.
        excerpt: the part with a little of what surrounds it, as the model saw it (decoded, lower case).
        start: where the part begins in `excerpt`, in characters.
        end: where it ends, exclusive.
    """

    field: str
    excerpt: str
    start: int
    end: int
