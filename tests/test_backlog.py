"""Backlog beside live files: live lines never wait for what lies about from before, and memory stays flat."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeClock, eventually
from log_feed import LIMITS, FileFeed, opened, payloads

from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.files import Pace
from weirlog.pipeline.sources.following import LIVE_BYTES
from weirlog.pipeline.sources.turns import BACKLOG_CHUNKS, HEAD_START_READS, SHARE

HUGE = b"".join(b"GET /old/%d\n" % number for number in range(300_000))


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.fixture(params=["access.log.1", "access.log.1.gz"])
def with_backlog(feed: FileFeed, request: pytest.FixtureRequest) -> Iterator[FileSource]:
    """A live log that was read to its end, and beside it a huge file that was not read at all."""
    feed.patterns = [f"{feed.log}*"]
    name: str = request.param
    old = feed.folder / name
    old.write_bytes(gzip.compress(HUGE, 1) if name.endswith(".gz") else HUGE)
    assert len(HUGE) > LIVE_BYTES
    feed.write(b"first")
    source = opened(feed)
    # From now on the head start of what is older is over, and the live file at its end.
    assert eventually(lambda: b"first" in [record.payload for record in settled(source)])
    yield source
    source.close()


def settled(source: FileSource) -> list[Record]:
    records = list(source.poll(0.05))
    settle_all(record.receipt for record in records)
    return records


def test_a_live_line_comes_with_the_next_poll_though_a_huge_backlog_waits(
    feed: FileFeed, with_backlog: FileSource
) -> None:
    for number in range(20):
        feed.write(b"live %d" % number)
        records = settled(with_backlog)
        assert records[0].payload == b"live %d" % number
        assert len(records) <= 1 + LIMITS.chunk_records // SHARE
        assert len(records) > 1, "backlog gets its share all the same"


def test_a_live_line_does_not_wait_for_backlog_that_nobody_settles(feed: FileFeed, with_backlog: FileSource) -> None:
    held: list[Record] = []
    while records := with_backlog.poll(0.05):
        held += records
        assert len(held) <= BACKLOG_CHUNKS * LIMITS.chunk_records
    assert with_backlog.in_flight == BACKLOG_CHUNKS * LIMITS.chunk_records
    feed.write(b"live")
    assert [record.payload for record in with_backlog.poll(0.05)] == [b"live"]


@pytest.mark.parametrize("extension", ["", ".gz"])
def test_backlog_is_read_in_order_to_its_end_beside_live_lines(feed: FileFeed, extension: str) -> None:
    feed.patterns = [f"{feed.log}*"]
    lines = [b"GET /old/%d" % number for number in range(10_000)]
    content = b"".join(line + b"\n" for line in lines)
    (feed.folder / f"access.log.1{extension}").write_bytes(gzip.compress(content) if extension else content)
    source = opened(feed)
    found: list[bytes] = []
    live = 0
    while len(found) < len(lines) + live:
        if len(found) % 7 == 0:
            feed.write(b"live")
            live += 1
        records = settled(source)
        assert records, f"stands still after {len(found)}"
        found += [record.payload for record in records]
    assert [line for line in found if line != b"live"] == lines
    source.close()


def test_what_is_older_comes_first_but_not_for_long(feed: FileFeed) -> None:
    """A log that was rotated away with a huge rest must not keep the present one waiting."""
    feed.write(b"GET /start")
    source = opened(feed)
    assert payloads(source, 1) == [b"GET /start"]
    source.commit()
    source.close()
    with feed.log.open("ab") as log:
        log.write(HUGE)
    feed.log.rename(feed.folder / "access.log.1")
    feed.write(b"live")
    source = opened(feed)
    polls = 0
    first = settled(source)
    assert {record.payload.startswith(b"GET /old/") for record in first} == {True}
    while b"live" not in [record.payload for record in settled(source)]:
        polls += 1
    assert HEAD_START_READS - 5 < polls < HEAD_START_READS + 5
    source.close()


def test_a_line_of_a_short_new_file_is_news_at_once(feed: FileFeed) -> None:
    """Sixty bytes are less than any fingerprint; nothing waits for more, or for the next resolution of the patterns."""
    feed.patterns, feed.start_at = [f"{feed.folder}/*.log"], "end"
    clock = FakeClock()
    source = feed.source(clock, Pace())
    source.open()
    line = b'{"method":"get","path":"/etc/passwd","query":{},"body":""}'
    began = clock.monotonic()
    feed.write(line)
    assert [record.payload for record in source.poll(1.0)] == [line]
    (feed.folder / "new.log").write_bytes(line + b"\n")
    assert eventually(source._wake.is_set)
    assert [record.payload for record in source.poll(1.0)] == [line]
    assert clock.monotonic() - began < 1.0
    source.close()


def test_many_live_files_share_one_chunk_and_none_waits_twice(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.folder}/*.log"]
    source = opened(feed)
    files = [feed.folder / f"{number}.log" for number in range(30)]
    for file in files:
        file.touch()
    source.poll(0.05)
    for file in files:
        file.write_bytes(b"line\n" * (LIMITS.chunk_records // 10))
    seen: list[str] = []
    for _ in range(3):
        records = settled(source)
        assert len(records) <= LIMITS.chunk_records
        seen += [record.partition.name for record in records]
    assert set(seen) == {str(file) for file in files}
    source.close()


def test_the_bytes_of_one_poll_are_bounded_however_many_files_there_are(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.folder}/*.log"]
    source = opened(feed)
    for number in range(30):
        (feed.folder / f"{number}.log").write_bytes(b"x" * LIMITS.line_bytes + b"\n")
    source.poll(0.0)
    most = max(sum(len(record.payload) for record in settled(source)) for _ in range(30))
    assert 0 < most <= LIMITS.read_bytes + LIMITS.line_bytes
    source.close()
