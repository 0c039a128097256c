"""The file source: rotation, truncation, long lines, and everything that happens while nobody watches."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.source import SourceContract, read
from fakes import FakeClock, eventually
from log_feed import LIMITS, FileFeed, descriptors, drained, opened, payloads, restarted

from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.checkpoint import Checkpoint
from weirlog.pipeline.sources.content import PlainContent
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.files import Pace
from weirlog.pipeline.sources.tail import Tail, TailLimits


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.fixture
def source(feed: FileFeed) -> Iterator[FileSource]:
    source = opened(feed)
    yield source
    source.close()


class TestContract(SourceContract):
    """A file source is a source."""


def test_a_line_counts_once_it_has_its_newline(feed: FileFeed, source: FileSource) -> None:
    with feed.log.open("ab", buffering=0) as log:
        log.write(b"half a li")
        assert list(source.poll(0.05)) == []
        log.write(b"ne\nnext")
        assert payloads(source, 1) == [b"half a line"]
        assert list(source.poll(0.05)) == []


def test_a_file_that_fails_to_be_read_holds_up_no_other_and_is_read_on_when_it_can_be(
    feed: FileFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector, a file server that was restarted."""
    feed.patterns = [f"{feed.folder}/*"]
    bad = feed.folder / "bad.log"
    bad.write_bytes(b"one\n")
    source = opened(feed)
    assert payloads(source, 1) == [b"one"]
    inode, pread = bad.stat().st_ino, PlainContent.pread

    def failing(content: PlainContent, size: int, offset: int) -> bytes:
        if content.inode == inode and offset + size > len(b"one\n"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(content, size, offset)

    monkeypatch.setattr(PlainContent, "pread", failing)
    with bad.open("ab") as log:
        log.write(b"two\nthree\n")
    feed.write(b"a", b"b")
    assert payloads(source, 2) == [b"a", b"b"]
    source.commit()
    assert feed.metrics.counters["source_errors_total", "source=file-0"] > 0
    monkeypatch.setattr(PlainContent, "pread", pread)
    feed.write(b"c")
    assert sorted(payloads(source, 3)) == [b"c", b"three", b"two"]
    source.commit()
    assert feed.gaps == []
    source.close()


def test_half_a_line_survives_a_restart(feed: FileFeed, source: FileSource) -> None:
    with feed.log.open("ab", buffering=0) as log:
        log.write(b"one\nhalf a li")
        assert payloads(source, 1) == [b"one"]
        fresh = restarted(feed, source)
        log.write(b"ne\n")
    assert payloads(fresh, 1) == [b"half a line"]
    fresh.close()


def test_a_carriage_return_before_the_newline_is_stripped_and_empty_lines_are_no_records(
    feed: FileFeed, source: FileSource
) -> None:
    feed.write(b"one\r", b"", b"\r", b"two")
    assert payloads(source, 2) == [b"one", b"two"]
    feed.write(b"", b"")
    assert list(source.poll(0.05)) == []
    assert list(restarted(feed, source).poll(0.05)) == []


def test_lines_longer_than_one_read_come_whole(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"a" * 1_900, b"b")
    assert payloads(source, 2) == [b"a" * 1_900, b"b"]


@pytest.mark.parametrize("length", [2_001, 2_500, 10_000_000])
def test_a_line_over_the_limit_is_flawed_and_the_next_one_is_not(
    feed: FileFeed, source: FileSource, length: int
) -> None:
    feed.write(b"one", b"x" * length, b"two")
    first, long, second = read(source, 3)
    assert (first.payload, second.payload) == (b"one", b"two")
    assert long.flaw == "line longer than 2000 bytes"
    assert long.payload == b"x" * 1024
    assert long.receipt.position == len(b"one\n") + length + 1


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"", b"\r"])
def test_a_line_at_the_limit_is_whole_whatever_ends_it(feed: FileFeed, source: FileSource, ending: bytes) -> None:
    """The carriage return counts as little as the newline; a file that was deleted needs neither."""
    longest = b"x" * LIMITS.line_bytes
    with feed.log.open("ab") as log:
        log.write(b"one\n" + longest + ending)
    if not ending.endswith(b"\n"):
        feed.log.unlink()
    first, second = read(source, 2)
    assert (first.payload, second.payload, second.flaw) == (b"one", longest, None)
    settle_all(record.receipt for record in (first, second))
    assert list(source.poll(0.2)) == []


