"""A log file that a test writes and a file source follows, and the ways in which tests read it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from contracts.source import Feed, read
from fakes import RecordingMetrics

from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.checkpoint import Checkpoint
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.files import Pace
from weirlog.pipeline.sources.tail import TailLimits
from weirlog.pipeline.timing import Clock, SystemClock

PACE = Pace(poll_s=0.005, scan_s=0.02, grace_s=0.05, settle_s=0.0)
LIMITS = TailLimits(line_bytes=2_000, read_bytes=500, chunk_records=100)


class FileFeed(Feed):
    """A log in a folder of its own."""

    def __init__(self, folder: Path, start_at: str = "beginning") -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.log = self.folder / "access.log"
        self.log.touch()
        self.metrics = RecordingMetrics()
        self.checkpoint = folder / "checkpoint.json"
        self.start_at = start_at
        self.patterns = [str(self.log)]
        self.gaps: list[Gap] = []
        self.pace = PACE

    def source(self, clock: Clock | None = None, pace: Pace | None = None) -> FileSource:
        return FileSource(
            "file-0",
            self.patterns,
            start_at=self.start_at,  # type: ignore[arg-type]
            checkpoint=Checkpoint(self.checkpoint),
            clock=clock or SystemClock(),
            metrics=self.metrics,
            limits=LIMITS,
            pace=pace or self.pace,
            on_gap=self.gaps.append,
        )

    def write(self, *payloads: bytes) -> None:
        with self.log.open("ab") as log:
            log.writelines(payload + b"\n" for payload in payloads)

    @property
    def lost(self) -> float:
        return self.metrics.counters["bytes_possibly_lost_total", "source=file-0"]


def opened(feed: FileFeed) -> FileSource:
    source = feed.source()
    source.open()
    return source


def stopped(source: FileSource) -> None:
    source.commit()
    source.close()


def identities(records: list[Record]) -> list[tuple[bytes, str, int]]:
    return [(record.payload, record.partition.key, record.receipt.position) for record in records]


def everything(source: FileSource) -> list[tuple[bytes, str, int]]:
    """Return what identifies each record until nothing more comes; settle it all and commit."""
    found: list[tuple[bytes, str, int]] = []
    quiet = 0
    while quiet < 40:
        records = source.poll(0.01)
        settle_all(record.receipt for record in records)
        found += identities(list(records))
        quiet = 0 if records else quiet + 1
    source.commit()
    return found


def drained(source: FileSource) -> list[bytes]:
    """Return everything that comes until nothing more does; settle it all and commit."""
    return [payload for payload, _, _ in everything(source)]


def payloads(source: FileSource, count: int) -> list[bytes]:
    records = read(source, count)
    settle_all(record.receipt for record in records)
    return [record.payload for record in records]


def restarted(feed: FileFeed, source: FileSource) -> FileSource:
    stopped(source)
    return opened(feed)


def descriptors(folder: Path) -> list[Path]:
    """Return which files in `folder` this process holds open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = descriptor.readlink()
        except FileNotFoundError:
            continue  # that of the listing itself
        found += [target] if target.parent == folder and target.suffix != "" else []
    return found


def copytruncated(feed: FileFeed, late: bytes = b"") -> Path:
    """Do as logrotate does; `late` is written after the copy was made and before the log is cut off."""
    copy = feed.folder / "access.log.1"
    shutil.copy(feed.log, copy)
    with feed.log.open("ab") as log:
        log.write(late)
    os.truncate(feed.log, 0)
    return copy
