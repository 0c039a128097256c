"""A line as a JSON object: what Python's own reader says, and nothing that breaks something later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.models.errors import UnparsableError
from weirlog.models.formats import log_format
from weirlog.models.formats.json_line import DEPTH_LIMIT, decode_object

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)


@settings(deadline=None, max_examples=300)
@given(value=st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=5), escaped=st.booleans())
def test_json_is_what_pythons_json_says(value: dict[str, Any], escaped: bool) -> None:
    line = json.dumps(value, ensure_ascii=escaped, allow_nan=True)
    if "NaN" in line or "Infinity" in line or any("\ud800" <= character <= "\udfff" for character in str(value)):
        return
    assert json.dumps(decode_object(line.encode())) == json.dumps(json.loads(line))


@pytest.mark.parametrize(
    "literal",
    ["-0", "-0.0", "1.0", "1e5", "1E-7", "1e-400", "18446744073709551616", "9" * 4300, "0." + "3" * 400, "2e308"[:4]],
)
def test_numbers_are_dumped_as_python_would(literal: str) -> None:
    assert json.dumps(decode_object(f'{{"n":{literal}}}'.encode())) == json.dumps(json.loads(f'{{"n":{literal}}}'))


def test_the_last_of_duplicate_keys_counts_at_the_place_of_the_first() -> None:
    line = b'{"a":1,"b":2,"a":3}'
    assert list(decode_object(line).items()) == list(json.loads(line).items()) == [("a", 3), ("b", 2)]


@pytest.mark.parametrize(
    ("literal", "kept"),
    [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "1e999"), ("9" * 5000, "9" * 5000)],
    ids=lambda text: text[:9],
)
def test_a_number_that_would_break_something_later_stays_text(literal: str, kept: str) -> None:
    assert decode_object(f'{{"n":{literal}}}'.encode()) == {"n": kept}


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert decode_object(b'{"\\ud800k":["a\\udc00", "\\ud83d\\ude00"]}') == {"\ufffdk": ["a\ufffd", "😀"]}


def test_bytes_that_are_not_utf8_are_latin_1_string_by_string() -> None:
    line = '{"utf8":"é€","latin":"'.encode() + b'\xe9"}'
    assert decode_object(line) == {"utf8": "é€", "latin": "é"}


def test_depth_is_limited_where_recursion_would_begin_to_hurt() -> None:
    deepest = b'{"a":' * DEPTH_LIMIT + b"1" + b"}" * DEPTH_LIMIT
    assert "a" in decode_object(deepest)
    for levels in (DEPTH_LIMIT + 1, 900, 100_000):
        with pytest.raises(UnparsableError, match="nested deeper than 64"):
            decode_object(b'{"a":' * levels + b"1" + b"}" * levels)
    assert decode_object(b'{"a":"' + b"{[" * 1000 + b'"}') == {"a": "{[" * 1000}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[]", "no object"),
        (b"1", "no object"),
        (b'"x"', "no object"),
        (b"null", "no object"),
        (b'{"method":"get"', "not JSON"),
        (b'{"a":1}{"b":2}', "not JSON"),
        (b'{"a":"\x01"}', "not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused_without_quoting_it(line: bytes, reason: str) -> None:
    for name in ("hapi", "nginx-json"):
        with pytest.raises(UnparsableError, match=reason):
            log_format(name).parse(line)
