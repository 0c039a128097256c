"""Durations, sizes and addresses, as a configuration writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from weirlog.daemon.config_types import (
    SizeOrNone,
    format_duration,
    format_size,
    parse_duration,
    parse_host_port,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("1h30m", 5400),
        ("10m", 600),
        ("1.5s", 1.5),
        (3, 3),
        (0.25, 0.25),
        ("7", 7),
        ("1 h 5 s", 3605),
        ("2w", 1209600),
    ],
)
def test_durations_are_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["10x", "", "m", "1h-5m", "-1", -1, "1e3", True, None, "nan", [], "9" * 100, 10**30, float("inf")]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration|not between"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512k", 524288),
        ("1MiB", 1048576),
        ("1mb", 1000000),
        ("1.5G", 1610612736),
        (10, 10),
        ("10", 10),
        ("10 MB", 10**7),
        ("3B", 3),
    ],
)
def test_sizes_are_read(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["1X", "", "MiB", "-1", 0, -5, True, None, "1 000", "1e6", [], float("nan"), "9" * 40])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="size|not between"):
        parse_size(text)


@given(st.integers(1, 2**53))
def test_a_size_is_read_back_as_it_is_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 10**8).map(lambda milliseconds: milliseconds / 1000))
def test_a_duration_is_read_back_as_it_is_written(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-5)


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "host", "host:", "host:99999", "::1:80", "[::1]", "a b:80", "h\n:80", 9464, None]
)
def test_what_is_no_address_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9464"):
        parse_host_port(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("127.0.0.1.example:1", False),
    ],
)
def test_only_this_machines_own_addresses_count_as_loopback(text: str, loopback: bool) -> None:
    address = parse_host_port(text)
    assert (address.is_loopback, str(address)) == (loopback, text)


@pytest.mark.parametrize(("value", "size"), [(0, 0), ("4MiB", 4 << 20), (1, 1)])
def test_a_size_that_may_be_none_at_all_takes_zero(value: object, size: int) -> None:
    assert TypeAdapter(SizeOrNone).validate_python(value) == size


@pytest.mark.parametrize("value", [-1, False, "0", "", None])
def test_only_the_number_zero_is_none_at_all(value: object) -> None:
    with pytest.raises(ValidationError, match="size|between"):
        TypeAdapter(SizeOrNone).validate_python(value)
