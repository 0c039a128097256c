"""The file source while logs are renamed, deleted, cut off and replaced, watched and unwatched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.source import read
from fakes import eventually
from log_feed import FileFeed, descriptors, opened, payloads

from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.file import FileSource


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.fixture
def source(feed: FileFeed) -> Iterator[FileSource]:
    source = opened(feed)
    yield source
    source.close()


def test_rename_rotation_loses_nothing_and_keeps_the_order(feed: FileFeed, source: FileSource) -> None:
    """The server goes on writing to the renamed file until it reopens its log."""
    with feed.log.open("ab", buffering=0) as late_writer:
        late_writer.write(b"1\n")
        feed.log.rename(feed.folder / "access.log.1")
        late_writer.write(b"2\n")
        feed.write(b"4")
        late_writer.write(b"3\n")
    assert sorted(payloads(source, 4)) == [b"1", b"2", b"3", b"4"]


def test_a_renamed_file_is_the_same_partition(feed: FileFeed, source: FileSource) -> None:
    feed.patterns = [str(feed.folder / "access*")]
    source.close()
    source = opened(feed)
    feed.write(b"one")
    (first,) = read(source, 1)
    feed.log.rename(feed.folder / "access.1")
    with (feed.folder / "access.1").open("ab") as log:
        log.write(b"two\n")
    (second,) = read(source, 1)
    assert first.partition.key == second.partition.key
    source.close()


def test_after_rotation_the_old_file_is_let_go_once_it_is_read_and_settled(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one")
    (record,) = read(source, 1)
    feed.log.rename(feed.folder / "access.log.1")
    feed.log.touch()

    def followed() -> int:
        source.poll(0.01)
        return len(descriptors(feed.folder))

    assert eventually(lambda: followed() == 2)
    source.poll(0.1)
    assert followed() == 2, "an open receipt keeps its file"
    settle_all([record.receipt])
    assert eventually(lambda: followed() == 1)


def test_a_deleted_file_is_read_to_its_end_and_its_last_line_needs_no_newline(
    feed: FileFeed, source: FileSource
) -> None:
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    with feed.log.open("ab") as log:
        log.write(b"two\nthe last words")
    feed.log.unlink()
    assert payloads(source, 2) == [b"two", b"the last words"]


def test_two_rotations_while_nobody_watches_are_found_among_the_siblings(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"1")
    assert payloads(source, 1) == [b"1"]
    source.commit()
    source.close()
    feed.write(b"2")
    feed.log.rename(feed.folder / "access.log.2")
    feed.write(b"3")
    fresh = opened(feed)
    assert payloads(fresh, 2) == [b"2", b"3"]
    fresh.close()


def test_copytruncate_is_noticed_and_what_was_unread_comes_from_the_copy(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one", b"two")
    first = read(source, 2)
    source.pause()
    feed.write(b"unread")
    source.poll(0.05)
    shutil.copy(feed.log, feed.folder / "access.log.1")
    os.truncate(feed.log, 0)
    feed.write(b"three")
    source.resume()
    records = read(source, 4)
    # Those in flight come again: they are settled nowhere but in what is gone.
    assert [record.payload for record in records] == [b"three", b"one", b"two", b"unread"]
    assert {record.partition.key for record in records[1:]} == {first[0].partition.key}
    assert [record.receipt.position for record in records[1:]] == [4, 8, 15]
    source.commit()
    assert feed.gaps == []


def test_truncation_without_a_copy_is_a_gap(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one", b"two")
    (key,) = {record.partition.key for record in read(source, 2)}
    (tail,) = source._files.tails.values()
    feed.write(b"unread")
    tail.look(0.0)
    os.truncate(feed.log, 0)
    assert list(source.poll(0.1)) == []
    source.commit()
    assert feed.gaps == [Gap("file-0", str(feed.log), key, 8, 7, "truncated")]
    assert feed.lost == 7
    source.commit()
    assert len(feed.gaps) == 1
    feed.write(b"three")
    assert payloads(source, 1) == [b"three"]


def test_a_file_rewritten_to_more_than_its_former_size_is_noticed_by_its_first_line(
    feed: FileFeed, source: FileSource
) -> None:
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    feed.log.write_bytes(b"another first line\nsecond\n")
    assert payloads(source, 2) == [b"another first line", b"second"]


def test_a_reused_inode_with_another_first_line_is_a_new_file(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one", b"two", b"three")
    payloads(source, 3)
    source.commit()
    source.close()
    feed.log.write_bytes(b"new\nfile\n")
    fresh = opened(feed)
    assert payloads(fresh, 2) == [b"new", b"file"]
    fresh.close()


def test_a_copy_that_the_pattern_names_too_is_not_read_twice(feed: FileFeed) -> None:
    """Copytruncate makes the copy first: for a moment there are two files with the same lines."""
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(b"one", b"two")
    assert payloads(source, 2) == [b"one", b"two"]
    shutil.copy(feed.log, feed.folder / "access.log.1")
    assert list(source.poll(0.1)) == []
    with feed.log.open("ab") as log:
        log.write(b"in neither\n")
    shutil.copy(feed.log, feed.folder / "access.log.1")
    os.truncate(feed.log, 0)
    feed.write(b"three")
    found = [*payloads(source, 2), *(record.payload for record in source.poll(0.1))]
    assert sorted(found) == [b"in neither", b"three"]
    source.commit()
    assert feed.gaps == []
    source.close()


def test_copytruncate_while_nobody_watched_goes_on_in_the_copy(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one", b"two")
    first = read(source, 2)
    settle_all(record.receipt for record in first)
    source.commit()
    source.close()
    feed.write(b"three")
    shutil.copy(feed.log, feed.folder / "access.log.1")
    os.truncate(feed.log, 0)
    feed.write(b"four")
    fresh = opened(feed)
    records = read(fresh, 2)
    assert sorted(record.payload for record in records) == [b"four", b"three"]
    (three,) = [record for record in records if record.payload == b"three"]
    assert (three.partition.key, three.receipt.position) == (first[0].partition.key, 14)
    fresh.commit()
    assert feed.gaps == []
    fresh.close()
