"""Logs that share a header, or an inode that came again: neither makes one pass for another."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from contracts.source import read
from log_feed import PACE, FileFeed, everything, identities, opened, payloads, stopped
from packing import lines, pack

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.sources.checkpoint import Checkpoint, Mark, State


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


def test_where_saving_fails_no_file_is_read_that_only_its_header_tells(
    feed: FileFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one with that header would pass for it later. One of them that waits must not let the next one through."""
    feed.patterns = [str(feed.folder / "*.log")]
    logs = [feed.folder / "a.log", feed.folder / "b.log"]
    for log in logs:
        log.write_bytes(b"#Fields: method path\n")
    source = opened(feed)
    assert len(everything(source)) == 2
    stopped(source)
    live, backlog = logs
    backlog.write_bytes(backlog.read_bytes() + b"GET /b.log\n")
    source = opened(feed)
    live.write_bytes(live.read_bytes() + b"GET /a.log\n")

    def full(_checkpoint: Checkpoint, _state: State) -> None:
        raise RetryableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", full)
        with pytest.raises(RetryableError, match="full"):
            source.poll(0.01)
    assert sorted(payload for payload, *_ in everything(source)) == [b"GET /a.log", b"GET /b.log"]
    source.close()


def test_a_new_log_with_the_same_header_is_no_copy_of_the_one_that_was_cut_off(feed: FileFeed) -> None:
    """It stands where that stood; of that nothing was settled yet."""
    header = b"#Fields: method path"
    source = opened(feed)
    feed.write(header, b"GET /one")
    first = identities(read(source, 2))
    os.truncate(feed.log, 0)
    feed.log.unlink()
    feed.write(header, b"GET /two")
    second = everything(source)
    assert [payload for payload, *_ in second] == [header, b"GET /two"]
    assert {one[1:] for one in first}.isdisjoint(one[1:] for one in second)
    source.close()


def test_the_mark_of_a_removed_file_does_not_pass_for_that_of_the_one_with_its_inode(feed: FileFeed) -> None:
    """Its inode came again in an empty file, which then begins with the same line."""
    header = b"#Fields: method path"
    same = hashlib.sha256(header + b"\n").hexdigest()[:24]
    former = Mark(feed.log.stat().st_ino, same, 1_000, str(feed.log), time.time(), before="ab")
    Checkpoint(feed.checkpoint).save(State([former], feed.patterns))
    source = opened(feed)
    feed.write(header, *lines(0, 3))
    first = everything(source)
    assert [payload for payload, *_ in first] == [header, *lines(0, 3)]
    assert {key for _, key, _ in first}.isdisjoint([former.key])
    stopped(source)
    again = opened(feed)
    feed.write(b"more")
    assert [(payload, key) for payload, key, _ in everything(again)] == [(b"more", first[0][1])]
    again.close()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_that_was_read_to_amid_its_second_line_is_not_known_by_its_header(
    feed: FileFeed, pack: Callable[[bytes], bytes]
) -> None:
    """Its inode came again in a log, or in an archive, with the same header."""
    header = b"#Fields: method path"
    feed.patterns = [f"{feed.log}*"]
    archive = feed.folder / "access.log.1.gz"
    archive.write_bytes(gzip.compress(header + b"\nGET /half"))
    source = opened(feed)
    assert [payload for payload, *_ in everything(source)] == [header, b"GET /half"]
    stopped(source)
    archive.write_bytes(pack(b"\n".join([header, *lines(0, 9), b""])))
    archive.rename(feed.folder / ("access.log" if pack is bytes else "access.log.2.gz"))
    source = opened(feed)
    assert [payload for payload, *_ in everything(source)] == [header, *lines(0, 9)]
    source.close()


def test_a_header_of_several_lines_does_not_make_one_log_pass_for_the_copy_of_another(feed: FileFeed) -> None:
    """It was read before its first record came: a place behind it is remembered."""
    header = [b"#Version: 1.0", b"#Fields: method path", b""]
    source = opened(feed)
    feed.write(*header)
    found = everything(source)
    feed.write(*lines(0, 3))
    found += everything(source)
    stopped(source)
    feed.log.unlink()
    (feed.folder / "access.log.1").write_bytes(b"\n".join([*header, *lines(3, 4), b""]))
    feed.write(*header, *lines(4, 9))
    source = opened(feed)
    found += everything(source)
    source.close()
    assert sorted(payload for payload, *_ in found if not payload.startswith(b"#")) == lines(0, 9)
    assert len({one[1:] for one in found}) == len(found), "two lines are two alerts"


