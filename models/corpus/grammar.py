"""Random text from small grammars, all of it from one seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

DEPTH_LIMIT: Final = 12
"""Beyond this depth a rule yields its last alternative, which therefore must not recur."""

_SLOT = re.compile("«([a-z_0-9]+)»")


class Chance(random.Random):
    """A seeded source of choices. Not shared between threads."""

    def maybe(self, share: float) -> bool:
        """Return True in this share of calls."""
        return self.random() < share

    def pick(self, options: Sequence[T]) -> T:
        """Return one of `options`; as `choice`, at half its cost."""
        return options[int(self.random() * len(options))]

    def number(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def some(self, options: Sequence[T], low: int, high: int) -> list[T]:
        """Return `low` to `high` of `options`, each at most once."""
        return self.sample(options, min(len(options), self.number(low, high)))

    def letters(self, alphabet: str, low: int, high: int) -> str:
        """Return `low` to `high` characters of `alphabet`."""
        return "".join(self.choices(alphabet, k=self.number(low, high)))


Terminal: TypeAlias = Callable[[Chance], str]
Rules: TypeAlias = Mapping[str, "Sequence[str] | Terminal"]


class Grammar:
    """Rules by name: alternatives in which «name» stands for another rule, or a function.

    Alternatives are equally likely; one that stands twice is twice as likely. A rule of a later mapping replaces that
    of an earlier one.

    Raises:
        ValueError: a slot names no rule.
    """

    def __init__(self, *rules: Rules) -> None:
        self._rules: dict[str, Sequence[str] | Terminal] = {}
        for mapping in rules:
            self._rules.update(mapping)
        for name, rule in self._rules.items():
            for alternative in () if callable(rule) else rule:
                for slot in _SLOT.findall(alternative):
                    if slot not in self._rules:
                        raise ValueError(f"grammar: rule {name!r} names {slot!r}, which has no rule")

    def draw(self, chance: Chance, rule: str) -> str:
        """Return one text of `rule`."""
        return self._draw(chance, rule, 0)

    def fill(self, chance: Chance, template: str) -> str:
        """Return `template` with every slot drawn."""
        return _SLOT.sub(lambda slot: self._draw(chance, slot[1], 1), template)

    def _draw(self, chance: Chance, rule: str, depth: int) -> str:
        alternatives = self._rules[rule]
        if callable(alternatives):
            return alternatives(chance)
        chosen = alternatives[-1] if depth > DEPTH_LIMIT else chance.pick(alternatives)
        if "«" not in chosen:
            return chosen
        return _SLOT.sub(lambda slot: self._draw(chance, slot[1], depth + 1), chosen)
