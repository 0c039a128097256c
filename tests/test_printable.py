"""Text of unknown origin, made fit to be shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirlog.daemon.printable import printable


@given(st.text(), st.integers(1, 40))
def test_whatever_the_text_is_the_outcome_is_printable_and_bounded(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit + len("… (+)") + 6


@given(st.text("abcäß日本 -/?=%&", max_size=40))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x1b", r"\x1b"),
        ("\n", r"\x0a"),
        ("\x7f", r"\x7f"),
        ("\x9b", r"\x9b"),
        ("\u202e", r"\u202e"),
        ("\u2028", r"\u2028"),
        ("\u200b", r"\u200b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_by_its_number(character: str, shown: str) -> None:
    assert printable(f"a{character}b") == f"a{shown}b"


def test_what_is_cut_is_counted() -> None:
    assert printable("x" * 100, 10) == "xxxxxxxxxx… (+90)"


def test_a_long_text_costs_no_more_than_a_short_one() -> None:
    text = "\x1b" * 50_000_000
    started = time.perf_counter()
    printable(text)
    assert time.perf_counter() - started < 0.1
