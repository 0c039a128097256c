"""What the self-watch told outlives a restart, and an outbox that takes nothing for a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from outboxes import open_outbox
from structlog.testing import capture_logs
from watched import GAP, PATIENCE, Watched

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.notices import Condition
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.selfwatch import SelfWatch


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "outbox.db")
    yield watched
    watched.outbox.close()


def test_a_restart_tells_a_condition_that_goes_on_not_again(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    for _ in range(2):
        watched.restart()
        watched.fail_sink()
        watched.look(400)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert watched.watch.reasons != ()


def test_a_notice_that_is_delivered_and_forgotten_is_not_told_again_either(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    for sink in ("file", "hook"):
        watched.outbox.delivered(sink, [seq for seq, _ in watched.outbox.pending(sink, 10)])
    watched.clock.advance(10 * 86400)
    assert watched.outbox.prune() == 1
    watched.restart()
    watched.fail_sink()
    watched.look(400)
    assert watched.outbox.latest(10) == []


def test_a_later_run_tells_the_end_of_what_an_earlier_one_told(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    watched.restart()
    watched.look(100)
    assert watched.kinds == ["weirlog.sink-failing"], "that nothing fails yet shows nothing"
    watched.deliver()
    watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    assert watched.told[1]["duration_s"] == 402
    assert watched.outbox.conditions() == []
    watched.restart()
    watched.deliver()
    watched.look()
    assert len(watched.told) == 2


def test_a_source_that_was_stuck_stops_no_watchdog_after_the_restart(watched: Watched) -> None:
    """Else the service manager would end each new run before it has had a chance."""
    for second in range(700):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    assert watched.watch.needs_restart
    watched.restart()
    watched.look(30)
    watched.source = replace(watched.source, is_open=True, lag=2000)
    watched.look(30)
    assert not watched.watch.needs_restart
    assert watched.kinds == ["weirlog.source-stuck"], "to be open is not to read"
    watched.read(lag=1900)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]


def test_an_outbox_that_knew_no_conditions_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    open_outbox(path).close()
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE conditions; DROP TABLE silences")
    connection.close()
    watched = Watched(path)
    watched.fail_sink()
    watched.look(301)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert [condition.name for condition in watched.outbox.conditions()] == ["hook"]
    watched.outbox.close()


def test_a_condition_of_what_is_no_longer_configured_is_forgotten(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(301)
    watched.restart()
    watched.sink = replace(watched.sink, name="other")
    with capture_logs() as lines:
        watched.look()
    assert [(line["log_level"], line["name"]) for line in lines] == [("warning", "hook")]
    assert watched.outbox.conditions() == []
    assert watched.kinds == ["weirlog.sink-failing"]


def restart_often(watched: Watched, *, times: int, each_after_s: int) -> None:
    for _ in range(times):
        watched.look(each_after_s)
        watched.restart()


def test_a_source_is_silent_for_as_long_as_it_was_over_restarts_too(watched: Watched) -> None:
    """Else a source that fell silent is never told where weirlog is restarted more often than patience lasts."""
    watched.source = replace(watched.source, name="quiet")
    restart_often(watched, times=5, each_after_s=650)
    watched.look(590)
    assert watched.kinds == [], "five times ten minutes, and not ten more"
    watched.look(20)
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.source-silent", {"source": "quiet"})
    watched.restart()
    watched.look(10)
    watched.read()
    watched.look()
    assert watched.kinds == ["weirlog.source-silent", "weirlog.recovered"]


def test_what_came_while_weirlog_was_down_ends_a_long_silence_before_it_is_told(watched: Watched) -> None:
    watched.source = replace(watched.source, name="quiet")
    restart_often(watched, times=6, each_after_s=602)
    watched.look(50)
    assert watched.kinds == [], "an hour lacks six seconds, but a group may still be joined"
    watched.read()
    watched.look(3000)
    assert watched.kinds == []


def test_a_source_from_which_something_came_is_not_silent_after_a_restart(watched: Watched) -> None:
    watched.source = replace(watched.source, name="quiet")
    watched.look(3500)
    watched.read()
    watched.look(700)
    watched.restart()
    watched.look(2900)
    assert watched.kinds == []


def test_nothing_is_written_where_nobody_waits_for_a_source(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Mapping[str, float]] = []
    monkeypatch.setattr(watched.outbox, "note_silences", written.append)
    watched.look(1300)
    assert written == []
    watched.source = replace(watched.source, name="quiet")
    watched.look(601)
    assert [list(noted) for noted in written] == [["quiet"]]


class FailingStore:
    """Takes nothing for now."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.is_down = True

    def tell(self, notice: Alert, *, begins: Condition | None = None, ends: Condition | None = None) -> None:
        if self.is_down:
            raise RetryableError("the disk is full; make room")
        self._outbox.tell(notice, begins=begins, ends=ends)

    def conditions(self) -> Sequence[Condition]:
        return self._outbox.conditions()

    def forget_condition(self, condition: Condition) -> None:
        self._outbox.forget_condition(condition)

    def silences(self) -> Mapping[str, float]:
        return self._outbox.silences()

    def note_silences(self, seconds: Mapping[str, float]) -> None:
        self._outbox.note_silences(seconds)

    @property
    def is_full(self) -> bool:
        return False


def test_what_cannot_be_stored_is_told_later_with_when_it_began_and_ended(watched: Watched) -> None:
    store = FailingStore(watched.outbox)
    watched.watch = SelfWatch(store, PATIENCE, watched.clock, watched.metrics)
    watched.fail_sink()
    with capture_logs() as lines:
        watched.look(301)
        watched.deliver()
        watched.look(99)
    assert watched.kinds == []
    assert [line["log_level"] for line in lines] == ["error", "warning"], "complained of once"
    store.is_down = False
    watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    assert watched.told[1]["duration_s"] == 302
    watched.look(100)
    assert len(watched.told) == 2


def test_what_goes_on_again_before_its_end_was_stored_has_not_ended(watched: Watched) -> None:
    store = FailingStore(watched.outbox)
    watched.watch = SelfWatch(store, PATIENCE, watched.clock, watched.metrics)
    watched.fail_sink()
    watched.look(301)
    watched.deliver()
    watched.look()
    watched.fail_sink()
    watched.look(301)
    store.is_down = False
    watched.look(10)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert len(watched.outbox.conditions()) == 1


def test_a_gap_that_is_told_twice_is_delivered_once(watched: Watched) -> None:
    """After a crash between telling and noting it, the source tells it again."""
    watched.watch.tell_gap(GAP)
    watched.clock.advance(60)
    watched.watch.tell_gap(GAP)
    watched.watch.tell_gap(replace(GAP, position=200))
    assert watched.kinds == ["weirlog.gap"] * 2
    assert watched.metrics.counters["notices_total", "kind=weirlog.gap"] == 2
