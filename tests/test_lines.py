"""Finished logs as lines: packed or not, damaged or not, in constant memory."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from backports import zstd

from weirlog.daemon.lines import MAX_LINE_BYTES, InputError, Line, read_lines, size_of

TEXT = b"one\r\n\ntwo\nthe end"
LINES = [Line(b"one"), Line(b""), Line(b"two"), Line(b"the end")]


def lines(path: Path | str) -> list[Line]:
    return list(read_lines(str(path), lambda position: None))


@pytest.mark.parametrize(
    "packed", [TEXT, gzip.compress(TEXT), gzip.compress(TEXT[:6]) + gzip.compress(TEXT[6:]), zstd.compress(TEXT)]
)
def test_packing_is_told_by_the_first_bytes_whatever_the_name(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "access.log.1"
    path.write_bytes(packed)
    assert lines(path) == LINES


def test_standard_input_is_read_and_unpacked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(TEXT)))))
    assert lines("-") == LINES


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert lines(tmp_path / "empty") == []


def test_a_line_over_the_limit_is_cut_and_flawed_and_the_next_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(
        b"x" * MAX_LINE_BYTES + b"\n" + b"y" * (3 * MAX_LINE_BYTES) + b"\nnext\n" + b"z" * MAX_LINE_BYTES * 2
    )
    whole, cut, following, last = lines(path)
    assert (len(whole.payload), whole.flaw) == (MAX_LINE_BYTES, None)
    assert (len(cut.payload), cut.flaw) == (MAX_LINE_BYTES, "line longer than 1048576 bytes")
    assert following == Line(b"next")
    assert last.flaw is not None


@pytest.mark.parametrize("packed", [gzip.compress(b"line\n" * 10_000), zstd.compress(b"line\n" * 10_000)])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_file_gives_its_good_lines_and_then_an_error_with_its_name(
    tmp_path: Path, packed: bytes, damage: str
) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(packed[:-4] if damage == "cut" else packed[:10] + b"\xff\xff\xff" + packed[13:])
    with pytest.raises(InputError, match="damaged: "):
        lines(path)


@pytest.mark.parametrize(("name", "reason"), [("none.log", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        lines(tmp_path / name)


def test_progress_tells_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"line\n" * 100_000)
    told: list[int] = []
    for _ in read_lines(str(path), told.append):
        pass
    assert told == sorted(told)
    assert 400_000 < told[-1] <= path.stat().st_size
    assert size_of([str(path), str(path)]) == 1_000_000
    assert size_of([str(path), "-"]) is None
