"""The scorer's thread: nothing is settled before its outcome is durable, and nothing is left behind at the end."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from fakes import FakeClock, RecordingMetrics, eventually
from test_scoring import WordClassifier, WordFormat

from weirlog.models.request import Request
from weirlog.models.verdict import Verdict
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.batching import BatchLimits
from weirlog.pipeline.channel import Channel
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.scorer import IDLE_S, Scorer
from weirlog.pipeline.scoring import Judge

AT_ONCE = BatchLimits(max_delay_s=0.0)


class FakeStore:
    """Keeps what it takes, and the watermark at that moment; refuses while it is full."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.full = False
        self.refusals = 0
        self.releases = 0
        self.alerts: list[Alert] = []
        self.dead: list[DeadLetter] = []
        self.watermarks: list[int] = []

    def take(self, alerts: Sequence[Alert], dead: Sequence[DeadLetter]) -> None:
        if self.full:
            self.refusals += 1
            raise RetryableError("the outbox is full")
        self.alerts.extend(alerts)
        self.dead.extend(dead)
        self.watermarks.append(self.ledger.watermark)

    def release_groups(self) -> int:
        self.releases += 1
        return 0


class Running:
    """A scorer in its thread."""

    def __init__(
        self, limits: BatchLimits = AT_ONCE, *, threads: int = 1, classifier: WordClassifier | None = None
    ) -> None:
        self.ledger = Ledger(Partition("file-0", "file", "access.log", "1:a"), 0)
        self.store = FakeStore(self.ledger)
        self.channel: Channel[Record] = Channel(1000)
        self.aborting = threading.Event()
        self.metrics = RecordingMetrics()
        self.clock = clock = FakeClock()
        judge = Judge(classifier or WordClassifier(), {"file-0": WordFormat()}, Redactor(), clock, self.metrics)
        self.scorer = Scorer(
            self.channel,
            judge,
            self.store,
            limits,
            aborting=self.aborting,
            clock=clock,
            metrics=self.metrics,
            threads=threads,
        )
        self.thread = threading.Thread(target=self.scorer.run)
        self._position = 0

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.channel.close()
        self.aborting.set()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def write(self, *payloads: bytes) -> None:
        records = []
        for payload in payloads:
            self._position += len(payload) + 1
            records.append(Record(payload, self.ledger.open(self._position), 1_000_000.0))
        self.channel.put(records, 5)


def test_benign_records_are_settled_without_troubling_the_store() -> None:
    with Running() as running:
        running.write(b"/a", b"/b")
        assert eventually(lambda: running.ledger.watermark == 6)
    assert running.store.watermarks == []


def test_groups_are_looked_for_by_time_however_many_batches_come() -> None:
    with Running() as running:
        for number in range(1, 6):
            running.write(b"/a")
            assert eventually(lambda seen=number: running.scorer.batches_settled == seen)
        assert running.store.releases == 1
        running.clock.advance(IDLE_S)
        running.write(b"/a")
        assert eventually(lambda: running.store.releases == 2)


def test_a_batch_is_settled_only_after_its_alerts_are_stored() -> None:
    with Running() as running:
        running.write(b"/a", b"/attack", b"unparsable")
        assert eventually(lambda: running.ledger.in_flight == 0)
    assert running.store.watermarks == [0], "nothing of the batch was settled when the store took it"
    assert (len(running.store.alerts), len(running.store.dead)) == (1, 1)


def test_while_the_store_is_full_nothing_is_settled_and_nothing_is_lost() -> None:
    with Running() as running:
        running.store.full = True
        running.write(b"/attack")
        assert eventually(lambda: running.store.refusals > 3)
        assert running.ledger.watermark == 0
        assert running.scorer.failure == "the outbox is full"
        running.store.full = False
        assert eventually(lambda: running.ledger.in_flight == 0)
        assert eventually(lambda: running.scorer.failure is None)
    assert len(running.store.alerts) == 1


def test_closing_the_channel_flushes_the_partial_batch() -> None:
    with Running(BatchLimits(max_records=100, max_delay_s=3600)) as running:
        running.write(b"/attack", b"/a")
        running.channel.close()
        running.thread.join(10)
        assert not running.thread.is_alive()
        assert running.ledger.in_flight == 0
    assert len(running.store.alerts) == 1


def test_aborting_ends_a_wait_for_the_store_and_settles_nothing() -> None:
    """At the deadline of a shutdown with a full disk: what is unsettled is read again at the next start."""
    with Running() as running:
        running.store.full = True
        running.write(b"/attack")
        assert eventually(lambda: running.store.refusals > 0)
        running.aborting.set()
        running.thread.join(10)
        assert not running.thread.is_alive()
    assert running.ledger.watermark == 0


class GatedClassifier(WordClassifier):
    """Waits, before it classifies anything, until the gate of its first request's path is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.waiting: list[str] = []

    def classify(self, requests: Sequence[Request]) -> Sequence[Verdict]:
        self.waiting.append(requests[0].path)
        assert self.gates[requests[0].path].wait(10)
        return super().classify(requests)


ONE_BY_ONE = BatchLimits(max_records=1, max_delay_s=3600)


def test_batches_are_judged_side_by_side_and_kept_in_the_order_in_which_they_were_read() -> None:
    classifier = GatedClassifier()
    with Running(ONE_BY_ONE, threads=2, classifier=classifier) as running:
        running.write(b"/attack-1", b"/attack-2")
        assert eventually(lambda: len(classifier.waiting) == 2), "both are under way at once"
        classifier.gates["/attack-2"].set()
        classifier.gates["/attack-1"].set()
        assert eventually(lambda: running.ledger.in_flight == 0)
    assert [alert.document()["request"]["path"] for alert in running.store.alerts] == ["/attack-1", "/attack-2"]


def test_what_is_read_while_all_threads_are_busy_is_bounded() -> None:
    """One batch a thread and one more; the rest stays in the channel, which holds up the sources."""
    classifier = GatedClassifier()
    with Running(ONE_BY_ONE, threads=1, classifier=classifier) as running:
        for number in range(8):
            running.write(b"/%d" % number)
        assert eventually(lambda: len(running.channel) == 6)
        for number in range(8):
            classifier.gates[f"/{number}"].set()
        assert eventually(lambda: running.ledger.in_flight == 0)


def test_an_idle_scorer_does_not_wait_for_company() -> None:
    with Running(BatchLimits(max_records=100, max_delay_s=3600)) as running:
        running.write(b"/attack")
        assert eventually(lambda: len(running.store.alerts) == 1)


def test_a_broken_model_ends_the_scorer() -> None:
    class Broken(WordClassifier):
        def classify(self, requests: Sequence[Request]) -> Sequence[Verdict]:
            raise RuntimeError("no weights")

    failures: list[BaseException] = []
    running = Running(AT_ONCE, threads=2, classifier=Broken())

    def run() -> None:
        try:
            running.scorer.run()
        except StopError as error:
            failures.append(error)

    running.thread = threading.Thread(target=run)
    with running:
        running.write(b"/a")
        running.thread.join(10)
    assert "no weights" in str(failures[0])
