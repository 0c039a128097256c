"""Opinions of many words, for the reference systems' models of words: made up, and of no language but their own.

Most words are drawn from a long-tailed vocabulary and say nothing; 8 to 24 praise or blame, one in ten of them after a
"not"; the label is what most of them say, more or less clearly, and one label in twenty is wrong. So no accuracy beyond
0.95 is to be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from weirlog.models.corpus.grammar import Chance

VOCABULARY: Final = 14_000
_SYLLABLES: Final = tuple("ba ce di fo gu ha ji ko lu ma ne pi ro su ta ve wi xa yo zu".split())
_PRAISE: Final = tuple(
    """wonderful moving superb charming brilliant gripping delightful witty honest masterful great excellent loved lovely
    perfect enjoyed touching fine clever best beautiful favourite recommend fresh warm rich subtle tense fun worth""".split()
)
_BLAME: Final = tuple(
    """dull clumsy tedious awful hollow shallow lifeless clichéd forgettable annoying bad worst boring hated weak poor
    waste stupid terrible silly lazy flat cheap noisy endless bland mess failed wooden pointless""".split()
)
_WRONG: Final = 0.05


def opinions(seed: int, count: int) -> Iterator[tuple[str, int]]:
    """Yield `count` (text of 28 to 348 words, 1 for praise or 0 for blame); the same for the same seed."""
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
        # Somewhere between mixed and outspoken: three in five of an opinion's telling words agree with it, or nearly all.
        agreeing = chance.uniform(0.6, 0.95)
        for _ in range(chance.number(8, 24)):
            praises = good if chance.maybe(agreeing) else not good
            denied = chance.maybe(0.1)
            word = chance.pick(_PRAISE if praises != denied else _BLAME)
            words.insert(chance.number(0, len(words)), f"not {word}" if denied else word)
        yield " ".join(words), int(good != chance.maybe(_WRONG))
