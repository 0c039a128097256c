"""Suspected losses: found, counted, kept over a crash, told once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeClock, RecordingMetrics
from log_feed import PACE, FileFeed, descriptors, opened, payloads, restarted, stopped

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import MAX_GAPS, Gap, GapLedger
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.files import Pace

GAP = Gap("file-0", "/var/log/access.log", "17:ab", 100, 7, "truncated")


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


def test_a_gap_is_counted_when_it_is_found_and_told_when_it_is_asked_for() -> None:
    metrics, told = RecordingMetrics(), list[Gap]()
    gaps = GapLedger(metrics, told.append)
    gaps.found(GAP)
    assert metrics.counters["bytes_possibly_lost_total", "source=file-0"] == 7
    assert (told, gaps.waiting) == ([], [GAP])
    assert gaps.tell()
    assert (told, gaps.waiting) == ([GAP], [])
    assert not gaps.tell()
    assert told == [GAP]


def test_a_gap_that_nobody_can_take_yet_waits_in_its_place() -> None:
    told: list[Gap] = []
    full = True

    def take(gap: Gap) -> None:
        if full:
            raise RetryableError("the outbox is full")
        told.append(gap)

    gaps = GapLedger(RecordingMetrics(), take)
    later = Gap("file-0", "/var/log/access.log", "17:ab", 200, 0, "truncated")
    gaps.found(GAP)
    gaps.found(later)
    assert not gaps.tell()
    full = False
    assert gaps.tell()
    assert told == [GAP, later]


def test_gaps_without_end_take_no_memory_without_end() -> None:
    """Whoever can write to a log can truncate it all day."""
    gaps = GapLedger(RecordingMetrics())
    for position in range(MAX_GAPS + 5):
        gaps.found(Gap("file-0", "/l", "1:a", position, 0, "truncated"))
    assert [gap.position for gap in gaps.waiting] == list(range(5, MAX_GAPS + 5))


def test_a_gap_that_could_not_be_told_is_told_after_a_restart(feed: FileFeed) -> None:
    def refuse(gap: Gap) -> None:
        raise RetryableError(f"{gap.reason}: the outbox is full")

    feed.write(b"one", b"two")
    source = feed.source()
    source._gaps._on_gap = refuse
    source.open()
    assert len(payloads(source, 2)) == 2
    source.commit()
    os.truncate(feed.log, 0)
    source.poll(0.1)
    source.commit()
    assert feed.gaps == []
    fresh = restarted(feed, source)
    assert [(gap.reason, gap.position) for gap in feed.gaps] == [("truncated", 8)]
    again = restarted(feed, fresh)
    assert len(feed.gaps) == 1
    again.close()


def test_killed_while_a_gap_is_being_told_the_next_run_tells_an_equal_one(feed: FileFeed) -> None:
    """So that whoever makes an alert of it can give both the same id."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from weirlog.pipeline.ledger import settle_all\n"
        "from weirlog.pipeline.metrics import NoMetrics\n"
        "from weirlog.pipeline.sources.checkpoint import Checkpoint\n"
        "from weirlog.pipeline.sources.file import FileSource\n"
        "from weirlog.pipeline.timing import SystemClock\n"
        "log, checkpoint, heard = sys.argv[1:]\n"
        "def die(gap):\n"
        "    Path(heard).write_text(repr(gap))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "source = FileSource('file-0', [log], start_at='beginning', checkpoint=Checkpoint(Path(checkpoint)),\n"
        "    clock=SystemClock(), metrics=NoMetrics(), on_gap=die)\n"
        "source.open()\n"
        "settle_all(record.receipt for record in source.poll(5))\n"
        "source.commit()\n"
        "os.truncate(log, 0)\n"
        "while True:\n"
        "    source.poll(0.1)\n"
        "    source.commit()\n"
    )
    feed.write(b"one", b"two")
    heard = feed.folder.parent / "heard"
    command = [sys.executable, "-c", script, str(feed.log), str(feed.checkpoint), str(heard)]
    process = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=30, check=False)
    assert process.returncode == -signal.SIGKILL
    source = opened(feed)
    assert [repr(gap) for gap in feed.gaps] == [heard.read_text()]
    again = restarted(feed, source)
    assert len(feed.gaps) == 1
    again.close()


