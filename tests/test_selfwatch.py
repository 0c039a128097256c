"""The self-watch: what is wrong with weirlog itself is told once, and so is its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alerts_by_hand import an_alert
from watched import GAP, Watched

from weirlog.pipeline.engine import PipelineState
from weirlog.pipeline.errors import RetryableError


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "outbox.db")
    yield watched
    watched.outbox.close()


def test_while_everything_gets_on_nothing_is_told(watched: Watched) -> None:
    for _ in range(4000):
        watched.read(lag=5)
        watched.deliver()
        watched.look()
    assert (watched.kinds, watched.watch.reasons, watched.watch.needs_restart) == ([], (), False)


# --- sources -------------------------------------------------------------------------------------------------------


def test_a_source_that_reads_nothing_while_more_and_more_is_there_is_stuck(watched: Watched) -> None:
    for second in range(700):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.source-stuck", {"source": "access"})
    assert "source access has read nothing for more than 10 min" in notice["message"]
    assert "restart weirlog" in notice["message"]
    (reason,) = watched.watch.reasons
    assert "1,699 bytes" in reason, "as it is now"
    assert watched.watch.needs_restart


def test_a_source_that_reads_again_is_no_reason_any_more_and_its_recovery_is_told(watched: Watched) -> None:
    for second in range(1202):
        watched.source = replace(watched.source, lag=1000 + second)
        watched.look()
    watched.read()
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]
    assert watched.told[1]["recovered_from"] == "weirlog.source-stuck"
    assert watched.told[1]["message"] == "source access reads again, after 20 min"
    assert (watched.watch.reasons, watched.watch.needs_restart) == ((), False)


def test_half_a_line_that_waits_for_its_end_is_no_stuck_source(watched: Watched) -> None:
    """It counts as unread, but there is nothing to read: a restart would end nothing, again and again."""
    watched.source = replace(watched.source, lag=30)
    watched.look(5000)
    assert (watched.kinds, watched.watch.needs_restart) == ([], False)


def test_a_burst_after_hours_of_silence_is_no_stuck_source(watched: Watched) -> None:
    watched.look(5000)
    watched.source = replace(watched.source, lag=100)
    watched.look()
    watched.source = replace(watched.source, lag=200)
    watched.look()
    watched.read()
    watched.look(1000)
    assert watched.kinds == []


def test_a_source_that_is_held_back_while_others_work_is_not_stuck(watched: Watched) -> None:
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic())
    for second in range(3000):
        watched.source = replace(watched.source, lag=second)
        watched.scorer = replace(watched.scorer, batches_settled=second // 100)
        watched.look()
    assert (watched.kinds, watched.watch.needs_restart) == ([], False)


def test_a_source_that_is_held_back_though_nobody_works_is_stuck(watched: Watched) -> None:
    """A receipt that nobody settles would stop a source for ever and in silence."""
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic(), lag=5)
    watched.look(599)
    assert watched.kinds == []
    watched.look(3)
    assert watched.kinds == ["weirlog.source-stuck"]
    assert "held back" in watched.told[0]["message"]
    assert watched.watch.needs_restart


def test_a_source_whose_thread_shows_no_life_needs_a_restart(watched: Watched) -> None:
    watched.source = replace(watched.source, shows_life=False, last_beat=watched.clock.monotonic() - 21)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck"]
    assert watched.watch.needs_restart


def test_a_source_that_fails_for_long_is_told_and_not_restarted(watched: Watched) -> None:
    """It is being tried again all the while, and a broker that is away would not come back for it."""
    watched.source = replace(
        watched.source, failure="Kafka at b:9092 is away; start it", failing_since=watched.clock.monotonic(), lag=None
    )
    watched.look(299)
    assert watched.kinds == []
    watched.look(2000)
    assert watched.kinds == ["weirlog.source-stuck"]
    assert watched.told[0]["message"] == (
        "source access has failed for more than 5 min: Kafka at b:9092 is away; start it"
    )
    assert not watched.watch.needs_restart
    watched.source = replace(watched.source, failure=None, failing_since=None, lag=0)
    watched.look()
    assert watched.kinds == ["weirlog.source-stuck", "weirlog.recovered"]


def test_a_source_may_be_silent_for_ever_where_nobody_said_otherwise(watched: Watched) -> None:
    watched.look(20_000)
    assert watched.kinds == []


def test_a_source_that_is_silent_for_longer_than_is_normal_is_told_and_nothing_more(watched: Watched) -> None:
    watched.source = replace(watched.source, name="quiet")
    watched.look(3599)
    assert watched.kinds == []
    watched.look(3601)
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.source-silent", {"source": "quiet"})
    assert "nothing has come from source quiet for more than 1 h" in notice["message"]
    assert (watched.watch.reasons, watched.watch.needs_restart) == ((), False)
    watched.read()
    watched.look()
    assert watched.told[1]["message"] == "source quiet has something to read again, after 2 h"


@pytest.mark.parametrize("hindrance", ["failing_since", "held_back_since"])
def test_a_source_that_cannot_read_is_not_called_silent(watched: Watched, hindrance: str) -> None:
    watched.source = replace(
        watched.source,
        name="quiet",
        lag=1,
        **{hindrance: watched.clock.monotonic()},  # type: ignore[arg-type]
    )
    for batch in range(5000):
        watched.scorer = replace(watched.scorer, batches_settled=batch)
        watched.look()
    watched.source = replace(watched.source, **{hindrance: None})  # type: ignore[arg-type]
    watched.look(100)
    assert "weirlog.source-silent" not in watched.kinds


def fail_commits(watched: Watched) -> None:
    failing_since = watched.clock.monotonic()
    watched.source = replace(
        watched.source, commit_failure="c.json: no space left; free some", commit_failing_since=failing_since
    )


def test_a_position_that_cannot_be_committed_for_long_is_told_and_so_is_its_end(watched: Watched) -> None:
    """Everything is read and alerted on; but how much would be read again after a crash grows all the while."""
    fail_commits(watched)
    watched.look(299)
    assert (watched.kinds, watched.watch.reasons) == ([], ())
    for _ in range(600):
        watched.read()
        watched.look()
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.commit-failing", {"source": "access"})
    assert "c.json: no space left; free some" in notice["message"]
    assert watched.watch.reasons == (notice["message"],)
    assert not watched.watch.needs_restart, "which would read it all again, and fail as before"
    watched.source = replace(watched.source, commit_failure=None, commit_failing_since=None)
    watched.look(5)
    assert len(watched.told) == 1, "nothing has been committed yet"
    watched.source = replace(watched.source, commits=1)
    watched.look()
    assert watched.told[1]["message"] == "the position of source access is committed again, after 15 min"
    assert watched.watch.reasons == ()


def test_a_source_that_neither_reads_nor_commits_is_told_once(watched: Watched) -> None:
    fail_commits(watched)
    watched.source = replace(watched.source, failure="Kafka at b:9092 is away", failing_since=watched.clock.monotonic())
    watched.look(1000)
    assert watched.kinds == ["weirlog.source-stuck"]


# --- scorer and outbox ---------------------------------------------------------------------------------------------


def test_a_scorer_that_shows_no_life_needs_a_restart(watched: Watched) -> None:
    watched.look()
    beat = watched.clock.monotonic()
    watched.clock.advance(21)
    watched.scorer = replace(watched.scorer, shows_life=False, last_beat=beat)
    watched.watch.check(PipelineState([watched.source], watched.scorer, [watched.sink]))
    assert watched.kinds == ["weirlog.scorer-stuck"]
    assert "nothing is detected" in watched.told[0]["message"]
    assert watched.watch.needs_restart
    watched.scorer = replace(watched.scorer, shows_life=True)
    watched.look()
    assert watched.told[1]["message"] == "requests are scored again, after 22 s"
    assert not watched.watch.needs_restart


def full(path: Path) -> Watched:
    """Return a pipeline whose outbox has no room and whose scorer waits for it."""
    watched = Watched(path, limit_bytes=1)
    watched.outbox.take([an_alert(1)], [])
    with pytest.raises(RetryableError) as refusal:
        watched.outbox.take([an_alert(2)], [])
    watched.scorer = replace(watched.scorer, failure=str(refusal.value), failing_since=watched.clock.monotonic())
    return watched


def test_a_full_outbox_tells_that_it_is_full_and_loses_no_alert(tmp_path: Path) -> None:
    watched = full(tmp_path / "outbox.db")
    watched.look(301)
    (notice,) = watched.told
    assert notice["kind"] == "weirlog.outbox-blocked"
    assert "detection waits" in notice["message"]
    assert "raise outbox.max_size" in notice["message"]
    assert not watched.watch.needs_restart, "a restart would find it as full"
    for sink in ("file", "hook"):
        watched.outbox.delivered(sink, [seq for seq, _ in watched.outbox.pending(sink, 10)])
    watched.outbox.take([an_alert(2)], [])
    watched.outbox.delivered("hook", [seq for seq, _ in watched.outbox.pending("hook", 10)])
    watched.outbox.delivered("file", [seq for seq, _ in watched.outbox.pending("file", 10)])
    watched.scorer = replace(watched.scorer, failure=None, failing_since=None)
    watched.look()
    assert watched.told[0]["message"] == "alerts can be stored again, and detection goes on, after 5 min"
    watched.outbox.close()


def test_a_source_that_waits_for_a_full_outbox_is_not_called_stuck(tmp_path: Path) -> None:
    """A restart would find the outbox as full, and the supervisor would end the daemon every ten minutes."""
    watched = full(tmp_path / "outbox.db")
    watched.source = replace(watched.source, held_back_since=watched.clock.monotonic(), lag=1000)
    watched.look(7200)
    assert watched.kinds == ["weirlog.outbox-blocked"]
    assert not watched.watch.needs_restart
    watched.outbox.close()


def test_a_full_outbox_is_not_over_before_there_is_room(tmp_path: Path) -> None:
    """After a restart the scorer has yet to find out that it is full."""
    watched = full(tmp_path / "outbox.db")
    watched.look(301)
    watched.restart()
    watched.look(10)
    assert watched.kinds == ["weirlog.outbox-blocked"]
    watched.outbox.close()


def test_a_full_outbox_takes_a_bounded_number_of_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weirlog.pipeline.outbox.LIMIT_UNDELIVERED", 3)
    watched = full(tmp_path / "outbox.db")
    for position in range(3):
        watched.watch.tell_gap(replace(GAP, position=position))
    with pytest.raises(RetryableError, match="full"):
        watched.watch.tell_gap(replace(GAP, position=3))
    assert watched.kinds == ["weirlog.gap"] * 3
    watched.outbox.close()


# --- sinks ---------------------------------------------------------------------------------------------------------


def test_a_sink_that_fails_for_long_is_told_once_to_every_sink(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(299)
    assert (watched.kinds, watched.watch.reasons) == ([], ())
    watched.look(3000)
    (notice,) = watched.told
    assert (notice["kind"], notice["about"]) == ("weirlog.sink-failing", {"sink": "hook"})
    assert "webhook hook answers 503" in notice["message"]
    assert watched.watch.reasons == (notice["message"],)
    assert not watched.watch.needs_restart
    assert [alert.id for _, alert in watched.outbox.pending("hook", 10)] == [notice["id"]], "read on its recovery"


def test_a_sink_that_takes_alerts_again_is_told_with_how_long_it_did_not(watched: Watched) -> None:
    watched.fail_sink()
    watched.look(7200 + 300)
    watched.deliver()
    watched.look(10)
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"]
    recovery = watched.told[1]
    assert recovery["message"] == "sink hook takes alerts again, after 2 h 5 min"
    assert recovery["duration_s"] == 7501
    assert (recovery["began"], recovery["about"]) == (watched.told[0]["began"], {"sink": "hook"})
    assert watched.watch.reasons == ()
    assert watched.metrics.gauges["conditions_open",] == 0


def test_a_sink_that_fails_again_is_told_again(watched: Watched) -> None:
    for _ in range(2):
        watched.fail_sink()
        watched.look(301)
        watched.deliver()
        watched.look()
    assert watched.kinds == ["weirlog.sink-failing", "weirlog.recovered"] * 2
    assert len({notice["id"] for notice in watched.told}) == 4


def test_a_delivery_without_end_counts_as_failing(watched: Watched) -> None:
    watched.sink = replace(watched.sink, busy_since=watched.clock.monotonic())
    watched.look(301)
    assert watched.kinds == ["weirlog.sink-failing"]
    assert "one delivery for more than 5 min" in watched.told[0]["message"]
