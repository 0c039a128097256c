"""Grouping: one alert for a group, then one for what followed; counts survive restarts and replays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alerts_by_hand import an_alert
from fakes import FakeClock, RecordingMetrics
from outboxes import REPEAT_AFTER_S, open_outbox

from weirlog.pipeline import grouping
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.archive import Archive
from weirlog.pipeline.grouping import Grouping
from weirlog.pipeline.outbox import Outbox


class Groups:
    """An outbox that groups by client and kind, and can be restarted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.outbox = self._open()

    def _open(self) -> Outbox:
        return open_outbox(self.path, sinks=["a"], group_by=["client", "kind"], clock=self.clock, metrics=self.metrics)

    def restart(self) -> None:
        self.outbox.close()
        self.outbox = self._open()

    def take(self, *numbers: int, client: str = "192.0.2.1", kind: str = "sqli") -> None:
        self.outbox.take([an_alert(number, client=client, kind=kind) for number in numbers], [])

    def alerts(self) -> list[tuple[int, int]]:
        """The number and count of every alert put out so far, in order."""
        documents: list[dict[str, Any]] = [alert.document() for _, alert in self.outbox.pending("a", 1000)]
        return [(int(document["id"], 16), document["count"]) for document in documents]


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Groups]:
    groups = Groups(tmp_path / "outbox.db")
    yield groups
    groups.outbox.close()


def test_the_first_attack_of_a_group_is_alerted_at_once_and_further_ones_are_not(groups: Groups) -> None:
    groups.take(1)
    groups.take(2, 3)
    assert groups.alerts() == [(1, 1)]
    assert groups.metrics.counters["alerts_total",] == 1
    assert groups.metrics.counters["alerts_grouped_total",] == 2


def test_other_clients_and_other_kinds_are_other_groups(groups: Groups) -> None:
    groups.take(1)
    groups.take(2, client="192.0.2.2")
    groups.take(3, kind="xss")
    assert groups.alerts() == [(1, 1), (2, 1), (3, 1)]


def test_the_next_attack_after_the_quiet_time_tells_of_those_within(groups: Groups) -> None:
    groups.take(1, 2, 3)
    groups.clock.advance(REPEAT_AFTER_S)
    groups.take(4)
    assert groups.alerts() == [(1, 1), (4, 3)]
    groups.take(5)
    assert groups.alerts() == [(1, 1), (4, 3)]


def test_the_end_of_the_quiet_time_tells_of_those_within_by_itself(groups: Groups) -> None:
    groups.take(1, 2, 3)
    groups.clock.advance(REPEAT_AFTER_S - 1)
    assert groups.outbox.release_groups() == 0
    groups.clock.advance(1)
    assert groups.outbox.release_groups() == 1
    assert groups.alerts() == [(1, 1), (3, 2)]


def test_the_quiet_time_starts_anew_with_each_alert(groups: Groups) -> None:
    groups.take(1, 2)
    groups.clock.advance(REPEAT_AFTER_S)
    groups.outbox.release_groups()
    groups.take(3)
    assert groups.alerts() == [(1, 1), (2, 1)]
    groups.clock.advance(REPEAT_AFTER_S)
    groups.outbox.release_groups()
    assert groups.alerts() == [(1, 1), (2, 1), (3, 1)]


def test_a_quiet_group_is_forgotten_without_an_alert(groups: Groups) -> None:
    groups.take(1)
    groups.clock.advance(REPEAT_AFTER_S)
    assert groups.outbox.release_groups() == 0
    groups.take(2)
    assert groups.alerts() == [(1, 1), (2, 1)]


def test_a_restart_repeats_nothing_and_loses_no_count(groups: Groups) -> None:
    groups.take(1, 2)
    groups.restart()
    groups.take(3)
    groups.restart()
    groups.clock.advance(REPEAT_AFTER_S)
    groups.restart()
    groups.outbox.release_groups()
    groups.restart()
    groups.outbox.release_groups()
    assert groups.alerts() == [(1, 1), (3, 2)]


def test_a_replay_counts_nothing_twice(groups: Groups) -> None:
    groups.take(1, 2, 3)
    groups.restart()
    groups.take(1, 2, 3)
    groups.clock.advance(REPEAT_AFTER_S)
    groups.outbox.release_groups()
    groups.take(1, 2, 3)
    assert groups.alerts() == [(1, 1), (3, 2)]


