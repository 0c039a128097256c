"""The room of an outbox: what a full one takes, what makes room in it, and how long what was delivered is kept."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from alerts_by_hand import an_alert, some_alerts
from fakes import FakeClock, RecordingMetrics
from outboxes import a_letter, ids, open_outbox

from weirlog.pipeline import dead_letters
from weirlog.pipeline.archive import Archive
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.outbox import OutboxFullError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


class TestRoom:
    def test_a_full_outbox_takes_nothing_until_a_sink_has_drained_it(self, path: Path) -> None:
        metrics = RecordingMetrics()
        outbox = open_outbox(path, sinks=["a"], limit_bytes=5_000, metrics=metrics)
        outbox.take([an_alert(1, size=6_000)], [])
        with pytest.raises(OutboxFullError, match="limit is 5000.*max_size"):
            outbox.take([an_alert(2)], [a_letter(1)])
        assert (ids(outbox), metrics.gauges["outbox_full",]) == ([1], 1)
        outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
        assert metrics.gauges["outbox_full",] == 0
        outbox.take([an_alert(2)], [a_letter(1)])
        assert ids(outbox) == [2]
        assert metrics.counters["dead_letters_total", "stage=parse"] == 1
        outbox.close()

    def test_a_batch_larger_than_the_limit_is_taken_when_nothing_waits(self, path: Path) -> None:
        """Else it would wait for ever."""
        outbox = open_outbox(path, sinks=["a"], limit_bytes=1_000)
        outbox.take([an_alert(1, size=5_000), an_alert(2, size=5_000, client="x")], [])
        assert ids(outbox) == [1, 2]
        outbox.close()

    def test_dead_letters_are_taken_by_a_full_outbox(self, path: Path) -> None:
        """They are bounded by themselves, and no sink has to make room for them."""
        metrics = RecordingMetrics()
        outbox = open_outbox(path, sinks=["a"], limit_bytes=10, metrics=metrics)
        outbox.take([an_alert(1)], [])
        outbox.take([], [a_letter(1)])
        assert metrics.counters["dead_letters_total", "stage=parse"] == 1
        outbox.close()

    def test_delivered_alerts_make_room_for_new_ones(self, path: Path) -> None:
        outbox = open_outbox(path, sinks=["a"], limit_bytes=100_000)
        for number in range(100):
            outbox.take([an_alert(number, size=4_000)], [])
            outbox.delivered("a", [seq for seq, _ in outbox.pending("a", 9)])
        kept = [int(str(document["id"]), 16) for document in outbox.latest(1000)]
        assert kept == list(range(99, 99 - len(kept), -1))
        assert 15 <= len(kept) <= 22
        outbox.close()

    def test_undelivered_alerts_never_make_room(self, path: Path) -> None:
        outbox = open_outbox(path, sinks=["a", "b"], limit_bytes=50_000)
        for number in range(11):
            outbox.take([an_alert(number, size=4_000)], [])
            outbox.delivered("a", [seq for seq, _ in outbox.pending("a", 9)])
        with pytest.raises(OutboxFullError):
            outbox.take([an_alert(11, size=4_000)], [])
        assert ids(outbox, "b") == list(range(11))
        outbox.close()

    def test_a_full_disk_takes_nothing_and_the_same_call_succeeds_later(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take(some_alerts(1), [])
        connection = outbox._database._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        batch = [an_alert(number, size=10_000, client=str(number)) for number in range(2, 12)]
        with pytest.raises(RetryableError, match="full; make room"):
            outbox.take(batch, [a_letter(1)])
        assert ids(outbox) == [1]
        connection.execute("PRAGMA max_page_count = 100000")
        outbox.take(batch, [a_letter(1)])
        assert ids(outbox) == list(range(1, 12))
        outbox.close()

    def test_a_file_that_another_process_holds_is_retryable(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("weirlog.pipeline.alert_database.BUSY_TIMEOUT_S", 0.05)
        outbox = open_outbox(path)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError, match="another process"):
            outbox.take(some_alerts(1), [])
        other.execute("ROLLBACK")
        other.close()
        outbox.take(some_alerts(1), [])
        assert ids(outbox) == [1]

    def test_nobody_waits_for_ever_behind_another_thread(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each of ours may wait long for another process, and the main thread has the watchdog to feed."""
        outbox = open_outbox(path)
        monkeypatch.setattr("weirlog.pipeline.alert_database.TURN_TIMEOUT_S", 0.05)
        began, over = threading.Event(), threading.Event()

        def hold() -> None:
            with outbox._database.transaction():
                began.set()
                over.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        began.wait()
        with pytest.raises(RetryableError, match="busy for"):
            outbox.take(some_alerts(1), [])
        over.set()
        holder.join()
        outbox.take(some_alerts(1), [])
        assert ids(outbox) == [1]
        outbox.close()


