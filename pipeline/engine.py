"""The threads, and the order in which they start and stop.

Start:  delivery → scorer → readers, so that whoever hands over finds someone who takes.
Stop:   1 readers stop reading; 2 the channel is closed; 3 the scorer flushes the partial batch into the outbox and
        settles it; 4 the readers commit for the last time; 5 delivery sends what it still can. One deadline for all;
        what is not done by then is done at the next start, since nothing unsettled was committed. Where the outbox takes
        nothing (a full disk), the stop goes on without it after GIVE_UP_S: the rest of the time would change nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from weirlog.pipeline.channel import Channel
from weirlog.pipeline.delivery import DeliveryWorker
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.reading import Reader
from weirlog.pipeline.records import Record
from weirlog.pipeline.scorer import Scorer
from weirlog.pipeline.timing import Clock, Deadline

log = structlog.get_logger(__name__)

STUCK_S = 20.0
"""A thread that shows no life for so long is stuck. Every wait of theirs is far shorter, and the slowest batch (1,024
requests of the longest kind) takes under 10 s on one slow core."""
GIVE_UP_S = 1.0
"""A stop waits so long for an outbox that takes nothing."""
LOOK_S = 0.05
"""Between two looks whether it does."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the threads of one pipeline tell each other.

    Attributes:
        stopping: no more is to be read.
        drained: everything that was read has been settled or given up.
        aborting: end at once.
    """

    stopping: threading.Event
    drained: threading.Event
    aborting: threading.Event

    @classmethod
    def fresh(cls) -> Signals:
        return cls(threading.Event(), threading.Event(), threading.Event())


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source gets on. Moments are of `Clock.monotonic()`.

    Attributes:
        name: of the source.
        shows_life: whether its thread has done so within STUCK_S.
        last_beat: when it did last.
        is_open: whether it has been opened.
        failure: why it does not read at present, or None.
        failing_since: when it began to fail, or None.
        held_back_since: since when it may not read, because those downstream are full, or None.
        records_read: in this run.
        lag: what is there and not yet read, about a second ago; None when not known.
        commit_failure: why its position cannot be committed at present, or None.
        commit_failing_since: since when, or None.
        commits: that succeeded in this run.
    """

    name: str
    shows_life: bool
    last_beat: float
    is_open: bool
    failure: str | None
    failing_since: float | None
    held_back_since: float | None
    records_read: int
    lag: int | None
    commit_failure: str | None = None
    commit_failing_since: float | None = None
    commits: int = 0


@dataclass(frozen=True, slots=True)
class ScorerState:
    """How the scorer gets on.

    Attributes:
        shows_life, last_beat: as of a source.
        failure: why alerts cannot be stored at present, or None.
        failing_since: when that began, or None.
        batches_settled: in this run.
    """

    shows_life: bool
    last_beat: float
    failure: str | None
    failing_since: float | None
    batches_settled: int


@dataclass(frozen=True, slots=True)
class SinkState:
    """How one sink gets on.

    Attributes:
        name: of the sink.
        failure: why it takes nothing at present, or None.
        failing_since: when it began to fail, or None.
        busy_since: when the attempt began that is still under way, or None.
        deliveries: attempts that succeeded in this run.
    """

    name: str
    failure: str | None
    failing_since: float | None
    busy_since: float | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class PipelineState:
    """How everything gets on at one moment."""

    sources: Sequence[SourceState]
    scorer: ScorerState
    sinks: Sequence[SinkState]


