"""Whether weirlog itself does its work: a watcher that dies silently is worse than none.

About once a second the supervising thread shows a SelfWatch how the pipeline gets on. What is wrong for longer than
its patience becomes a notice, through the same outbox and to the same sinks as attacks, and another one when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.engine import STUCK_S, PipelineState, ScorerState, SinkState, SourceState
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.notices import Condition, ConditionKind, begin_notice, end_notice, gap_notice, spoken
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

_IS_SAFE = "alerts for it are kept and delivered when it takes them again"


class NoticeStore(Protocol):
    """What the self-watch asks of the outbox."""

    def tell(self, notice: Alert, *, begins: Condition | None = None, ends: Condition | None = None) -> None: ...

    def conditions(self) -> Sequence[Condition]: ...

    def forget_condition(self, condition: Condition) -> None: ...

    @property
    def is_full(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may be wrong before it is told.

    Attributes:
        stuck_s: for a source that reads nothing while more and more is there to read. Longer than Kafka's
            max.poll.interval (300 s), for which a rebalance may stop every member of a group.
        failing_s: for a source or a sink that fails, and for an outbox that takes nothing.
        silent_s: for sources in which nothing comes, by their names; the others may be silent for ever.
    """

    stuck_s: float = 600.0
    failing_s: float = 300.0
    silent_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Finding:
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


@dataclass(slots=True)
class _Case:
    """A condition on its way from its beginning to its end, both of them told as soon as the store takes notices."""

    condition: Condition
    message: str
    told: bool = False
    ended: float | None = None


