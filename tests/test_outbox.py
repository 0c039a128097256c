"""The outbox: what it took is there after SIGKILL, once, and each sink drains it alone."""

from __future__ import annotations

import random
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alerts_by_hand import an_alert, some_alerts
from children import child
from fakes import FakeClock, RecordingMetrics
from outboxes import ids, open_outbox

from weirlog.pipeline.archive import Archive
from weirlog.pipeline.errors import PipelineError, StopError
from weirlog.pipeline.outbox import Outbox

BOTH = ("a", "b")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    outbox = open_outbox(path)
    yield outbox
    outbox.close()


class TestTake:
    def test_every_sink_gets_every_alert_in_order(self, outbox: Outbox) -> None:
        outbox.take(some_alerts(3, 1), [])
        outbox.take(some_alerts(2), [])
        assert {sink: ids(outbox, sink) for sink in BOTH} == {"a": [3, 1, 2], "b": [3, 1, 2]}

    def test_an_alert_comes_out_as_it_went_in(self, outbox: Outbox) -> None:
        alert = an_alert(1, client=None, kind=None)
        outbox.take([alert], [])
        assert [alert for _, alert in outbox.pending("a", 9)] == [alert]

    def test_an_alert_that_is_here_is_not_taken_again(self, path: Path) -> None:
        metrics = RecordingMetrics()
        outbox = open_outbox(path, metrics=metrics)
        outbox.take(some_alerts(1, 2), [])
        outbox.take(some_alerts(2, 3, 3), [])
        assert ids(outbox) == [1, 2, 3]
        assert metrics.counters["alerts_total",] == 3
        outbox.close()

    def test_an_alert_that_was_delivered_is_not_delivered_again_after_a_replay(self, outbox: Outbox) -> None:
        outbox.take(some_alerts(1), [])
        for sink in BOTH:
            outbox.delivered(sink, [outbox.pending(sink, 1)[0][0]])
        outbox.take(some_alerts(1), [])
        assert ids(outbox) == []

    def test_a_sink_is_woken(self, path: Path) -> None:
        clock = FakeClock()
        outbox = open_outbox(path, clock=clock)
        outbox.wait("a", 5.0)  # the look at the start
        before = clock.monotonic()
        outbox.take(some_alerts(1), [])
        outbox.wait("a", 5.0)
        assert clock.monotonic() == before
        outbox.wait("a", 5.0)
        assert clock.monotonic() == before + 5.0
        outbox.close()

    def test_no_sinks_at_all_still_keep_what_was_found(self, path: Path) -> None:
        outbox = open_outbox(path, sinks=())
        outbox.take(some_alerts(1), [])
        assert [document["id"] for document in outbox.latest(5)] == [an_alert(1).id]
        assert outbox.undelivered_bytes == 0
        outbox.close()


class TestDelivery:
    def test_each_sink_goes_at_its_own_pace(self, outbox: Outbox) -> None:
        outbox.take(some_alerts(1, 2, 3), [])
        outbox.delivered("a", [seq for seq, _ in outbox.pending("a", 2)])
        assert (ids(outbox, "a"), ids(outbox, "b")) == ([3], [1, 2, 3])

    def test_a_limit_gives_the_oldest(self, outbox: Outbox) -> None:
        outbox.take(some_alerts(5, 6, 7), [])
        assert ids(outbox, limit=2) == [5, 6]

    def test_delivered_twice_counts_once(self, path: Path) -> None:
        metrics = RecordingMetrics()
        outbox = open_outbox(path, metrics=metrics)
        outbox.take(some_alerts(1), [])
        seqs = [outbox.pending("a", 1)[0][0]] * 2
        outbox.delivered("a", seqs)
        outbox.delivered("a", seqs)
        assert metrics.counters["alerts_delivered_total", "sink=a"] == 1
        assert metrics.gauges["outbox_pending", "sink=a"] == 0
        assert metrics.gauges["outbox_pending", "sink=b"] == 1
        outbox.close()

    def test_what_one_sink_refuses_is_a_dead_letter_for_it_alone(self, path: Path, outbox: Outbox) -> None:
        outbox.take(some_alerts(1, 2), [])
        outbox.refuse("a", outbox.pending("a", 1)[0][0], "answers 413")
        assert (ids(outbox, "a"), ids(outbox, "b")) == ([2], [1, 2])
        archive = Archive(path)
        (letter,) = archive.dead_letters(9)
        archive.close()
        assert (letter.stage, letter.reason, letter.source) == ("deliver", "answers 413", "a")
        assert (letter.partition, letter.payload) == (an_alert(1).id, some_alerts(1)[0].body)

    def test_pending_bytes_count_an_alert_once_until_its_last_sink_has_it(self, outbox: Outbox) -> None:
        outbox.take(some_alerts(1), [])
        whole = outbox.undelivered_bytes
        (seq, alert), *_ = outbox.pending("a", 1)
        assert whole >= len(alert.body)
        outbox.delivered("a", [seq])
        assert outbox.undelivered_bytes == whole
        outbox.refuse("b", seq, "no")
        assert outbox.undelivered_bytes == 0


