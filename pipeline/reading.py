"""A source's thread: poll → channel, pause when those downstream are full, commit about once a second."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from weirlog.pipeline.channel import Channel, ChannelClosed
from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.metrics import Metrics
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources import Source
from weirlog.pipeline.timing import Backoff, Clock

log = structlog.get_logger(__name__)

POLL_S = 0.2
"""The longest wait for records in one poll: how soon a stop is noticed."""
COMMIT_INTERVAL_S = 1.0
"""At most so much is read again after a crash; more often costs an fsync or a round trip each time."""


class Reader:
    """Runs one source. Everything that is done with the source is done in the thread that calls `run`.

    Args:
        source: where records come from.
        channel: where they go.
        max_in_flight: open receipts from which on the source pauses.
        stopping: set when no more is to be read.
        drained: set when everything handed to the channel has been settled or given up.
        clock: time.
        metrics: where figures go.
        backoff: how long to wait when the source fails.
    """

    def __init__(
        self,
        source: Source,
        channel: Channel[Record],
        *,
        max_in_flight: int,
        stopping: threading.Event,
        drained: threading.Event,
        clock: Clock,
        metrics: Metrics,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = source.name
        self.last_beat = clock.monotonic()
        self.is_open = False
        self.failure: str | None = None
        """Why the source does not read at present, or None."""
        self.failing_since: float | None = None
        """`Clock.monotonic()` of the first failure in a row, or None."""
        self.held_back_since: float | None = None
        """Since when it may not read, because those downstream are full, or None."""
        self.records_read = 0
        self.lag: int | None = None
        """As the source gave it about a second ago; it may be asked in its own thread alone."""
        self.finished_reading = threading.Event()
        self.left = 0
        """Records that had been read and were not settled when it ended."""
        self.commit_failure: str | None = None
        """Why the position cannot be committed at present, or None."""
        self.commit_failing_since: float | None = None
        """`Clock.monotonic()` of the first commit in a row that failed, or None."""
        self.commits = 0
        """Those that succeeded."""
        self._source = source
        self._channel = channel
        self._max_in_flight = max_in_flight
        self._stopping = stopping
        self._drained = drained
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff or Backoff(first_s=0.25, limit_s=30.0)
        self._next_commit = clock.monotonic() + COMMIT_INTERVAL_S

    def run(self) -> None:
        """Read until `stopping`, wait for `drained`, commit for the last time, close. Blocks all the while."""
        try:
            try:
                self._open()
                while not self._stopping.is_set():
                    self._step()
            finally:
                self.finished_reading.set()
            self._drained.wait()
            if self.is_open:
                self.left = self._source.in_flight
                self._commit()
        finally:
            self._source.close()

    def _open(self) -> None:
        while not self._stopping.is_set() and not self.is_open:
            try:
                self._source.open()
            except RetryableError as error:
                self._failed(error)
            else:
                self.is_open = True
                self._recovered()
            self.last_beat = self._clock.monotonic()

    def _step(self) -> None:
        if self._source.in_flight >= self._max_in_flight:
            self._hold_back()
        else:
            self._source.resume()
            self.held_back_since = None
        try:
            chunk = self._source.poll(POLL_S)
        except RetryableError as error:
            self._failed(error)
            chunk = ()
        else:
            self._recovered()
        self._hand_over(chunk)
        self._commit_when_due()
        self.last_beat = self._clock.monotonic()

    def _hand_over(self, chunk: Sequence[Record]) -> None:
        if not chunk:
            return
        self.records_read += len(chunk)
        self._metrics.count("records_read_total", len(chunk), source=self.name)
        self._metrics.count("bytes_read_total", sum(len(record.payload) for record in chunk), source=self.name)
        # After a stop the scorer goes on until the channel is closed, so what was read still finds room.
        while not self._channel_takes(chunk):
            self._hold_back()
            # A paused poll yields nothing; it keeps the membership of a consumer group alive.
            try:
                self._source.poll(0.0)
            except RetryableError as error:
                self._failed(error)
            self._commit_when_due()
            self.last_beat = self._clock.monotonic()

    def _hold_back(self) -> None:
        self._source.pause()
        if self.held_back_since is None:
            self.held_back_since = self._clock.monotonic()

    def _channel_takes(self, chunk: Sequence[Record]) -> bool:
        try:
            return self._channel.put(chunk, POLL_S)
        except ChannelClosed:
            return True  # unsettled: it will be read again at the next start

    def _commit_when_due(self) -> None:
        if self._clock.monotonic() < self._next_commit:
            return
        self._commit()
        self._next_commit = self._clock.monotonic() + COMMIT_INTERVAL_S
        self._metrics.gauge("records_in_flight", self._source.in_flight, source=self.name)
        self.lag = self._source.lag
        if self.lag is not None:
            self._metrics.gauge("source_lag", self.lag, source=self.name)

    def _commit(self) -> None:
        try:
            self._source.commit()
        except RetryableError as error:
            self._metrics.count("source_errors_total", source=self.name)
            # Once, not every second; and whoever stops it says so for all sources in one line.
            if self.commit_failure is None and not self._stopping.is_set():
                log.error(
                    "the position cannot be committed; the last good one stands", source=self.name, reason=str(error)
                )
            if self.commit_failing_since is None:
                self.commit_failing_since = self._clock.monotonic()
            self.commit_failure = str(error)
        else:
            if self.commit_failure is not None:
                log.info("the position can be committed again", source=self.name)
            self.commit_failure = self.commit_failing_since = None
            self.commits += 1
            self._metrics.count("commits_total", source=self.name)

    def _failed(self, error: RetryableError) -> None:
        self._metrics.count("source_errors_total", source=self.name)
        self._metrics.gauge("source_up", 0, source=self.name)
        if self.failure is None:
            log.error("the source fails; trying again", source=self.name, reason=str(error))
            self.failing_since = self._clock.monotonic()
        self.failure = str(error)
        wait_s = self._backoff.next_s(error.retry_after_s)
        # Waiting is slow, not stuck: the watchdog must not take a long backoff for a thread without life.
        self.last_beat = self._clock.monotonic() + wait_s
        self._clock.wait(self._stopping, wait_s)

    def _recovered(self) -> None:
        if self.failure is not None:
            log.info("the source reads again", source=self.name)
        self.failure = self.failing_since = None
        self._backoff.reset()
        self._metrics.gauge("source_up", 1, source=self.name)