def test_half_a_first_line_that_was_read_says_nothing_of_the_file_that_got_its_inode(feed: FileFeed) -> None:
    feed.write(*lines(0, 3))
    former = Mark(feed.log.stat().st_ino, "", 4, str(feed.log), time.time(), ended=True)
    Checkpoint(feed.checkpoint).save(State([former], feed.patterns))
    source = opened(feed)
    assert [payload for payload, *_ in everything(source)] == lines(0, 3)
    source.close()


def test_an_archive_is_known_as_a_copy_though_its_inode_was_that_of_another_with_the_same_header(
    feed: FileFeed,
) -> None:
    header = b"#Fields: method path"
    feed.patterns = [f"{feed.log}*"]
    feed.write(header)
    pack(feed.log)
    archive = feed.folder / "access.log.gz"
    source = opened(feed)
    assert [payload for payload, *_ in everything(source)] == [header]
    feed.write(header, *lines(0, 3))
    found = everything(source)
    stopped(source)
    archive.write_bytes(gzip.compress(feed.log.read_bytes()))
    archive.rename(feed.folder / "access.log.1.gz")
    feed.log.unlink()
    source = opened(feed)
    assert [payload for payload, *_ in found] == [header, *lines(0, 3)]
    assert everything(source) == []
    source.close()


def test_a_copy_is_known_though_its_inode_was_that_of_a_file_without_a_whole_line(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    half = feed.folder / "access.log.1"
    half.write_bytes(b"half")
    source = opened(feed)
    feed.write(*lines(0, 3))
    first = everything(source)
    assert [payload for payload, *_ in first if payload != b"half"] == lines(0, 3)
    stopped(source)
    half.write_bytes(feed.log.read_bytes())
    os.truncate(feed.log, 0)
    source = opened(feed)
    assert everything(source) == []
    source.close()


def test_a_copy_is_known_though_its_inode_was_that_of_a_removed_log_with_the_same_header(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    header = b"#Fields: date time cs-uri"
    other = feed.folder / "access.log.1"
    other.write_bytes(header + b"\n")
    source = opened(feed)
    feed.write(header, *lines(0, 3))
    assert len(everything(source)) == 5
    stopped(source)
    away = feed.folder.with_name("away")
    feed.folder.rename(away)
    source = opened(feed)
    assert source.poll(3 * PACE.grace_s) == ()
    away.rename(feed.folder)
    other.write_bytes(feed.log.read_bytes())
    os.truncate(feed.log, 0)
    assert everything(source) == []
    source.close()


def test_a_copy_made_while_nobody_watched_is_known_though_its_inode_was_that_of_a_rotated_log(feed: FileFeed) -> None:
    header = b"#Fields: date time cs-uri"
    source = opened(feed)
    feed.write(header)
    assert payloads(source, 1) == [header]
    old = feed.folder / "access.log.1"
    feed.log.rename(old)
    feed.write(header, *lines(0, 3))
    assert len(everything(source)) == 4
    stopped(source)
    # The rotated log is removed, and its inode comes again, for the copy.
    copy = old.rename(feed.folder / "access.log.2")
    copy.write_bytes(feed.log.read_bytes())
    os.truncate(feed.log, 0)
    source = opened(feed)
    assert everything(source) == []
    source.close()


def test_an_archive_of_what_only_its_header_tells_is_read_though_its_inode_came_again_for_the_log(
    feed: FileFeed,
) -> None:
    header = b"#Fields: date time cs-uri"
    source = opened(feed)
    feed.write(header)
    assert payloads(source, 1) == [header]
    stopped(source)
    feed.write(*lines(0, 3))
    shutil.copy(feed.log, feed.folder / "access.log.1")
    pack(feed.folder / "access.log.1")
    feed.log.write_bytes(b"".join(line + b"\n" for line in (header, *lines(3, 6))))
    source = opened(feed)
    assert sorted({payload for payload, *_ in everything(source)} - {header}) == lines(0, 6)
    source.close()
