"""Archives that a pattern names: backlog, unpacked as it is read."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from backports import zstd
from children import child
from contracts.source import read
from log_feed import FileFeed, descriptors, drained, identities, opened, payloads, restarted, stopped
from packing import lines, pack, packed

from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.content import SKIP_LIMIT_BYTES, PackedContent

ERRORS = ("source_errors_total", "source=file-0")


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    return FileFeed(tmp_path)


@pytest.mark.parametrize("extension", [".gz", ".zst"])
def test_an_archive_is_backlog_and_resumes_at_its_unpacked_position(feed: FileFeed, extension: str) -> None:
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / "access.log.1").write_bytes(b"".join(line + b"\n" for line in lines(0, 150)))
    pack(feed.folder / "access.log.1", extension)
    source = opened(feed)
    first = read(source, 150)
    assert first[0].partition.name.endswith(f"access.log.1{extension}")
    settle_all(record.receipt for record in first[:70])
    stopped(source)
    source = opened(feed)
    assert identities(read(source, 80)) == identities(first[70:])
    source.close()


def test_an_archive_that_was_read_is_not_unpacked_again(feed: FileFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / "access.log.1.gz").write_bytes(packed(*lines(0, 5)))
    source = opened(feed)
    assert drained(source) == lines(0, 5)
    assert descriptors(feed.folder) == [feed.log]
    asked: list[int] = []
    unpack = PackedContent.pread

    def counted(self: PackedContent, size: int, offset: int) -> bytes:
        asked.append(offset)
        return unpack(self, size, offset)

    monkeypatch.setattr(PackedContent, "pread", counted)
    again = restarted(feed, source)
    assert drained(again) == []
    assert set(asked) <= {0}, "its first line is looked at, and no more"
    again.close()


def test_a_compressed_copy_of_what_was_read_is_not_read_again(feed: FileFeed) -> None:
    """Rotated and compressed by logrotate while the daemon runs, under a pattern that names both."""
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(*lines(0, 10))
    assert len(payloads(source, 10)) == 10
    feed.log.rename(feed.folder / "access.log.1")
    feed.write(b"next")
    assert drained(source) == [b"next"]
    pack(feed.folder / "access.log.1")
    assert drained(source) == []
    again = restarted(feed, source)
    assert drained(again) == []
    assert feed.gaps == []
    again.close()


def test_archives_of_before_the_first_start_count_as_read_if_told_to_start_at_the_end(tmp_path: Path) -> None:
    feed = FileFeed(tmp_path, start_at="end")
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / "access.log.1.gz").write_bytes(packed(b"old"))
    source = opened(feed)
    assert drained(source) == []
    (feed.folder / "access.log.2.gz").write_bytes(packed(b"new"))
    assert drained(source) == [b"new"]
    again = restarted(feed, source)
    assert drained(again) == []
    again.close()


def test_every_member_of_a_gzip_file_is_read(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / "access.log.1.gz").write_bytes(packed(b"one") + packed(b"two") + gzip.compress(b"last words"))
    source = opened(feed)
    assert drained(source) == [b"one", b"two", b"last words"]
    source.close()


def test_an_archive_that_grows_after_its_end_is_read_on(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    archive = feed.folder / "access.log.1.gz"
    archive.write_bytes(packed(b"one"))
    source = opened(feed)
    assert drained(source) == [b"one"]
    with archive.open("ab") as file:
        file.write(packed(b"two"))
    assert drained(source) == [b"two"]
    source.close()


@pytest.mark.parametrize("size", [2_001, 30_000_000])
def test_a_line_without_end_in_an_archive_costs_no_memory_and_is_one_flawed_record(feed: FileFeed, size: int) -> None:
    feed.patterns = [f"{feed.log}*"]
    (feed.folder / "access.log.1.gz").write_bytes(packed(b"one", b"x" * size, b"two") + gzip.compress(b"y" * size))
    source = opened(feed)
    first, bomb, second, last = read(source, 4)
    assert (first.payload, second.payload) == (b"one", b"two")
    assert bomb.flaw == last.flaw == "line longer than 2000 bytes"
    assert (len(bomb.payload), len(last.payload)) == (1024, 1024)
    assert last.receipt.position == len(b"one\ntwo\n") + 2 * size + 1
    source.close()


def test_unpacking_holds_a_bounded_buffer_and_stops_for_others(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(4 * SKIP_LIMIT_BYTES)))
    content = PackedContent(os.open(tmp_path / "bomb.gz", os.O_RDONLY), "gzip")
    calls = 1
    while not content.reaches(4 * SKIP_LIMIT_BYTES):
        calls += 1
        assert len(content._buffer) < 100_000
    assert 4 <= calls <= 6
    content.close()


@pytest.mark.parametrize("extension", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_of_a_damaged_archive_what_is_readable_is_read_and_the_rest_told_once(
    feed: FileFeed, extension: str, damage: str
) -> None:
    feed.patterns = [f"{feed.log}*"]
    noise = random.Random(5)
    # Lines that do not compress, so that the damage lies behind many of them.
    whole = [noise.randbytes(40).hex().encode() for _ in range(5_000)]
    text = b"".join(line + b"\n" for line in whole)
    content = gzip.compress(text) if extension == ".gz" else zstd.compress(text, level=1)
    half = len(content) // 2
    content = content[:half] if damage == "cut" else content[:half] + bytes(64) + content[half + 64 :]
    (feed.folder / f"access.log.1{extension}").write_bytes(content)
    feed.write(b"live")
    source = opened(feed)
    found = drained(source)
    assert found.pop(found.index(b"live")) == b"live"
    good = [line for line in found if line in set(whole)]
    assert good == whole[: len(good)]
    # Zstandard unpacks blocks of 128 KiB: half a block is nothing.
    assert len(good) > (2_000 if extension == ".gz" else 1_000)
    assert [gap.reason for gap in feed.gaps] == ["damaged"]
    assert 0 < feed.gaps[0].bytes_at_most <= len(content)
    assert feed.metrics.counters[ERRORS] == 1
    again = restarted(feed, source)
    feed.write(b"goes on")
    assert drained(again) == [b"goes on"]
    assert len(feed.gaps) == 1
    again.close()


def test_an_archive_that_is_still_being_written_is_whole_in_the_end(feed: FileFeed) -> None:
    feed.patterns = [f"{feed.log}*"]
    content = gzip.compress(b"".join(line + b"\n" for line in lines(0, 5_000)))
    archive = feed.folder / "access.log.1.gz"
    archive.write_bytes(content[:5_000])
    source = opened(feed)
    some = payloads(source, 100)
    with archive.open("ab") as file:
        file.write(content[5_000:])
    some += drained(source)
    assert some == lines(0, 5_000)
    source.close()


def test_killed_at_any_moment_an_archive_is_read_on_where_it_was_committed(tmp_path: Path) -> None:
    """Every line is settled by one run or another: none is left out, however often the process dies."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "access.log.1.gz").write_bytes(packed(*lines(0, 3_000)))
    script = (
        "import os\n"
        "import sys\n"
        "from pathlib import Path\n"
        "from weirlog.pipeline.ledger import settle_all\n"
        "from weirlog.pipeline.metrics import NoMetrics\n"
        "from weirlog.pipeline.sources.checkpoint import Checkpoint\n"
        "from weirlog.pipeline.sources.file import FileSource\n"
        "from weirlog.pipeline.sources.tail import TailLimits\n"
        "from weirlog.pipeline.timing import SystemClock\n"
        "source = FileSource('file-0', [sys.argv[1] + '/*'], start_at='beginning',\n"
        "    checkpoint=Checkpoint(Path(sys.argv[2])), clock=SystemClock(), metrics=NoMetrics(),\n"
        "    limits=TailLimits(chunk_records=20))\n"
        "source.open()\n"
        "while True:\n"
        "    for record in (records := source.poll(0.1)):\n"
        "        os.write(1, b'record %d %b\\n' % (record.receipt.position, record.payload))\n"
        "    settle_all(record.receipt for record in records)\n"
        "    source.commit()\n"
    )
    random_ = random.Random(3)
    seen: dict[int, str] = {}
    while len(seen) < 3_000:
        command = [sys.executable, "-c", script, str(folder), str(tmp_path / "c.json")]
        with child(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            kill_after = min(len(seen) + random_.randrange(50, 300), 3_000)
            # What was told before the kill is read to its end: the child may be far ahead of its reader.
            for line in process.stdout:
                word, _, record = line.strip().partition(" ")
                if word == "record":  # the rest is its log
                    position, _, payload = record.partition(" ")
                    assert seen.setdefault(int(position), payload) == payload
                if len(seen) >= kill_after:
                    process.send_signal(signal.SIGKILL)
    assert [seen[position].encode() for position in sorted(seen)] == lines(0, 3_000)


def test_an_archive_with_the_same_header_is_not_taken_for_the_rest_of_another(feed: FileFeed) -> None:
    """The first was known from before it was compressed, and nothing of it was unpacked."""
    feed.patterns = [f"{feed.log}*"]
    source = opened(feed)
    feed.write(b"#fields", b"one")
    assert drained(source) == [b"#fields", b"one"]
    feed.log.rename(feed.folder / "access.log.1")
    assert drained(source) == []
    pack(feed.folder / "access.log.1")
    assert drained(source) == []
    (feed.folder / "access.log.2.gz").write_bytes(packed(b"#fields", b"of another day", b"two"))
    assert drained(source) == [b"#fields", b"of another day", b"two"]
    source.close()
