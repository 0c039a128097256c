"""What every source must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pytest
from fakes import eventually

from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources import Source


class Feed(ABC):
    """The other side of a source: something that can be written to, and read by one source after another."""

    @abstractmethod
    def source(self) -> Source:
        """Return a new source over the same state, not yet open, as after a restart."""

    @abstractmethod
    def write(self, *payloads: bytes) -> None:
        """Append records."""


def read(source: Source, count: int) -> list[Record]:
    """Return the next `count` records."""
    records: list[Record] = []

    def enough() -> bool:
        records.extend(source.poll(0.05))
        return len(records) >= count

    assert eventually(enough, within_s=30), f"{len(records)} of {count} came"
    return records


class SourceContract:
    """Inherit from this and give a fixture `feed`."""

    @pytest.fixture
    def opened(self, feed: Feed) -> Iterator[Source]:
        source = feed.source()
        source.open()
        yield source
        source.close()

    def test_records_come_once_in_order_with_growing_positions(self, feed: Feed, opened: Source) -> None:
        feed.write(b"one", b"two", b"three")
        records = read(opened, 3)
        assert [record.payload for record in records] == [b"one", b"two", b"three"]
        positions = [record.receipt.position for record in records]
        assert positions == sorted(set(positions))
        assert list(opened.poll(0.05)) == []

    def test_a_quiet_source_yields_nothing(self, opened: Source) -> None:
        assert list(opened.poll(0.01)) == []

    def test_a_paused_source_yields_nothing_until_it_is_resumed(self, feed: Feed, opened: Source) -> None:
        opened.pause()
        opened.pause()
        feed.write(b"one")
        assert [list(opened.poll(0.05)) for _ in range(3)] == [[], [], []]
        opened.resume()
        opened.resume()
        assert [record.payload for record in read(opened, 1)] == [b"one"]

    def test_open_receipts_are_in_flight_until_they_are_settled(self, feed: Feed, opened: Source) -> None:
        feed.write(b"one", b"two")
        records = read(opened, 2)
        assert opened.in_flight == 2
        settle_all(record.receipt for record in records)
        assert opened.in_flight == 0

    def test_what_is_settled_and_committed_never_comes_again(self, feed: Feed) -> None:
        feed.write(b"one", b"two")
        self._consume(feed, settle=2, count=2)
        feed.write(b"three")
        assert [payload for payload, *_ in self._consume(feed, settle=1, count=1)] == [b"three"]

    def test_what_is_not_settled_comes_again_with_the_same_identity(self, feed: Feed) -> None:
        """The alert's id is made of it: after a crash it must be the same alert."""
        feed.write(b"one", b"two", b"three")
        first = self._consume(feed, settle=1, count=3)
        assert self._consume(feed, settle=0, count=2) == first[1:]

    def test_a_gap_holds_the_commit_back(self, feed: Feed, opened: Source) -> None:
        feed.write(b"one", b"two", b"three")
        records = read(opened, 3)
        settle_all(record.receipt for record in records[1:])
        opened.commit()
        opened.close()
        again = self._consume(feed, settle=0, count=3)
        assert [payload for payload, *_ in again] == [b"one", b"two", b"three"]

    def test_closing_commits_nothing(self, feed: Feed) -> None:
        feed.write(b"one")
        source = feed.source()
        source.open()
        settle_all(record.receipt for record in read(source, 1))
        source.close()
        source.close()
        assert [payload for payload, *_ in self._consume(feed, settle=0, count=1)] == [b"one"]

    def test_a_source_that_was_never_opened_can_be_closed(self, feed: Feed) -> None:
        source = feed.source()
        source.close()
        assert source.in_flight == 0

    @staticmethod
    def _consume(feed: Feed, *, settle: int, count: int) -> Sequence[tuple[bytes, str, str, int]]:
        """Open, read `count`, settle the first `settle` of them, commit, close; return what identifies each record."""
        source = feed.source()
        source.open()
        try:
            records = read(source, count)
            settle_all(record.receipt for record in records[:settle])
            source.commit()
        finally:
            source.close()
        return [
            (record.payload, record.partition.name, record.partition.key, record.receipt.position) for record in records
        ]
