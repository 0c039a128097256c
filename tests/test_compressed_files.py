"""Logs that were rotated away and compressed while nobody watched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contracts.source import read
from log_feed import FileFeed, drained, identities, opened, payloads, restarted, stopped
from packing import lines, pack, packed

from weirlog.pipeline.ledger import settle_all


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.mark.parametrize("extension", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["access.log.1", "access.log-20261121", "access-20261121.log"])
def test_the_rest_of_a_file_that_was_compressed_meanwhile_has_the_identity_of_the_plain_one(
    feed: FileFeed, extension: str, name: str
) -> None:
    feed.write(*lines(0, 3))
    source = opened(feed)
    assert len(payloads(source, 3)) == 3
    stopped(source)
    feed.write(*lines(3, 6))
    # What a source that goes on watching would have given, without a word of it being committed.
    plain = opened(feed)
    expected = identities(read(plain, 3))
    plain.close()
    feed.log.rename(feed.folder / name)
    pack(feed.folder / name, extension)
    feed.write(b"GET /new")
    source = opened(feed)
    records = read(source, 4)
    assert identities(records[:3]) == expected
    assert records[3].payload == b"GET /new"
    settle_all(record.receipt for record in records)
    assert drained(source) == []
    assert feed.gaps == []
    source.close()


def test_two_rotations_into_gzip_while_nobody_watched_lose_nothing_and_repeat_nothing(feed: FileFeed) -> None:
    """The second file came and went unseen: nothing but its name and its time say that it is one of ours."""
    source = opened(feed)
    feed.write(*lines(0, 20))
    assert len(payloads(source, 20)) == 20
    stopped(source)
    feed.write(*lines(20, 50))
    feed.log.rename(feed.folder / "access.log.1")
    pack(feed.folder / "access.log.1")
    feed.write(*lines(50, 100))
    (feed.folder / "access.log.1.gz").rename(feed.folder / "access.log.2.gz")
    feed.log.rename(feed.folder / "access.log.1")
    pack(feed.folder / "access.log.1")
    feed.write(*lines(100, 150))
    source = opened(feed)
    assert payloads(source, 130) == lines(20, 150)
    assert drained(source) == []
    stopped(source)
    again = opened(feed)
    assert drained(again) == []
    again.close()
    assert feed.gaps == []


def test_the_same_untimed_lines_in_every_rotation_are_counted_as_often_as_they_were_written(feed: FileFeed) -> None:
    source = opened(feed)
    feed.write(*lines(0, 50))
    assert len(payloads(source, 50)) == 50
    stopped(source)
    # Held, so that no other file gets its inode: with the same inode and the same bytes it would be the same file.
    with feed.log.open("rb"):
        feed.log.rename(feed.folder / "access.log.2")
        pack(feed.folder / "access.log.2")
        feed.write(*lines(0, 50))
        feed.log.rename(feed.folder / "access.log.1")
        pack(feed.folder / "access.log.1")
        feed.write(*lines(0, 50))
    source = opened(feed)
    assert payloads(source, 100) == lines(0, 50) * 2
    assert drained(source) == []
    source.close()


def test_of_two_archives_with_the_same_first_line_the_one_that_holds_what_was_read_goes_on(feed: FileFeed) -> None:
    header = b"#Fields: method path"
    feed.write(header, *lines(0, 10))
    source = opened(feed)
    assert len(payloads(source, 11)) == 11
    stopped(source)
    feed.write(*lines(10, 20))
    feed.log.rename(feed.folder / "access.log.2")
    right = pack(feed.folder / "access.log.2")
    (feed.folder / "access.log.1.gz").write_bytes(packed(header, *lines(70, 99)))
    old = right.stat().st_mtime_ns - 3600 * 10**9
    os.utime(feed.folder / "access.log.1.gz", ns=(old, old))
    feed.log.touch()
    source = opened(feed)
    assert drained(source) == lines(10, 20)
    source.close()


def test_old_siblings_that_were_there_before_are_none_of_our_business(feed: FileFeed) -> None:
    stamp = feed.log.stat().st_mtime_ns - 3600 * 10**9
    for name, content in {"access.log.3": b"old\n", "access.log.4.gz": packed(b"older")}.items():
        (feed.folder / name).write_bytes(content)
        os.utime(feed.folder / name, ns=(stamp, stamp))
    source = opened(feed)
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    stopped(source)
    feed.log.rename(feed.folder / "access.log.1")
    pack(feed.folder / "access.log.1")
    feed.write(b"two")
    source = opened(feed)
    assert drained(source) == [b"two"]
    source.close()


def test_a_file_that_was_rotated_away_and_is_nowhere_is_a_gap_told_once(feed: FileFeed) -> None:
    feed.write(*lines(0, 3))
    source = opened(feed)
    (first, *_) = read(source, 3)
    stopped_at = first.partition.key
    source.commit()
    source.close()
    feed.log.rename(feed.folder.parent / "elsewhere")
    feed.write(b"two")
    source = opened(feed)
    assert drained(source) == [b"two"]
    assert [(gap.reason, gap.key) for gap in feed.gaps] == [("missing", stopped_at)]
    again = restarted(feed, source)
    assert drained(again) == []
    assert len(feed.gaps) == 1
    again.close()
