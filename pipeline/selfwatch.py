"""Whether weirlog itself does its work: a watcher that dies silently is worse than none.

About once a second the supervising thread shows a SelfWatch how the pipeline gets on. What is wrong for longer than
somebody has patience becomes a notice, through the same outbox and to the same sinks as attacks, and its end another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.engine import PipelineState
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.findings import Examiner, Finding, Patience
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.notices import Condition, ConditionKind, begin_notice, end_notice, gap_notice
from weirlog.pipeline.timing import Clock

log = structlog.get_logger(__name__)

NOTED_EVERY_S = 600.0
"""A restart forgets at most so much of a source's silence; a write to a disk that may sleep."""


class NoticeStore(Protocol):
    """What the self-watch asks of the outbox."""

    def tell(self, notice: Alert, *, begins: Condition | None = None, ends: Condition | None = None) -> None: ...

    def conditions(self) -> Sequence[Condition]: ...

    def forget_condition(self, condition: Condition) -> None: ...

    def silences(self) -> Mapping[str, float]: ...

    def note_silences(self, seconds: Mapping[str, float]) -> None: ...

    @property
    def is_full(self) -> bool: ...


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
        self._noted = store.silences()
        self._examiner = Examiner(patience, self._noted)
        self._clock = clock
        self._metrics = metrics
        self._complained = False
        self._noted_at = clock.monotonic()
        self._cases = {
            (condition.kind, condition.name): _Case(condition, "", told=True) for condition in store.conditions()
        }

    def check(self, state: PipelineState) -> None:
        """Look once. Blocks for a write to the store where something begins or ends.

        Raises:
            StopError: the store is damaged.
        """
        now = self._clock.monotonic()
        findings = list(self._examiner.findings(state, now))
        holding = [finding for finding in findings if finding.since is not None]
        self.reasons = tuple(finding.message for finding in holding if finding.unready)
        self.needs_restart = any(finding.halts for finding in holding)
        try:
            for finding in findings:
                self._follow(finding, now)
            self._forget_strangers({(finding.kind, finding.name) for finding in findings})
            self._tell()
            self._note_silences(now)
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

    def _follow(self, finding: Finding, now: float) -> None:
        """Take a finding into the case that it belongs to.

        Raises:
            RetryableError: the store cannot be read at present.
        """
        key = (finding.kind, finding.name)
        case = self._cases.get(key)
        if finding.since is not None:
            if case is None:
                began = self._clock.time() - (now - finding.since)
                case = self._cases[key] = _Case(Condition(finding.kind, finding.name, began), finding.message)
                log.error("weirlog does not get on", notice=finding.kind, reason=finding.message)
            case.ended = None
        elif finding.is_over and case is not None and case.ended is None and not self._is_still_full(finding.kind):
            case.ended = self._clock.time()

    def _is_still_full(self, kind: ConditionKind) -> bool:
        # The scorer learns that the outbox is full when it next has an alert; after a restart it may not know yet.
        return kind == "weirlog.outbox-blocked" and self._store.is_full

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
                log.info("weirlog gets on again", notice=condition.kind, reason=notice.document()["message"])
                del self._cases[key]

    def _note_silences(self, now: float) -> None:
        """Let a restart know for how long sources have been silent, from time to time. Raises RetryableError."""
        if now - self._noted_at < NOTED_EVERY_S:
            return
        silences = self._examiner.silences(now)
        if silences != self._noted:  # else there are none that anybody waits for, or none that lasts: nothing to write
            self._store.note_silences(silences)
        self._noted, self._noted_at = silences, now

    def _forget_strangers(self, known: set[tuple[ConditionKind, str]]) -> None:
        """Forget conditions of sources and sinks that are no longer configured."""
        for key in [key for key in self._cases if key not in known]:
            self._store.forget_condition(self._cases[key].condition)
            log.warning("a condition is no longer watched", notice=key[0], name=key[1])
            del self._cases[key]
