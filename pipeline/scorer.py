"""The scorer's thread: channel → micro-batch → judgement → outbox → settled."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Protocol

import structlog

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.batching import BatchLimits, MicroBatcher
from weirlog.pipeline.channel import Channel, ChannelClosed
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.judging import JudgePool
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.scoring import Judge, Judgement
from weirlog.pipeline.timing import Backoff, Clock

log = structlog.get_logger(__name__)

IDLE_S = 0.5
"""The longest wait for records: how often the scorer looks for groups to release, and shows that it is alive when idle."""


class AlertStore(Protocol):
    """What the scorer asks of the outbox."""

    def take(self, alerts: Sequence[Alert], dead: Sequence[DeadLetter]) -> None: ...

    def release_groups(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Judging:
    batch: Sequence[Record]
    outcome: futures.Future[Judgement]
    since: float


class Scorer:
    """Judges what comes out of the channel, and settles it once the outcome is durable.

    Args:
        channel: where records come from; the scorer ends when it is closed and empty.
        judge: decides; can be replaced while running, from any thread.
        store: takes alerts and dead letters durably.
        limits: when a micro-batch is closed.
        aborting: set when the process must end at once; unsettled records will be read again at the next start.
        clock: time.
        metrics: where figures go.
        threads: how many batches are judged at once.
        backoff: how long to wait when the store cannot take more.
    """

    def __init__(
        self,
        channel: Channel[Record],
        judge: Judge,
        store: AlertStore,
        limits: BatchLimits,
        *,
        aborting: threading.Event,
        clock: Clock,
        metrics: Metrics,
        threads: int = 1,
        backoff: Backoff | None = None,
    ) -> None:
        self.judge = judge
        self.last_beat = clock.monotonic()
        self.failure: str | None = None
        """Why the store takes nothing at present, or None."""
        self.failing_since: float | None = None
        """`Clock.monotonic()` of the store's first failure in a row, or None."""
        self.batches_settled = 0
        self._channel = channel
        self._store = store
        self._batcher = MicroBatcher(limits)
        self._threads = threads
        self._judging: deque[_Judging] = deque()  # at most one more than there are threads
        self._open = True
        self._next_release = clock.monotonic()
        self._aborting = aborting
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff or Backoff(first_s=0.1, limit_s=5.0)

    def run(self) -> None:
        """Work until the channel is closed and empty, then finish what is left. Blocks all the while.

        Batches are judged side by side; their outcomes are kept and settled here, in the order in which they were read.
        """
        pool = JudgePool(self._threads, self._channel.wake)
        try:
            while not self._aborting.is_set() and self._wait(hungry=self._hand_out(pool)):
                if not self._settle_finished():
                    return
                if not self._judging:
                    self.last_beat = self._clock.monotonic()
                if self._clock.monotonic() >= self._next_release:
                    self._attempt(self._store.release_groups)
                    self._next_release = self._clock.monotonic() + IDLE_S
        finally:
            pool.close()

    def _wait(self, *, hungry: bool) -> bool:
        """Wait for records, where more can be handed out, or for a judgement; return whether anything is left to do."""
        if hungry and self._open:
            wait_s = min(IDLE_S, max(0.0, self._batcher.due_in_s(self._clock.monotonic())))
            try:
                self._batcher.add(self._channel.take(wait_s))
            except ChannelClosed:
                self._open = False
        elif self._judging:
            futures.wait([self._judging[0].outcome], IDLE_S)
        return self._open or bool(self._judging) or len(self._batcher) > 0

    def _hand_out(self, pool: JudgePool) -> bool:
        """Have batches judged: full ones and those that waited long enough, one more than there are threads for.

        A thread that idles is given what there is: waiting for company would win nothing. Return whether more could be
        handed out if there were more.
        """
        while len(self._judging) <= self._threads:
            idle = len(self._judging) < self._threads and not len(self._channel)
            batch = self._batcher.next_batch(self._clock.monotonic(), flush=idle or not self._open)
            if not batch:
                return True
            outcome = pool.submit(self.judge, batch)
            self._judging.append(_Judging(batch, outcome, self._clock.monotonic()))
        return False

    def _settle_finished(self) -> bool:
        """Keep and settle what is judged, in order; return False where the process must end before that."""
        while self._judging and self._judging[0].outcome.done():
            judging = self._judging.popleft()
            judgement, batch = judging.outcome.result(), judging.batch
            self._metrics.observe("score_seconds", self._clock.monotonic() - judging.since)
            self._metrics.observe("batch_records", len(batch))
            if not self._keep(judgement):
                return False
            settle_all(record.receipt for record in batch)
            self.batches_settled += 1
            if judgement.alerts:
                self._metrics.observe("record_to_alert_seconds", self._clock.monotonic() - batch[0].read_at)
            self.last_beat = self._clock.monotonic()
        return True

    def _keep(self, judgement: Judgement) -> bool:
        """Hand a judgement to the store, however long that takes: meanwhile the channel fills and the sources pause."""
        if not (judgement.alerts or judgement.dead):
            return True
        while not self._attempt(lambda: self._store.take(judgement.alerts, judgement.dead)):
            if self._clock.wait(self._aborting, self._backoff.next_s()):
                return False
        return True

    def _attempt(self, act: Callable[[], object]) -> bool:
        """Return whether the store did it; a store that is full or cannot write is waited for."""
        try:
            act()
        except RetryableError as error:
            if self.failure is None:
                log.error("alerts cannot be stored; detection waits", reason=str(error))
                self.failing_since = self._clock.monotonic()
            self.failure = str(error)
            # Waiting for the store is slow, not stuck: the supervisor must not kill what would lose its place.
            self.last_beat = self._clock.monotonic()
            return False
        if self.failure is not None:
            log.info("alerts can be stored again")
        self.failure = self.failing_since = None
        self._backoff.reset()
        return True
