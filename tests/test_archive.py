"""The archive: what people see and decide, beside a running daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alerts_by_hand import an_alert, some_alerts
from outboxes import open_outbox

from weirlog.pipeline.archive import Archive
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = open_outbox(tmp_path / "outbox.db", group_by=["client"])
    yield outbox
    outbox.close()


@pytest.fixture
def archive(tmp_path: Path, outbox: Outbox) -> Iterator[Archive]:
    archive = Archive(tmp_path / "outbox.db")
    yield archive
    archive.close()


def numbers(archive: Archive, limit: int = 100, **conditions: object) -> list[int]:
    return [int(stored.alert.id, 16) for stored in archive.alerts(limit, **conditions)]  # type: ignore[arg-type]


def test_without_a_daemon_that_has_run_it_stops_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="has the daemon run"):
        Archive(tmp_path / "outbox.db")
    assert list(tmp_path.iterdir()) == []


def test_alerts_are_listed_newest_first_with_what_became_of_them(outbox: Outbox, archive: Archive) -> None:
    outbox.take([an_alert(1), an_alert(2), an_alert(3, client="x")], [])
    outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
    listed = [(stored.alert, stored.grouped, stored.pending) for stored in archive.alerts(9)]
    assert listed == [
        (an_alert(3, client="x"), False, ("a", "b")),
        (an_alert(2), True, ()),
        (an_alert(1), False, ("b",)),
    ]


def test_lists_can_be_narrowed_and_paged(outbox: Outbox, archive: Archive) -> None:
    outbox.take([an_alert(1), an_alert(2), *some_alerts(3, 4, 5)], [])
    archive.label(an_alert(4).id, "benign")
    assert numbers(archive, 2) == [5, 4]
    assert numbers(archive, 2, before_seq=archive.alerts(2)[-1].seq) == [3, 2]
    assert numbers(archive, since=an_alert(4).time) == [5, 4]
    assert numbers(archive, grouped=False) == [5, 4, 3, 1]
    assert numbers(archive, label="benign") == [4]


def test_an_alert_is_found_by_its_id_or_a_beginning_that_only_it_has(outbox: Outbox, archive: Archive) -> None:
    outbox.take(some_alerts(0x10 << 120, 0x11 << 120, 0xFF << 120), [])
    for identity in ("ff", "f", f"{0xFF << 120:032x}"):
        found = archive.find(identity)
        assert found is not None
        assert found.alert.id.startswith("ff")
    assert archive.find("1") is None
    assert archive.find("2") is None
    assert archive.find("%") is None


def test_a_label_is_noted_and_can_be_taken_back(outbox: Outbox, archive: Archive) -> None:
    outbox.take(some_alerts(1), [])
    assert archive.label(an_alert(1).id, "attack")
    assert numbers(archive, label="attack") == [1]
    assert archive.label(an_alert(1).id, None)
    assert numbers(archive, label="attack") == []
    assert not archive.label("no such id", "attack")


class TestRedeliver:
    def deliver_all(self, outbox: Outbox) -> None:
        for sink in ("a", "b"):
            outbox.delivered(sink, [seq for seq, _ in outbox.pending(sink, 100)])

    def test_a_running_daemon_delivers_once_more(self, outbox: Outbox, archive: Archive) -> None:
        outbox.take(some_alerts(1, 2), [])
        self.deliver_all(outbox)
        assert archive.redeliver([an_alert(1).id], sink="a") == 1
        assert [alert.id for _, alert in outbox.pending("a", 9)] == [an_alert(1).id]
        assert outbox.pending("b", 9) == []
        assert archive.sinks == {"a": 1, "b": 0}

    def test_everything_since_a_moment_but_what_was_grouped(self, outbox: Outbox, archive: Archive) -> None:
        outbox.take([an_alert(1), an_alert(2, client="x"), an_alert(3, client="x"), an_alert(4, client="y")], [])
        self.deliver_all(outbox)
        assert archive.redeliver(since=an_alert(2).time) == 4
        assert [int(alert.id, 16) for _, alert in outbox.pending("b", 9)] == [2, 4]

    def test_what_waits_already_is_not_due_twice(self, outbox: Outbox, archive: Archive) -> None:
        outbox.take(some_alerts(1), [])
        assert archive.redeliver([an_alert(1).id]) == 0

    def test_what_was_refused_leaves_the_dead_letters_and_may_be_refused_again(
        self, outbox: Outbox, archive: Archive
    ) -> None:
        outbox.take(some_alerts(1), [])
        (seq, _), *_ = outbox.pending("a", 1)
        outbox.refuse("a", seq, "first")
        assert archive.refused() == archive.refused("a") == [an_alert(1).id]
        assert archive.refused("b") == []
        assert archive.redeliver(archive.refused()) == 1
        assert archive.dead_letters(9) == []
        outbox.refuse("a", seq, "second")
        assert [letter.reason for letter in archive.dead_letters(9)] == ["second"]

    def test_an_unknown_id_or_sink_is_nothing(self, outbox: Outbox, archive: Archive) -> None:
        outbox.take(some_alerts(1), [])
        assert archive.redeliver(["no such id"]) == 0
        assert archive.redeliver([an_alert(1).id], sink="no such sink") == 0
