"""A sink's thread: outbox → sink, at the sink's own pace.

In order, except around an alert that the sink refuses. A failing sink is tried again for as long as it fails; what it
refuses for good goes to the dead letters.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import PermanentError, RetryableError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.outbox import Outbox
from weirlog.pipeline.sinks import Sink
from weirlog.pipeline.timing import Backoff, Clock, Deadline

log = structlog.get_logger(__name__)

IDLE_S = 0.25
"""The longest wait for alerts: how soon a stop is noticed, and what another process put into the outbox."""
RETRY_AFTER_LIMIT_S = 3600.0
"""The longest wait that the other side may ask for."""
SUSPECT_AFTER = 8
"""Failures in a row, over a minute or so of backoff, after which one alert may be the reason, not the sink."""
GUILTY_AFTER = 3
"""So many times in a row the first alert failed and the next one was taken: a sink that is down, overloaded or half
repaired does not sort like this."""

Entry = tuple[int, Alert]


class DeliveryWorker:
    """Delivers to one sink. Everything that is done with the sink is done in the thread that calls `run`.

    Args:
        sink: where alerts go; closed when `run` ends.
        outbox: where they come from.
        clock: time.
        metrics: where figures go.
        backoff: how long to wait when the sink fails.
    """

    def __init__(
        self, sink: Sink, outbox: Outbox, *, clock: Clock, metrics: Metrics, backoff: Backoff | None = None
    ) -> None:
        self.name = sink.name
        self.deadline: Deadline | None = None
        """Until when what is left may be delivered after a stop. To be set before `stopping`."""
        self.failure: str | None = None
        """Why the sink takes nothing at present, or None."""
        self.failing_since: float | None = None
        """`Clock.monotonic()` of the first failure in a row, or None."""
        self.busy_since: float | None = None
        """When the attempt began that is still under way, or None."""
        self.deliveries = 0
        """Attempts that succeeded."""
        self._sink = sink
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff or Backoff(first_s=0.5, limit_s=60.0)
        self._failures = 0
        self._strikes = 0
        self._refusing = False

    def run(self, stopping: threading.Event) -> None:
        """Deliver until `stopping`, then what is left until the deadline, unless the sink fails, then close it.

        Blocks all the while; after `stopping` for at most the deadline and one delivery of the sink. What could not
        be delivered stays in the outbox for the next start.
        """
        try:
            self._metrics.gauge("sink_up", 1, sink=self.name)
            while not stopping.is_set():
                if not self._step(stopping):
                    self._outbox.wait(self.name, IDLE_S)
            self._drain(stopping)
        finally:
            self._sink.close()

    def _step(self, stopping: threading.Event) -> bool:
        """Deliver the next alerts; return False when none were there."""
        suspicious = self._failures >= SUSPECT_AFTER
        entries: list[Entry] = []
        try:
            entries = self._outbox.pending(self.name, 2 if suspicious else self._sink.max_alerts)
            if entries:
                self._offer(entries[:1] if suspicious else entries, stopping)
        except RetryableError as error:
            if suspicious and len(entries) == 2 and self._only_first_fails(entries, error, stopping):
                return True
            self._failed(error)
            self._clock.wait(stopping, self._backoff.next_s(_capped(error.retry_after_s)))
        return bool(entries)

    def _drain(self, stopping: threading.Event) -> None:
        # One failure ends it, and one before the stop does: what waits is safe, and a sink that is down must not hold up
        # the stop, least of all one that takes a connection and never answers.
        try:
            while self.failure is None and self.deadline is not None and not self.deadline.passed:
                entries = self._outbox.pending(self.name, self._sink.max_alerts)
                if not entries:
                    break
                self._offer(entries, stopping)
            left = self._outbox.pending_count(self.name)
        except RetryableError as error:
            self._failed(error)
            left = self._outbox.pending_count(self.name)
        if left:
            log.warning("alerts stay in the outbox for the next start", sink=self.name, alerts=left)

    def _offer(self, entries: Sequence[Entry], stopping: threading.Event) -> None:
        """Deliver `entries` and note it; where the sink refuses several, find the ones at fault.

        Raises:
            RetryableError: the sink fails; what it had taken before is noted.
        """
        self.busy_since = started = self._clock.monotonic()
        try:
            self._sink.deliver([alert for _, alert in entries])
        except RetryableError:
            self._metrics.count("delivery_failures_total", sink=self.name)
            raise
        except PermanentError as error:
            self._metrics.count("delivery_failures_total", sink=self.name)
            if len(entries) > 1:
                for entry in entries:
                    self._offer([entry], stopping)
            else:
                self._refuse(entries[0], str(error))
            return
        finally:
            self.busy_since = None
        self._metrics.observe("delivery_seconds", self._clock.monotonic() - started, sink=self.name)
        self._succeeded()
        self._note([seq for seq, _ in entries], stopping)

    def _note(self, seqs: Sequence[int], stopping: threading.Event) -> None:
        """Note what the sink holds; try again for as long as it takes, rather than deliver it all again each time."""
        backoff = Backoff(first_s=0.1, limit_s=5.0)
        while True:
            try:
                self._outbox.delivered(self.name, seqs)
            except RetryableError as error:
                if backoff.attempt == 0:
                    log.error("deliveries cannot be noted; trying again", sink=self.name, reason=str(error))
                if self._clock.wait(stopping, backoff.next_s()):
                    raise
            else:
                return

    def _refuse(self, entry: Entry, reason: str) -> None:
        seq, alert = entry
        self._outbox.refuse(self.name, seq, reason)
        if not self._refusing:
            # Once for a run of refusals: an attacker may find out what makes a receiver refuse.
            log.warning("the sink refuses an alert; see the dead letters", sink=self.name, id=alert.id, reason=reason)
        self._refusing = True

    def _only_first_fails(self, entries: Sequence[Entry], error: RetryableError, stopping: threading.Event) -> bool:
        """Offer the second alert when the first one fails for long; return whether it was taken.

        Else an attacker who finds a request that makes the receiver answer 500 would stop all alerts with it.
        """
        strikes = self._strikes + 1
        failures = self._failures
        try:
            self._offer(entries[1:], stopping)
        except RetryableError:
            self._strikes = 0
            return False
        if strikes >= GUILTY_AFTER:
            self._refuse(entries[0], f"it failed {failures + strikes} times while others were taken: {error}")
        else:
            self._strikes, self._failures = strikes, failures
        return True

    def _failed(self, error: RetryableError) -> None:
        self._failures += 1
        self._metrics.gauge("sink_up", 0, sink=self.name)
        if self.failure is None:
            log.error("the sink fails; trying again", sink=self.name, reason=str(error))
            self.failing_since = self._clock.monotonic()
        self.failure = str(error)

    def _succeeded(self) -> None:
        if self.failure is not None:
            log.info("the sink takes alerts again", sink=self.name)
        self.failure = self.failing_since = None
        self.deliveries += 1
        self._failures = self._strikes = 0
        self._refusing = False
        self._backoff.reset()
        self._metrics.gauge("sink_up", 1, sink=self.name)


def _capped(wait_s: float | None) -> float | None:
    return None if wait_s is None else min(max(wait_s, 0.0), RETRY_AFTER_LIMIT_S)