class Pipeline:
    """Runs readers, one scorer and delivery workers, a thread each.

    Args:
        readers: one for each source.
        channel: between the readers and the scorer.
        scorer: the only consumer of the channel.
        workers: one for each sink.
        signals: those that readers and scorer were built with.
        clock: time.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        channel: Channel[Record],
        scorer: Scorer,
        workers: Sequence[DeliveryWorker],
        signals: Signals,
        clock: Clock,
    ) -> None:
        self.readers = readers
        self.scorer = scorer
        self.workers = workers
        self.failure: BaseException | None = None
        """What crashed a thread, or None. Set once; `ended` is set with it."""
        self.ended = threading.Event()
        """Set when there is nothing left to supervise: a thread crashed."""
        self.left: dict[str, int] = {}
        """After a stop: how many records of which source were read and not settled."""
        self.left_because: str | None = None
        """After a stop: why something could not be settled or committed, where that is known."""
        self._channel = channel
        self._signals = signals
        self._clock = clock
        self._failure_lock = threading.Lock()
        self._delivery_stopping = threading.Event()
        self._reading = [self._thread(f"read {reader.name}", reader.run) for reader in readers]
        self._scoring = self._thread("score", scorer.run)
        self._delivering = [
            self._thread(f"deliver {worker.name}", partial(worker.run, self._delivery_stopping)) for worker in workers
        ]

    def start(self) -> None:
        """Start every thread and return at once."""
        for thread in (*self._delivering, self._scoring, *self._reading):
            thread.start()

    def stop(self, deadline: Deadline) -> bool:
        """Stop in order; return whether everything that was read was settled and committed by `deadline`.

        Blocks until every thread has ended or `deadline` has passed.
        """
        began = self._clock.monotonic()
        self._signals.stopping.set()
        for reader in self.readers:
            self._await(reader.finished_reading.is_set, reader.finished_reading.wait, deadline, began)
        self._channel.close()
        self._await(lambda: not self._scoring.is_alive(), self._scoring.join, deadline, began)
        drained = not self._scoring.is_alive() and self.failure is None
        if not drained:
            self._signals.aborting.set()
            self.left_because = self.scorer.failure
        self._signals.drained.set()
        for thread in self._reading:
            thread.join(deadline.remaining_s)
        for worker in self.workers:
            worker.deadline = deadline
        self._delivery_stopping.set()
        for thread in (*self._delivering, self._scoring):
            thread.join(deadline.remaining_s)
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        if alive:
            log.error("threads still ran at the deadline and are left behind", threads=alive)
        # Alerts that delivery could not send are safe in the outbox: they do not make a stop incomplete.
        self.left = {reader.name: reader.left for reader in self.readers if reader.left}
        uncommitted = next(
            (reader.commit_failure for reader in self.readers if reader.commit_failure is not None), None
        )
        self.left_because = self.left_because or uncommitted
        return drained and uncommitted is None and not any(thread.is_alive() for thread in self._reading)

    def _await(
        self, is_done: Callable[[], bool], wait: Callable[[float], object], deadline: Deadline, began: float
    ) -> None:
        """Wait for one step of a stop that began then, as long as there is hope for it."""
        while not is_done() and not deadline.passed:
            failing_since = self.scorer.failing_since
            if failing_since is not None and self._clock.monotonic() - max(failing_since, began) >= GIVE_UP_S:
                return
            wait(min(LOOK_S, deadline.remaining_s))

    def fail(self, error: BaseException) -> None:
        """Say that `error` ended something that must not end; the first one stands. Any thread may call this."""
        with self._failure_lock:
            self.failure = self.failure or error
        self.ended.set()

    @property
    def stuck(self) -> str | None:
        """The name of a thread that has shown no life for STUCK_S, or None."""
        beats = [(self._scoring, self.scorer.last_beat)]
        beats += [(thread, reader.last_beat) for thread, reader in zip(self._reading, self.readers, strict=True)]
        return next((thread.name for thread, beat in beats if not self._shows_life(thread, beat)), None)

    def state(self) -> PipelineState:
        """Return how everything gets on. Any thread may call this; nothing blocks."""
        return PipelineState(
            [
                SourceState(
                    reader.name,
                    self._shows_life(thread, reader.last_beat),
                    reader.last_beat,
                    reader.is_open,
                    reader.failure,
                    reader.failing_since,
                    reader.held_back_since,
                    reader.records_read,
                    reader.lag,
                    reader.commit_failure,
                    reader.commit_failing_since,
                    reader.commits,
                )
                for thread, reader in zip(self._reading, self.readers, strict=True)
            ],
            ScorerState(
                self._shows_life(self._scoring, self.scorer.last_beat),
                self.scorer.last_beat,
                self.scorer.failure,
                self.scorer.failing_since,
                self.scorer.batches_settled,
            ),
            [
                SinkState(worker.name, worker.failure, worker.failing_since, worker.busy_since, worker.deliveries)
                for worker in self.workers
            ],
        )

    @property
    def settled_in(self) -> bool:
        """Whether every source is open, or has failed and is being tried again."""
        return all(reader.is_open or reader.failure is not None for reader in self.readers)

    def _shows_life(self, thread: threading.Thread, beat: float) -> bool:
        return not thread.is_alive() or beat >= self._clock.monotonic() - STUCK_S

    @property
    def _threads(self) -> list[threading.Thread]:
        return [*self._reading, self._scoring, *self._delivering]

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(name, run), name=name, daemon=True)

    def _guarded(self, name: str, run: Callable[[], None]) -> None:
        """Run a thread's whole life; whatever escapes it brings the process down."""
        try:
            run()
        except BaseException as error:
            log.critical(
                "a thread has crashed", thread=name, exc_info=not isinstance(error, StopError), reason=str(error)
            )
            with self._failure_lock:
                self.failure = self.failure or error
            self.ended.set()
