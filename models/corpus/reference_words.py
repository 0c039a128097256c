"""Opinions of many words, for the reference systems' models of words: made up, and of no language but their own.

Most words are drawn from a long-tailed vocabulary and say nothing; a few praise or blame, some after a "not"; the label
is what most of them say, and one label in twenty is wrong. So the best accuracy there is to be had is 0.95.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from weirlog.models.corpus.grammar import Chance

VOCABULARY: Final = 14_000
_SYLLABLES: Final = tuple("ba ce di fo gu ha ji ko lu ma ne pi ro su ta ve wi xa yo zu".split())
_PRAISE: Final = tuple("wonderful moving superb charming brilliant gripping delightful witty honest masterful".split())
_BLAME: Final = tuple("dull clumsy tedious awful hollow shallow lifeless clichéd forgettable annoying".split())
_WRONG: Final = 0.05


def opinions(seed: int, count: int) -> Iterator[tuple[str, int]]:
    """Yield `count` (text of 20 to 320 words, 1 for praise or 0 for blame); the same for the same seed."""
    chance = Chance(seed)
    filler = tuple(
        "".join(_SYLLABLES[number // 20**place % 20] for place in range(4))
        for number in range(7, 7 + 11 * VOCABULARY, 11)
    )
    # Zipf's law: the n-th word comes 1/n as often as the first.
    weights = tuple(accumulate(1.0 / (rank + 10) for rank in range(len(filler))))
    for _ in range(count):
        good = chance.maybe(0.5)
        words = chance.choices(filler, cum_weights=weights, k=chance.number(20, 300))
        for turn in range(chance.number(2, 4) * 2 + 1):
            # The first and every other one after it decide; those between may say the opposite.
            praises = good if turn % 2 == 0 or chance.maybe(0.4) else not good
            denied = chance.maybe(0.25)
            word = chance.pick(_PRAISE if praises != denied else _BLAME)
            words.insert(chance.number(0, len(words)), f"not {word}" if denied else word)
        yield " ".join(words), int(good != chance.maybe(_WRONG))