def test_files_that_were_there_before_start_at_their_end_if_told_so(tmp_path: Path) -> None:
    feed = FileFeed(tmp_path, start_at="end")
    feed.write(b"old")
    with feed.log.open("ab") as log:
        log.write(b"the end of th")
    source = opened(feed)
    with feed.log.open("ab") as log:
        log.write(b"is line is new\n")
    assert payloads(source, 1) == [b"the end of this line is new"]
    source.close()


def test_files_that_appear_later_are_read_from_their_beginning(tmp_path: Path) -> None:
    feed = FileFeed(tmp_path, start_at="end")
    feed.patterns = [str(feed.folder / "*.log")]
    source = opened(feed)
    (feed.folder / "other.log").write_bytes(b"first\nsecond\n")
    assert payloads(source, 2) == [b"first", b"second"]
    fresh = restarted(feed, source)
    fresh.close()
    (feed.folder / "third.log").write_bytes(b"written while away\n")
    fresh = opened(feed)
    assert payloads(fresh, 1) == [b"written while away"]
    fresh.close()


def test_an_empty_file_seen_at_the_first_start_is_read_from_its_beginning_after_a_restart(tmp_path: Path) -> None:
    feed = FileFeed(tmp_path, start_at="end")
    source = opened(feed)
    source.commit()
    source.close()
    feed.write(b"written while away")
    fresh = opened(feed)
    assert payloads(fresh, 1) == [b"written while away"]
    fresh.close()


