"""A proportion that was counted, and how far it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

Z: Final = 1.959964
"""The normal distribution holds 95 % within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    found: int
    of: int

    @property
    def value(self) -> float | None:
        return self.found / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % score interval of the proportion (Wilson, 1927); all of [0, 1] where nothing was counted."""
        if not self.of:
            return 0.0, 1.0
        share = self.found / self.of
        scale = 1.0 + Z * Z / self.of
        centre = (share + Z * Z / (2 * self.of)) / scale
        half = Z * math.sqrt(share * (1.0 - share) / self.of + Z * Z / (4 * self.of * self.of)) / scale
        low = 0.0 if self.found == 0 else centre - half
        high = 1.0 if self.found == self.of else centre + half
        return low, high
