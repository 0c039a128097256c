"""Whose turn it is to be read: live files in each poll, and a bounded share of what lies about from before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.rotation import is_current
from weirlog.pipeline.sources.tail import Tail, TailLimits

Inode: TypeAlias = tuple[int, int]
"""Device and inode: which file it is, while it exists."""

SHARE = 4
"""Where live files had lines, backlog gets one part in so many of a chunk on top."""
BACKLOG_CHUNKS = 4
"""Chunks of backlog that may be in flight: a live line never waits behind more than these (2,048 lines, 0.1 s to 0.6 s)."""
HEAD_START_READS = 64
"""After a start what is older comes first, for so many reads (at most 16 MiB): order where it costs next to nothing."""


class Turns:
    """Reads the next records of many files.

    A file is live once it was read to its end. Live files are read in every round, in turn, up to one chunk in all; then
    one backlog file, the oldest first, as far as its share and BACKLOG_CHUNKS allow. Backlog in logs that are written
    to at present comes before that in rotated and compressed ones, once the head start is over.

    Args:
        limits: how much is read at once.
    """

    def __init__(self, limits: TailLimits) -> None:
        self._limits = limits
        self._turn = 0
        self._head_start = 0
        self.backlog_waits = False
        """Whether there is backlog to be read at once, as of the last round."""

    def begin(self) -> None:
        """Give what is older its head start."""
        self._head_start = HEAD_START_READS

    def read(self, tails: Mapping[Inode, Tail], read: Callable[[Inode, int], list[Record]]) -> list[Record]:
        """Return the next records, at most one chunk and its backlog share.

        Args:
            tails: the files, the oldest first. `read` may take some out.
            read: returns the next records of one file, at most so many.
        """
        live = [inode for inode, tail in tails.items() if tail.is_live]
        # Before the live files are read: one of these that catches up now has been read.
        backlog = [inode for inode, tail in tails.items() if not tail.is_live]
        records = self._live(live, read)
        return records + self._backlog(backlog, tails, read, bool(records))

    def _live(self, inodes: list[Inode], read: Callable[[Inode, int], list[Record]]) -> list[Record]:
        records: list[Record] = []
        size_bytes = 0
        for step in range(len(inodes)):
            inode = inodes[(self._turn + step) % len(inodes)]
            found = read(inode, self._limits.chunk_records - len(records))
            records += found
            size_bytes += sum(len(record.payload) for record in found)
            if len(records) >= self._limits.chunk_records or size_bytes >= self._limits.read_bytes:
                self._turn = (self._turn + step + 1) % len(inodes)
                break
        return records

    def _backlog(
        self,
        inodes: list[Inode],
        tails: Mapping[Inode, Tail],
        read: Callable[[Inode, int], list[Record]],
        live_had_some: bool,
    ) -> list[Record]:
        chunk = self._limits.chunk_records
        in_flight = sum(tails[inode].in_flight for inode in inodes if inode in tails)
        room = min(max(1, chunk // SHARE) if live_had_some else chunk, BACKLOG_CHUNKS * chunk - in_flight)
        self.backlog_waits = bool(inodes) and room <= 0
        if room <= 0:
            return []
        for inode in self._in_order(inodes, tails):
            records = read(inode, room)
            unfinished = inode in tails and tails[inode].is_unpacking
            if records or unfinished:
                self._head_start = max(0, self._head_start - 1)
                self.backlog_waits = True
                return records
        return []

    def _in_order(self, inodes: list[Inode], tails: Mapping[Inode, Tail]) -> list[Inode]:
        if self._head_start:
            return inodes
        current = [inode for inode in inodes if tails[inode].left_since is None and is_current(tails[inode].path)]
        if current:
            first = self._turn % len(current)
            self._turn += 1
            current = current[first:] + current[:first]
        return current + [inode for inode in inodes if inode not in current]