def rewritten_while_stopped(feed: FileFeed, lines: list[bytes], content: bytes) -> FileSource:
    """Return a source that has read and committed `lines`, and finds `content` in the same file at its next start."""
    feed.write(*lines)
    source = opened(feed)
    assert payloads(source, len(lines)) == lines
    stopped(source)
    feed.log.write_bytes(content)
    return opened(feed)


def test_a_checkpoint_that_points_beyond_a_file_with_the_same_inode_is_a_gap(feed: FileFeed) -> None:
    source = rewritten_while_stopped(feed, [b"one", b"two", b"three"], b"one\nnew\n")
    assert payloads(source, 2) == [b"one", b"new"]
    source.poll(0.1)
    source.commit()
    assert [(gap.reason, gap.position) for gap in feed.gaps] == [("replaced", 14)]
    again = restarted(feed, source)
    assert len(feed.gaps) == 1
    again.close()


def test_a_file_with_the_same_inode_and_first_line_but_other_lines_is_read_anew(feed: FileFeed) -> None:
    """A header line says nothing; what was read just before the position does."""
    source = rewritten_while_stopped(
        feed, [b"#Fields: method path", b"one", b"two"], b"#Fields: method path\nand\nnow\nfor\nmore\n"
    )
    assert payloads(source, 5)[1:] == [b"and", b"now", b"for", b"more"]
    source.close()


def with_clock(feed: FileFeed, clock: FakeClock) -> FileSource:
    source = feed.source(clock, Pace(grace_s=30.0, deleted_s=3600.0))
    source.open()
    return source


def test_what_came_while_nothing_was_read_and_was_cut_off_is_counted(feed: FileFeed) -> None:
    """Those downstream were full, say: the log was not read, but looked at."""
    source = opened(feed)
    feed.write(b"read")
    assert payloads(source, 1) == [b"read"]
    source.pause()
    feed.write(b"never read")
    assert source.poll(3 * PACE.scan_s) == ()
    os.truncate(feed.log, 0)
    source.resume()
    source.poll(3 * PACE.scan_s)
    source.commit()
    assert [gap.bytes_at_most for gap in feed.gaps] == [len(b"never read\n")]
    source.close()


def test_a_deleted_file_with_unread_lines_is_held_until_its_deadline_and_then_a_gap(feed: FileFeed) -> None:
    clock = FakeClock()
    source = with_clock(feed, clock)
    feed.write(b"one")
    assert len(payloads(source, 1)) == 1
    (tail,) = source._files.tails.values()
    key = tail.key
    source.pause()
    feed.write(b"unread")
    tail.look(0.0)
    with feed.log.open("rb"):
        feed.log.unlink()
        source.poll(5.0)
        clock.advance(3590.0)
        source.poll(3.0)
        assert [path.name for path in descriptors(feed.folder)] != []
        clock.advance(10.0)
        source.poll(3.0)
        source.commit()
    assert descriptors(feed.folder) == []
    assert feed.gaps == [Gap("file-0", str(feed.log), key, 4, 7, "deleted")]
    assert feed.lost == 7


def test_a_deleted_file_that_goes_on_growing_is_let_go_all_the_same(feed: FileFeed) -> None:
    """A server that was not told to reopen its log would hold its disk space for ever, and we with it."""
    clock = FakeClock()
    source = with_clock(feed, clock)
    with feed.log.open("ab", buffering=0) as writer:
        feed.log.unlink()
        read_lines = 0
        for number in range(200):
            writer.write(b"%d\n" % number)
            clock.advance(20.0)
            records = source.poll(0.0)
            settle_all(record.receipt for record in records)
            read_lines += len(records)
        # It was seen to be deleted at the first look, 20 s in.
        assert 3600 / 20 <= read_lines <= 3600 / 20 + 2
        assert len(descriptors(feed.folder)) == 1, "the writer's own"
        source.commit()
        assert [(gap.reason, gap.position > 0) for gap in feed.gaps] == [("deleted", True)], "what comes later is lost"
    source.close()


def test_a_deleted_file_whose_end_was_read_is_let_go_after_a_grace(feed: FileFeed) -> None:
    clock = FakeClock()
    source = with_clock(feed, clock)
    feed.write(b"one")
    assert len(payloads(source, 1)) == 1
    feed.log.unlink()
    source.poll(5.0)
    assert len(descriptors(feed.folder)) == 1
    clock.advance(35.0)
    source.poll(1.0)
    assert descriptors(feed.folder) == []
    source.commit()
    assert feed.gaps == []
