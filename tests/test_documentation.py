"""Written passages that harmless requests quote, and attacks hide among."""

from __future__ import annotations

from itertools import islice

import pytest

from weirlog.models.corpus import traffic
from weirlog.models.corpus.documentation import LONGEST, SHORTEST, passages, passages_digest
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.quotation import quotation, with_braces
from weirlog.models.corpus.traffic import quotations

SIGN = "zqzqz"
MARKED = tuple(f"{SIGN} is written {number} times" for number in range(50))


@pytest.fixture(scope="module")
def written() -> tuple[str, ...]:
    return passages()


def test_there_are_many_passages_of_prose_and_of_programs(written: tuple[str, ...]) -> None:
    assert len(written) > 5_000
    assert all(SHORTEST <= len(text) <= LONGEST for text in written)
    joined = "\n".join(written)
    for part in ("The ", "def ", "self.", "import ", ">>> ", "`"):
        assert part in joined


def test_what_is_held_out_is_not_trained_on(written: tuple[str, ...]) -> None:
    kept = passages(held_out=True)
    assert len(kept) > len(written) / 20
    assert not {*kept} & {*written}


def test_a_manifest_tells_other_passages_apart(written: tuple[str, ...]) -> None:
    assert passages_digest(written) == passages_digest(list(written))
    assert passages_digest(written) != passages_digest(written[:-1])
    assert passages_digest(["ab", "c"]) != passages_digest(["a", "bc"])


def test_a_quotation_holds_words_of_a_passage_and_stands_in_many_forms() -> None:
    chance = Chance(1)
    quoted = [quotation(chance, ("first line\nsecond line\nthird line",)) for _ in range(300)]
    assert all("line" in text for text in quoted)
    assert len({*quoted}) > 20


def test_a_program_gets_the_signs_of_other_languages() -> None:
    program = "def size(self):\n    if self.one and not None:\n        return len(self.one)"
    assert with_braces(program) == (
        "function size(this) {\n    if (this.one && !null) {\n        return len(this.one);"
    )


def test_quotations_are_harmless_requests_with_a_passage_each() -> None:
    for labelled in islice(quotations(3, MARKED), 200):
        assert not labelled.label
        assert SIGN in str(labelled.request.visible)


def test_passages_stand_in_harmless_requests_and_around_attacks_where_there_are_any() -> None:
    with_passages = [
        (labelled.label, SIGN in str(labelled.request.visible))
        for labelled in islice(traffic(5, passages=MARKED), 2_000)
    ]
    for label in (0, 1):
        assert 0.01 < sum(quoted for of, quoted in with_passages if of == label) / len(with_passages) < 0.2
    assert not any(SIGN in str(labelled.request.visible) for labelled in islice(traffic(5), 200))
