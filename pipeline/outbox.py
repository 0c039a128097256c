"""The durable hand-over between detection and delivery."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from weirlog.models.request import JSON
from weirlog.pipeline import deliveries
from weirlog.pipeline.alert_database import AlertDatabase
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.dead_letters import DeadLetter, bury
from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.grouping import Grouping, admit, any_ended, release
from weirlog.pipeline.history import forget, make_room, undelivered_bytes
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.notices import (
    LIMIT_UNDELIVERED,
    Condition,
    note_begin,
    note_end,
    note_silences,
    open_conditions,
    silences,
    undelivered,
)
from weirlog.pipeline.state_lock import StateLock
from weirlog.pipeline.timing import Clock, Deadline

__all__ = ["Outbox", "OutboxFullError", "StateLock"]

log = structlog.get_logger(__name__)

PRUNE_ROWS = 2_000
"""Forgotten in one transaction: about 50 ms, for which the scorer waits at most."""
PRUNE_S = 1.0
"""For all transactions of one call: it is made in the main thread, which feeds the watchdog."""


class OutboxFullError(RetryableError):
    """The sinks have left as much undelivered as may be kept: detection waits rather than lose an alert."""


class Outbox:
    """Takes alerts durably and lets each sink drain them at its own pace. All methods may be called from any thread.

    Delivered alerts stay to be looked at, for `keep_s` and as long as there is room beside what is undelivered.

    Args:
        path: the database file; its directory must be held by a StateLock.
        sinks: names of the sinks that get alerts from now on. One not seen before starts with the next alert; what
            waits for one that is no longer named is dropped, with a line in the log.
        limit_bytes: undelivered alerts from which on nothing more is taken; exceeded by at most one batch.
        keep_s: how long delivered alerts are kept.
        grouping: which attacks become one alert.
        clock: time.
        metrics: where figures go.

    Raises:
        StopError: the file is damaged, of a newer version, or something else.
    """

    def __init__(
        self,
        path: Path,
        *,
        sinks: Sequence[str],
        limit_bytes: int,
        keep_s: float,
        grouping: Grouping,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._sinks = tuple(sinks)
        self._limit_bytes = limit_bytes
        self._keep_s = keep_s
        self._grouping = grouping
        self._clock = clock
        self._metrics = metrics
        self._arrivals = {sink: threading.Event() for sink in sinks}
        with ExitStack() as opened:
            self._database = AlertDatabase(path, create=True)
            opened.callback(self._database.close)
            # A second connection reads: the web page and the workers never wait for the disk of a writer.
            self._reader = AlertDatabase(path, create=False)
            opened.callback(self._reader.close)
            try:
                with self._database.transaction() as connection:
                    deliveries.register(connection, self._sinks)
            except RetryableError as error:
                raise StopError(str(error)) from error
            self._show_fill()
            self._closing = opened.pop_all()
        self._wake()

    def take(self, alerts: Sequence[Alert], dead: Sequence[DeadLetter]) -> None:
        """Take the outcome of one batch in one transaction; on return it is durable.

        An alert whose id is here already is neither counted nor delivered again.

        Raises:
            OutboxFullError: too much is undelivered.
            RetryableError: the disk is full, or another process holds the file. In both cases nothing was taken, and
                the same call can be repeated.
        """
        put_out = grouped = 0
        now = self._clock.time()
        with self._database.transaction() as connection:
            if alerts:
                self._check_room(connection)
            for alert in alerts:
                if deliveries.is_stored(connection, alert):
                    continue
                admission = admit(connection, self._grouping, alert, now)
                if admission.stored:
                    deliveries.store(connection, alert, count=admission.count, sinks=self._sinks, now=now)
                put_out += admission.count > 0
                grouped += admission.count == 0
            buried, dropped = bury(connection, dead)
            make_room(connection, self._limit_bytes)
        self._metrics.count("alerts_total", put_out)
        self._metrics.count("alerts_grouped_total", grouped)
        self._metrics.count("dead_letters_total", buried, stage="parse")
        self._metrics.count("dead_letters_dropped_total", dropped)
        self._show_fill()
        if put_out:
            self._wake()

    def tell(self, notice: Alert, *, begins: Condition | None = None, ends: Condition | None = None) -> None:
        """Take a notice durably, for every sink, and note in the same transaction which condition it begins or ends.

        One whose id is here already is not delivered again. A full outbox takes notices all the same, up to
        LIMIT_UNDELIVERED of them: that it is full is one of the things to be told.

        Raises:
            OutboxFullError, RetryableError: as in `take`.
        """
        now = self._clock.time()
        with self._database.transaction() as connection:
            if undelivered_bytes(connection) >= self._limit_bytes and undelivered(connection) >= LIMIT_UNDELIVERED:
                self._check_room(connection)
            known = deliveries.is_stored(connection, notice)
            if not known:
                deliveries.store(connection, notice, count=1, sinks=self._sinks, now=now)
            if begins is not None:
                note_begin(connection, begins)
            if ends is not None:
                note_end(connection, ends)
        if not known and notice.kind is not None:
            self._metrics.count("notices_total", kind=notice.kind)
        self._show_fill()
        self._wake()

    def conditions(self) -> list[Condition]:
        """Return the conditions whose beginning was told and whose end was not, also by an earlier run."""
        with self._reader.reading() as connection:
            return open_conditions(connection)

    def forget_condition(self, condition: Condition) -> None:
        """End a condition without a notice: what it is about is no longer watched. Raises RetryableError."""
        with self._database.transaction() as connection:
            note_end(connection, condition)

    def silences(self) -> dict[str, float]:
        """Return for how many seconds each source had been silent, as an earlier run noted it."""
        with self._reader.reading() as connection:
            return silences(connection)

    def note_silences(self, seconds: Mapping[str, float]) -> None:
        """Note for how long each source has been silent. Raises RetryableError."""
        with self._database.transaction() as connection:
            note_silences(connection, seconds)

    def release_groups(self) -> int:
        """Put out the alerts of groups whose quiet time has ended with attacks in it; return how many.

        Cheap when there are none. While the outbox is full they wait. Errors as in `take`.
        """
        now = self._clock.time()
        with self._reader.reading() as connection:
            if not any_ended(connection, self._grouping, now) or undelivered_bytes(connection) >= self._limit_bytes:
                return 0
        with self._database.transaction() as connection:
            releases = release(connection, self._grouping, now)
            for released in releases:
                deliveries.promote(connection, released.alert_id, count=released.count, sinks=self._sinks, now=now)
        self._metrics.count("alerts_total", len(releases))
        if releases:
            self._show_fill()
            self._wake()
        return len(releases)

    def pending(self, sink: str, limit: int) -> list[tuple[int, Alert]]:
        """Return the oldest alerts that `sink` has yet to take, with their sequence numbers, in order."""
        with self._reader.reading() as connection:
            return deliveries.pending(connection, sink, limit)

    def delivered(self, sink: str, seqs: Iterable[int]) -> None:
        """Note that `sink` holds these durably.

        Raises:
            RetryableError: it could not be noted; until it is, `sink` is offered them again.
        """
        with self._database.transaction() as connection:
            done = sum(deliveries.done(connection, sink, seq) for seq in seqs)
        self._metrics.count("alerts_delivered_total", done, sink=sink)
        self._show_fill()

    def refuse(self, sink: str, seq: int, reason: str) -> None:
        """Give up one alert for `sink` alone: into the dead letters, from where it can be redelivered.

        Raises:
            RetryableError: it could not be noted.
        """
        buried = dropped = 0
        with self._database.transaction() as connection:
            row = connection.execute("SELECT id, body FROM alerts WHERE seq = ?", (seq,)).fetchone()
            if row is not None and deliveries.done(connection, sink, seq):
                letter = DeadLetter("deliver", reason, sink, row[0], seq, row[1], self._clock.time())
                buried, dropped = bury(connection, [letter])
        self._metrics.count("dead_letters_total", buried, stage="deliver")
        self._metrics.count("dead_letters_dropped_total", dropped)
        self._show_fill()

    def wait(self, sink: str, timeout_s: float) -> None:
        """Block until something new may be there for `sink`, at most for `timeout_s`."""
        if self._clock.wait(self._arrivals[sink], timeout_s):
            self._arrivals[sink].clear()

    def latest(self, limit: int) -> list[dict[str, JSON]]:
        """Return the documents of the latest alerts that were put out, newest first."""
        with self._reader.reading() as connection:
            alerts = deliveries.latest(connection, limit)
        return [alert.document() for alert in alerts]

    def pending_count(self, sink: str) -> int:
        """Return how many alerts wait for `sink`."""
        with self._reader.reading() as connection:
            return deliveries.pending_counts(connection)[sink]

    @property
    def is_full(self) -> bool:
        """Whether `take` refuses alerts at present for what is undelivered."""
        return self.undelivered_bytes >= self._limit_bytes

    @property
    def undelivered_bytes(self) -> int:
        """What the alerts take on disk that at least one sink has yet to take."""
        with self._reader.reading() as connection:
            return undelivered_bytes(connection)

    def prune(self) -> int:
        """Forget delivered alerts older than `keep_s`, but none that people have labelled; return how many.

        What cannot be forgotten for now (it takes too long, the file is held, the disk is full) is left to the next call.
        """
        oldest = self._clock.time() - self._keep_s
        deadline = Deadline(self._clock, PRUNE_S)
        forgotten = 0
        try:
            while True:
                with self._database.transaction() as connection:
                    rows = forget(connection, oldest, PRUNE_ROWS)
                forgotten += rows
                if rows < PRUNE_ROWS or deadline.passed:
                    break
            self._show_fill()  # `weirlog alerts redeliver` may have added some from outside
        except RetryableError as error:
            log.warning("old alerts cannot be forgotten; trying again later", reason=str(error))
        return forgotten

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._closing.close()

    def _check_room(self, connection: sqlite3.Connection) -> None:
        undelivered = undelivered_bytes(connection)
        if undelivered >= self._limit_bytes:
            self._metrics.gauge("outbox_full", 1)
            raise OutboxFullError(
                f"the outbox is full: {undelivered} bytes of alerts are undelivered, the limit is {self._limit_bytes}; "
                "repair the sinks that are down, or raise outbox.max_size"
            )

    def _wake(self) -> None:
        for arrival in self._arrivals.values():
            arrival.set()

    def _show_fill(self) -> None:
        with self._reader.reading() as connection:
            undelivered = undelivered_bytes(connection)
            counts = deliveries.pending_counts(connection)
        self._metrics.gauge("outbox_bytes", undelivered)
        if undelivered < self._limit_bytes:
            self._metrics.gauge("outbox_full", 0)
        for sink, pending in counts.items():
            self._metrics.gauge("outbox_pending", pending, sink=sink)
