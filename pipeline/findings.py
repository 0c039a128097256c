"""What is wrong with a pipeline, found out by looking at it about once a second.

Nothing here waits, writes or tells; see selfwatch.py for what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weirlog.pipeline.engine import STUCK_S, PipelineState, ScorerState, SinkState, SourceState
from weirlog.pipeline.notices import ConditionKind, spoken

FIRST_READ_S = 60.0
"""What came while weirlog was down is read so soon after its start, in a consumer group too."""
_IS_SAFE = "alerts for it are kept and delivered when it takes them again"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may be wrong before it is told.

    Attributes:
        stuck_s: for a source that reads nothing while more and more is there to read. Longer than Kafka's
            max.poll.interval (300 s), for which a rebalance may stop every member of a group.
        failing_s: for a source, its commits or a sink that fails, and for an outbox that takes nothing.
        silent_s: for sources in which nothing comes, by their names; the others may be silent for ever.
    """

    stuck_s: float = 600.0
    failing_s: float = 300.0
    silent_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found of one possible condition.

    Attributes:
        kind, name: of the condition.
        since: since when it holds, `Clock.monotonic()`; None when it does not, or not for long enough.
        is_over: whether this look shows that it does not hold. Neither this nor `since`: nobody can tell yet.
        message: what is wrong, for people.
        unready: whether the daemon is not ready because of it.
        halts: whether only a restart may help.
    """

    kind: ConditionKind
    name: str
    since: float | None
    is_over: bool
    message: str = ""
    unready: bool = False
    halts: bool = False


class Examiner:
    """Looks at one pipeline again and again. Belongs to one thread.

    Args:
        patience: how long something may be wrong before it counts.
        silences: for how many seconds sources had been silent when an earlier run ended, by their names.
    """

    def __init__(self, patience: Patience, silences: Mapping[str, float]) -> None:
        self._patience = patience
        self._silences = silences
        self._sources: dict[str, _SourceHistory] = {}
        self._scorer: _ScorerHistory | None = None
        self._commits: dict[str, int] = {}
        self._deliveries: dict[str, int] = {}

    def findings(self, state: PipelineState, now: float) -> Iterator[Finding]:
        """Yield what this look shows of every condition that there may be.

        Args:
            state: how everything gets on.
            now: `Clock.monotonic()`.
        """
        scorer = self._scorer = self._scorer or _ScorerHistory(state.scorer, now)
        scorer.look(state.scorer, now)
        for source in state.sources:
            history = self._history(source.name, now)
            history.look(source, now)
            yield self._stuck_source(source, history, scorer, now)
            yield self._failing_commits(source, now)
            if (silent_s := self._patience.silent_s.get(source.name)) is not None:
                yield self._silent_source(source, history, silent_s, now)
        yield self._stuck_scorer(state.scorer, scorer)
        yield self._blocked_outbox(state.scorer, now)
        for sink in state.sinks:
            yield self._failing_sink(sink, now)

    def _history(self, source: str, now: float) -> _SourceHistory:
        """Return what was seen of a source; at first, the silence of an earlier run, but for the time to find it over."""
        if source not in self._sources:
            most = max(0.0, self._patience.silent_s.get(source, 0.0) - FIRST_READ_S)
            self._sources[source] = _SourceHistory(now - min(most, self._silences.get(source, 0.0)))
        return self._sources[source]

    def silences(self, now: float) -> dict[str, float]:
        """Return for how many seconds each source has been silent whose silence is watched, this run and before."""
        return {
            name: now - history.quiet_since
            for name, history in self._sources.items()
            if name in self._patience.silent_s
        }

    def _stuck_source(
        self, source: SourceState, history: _SourceHistory, scorer: _ScorerHistory, now: float
    ) -> Finding:
        kind: ConditionKind = "weirlog.source-stuck"
        name, patience = source.name, self._patience
        if not source.shows_life:
            message = f"source {name}: its thread has shown no life for more than {STUCK_S:g} s; restart weirlog"
            return Finding(kind, name, source.last_beat, is_over=False, message=message, halts=True)
        if source.failing_since is not None:
            # Restarting would not help: whatever fails is being tried again all the while.
            failing = now - source.failing_since >= patience.failing_s
            message = f"source {name} has failed for more than {spoken(patience.failing_s)}: {source.failure}"
            return Finding(kind, name, source.failing_since if failing else None, is_over=False, message=message)
        stuck_s = patience.stuck_s
        if history.waiting_since is not None and now - history.waiting_since >= stuck_s:
            message = (
                f"source {name} has read nothing for more than {spoken(stuck_s)}, though more and more is there to "
                f"read ({source.lag:,} bytes of files, or messages of Kafka); look at its errors in the log, and "
                "restart weirlog if it does not do so by itself"
            )
            return Finding(kind, name, history.waiting_since, is_over=False, message=message, unready=True, halts=True)
        held = source.held_back_since
        if held is not None and min(now - held, now - scorer.settled_at) >= stuck_s:
            message = (
                f"source {name} has been held back for more than {spoken(stuck_s)}, though nothing is being scored; "
                "restart weirlog, which reads again from the last line that was settled"
            )
            return Finding(
                kind, name, max(held, scorer.settled_at), is_over=False, message=message, unready=True, halts=True
            )
        is_over = source.is_open and source.failure is None and (history.has_moved or source.lag == 0)
        return Finding(kind, name, None, is_over=is_over)

    def _failing_commits(self, source: SourceState, now: float) -> Finding:
        kind: ConditionKind = "weirlog.commit-failing"
        failing_s = self._patience.failing_s
        before = self._commits.get(source.name, 0)
        self._commits[source.name] = source.commits
        since = source.commit_failing_since
        # A source that does not read either is told as such.
        if since is None or source.failing_since is not None or now - since < failing_s:
            return Finding(kind, source.name, None, is_over=since is None and source.commits != before)
        message = (
            f"the position of source {source.name} could not be committed for more than {spoken(failing_s)}: "
            f"{source.commit_failure}; detection goes on, but a restart would read again, and alert again under the "
            "same ids, what came since"
        )
        return Finding(kind, source.name, since, is_over=False, message=message, unready=True)

    def _silent_source(self, source: SourceState, history: _SourceHistory, silent_s: float, now: float) -> Finding:
        kind: ConditionKind = "weirlog.source-silent"
        if now - history.quiet_since < silent_s:
            return Finding(kind, source.name, None, is_over=history.has_moved)
        message = (
            f"nothing has come from source {source.name} for more than {spoken(silent_s)}; look whether its server "
            "still logs to where weirlog reads, or give it a longer silent_after"
        )
        return Finding(kind, source.name, history.quiet_since, is_over=False, message=message)

    def _stuck_scorer(self, scorer: ScorerState, history: _ScorerHistory) -> Finding:
        kind: ConditionKind = "weirlog.scorer-stuck"
        if scorer.shows_life:
            return Finding(kind, "score", None, is_over=scorer.last_beat > history.first_beat)
        message = f"the scorer has shown no life for more than {STUCK_S:g} s: nothing is detected; restart weirlog"
        return Finding(kind, "score", scorer.last_beat, is_over=False, message=message, halts=True)

    def _blocked_outbox(self, scorer: ScorerState, now: float) -> Finding:
        kind: ConditionKind = "weirlog.outbox-blocked"
        if scorer.failing_since is None:
            return Finding(kind, "outbox", None, is_over=True)
        blocked = now - scorer.failing_since >= self._patience.failing_s
        message = (
            f"alerts could not be stored for more than {spoken(self._patience.failing_s)}, so detection waits and the "
            f"sources are not read: {scorer.failure}"
        )
        return Finding(kind, "outbox", scorer.failing_since if blocked else None, is_over=False, message=message)

    def _failing_sink(self, sink: SinkState, now: float) -> Finding:
        kind: ConditionKind = "weirlog.sink-failing"
        failing_s = self._patience.failing_s
        before = self._deliveries.get(sink.name, 0)
        self._deliveries[sink.name] = sink.deliveries
        if sink.failing_since is not None and now - sink.failing_since >= failing_s:
            message = f"sink {sink.name} has failed for more than {spoken(failing_s)}: {sink.failure}; {_IS_SAFE}"
            return Finding(kind, sink.name, sink.failing_since, is_over=False, message=message, unready=True)
        if sink.busy_since is not None and now - sink.busy_since >= failing_s:
            message = (
                f"sink {sink.name} has been at one delivery for more than {spoken(failing_s)}; look at what it writes "
                f"to, and restart weirlog if it does not go on; {_IS_SAFE}"
            )
            return Finding(kind, sink.name, sink.busy_since, is_over=False, message=message, unready=True)
        is_over = sink.failing_since is None and sink.deliveries != before
        return Finding(kind, sink.name, None, is_over=is_over)


class _SourceHistory:
    """What earlier looks saw of one source."""

    def __init__(self, quiet_since: float) -> None:
        self.has_moved = False
        """Whether records were read between the last two looks."""
        self.quiet_since = quiet_since
        """Since when nothing came though it was read."""
        self.waiting_since: float | None = None
        """Since when there is more to read than there was at first, and nothing was read; None when that is not so.

        More than at first, because something may be there that cannot be read yet: half a line, or the markers of
        Kafka's transactions. That does not grow; what a living server writes does.
        """
        self._records = 0
        self._first_lag: int | None = None

    def look(self, source: SourceState, now: float) -> None:
        self.has_moved = source.records_read != self._records
        self._records = source.records_read
        excused = source.held_back_since is not None or source.failing_since is not None
        if self.has_moved or excused:
            self.quiet_since = now
        if self.has_moved or excused or not source.lag:
            self._first_lag = self.waiting_since = None
        elif self._first_lag is None:
            self._first_lag = source.lag
        elif source.lag > self._first_lag and self.waiting_since is None:
            self.waiting_since = now


class _ScorerHistory:
    """What earlier looks saw of the scorer."""

    def __init__(self, scorer: ScorerState, now: float) -> None:
        self.first_beat = scorer.last_beat
        self.settled_at = now
        """When it last settled a batch, or waited for the store to take one."""
        self._batches = scorer.batches_settled

    def look(self, scorer: ScorerState, now: float) -> None:
        if scorer.batches_settled != self._batches or scorer.failing_since is not None:
            self.settled_at = now
        self._batches = scorer.batches_settled