class TestPrune:
    def test_what_was_delivered_is_forgotten_after_its_time(self, path: Path) -> None:
        clock = FakeClock()
        outbox = open_outbox(path, sinks=["a"], keep_s=100, clock=clock)
        outbox.take(some_alerts(1, 2), [])
        outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
        clock.advance(99)
        assert outbox.prune() == 0
        clock.advance(2)
        assert outbox.prune() == 1
        assert ids(outbox) == [2]
        outbox.close()

    def test_a_file_that_is_held_is_left_to_the_next_time(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("weirlog.pipeline.alert_database.BUSY_TIMEOUT_S", 0.05)
        clock = FakeClock()
        outbox = open_outbox(path, sinks=[], keep_s=100, clock=clock)
        outbox.take(some_alerts(1), [])
        clock.advance(101)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert outbox.prune() == 0
        other.execute("ROLLBACK")
        other.close()
        assert outbox.prune() == 1
        outbox.close()

    def test_what_takes_too_long_is_left_to_the_next_time(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is called between two signs of life to the service manager."""
        monkeypatch.setattr("weirlog.pipeline.outbox.PRUNE_ROWS", 1)
        clock = FakeClock()
        outbox = open_outbox(path, sinks=[], keep_s=100, clock=clock)
        outbox.take(some_alerts(1, 2, 3), [])
        clock.advance(101)
        monkeypatch.setattr("weirlog.pipeline.outbox.PRUNE_S", 0.0)
        assert outbox.prune() == 1
        monkeypatch.undo()
        assert outbox.prune() == 2
        outbox.close()

    def test_what_people_have_labelled_is_kept(self, path: Path) -> None:
        clock = FakeClock()
        outbox = open_outbox(path, sinks=[], keep_s=100, clock=clock)
        outbox.take(some_alerts(1, 2), [])
        archive = Archive(path)
        assert archive.label(an_alert(2).id, "benign")
        archive.close()
        clock.advance(101)
        assert outbox.prune() == 1
        assert [document["id"] for document in outbox.latest(9)] == [an_alert(2).id]
        outbox.close()


class TestDeadLetters:
    def test_a_replayed_record_is_buried_once(self, path: Path) -> None:
        metrics = RecordingMetrics()
        outbox = open_outbox(path, metrics=metrics)
        outbox.take([], [a_letter(1), a_letter(2)])
        outbox.take([], [a_letter(2)])
        assert metrics.counters["dead_letters_total", "stage=parse"] == 2
        outbox.close()

    def test_a_flood_of_garbage_pushes_out_the_oldest_garbage_alone(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "LIMIT_LETTERS", 5)
        metrics = RecordingMetrics()
        outbox = open_outbox(path, metrics=metrics)
        outbox.take(some_alerts(1), [])
        outbox.refuse("a", outbox.pending("a", 1)[0][0], "no")
        for number in range(20):
            outbox.take([], [a_letter(number)])
        archive = Archive(path)
        assert [letter.position for letter in archive.dead_letters(99, stage="parse")] == [19, 18, 17, 16, 15]
        assert archive.refused() == [an_alert(1).id]
        archive.close()
        assert metrics.counters["dead_letters_dropped_total",] == 15
        outbox.close()

    def test_their_bytes_are_bounded_too(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dead_letters, "LIMIT_BYTES", 3000)
        outbox = open_outbox(path)
        outbox.take([], [a_letter(number, size=1000) for number in range(10)])
        archive = Archive(path)
        assert [letter.position for letter in archive.dead_letters(99)] == [9, 8, 7]
        archive.close()
        outbox.close()

    def test_a_long_payload_is_cut(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take([], [a_letter(1, size=1 << 20)])
        archive = Archive(path)
        assert len(archive.dead_letters(9)[0].payload) == dead_letters.LIMIT_PAYLOAD_BYTES
        archive.close()
        outbox.close()

    def test_a_name_that_is_no_utf8_is_stored(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take([], [DeadLetter("parse", "a\ud800", "b\udcff.log", "c\udcff", 1, b"", 0.0)])
        archive = Archive(path)
        assert archive.dead_letters(9)[0].source == "b?.log"
        archive.close()
        outbox.close()