def test_a_directory_that_is_removed_and_made_again_is_watched_again(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    shutil.rmtree(feed.folder)
    source.poll(0.05)
    feed.folder.mkdir()
    feed.write(b"two")
    assert payloads(source, 1) == [b"two"]


def test_a_symlink_is_followed_and_its_swap_too(feed: FileFeed, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"one\n")
    second.write_bytes(b"two\n")
    feed.log.unlink()
    feed.log.symlink_to(first)
    source = opened(feed)
    assert payloads(source, 1) == [b"one"]
    (tmp_path / "link").symlink_to(second)
    (tmp_path / "link").rename(feed.log)
    assert payloads(source, 1) == [b"two"]
    source.close()


def test_what_is_no_regular_file_is_told_once_and_the_others_go_on(feed: FileFeed) -> None:
    feed.patterns = [str(feed.folder / "*")]
    os.mkfifo(feed.folder / "pipe")
    (feed.folder / "folder").mkdir()
    source = opened(feed)
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    source.poll(0.1)
    assert feed.metrics.counters["source_errors_total", "source=file-0"] == 2
    source.close()


def test_a_burst_in_one_file_does_not_starve_another(feed: FileFeed) -> None:
    feed.patterns = [str(feed.folder / "*.log")]
    quiet = feed.folder / "quiet.log"
    quiet.touch()
    source = opened(feed)
    feed.write(*[b"noise"] * 5_000)
    quiet.write_bytes(b"hush\n")
    first = [*source.poll(1), *source.poll(1)]
    assert b"hush" in [record.payload for record in first]
    assert len(first) <= 2 * LIMITS.chunk_records
    source.close()


def test_the_lag_is_what_was_not_read(feed: FileFeed, source: FileSource) -> None:
    source.pause()
    feed.write(b"12345", b"12345")
    source.poll(0.05)
    source.resume()
    payloads(source, 2)
    assert source.lag == 0


def test_a_line_without_its_end_is_no_lag_however_long_it_grows(feed: FileFeed, source: FileSource) -> None:
    """Lag that grows while nothing is read is taken for a source that is stuck, and the daemon is restarted for it."""
    feed.write(b"one")
    payloads(source, 1)
    with feed.log.open("ab", buffering=0) as log:
        for _ in range(3):
            log.write(b"x" * LIMITS.line_bytes)
            assert drained(source) == []
            assert source.lag == 0
        log.write(b"x\n12345\n")
        source.pause()
        source.poll(0.05)
        assert source.lag is not None
        assert source.lag >= len(b"12345\n")
        source.resume()
    assert payloads(source, 2)[1] == b"12345"
    assert source.lag == 0


def test_a_file_that_was_away_at_a_start_is_read_on_when_it_is_back(feed: FileFeed, source: FileSource) -> None:
    """Its file system is not mounted yet: reading it all again would alert on it all again."""
    feed.write(b"one", b"two")
    assert payloads(source, 2) == [b"one", b"two"]
    away = feed.folder.with_name("away")
    source.commit()
    source.close()
    feed.folder.rename(away)
    without = opened(feed)
    assert list(without.poll(0.05)) == []
    fresh = restarted(feed, without)
    away.rename(feed.folder)
    feed.write(b"three")
    assert payloads(fresh, 1) == [b"three"]
    fresh.close()


def test_a_file_that_was_away_for_a_while_is_read_on_when_it_is_back(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one", b"two")
    assert payloads(source, 2) == [b"one", b"two"]
    away = feed.folder.with_name("away")
    feed.folder.rename(away)

    def let_go() -> bool:
        source.poll(0.01)
        return not descriptors(away)

    assert eventually(let_go)
    away.rename(feed.folder)
    feed.write(b"three")
    assert payloads(source, 1) == [b"three"]


def test_a_deleted_file_is_forgotten_since_its_inode_may_come_again(feed: FileFeed, source: FileSource) -> None:
    feed.write(b"one")
    assert payloads(source, 1) == [b"one"]
    feed.log.unlink()

    def forgotten() -> bool:
        source.poll(0.01)
        source.commit()
        return all(mark.inode == 0 for mark in Checkpoint(feed.checkpoint).load().marks)

    assert eventually(forgotten)


def test_what_is_written_before_a_crash_in_the_first_second_is_read(tmp_path: Path) -> None:
    """Where "the end" was is durable from the first moment: after a crash it must not be a later one."""
    feed = FileFeed(tmp_path, start_at="end")
    feed.write(b"old")
    crashing = opened(feed)
    feed.write(b"new")
    assert [record.payload for record in read(crashing, 1)] == [b"new"]
    crashing.close()  # which commits nothing
    source = opened(feed)
    assert payloads(source, 1) == [b"new"]
    source.close()


@pytest.mark.parametrize(
    ("name", "content"),
    [("access.log.gz", b""), ("access.log.1", b"\x1f\x8b\x08line\n"), ("access.log.2", b"\x28\xb5\x2f\xfdline\n")],
)
def test_compressed_files_are_no_log_lines(feed: FileFeed, name: str, content: bytes) -> None:
    errors = ("source_errors_total", "source=file-0")
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / name).write_bytes(content)
    feed.write(b"one")
    source = opened(feed)
    (feed.folder / name).write_bytes(content + b"more\n")
    assert payloads(source, 1) == [b"one"]
    assert eventually(lambda: list(source.poll(0.01)) == [] and feed.metrics.counters[errors] > 0)
    assert list(source.poll(0.1)) == []
    assert feed.metrics.counters[errors] == 1
    source.close()


def test_a_hole_that_truncation_left_is_no_part_of_a_line(feed: FileFeed, source: FileSource) -> None:
    """A writer that does not append goes on at its old place after copytruncate."""
    with feed.log.open("wb", buffering=0) as log:
        log.write(b"before\n" * 10)
        assert len(payloads(source, 10)) == 10
        os.truncate(log.fileno(), 0)
        log.write(b"after\n")
        assert payloads(source, 1) == [b"after"]


def test_empty_lines_do_not_hold_up_the_next_record(feed: FileFeed, source: FileSource) -> None:
    """A chunk counts records, not lines: these would be 50 chunks of nothing, with a pause after each."""
    limits = TailLimits(chunk_records=100)
    assert limits.read_bytes > 5_000
    with feed.log.open("ab") as log:
        log.write(b"\n" * 5_000 + b"one\n")
    with feed.log.open("rb") as log:
        tail = Tail(PlainContent(os.dup(log.fileno())), feed.log, "file-0", limits)
        tail.look(0.0)
        assert [record.payload for record in tail.read(0.0)] == [b"one"]
        tail.close()


def test_a_busy_directory_does_not_cost_a_scan_for_each_event(feed: FileFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[float] = []
    clock = FakeClock()
    source = feed.source(clock, Pace(poll_s=0.1, scan_s=1_000.0))
    source.open()
    scan = source._scan
    monkeypatch.setattr(source, "_scan", lambda: (scans.append(clock.monotonic()), scan()))
    for _ in range(1_000):
        source._wake.set()
        source.poll(0.0)
        clock.advance(0.001)
    source.close()
    assert 9 <= len(scans) <= 11, "1,000 events in 1 s"