class SelfWatch:
    """Looks at the pipeline and tells what is wrong with it. `check` belongs to one thread.

    Conditions that an earlier run has told and not seen the end of go on: a restart neither tells them again nor
    forgets to tell their end.

    Args:
        store: takes notices durably.
        patience: how long something may be wrong before it is told.
        clock: time.
        metrics: where figures go.
    """

    def __init__(self, store: NoticeStore, patience: Patience, clock: Clock, metrics: Metrics) -> None:
        self.reasons: tuple[str, ...] = ()
        """Why the daemon is not ready, for as long as it holds; for any thread."""
        self.needs_restart = False
        """Whether something holds that only a restart may end: the service manager's watchdog is not to be fed."""
        self._store = store
        self._patience = patience
        self._clock = clock
        self._metrics = metrics
        self._sources: dict[str, _SourceHistory] = {}
        self._scorer: _ScorerHistory | None = None
        self._deliveries: dict[str, int] = {}
        self._complained = False
        self._cases = {
            (condition.kind, condition.name): _Case(condition, "", told=True) for condition in store.conditions()
        }

    def check(self, state: PipelineState) -> None:
        """Look once. Blocks for a write to the store where something begins or ends.

        Raises:
            StopError: the store is damaged.
        """
        now = self._clock.monotonic()
        findings = list(self._findings(state, now))
        for finding in findings:
            self._follow(finding, now)
        holding = [finding for finding in findings if finding.since is not None]
        self.reasons = tuple(finding.message for finding in holding if finding.unready)
        self.needs_restart = any(finding.halts for finding in holding)
        try:
            self._forget_strangers({(finding.kind, finding.name) for finding in findings})
            self._tell()
        except RetryableError as error:
            if not self._complained:
                log.warning("notices cannot be stored; trying again", reason=str(error))
            self._complained = True
        else:
            self._complained = False
        self._metrics.gauge("conditions_open", len(self._cases))

    def tell_gap(self, gap: Gap) -> None:
        """Tell a suspected loss; the same one again is not delivered again. Any thread may call this.

        Raises:
            RetryableError: the store does not take it at present.
        """
        self._store.tell(gap_notice(gap, self._clock.time()))

    # --- what is found ---

    def _findings(self, state: PipelineState, now: float) -> Iterator[_Finding]:
        scorer = self._scorer = self._scorer or _ScorerHistory(state.scorer, now)
        scorer.look(state.scorer, now)
        for source in state.sources:
            history = self._sources.setdefault(source.name, _SourceHistory(now))
            history.look(source, now)
            yield self._stuck_source(source, history, scorer, now)
            if (silent_s := self._patience.silent_s.get(source.name)) is not None:
                yield self._silent_source(source, history, silent_s, now)
        yield self._stuck_scorer(state.scorer, scorer)
        yield self._blocked_outbox(state.scorer, now)
        for sink in state.sinks:
            yield self._failing_sink(sink, now)

    def _stuck_source(
        self, source: SourceState, history: _SourceHistory, scorer: _ScorerHistory, now: float
    ) -> _Finding:
        kind: ConditionKind = "weirlog.source-stuck"
        name, patience = source.name, self._patience
        if not source.shows_life:
            message = f"source {name}: its thread has shown no life for more than {STUCK_S:g} s; restart weirlog"
            return _Finding(kind, name, source.last_beat, is_over=False, message=message, halts=True)
        if source.failing_since is not None:
            # Restarting would not help: whatever fails is being tried again all the while.
            failing = now - source.failing_since >= patience.failing_s
            message = f"source {name} has failed for more than {spoken(patience.failing_s)}: {source.failure}"
            return _Finding(kind, name, source.failing_since if failing else None, is_over=False, message=message)
        stuck_s = patience.stuck_s
        if history.waiting_since is not None and now - history.waiting_since >= stuck_s:
            message = (
                f"source {name} has read nothing for more than {spoken(stuck_s)}, though more and more is there to "
                f"read ({source.lag:,} bytes of files, or messages of Kafka); look at its errors in the log, and "
                "restart weirlog if it does not do so by itself"
            )
            return _Finding(kind, name, history.waiting_since, is_over=False, message=message, unready=True, halts=True)
        held = source.held_back_since
        if held is not None and scorer.is_idle and min(now - held, now - scorer.settled_at) >= stuck_s:
            message = (
                f"source {name} has been held back for more than {spoken(stuck_s)}, though nothing is being scored; "
                "restart weirlog, which reads again from the last line that was settled"
            )
            return _Finding(
                kind, name, max(held, scorer.settled_at), is_over=False, message=message, unready=True, halts=True
            )
        is_over = source.is_open and source.failure is None and (history.has_moved or source.lag == 0)
        return _Finding(kind, name, None, is_over=is_over)

    def _silent_source(self, source: SourceState, history: _SourceHistory, silent_s: float, now: float) -> _Finding:
        kind: ConditionKind = "weirlog.source-silent"
        if now - history.quiet_since < silent_s:
            return _Finding(kind, source.name, None, is_over=history.has_moved)
        message = (
            f"nothing has come from source {source.name} for more than {spoken(silent_s)}; look whether its server "
            "still logs to where weirlog reads, or give it a longer silent_after"
        )
        return _Finding(kind, source.name, history.quiet_since, is_over=False, message=message)

    def _stuck_scorer(self, scorer: ScorerState, history: _ScorerHistory) -> _Finding:
        kind: ConditionKind = "weirlog.scorer-stuck"
        if scorer.shows_life:
            return _Finding(kind, "score", None, is_over=scorer.last_beat > history.first_beat)
        message = f"the scorer has shown no life for more than {STUCK_S:g} s: nothing is detected; restart weirlog"
        return _Finding(kind, "score", scorer.last_beat, is_over=False, message=message, halts=True)

    def _blocked_outbox(self, scorer: ScorerState, now: float) -> _Finding:
        kind: ConditionKind = "weirlog.outbox-blocked"
        if scorer.failing_since is None:
            is_over = (kind, "outbox") in self._cases and not self._store_is_full()
            return _Finding(kind, "outbox", None, is_over=is_over)
        blocked = now - scorer.failing_since >= self._patience.failing_s
        message = (
            f"alerts could not be stored for more than {spoken(self._patience.failing_s)}, so detection waits and the "
            f"sources are not read: {scorer.failure}"
        )
        return _Finding(kind, "outbox", scorer.failing_since if blocked else None, is_over=False, message=message)

    def _failing_sink(self, sink: SinkState, now: float) -> _Finding:
        kind: ConditionKind = "weirlog.sink-failing"
        failing_s = self._patience.failing_s
        before = self._deliveries.get(sink.name, 0)
        self._deliveries[sink.name] = sink.deliveries
        if sink.failing_since is not None and now - sink.failing_since >= failing_s:
            message = f"sink {sink.name} has failed for more than {spoken(failing_s)}: {sink.failure}; {_IS_SAFE}"
            return _Finding(kind, sink.name, sink.failing_since, is_over=False, message=message, unready=True)
        if sink.busy_since is not None and now - sink.busy_since >= failing_s:
            message = (
                f"sink {sink.name} has been at one delivery for more than {spoken(failing_s)}; look at what it writes "
                f"to, and restart weirlog if it does not go on; {_IS_SAFE}"
            )
            return _Finding(kind, sink.name, sink.busy_since, is_over=False, message=message, unready=True)
        is_over = sink.failing_since is None and sink.deliveries != before
        return _Finding(kind, sink.name, None, is_over=is_over)

    def _store_is_full(self) -> bool:
        try:
            return self._store.is_full
        except RetryableError:
            return True  # it cannot be read: nobody can say that it is well

    # --- what is told ---

    def _follow(self, finding: _Finding, now: float) -> None:
        """Take a finding into the case that it belongs to."""
        key = (finding.kind, finding.name)
        case = self._cases.get(key)
        if finding.since is not None:
            if case is None:
                began = self._clock.time() - (now - finding.since)
                case = self._cases[key] = _Case(Condition(finding.kind, finding.name, began), finding.message)
                log.error(finding.message, notice=finding.kind)
            case.ended = None
        elif finding.is_over and case is not None and case.ended is None:
            case.ended = self._clock.time()

    def _tell(self) -> None:
        """Tell beginnings and ends that are not told yet.

        Raises:
            RetryableError: the store does not take it at present; the rest is told another time.
        """
        for key, case in list(self._cases.items()):
            condition = case.condition
            if not case.told:
                self._store.tell(begin_notice(condition, case.message, self._clock.time()), begins=condition)
                case.told = True
            if case.ended is not None:
                notice = end_notice(condition, case.ended)
                self._store.tell(notice, ends=condition)
                log.info(str(notice.document()["message"]), notice=notice.kind)
                del self._cases[key]

    def _forget_strangers(self, known: set[tuple[ConditionKind, str]]) -> None:
        """Forget conditions of sources and sinks that are no longer configured."""
        for key in [key for key in self._cases if key not in known]:
            self._store.forget_condition(self._cases[key].condition)
            log.warning("a condition is no longer watched", notice=key[0], name=key[1])
            del self._cases[key]


class _SourceHistory:
    """What earlier looks saw of one source."""

    def __init__(self, now: float) -> None:
        self.has_moved = False
        """Whether records were read between the last two looks."""
        self.quiet_since = now
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
        self.is_idle = True
        """Whether it waits for records, rather than for the store."""
        self._batches = scorer.batches_settled

    def look(self, scorer: ScorerState, now: float) -> None:
        self.is_idle = scorer.failing_since is None
        if scorer.batches_settled != self._batches or not self.is_idle:
            self.settled_at = now
        self._batches = scorer.batches_settled