def test_a_flood_stores_a_bounded_number_and_counts_them_all(groups: Groups) -> None:
    groups.take(*range(1000))
    archive = Archive(groups.path)
    stored = archive.alerts(10_000)
    archive.close()
    assert len(stored) == 1 + grouping.LIMIT_STORED
    assert [alert.grouped for alert in stored] == [True] * grouping.LIMIT_STORED + [False]
    groups.clock.advance(REPEAT_AFTER_S)
    groups.outbox.release_groups()
    assert groups.alerts()[1][1] == 999


def test_more_groups_than_the_limit_end_early_and_lose_no_count(
    groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses can be invented: the number of groups must not be in an attacker's hand."""
    monkeypatch.setattr(grouping, "LIMIT_GROUPS", 3)
    for number in range(10):
        groups.take(number, 100 + number, client=f"198.51.100.{number}")
        groups.clock.advance(1)
    released = groups.outbox.release_groups()
    assert released == 7
    assert [(number, 1) for number in range(100, 107)] == [pair for pair in groups.alerts() if pair[0] >= 100]
    assert groups.outbox.release_groups() == 0


def test_a_clock_that_is_set_back_silences_no_group(groups: Groups) -> None:
    groups.take(1, 2)
    groups.clock.advance(-86400)
    groups.take(3)
    assert groups.alerts() == [(1, 1), (3, 2)]


def test_a_full_outbox_keeps_counts_until_there_is_room(tmp_path: Path) -> None:
    clock = FakeClock()
    outbox = open_outbox(tmp_path / "o.db", sinks=["a"], limit_bytes=2000, group_by=["client"], clock=clock)
    outbox.take([an_alert(1, size=1800), an_alert(2), an_alert(3)], [])
    clock.advance(REPEAT_AFTER_S)
    assert outbox.release_groups() == 0
    outbox.delivered("a", [outbox.pending("a", 1)[0][0]])
    assert outbox.release_groups() == 1
    assert outbox.pending("a", 1)[0][1].document()["count"] == 2
    outbox.close()


def test_a_counted_attack_that_is_due_is_never_forgotten_for_room(tmp_path: Path) -> None:
    clock = FakeClock()
    outbox = open_outbox(tmp_path / "o.db", sinks=[], limit_bytes=20_000, keep_s=1, group_by=["client"], clock=clock)
    outbox.take([an_alert(1), an_alert(2)], [])
    for number in range(10, 40):
        outbox.take([an_alert(number, client=str(number), size=4000)], [])
    clock.advance(100)
    outbox.prune()
    clock.advance(REPEAT_AFTER_S)
    assert outbox.release_groups() == 1
    assert outbox.latest(1)[0]["id"] == an_alert(2).id
    outbox.close()


def test_the_label_of_a_counted_attack_stays_with_it(groups: Groups) -> None:
    groups.take(1, 2)
    archive = Archive(groups.path)
    archive.label(an_alert(2).id, "benign")
    groups.clock.advance(REPEAT_AFTER_S)
    groups.outbox.release_groups()
    found = archive.find(an_alert(2).id)
    archive.close()
    assert found is not None
    assert (found.label, found.grouped, found.pending) == ("benign", False, ("a",))


class TestKey:
    def alert(self, path: str, source: str, client: str | None = "c") -> Alert:
        body = f'{{"request":{{"path":"{path}"}},"source":{{"name":"{source}"}}}}'
        return Alert("1", 0.0, None, client, 0.9, body.encode())

    def test_nothing_to_group_by_is_no_group(self) -> None:
        assert Grouping([], 1).key(self.alert("/", "s")) is None

    def test_path_and_source_can_make_groups_too(self) -> None:
        by = Grouping(["path", "source"], 1)
        keys = [by.key(self.alert(path, source)) for path in ("/a", "/b") for source in ("s", "t")]
        assert len(set(keys)) == 4
        assert by.key(self.alert("/a", "s", client="other")) == keys[0]

    def test_an_unknown_client_is_not_the_client_called_none(self) -> None:
        by = Grouping(["client"], 1)
        assert by.key(self.alert("/", "s", client=None)) != by.key(self.alert("/", "s", client="None"))