class TestSinks:
    def test_a_new_sink_gets_alerts_from_then_on(self, path: Path) -> None:
        outbox = open_outbox(path, sinks=["a"])
        outbox.take(some_alerts(1), [])
        outbox.close()
        outbox = open_outbox(path, sinks=["a", "new"])
        outbox.take(some_alerts(2), [])
        assert (ids(outbox, "a"), ids(outbox, "new")) == ([1, 2], [2])
        outbox.close()

    def test_what_waits_for_a_removed_sink_is_dropped_and_holds_nothing_up(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take(some_alerts(1), [])
        outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
        outbox.close()
        outbox = open_outbox(path, sinks=["a"])
        assert outbox.undelivered_bytes == 0
        outbox.close()


class TestRestart:
    def test_what_was_pending_is_pending_again(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take(some_alerts(1, 2), [])
        outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
        outbox.close()
        outbox = open_outbox(path)
        assert (ids(outbox, "a"), ids(outbox, "b")) == ([2], [1, 2])
        outbox.close()

    def test_fill_is_known_at_once(self, path: Path) -> None:
        outbox = open_outbox(path)
        outbox.take(some_alerts(1), [])
        undelivered = outbox.undelivered_bytes
        outbox.close()
        metrics = RecordingMetrics()
        open_outbox(path, metrics=metrics).close()
        assert metrics.gauges["outbox_bytes",] == undelivered
        assert metrics.gauges["outbox_pending", "sink=b"] == 1

    def test_the_file_is_for_its_owner_alone(self, path: Path, outbox: Outbox) -> None:
        outbox.take(some_alerts(1), [])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {"outbox.db": 0o600, "outbox.db-wal": 0o600, "outbox.db-shm": 0o600}

    def test_a_file_of_a_newer_version_stops(self, path: Path) -> None:
        open_outbox(path).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StopError, match="newer weirlog.*upgrade"):
            open_outbox(path)

    def test_a_database_of_something_else_stops(self, path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE invoices (id)")
        connection.close()
        with pytest.raises(StopError, match="something else"):
            open_outbox(path)

    @pytest.mark.parametrize("offset", [0, 4096, 3 * 4096])
    def test_a_damaged_file_stops_and_says_what_to_do(self, path: Path, offset: int) -> None:
        outbox = open_outbox(path)
        outbox.take(some_alerts(*range(300)), [])
        outbox.close()
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"\xa5" * 3000)
        with pytest.raises(StopError, match="damaged.*move it"):
            open_outbox(path)

    def test_a_directory_that_cannot_be_used_stops(self, tmp_path: Path) -> None:
        with pytest.raises(StopError, match="missing"):
            open_outbox(tmp_path / "missing" / "outbox.db")


def test_threads_may_use_it_at_once(path: Path) -> None:
    """A scorer takes, two workers drain, a page looks on: nothing is lost, nothing comes twice."""
    outbox = open_outbox(path)
    received: dict[str, list[int]] = {"a": [], "b": []}
    failures: list[BaseException] = []
    done = threading.Event()

    def drain(sink: str) -> None:
        try:
            while len(received[sink]) < 200:
                entries = outbox.pending(sink, 7)
                outbox.delivered(sink, [seq for seq, _ in entries])
                received[sink] += [int(alert.id, 16) for _, alert in entries]
        except (PipelineError, sqlite3.Error, AssertionError) as error:
            failures.append(error)

    def look() -> None:
        while not done.is_set():
            outbox.latest(10)

    threads = [threading.Thread(target=drain, args=(sink,)) for sink in BOTH] + [threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    for start in range(0, 200, 10):
        outbox.take(some_alerts(*range(start, start + 10)), [])
    for thread in threads[:2]:
        thread.join(60)
    done.set()
    threads[2].join(60)
    outbox.close()
    assert not failures
    assert received == {"a": list(range(200)), "b": list(range(200))}


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from alerts_by_hand import an_alert
from outboxes import open_outbox

outbox = open_outbox(Path(sys.argv[2]), group_by=["client"])
number = int(sys.argv[3])
while True:
    batch = [an_alert(number + index, client=str((number + index) % 50)) for index in range(5)]
    outbox.take(batch, [])
    sys.stdout.write("".join(f"{number + index}\\n" for index in range(5)))
    sys.stdout.flush()
    number += 5
"""


def test_what_was_acknowledged_survives_sigkill(path: Path) -> None:
    """Killed six times at random moments: every acknowledged attack is there or counted, and the file is sound."""
    acknowledged: list[int] = []
    moments = random.Random(17)
    for _ in range(6):
        start = acknowledged[-1] + 1 if acknowledged else 0
        # As after a real crash, the batch whose acknowledgement was lost is read, and taken, again.
        command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(path), str(start)]
        with child(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            patience = moments.randrange(1, 400)
            acknowledged += [int(process.stdout.readline()) for _ in range(patience)]
            process.kill()
            # A line may be cut off by the kill: only whole ones were acknowledged.
            rest = process.stdout.read().decode()
            acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    assert acknowledged == list(range(len(acknowledged)))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    stored = {int(row[0], 16) for row in connection.execute("SELECT id FROM alerts")}
    (suppressed,) = connection.execute("SELECT sum(suppressed) FROM groups").fetchone()
    (put_out,) = connection.execute("SELECT count(*) FROM alerts WHERE NOT grouped").fetchone()
    connection.close()
    assert stored >= set(acknowledged)
    assert put_out == 50
    # Each attack counts once: those that were put out, and those in the counts of their groups.
    assert put_out + suppressed == len(stored)


def test_a_transaction_is_synced_to_the_disk(path: Path, outbox: Outbox) -> None:
    """synchronous=FULL (2) in WAL mode syncs at each commit; it is a setting of each connection, not of the file."""
    values: Any = [
        outbox._database._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    ]
    assert values == [2, "wal"]
