"""One line is one record under one identity, whichever file it is found in, and two lines are two."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from contracts.source import read
from log_feed import PACE, FileFeed, copytruncated, drained, everything, identities, opened, payloads, stopped
from packing import lines, pack

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.checkpoint import State


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
@pytest.mark.parametrize("pattern", ["", "*"], ids=["one name", "every name"])
def test_a_copy_that_ends_before_what_was_read_is_known_all_the_same(
    feed: FileFeed, pattern: str, *, watched: bool
) -> None:
    """A server goes on writing between copy and truncation, and those lines were read in time."""
    feed.patterns = [f"{feed.log}{pattern}"]
    source = opened(feed)
    first: list[tuple[bytes, str, int]] = []
    for number in range(0, 60, 3):
        feed.write(*lines(number, number + 3))
        records = read(source, 3)
        settle_all(record.receipt for record in records)
        first += identities(records)
        source.commit()
    copy = feed.folder / "access.log.1"
    shutil.copy(feed.log, feed.folder.parent / "copy")
    feed.write(*lines(60, 64))
    first += everything(source)
    if not watched:
        stopped(source)
    (feed.folder.parent / "copy").rename(copy)
    os.truncate(feed.log, 0)
    feed.write(b"new")
    source = source if watched else opened(feed)
    again = everything(source)
    assert [payload for payload, *_ in again if payload not in lines(0, 64)] == [b"new"]
    assert set(again) - set(first) == {one for one in again if one[0] == b"new"}
    assert len(again) <= 10, "a few lines before the end of the copy come again"
    assert feed.gaps == []
    source.close()


def test_what_was_written_after_the_copy_and_cut_off_unread_is_counted(feed: FileFeed) -> None:
    source = opened(feed)
    feed.write(*lines(0, 3))
    assert len(payloads(source, 3)) == 3
    (tail,) = source._files.tails.values()
    feed.write(b"in the copy")
    copy = feed.folder / "access.log.1"
    shutil.copy(feed.log, copy)
    feed.write(b"in neither")
    tail.look(0.0)
    os.truncate(feed.log, 0)
    assert drained(source) == [b"in the copy"]
    assert [(gap.position, gap.bytes_at_most, gap.reason) for gap in feed.gaps] == [
        (copy.stat().st_size, len(b"in neither\n"), "truncated")
    ]
    source.close()


@pytest.mark.parametrize("rotation", ["compressed", "copied and cut off"])
def test_what_was_read_before_a_crash_and_rotated_after_it_has_its_identity(feed: FileFeed, rotation: str) -> None:
    """Nothing was committed since the first line came."""
    source = opened(feed)
    feed.write(*lines(0, 3))
    before = identities(read(source, 3))
    source.close()  # which commits nothing
    if rotation == "compressed":
        feed.log.rename(feed.folder / "access.log.1")
        pack(feed.folder / "access.log.1")
    else:
        copytruncated(feed)
    feed.write(b"new")
    source = opened(feed)
    assert everything(source)[:3] == before
    source.close()


def test_a_copy_is_known_though_its_folder_was_away_and_came_back_without_the_log(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(*lines(0, 3))
    before = identities(read(source, 3))
    copytruncated(feed)
    feed.log.unlink()
    away = feed.folder.with_name("away")
    feed.folder.rename(away)
    source.close()  # which commits nothing
    source = opened(feed)
    assert source.poll(3 * PACE.grace_s) == ()
    away.rename(feed.folder)
    assert everything(source) == before
    source.close()


def test_half_a_line_tells_no_file_from_another(feed: FileFeed) -> None:
    """It may be no more than the date with which a line of the next log begins as well."""
    begun = b"#Fields: method path\n2026-11-2"
    feed.log.write_bytes(begun)
    source = opened(feed)
    first = identities(read(source, 1))
    with feed.log.open("ab") as log:
        log.write(b"1 get /a\n2026-11-21 get /b\n")
    first += identities(read(source, 2))
    source.close()  # which commits nothing
    feed.log.unlink()
    feed.log.write_bytes(begun + b"2 get /c\n2026-11-22 get /d\n")
    source = opened(feed)
    again = everything(source)
    assert len(again) == 3
    assert {key for _, key, _ in first}.isdisjoint(key for _, key, _ in again)
    source.close()


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
def test_a_log_that_is_cut_off_and_begins_as_before_is_another_one(feed: FileFeed, *, watched: bool) -> None:
    """Else an alert on one of its lines would pass for the one at the same place before."""
    header = b"#Fields: method path"
    source = opened(feed)
    feed.write(header, *lines(0, 5))
    first = everything(source)
    if not watched:
        stopped(source)
    feed.log.write_bytes(b"".join(line + b"\n" for line in (header, *lines(5, 8))))
    source = source if watched else opened(feed)
    second = everything(source)
    assert [payload for payload, *_ in second] == [header, *lines(5, 8)]
    assert {one[1:] for one in first}.isdisjoint(one[1:] for one in second)
    stopped(source)
    again = opened(feed)
    feed.write(b"more")
    assert [key for _, key, _ in everything(again)] == [second[0][1]]
    again.close()


def test_a_log_that_grew_beyond_its_place_again_since_it_was_cut_off_is_read_from_its_beginning(
    feed: FileFeed,
) -> None:
    header = b"#Fields: method path"
    source = opened(feed)
    feed.write(header, b"one")
    assert len(payloads(source, 2)) == 2
    feed.log.write_bytes(b"".join(line + b"\n" for line in (header, *lines(0, 5))))
    assert drained(source) == [header, *lines(0, 5)]
    source.close()


def test_no_record_of_a_new_file_is_handed_out_before_its_identity_is_durable(
    feed: FileFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(b"zero", b"one")
    assert len(payloads(source, 2)) == 2
    save = source._checkpoint.save

    def full(state: State) -> None:
        raise RetryableError(f"no room for {len(state.marks)} marks")

    monkeypatch.setattr(source._checkpoint, "save", full)
    (feed.folder / "access.log.other").write_bytes(b"first\n")
    with pytest.raises(RetryableError, match="no room for 2 marks"):
        source.poll(0.5)
    feed.write(b"two")
    assert payloads(source, 1) == [b"two"], "the others go on"
    monkeypatch.setattr(source._checkpoint, "save", save)
    assert payloads(source, 1) == [b"first"]
    source.close()


def test_two_generations_that_were_cut_off_unwatched_are_both_found_in_their_copies(feed: FileFeed) -> None:
    """Both began with the same header in the same inode."""
    header = b"#Fields: method path"
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(header, *lines(0, 3))
    assert len(payloads(source, 4)) == 4
    source.pause()
    feed.write(*lines(3, 5))
    copytruncated(feed).rename(feed.folder / "access.log.2")
    feed.write(header, *lines(5, 9))
    source.poll(0.1)
    copytruncated(feed)
    feed.write(b"new")
    source.poll(0.1)
    source.resume()
    found = everything(source)
    assert sorted(payload for payload, *_ in found) == sorted([header, *lines(3, 9), b"new"])
    assert len({one[1:] for one in found}) == len(found)
    assert feed.gaps == []
    source.close()


@pytest.mark.parametrize("text", [b"half a line", b"", b"#fields\nhalf a line"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_rotated_file_whose_last_line_has_no_end_is_read_once(
    feed: FileFeed, pack: Callable[[bytes], bytes], text: bytes
) -> None:
    """It is looked at whenever its log was rotated while nobody watched."""
    feed.write(*lines(0, 3))
    source = opened(feed)
    assert len(payloads(source, 3)) == 3
    stopped(source)
    (feed.folder / ("access.log.1" if pack is bytes else "access.log.1.gz")).write_bytes(pack(text))
    found = []
    for number in range(2, 5):
        feed.log.rename(feed.folder / f"access.log.{number}")
        feed.write(b"%d" % number)
        source = opened(feed)
        found += [payload for payload, *_ in everything(source)]
        stopped(source)
    assert sorted(found) == sorted([b"2", b"3", b"4", *text.splitlines()])


@pytest.mark.parametrize("text", [b"one line\nand half", b"#fields\nhalf a line"])
def test_a_compressed_copy_that_ends_amid_a_line_is_known_when_that_was_read(feed: FileFeed, text: bytes) -> None:
    feed.patterns = [f"{feed.log}*"]
    feed.log.write_bytes(text)
    source = opened(feed)
    assert len(payloads(source, 1)) == 1
    with feed.log.open("rb"):  # so that its inode does not come again
        feed.log.unlink()
        assert [payload for payload, *_ in everything(source)] == text.splitlines()[1:]
        stopped(source)
        (feed.folder / "access.log.1.gz").write_bytes(gzip.compress(text))
    source = opened(feed)
    assert everything(source) == []
    source.close()
