"""The outbox against a model of it, over random histories of batches, replays, deliveries, refusals and restarts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from alerts_by_hand import an_alert
from fakes import FakeClock, RecordingMetrics
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from outboxes import REPEAT_AFTER_S, open_outbox

from weirlog.pipeline.alert_database import ROW_COST_BYTES
from weirlog.pipeline.archive import Archive

SINKS = ("a", "b")
CLIENTS = 3


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self._path = Path(self._directory.name) / "outbox.db"
        self._clock = FakeClock()
        self._metrics = RecordingMetrics()
        self._open()
        self._archive = Archive(self._path)
        # The model.
        self.taken: set[int] = set()
        self.pending: dict[str, list[int]] = {sink: [] for sink in SINKS}
        self.counts: dict[int, int] = {}  # by number: how many attacks its alert stands for
        self.groups: dict[int, tuple[float, list[int]]] = {}  # by client: opened at, numbers suppressed since
        self.refused: dict[str, set[int]] = {sink: set() for sink in SINKS}

    def _open(self) -> None:
        self._outbox = open_outbox(
            self._path, sinks=SINKS, group_by=["client"], clock=self._clock, metrics=self._metrics
        )

    def teardown(self) -> None:
        self._archive.close()
        self._outbox.close()
        self._directory.cleanup()

    def _put_out(self, number: int, count: int) -> None:
        self.counts[number] = count
        for sink in SINKS:
            self.pending[sink].append(number)

    @rule(numbers=st.lists(st.integers(0, 40), max_size=6))
    def take(self, numbers: list[int]) -> None:
        """Numbers come again by chance: those are replays."""
        self._outbox.take([an_alert(number, client=str(number % CLIENTS)) for number in numbers], [])
        now = self._clock.time()
        for number in numbers:
            if number in self.taken:
                continue
            self.taken.add(number)
            opened_at, suppressed = self.groups.get(number % CLIENTS, (None, []))
            if opened_at is None or now >= opened_at + REPEAT_AFTER_S:
                self.groups[number % CLIENTS] = (now, [])
                self._put_out(number, 1 + len(suppressed))
            else:
                suppressed.append(number)

    @rule(seconds=st.sampled_from([1.0, REPEAT_AFTER_S / 2, REPEAT_AFTER_S]))
    def time_passes(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @rule()
    def release(self) -> None:
        now = self._clock.time()
        due = [client for client, (opened_at, _) in self.groups.items() if now >= opened_at + REPEAT_AFTER_S]
        # The oldest group first; of several that opened at once, any order will do: compare them as they came.
        expected = {}
        for client in due:
            _, suppressed = self.groups.pop(client)
            if suppressed:
                self.groups[client] = (now, [])
                expected[suppressed[-1]] = len(suppressed)
        assert self._outbox.release_groups() == len(expected)
        actual = [int(alert.id, 16) for _, alert in self._outbox.pending("a", 1000)]
        for number in sorted(expected, key=actual.index):
            self._put_out(number, expected[number])

    @rule(sink=st.sampled_from(SINKS), count=st.integers(1, 4))
    def deliver(self, sink: str, count: int) -> None:
        entries = self._outbox.pending(sink, count)
        assert [int(alert.id, 16) for _, alert in entries] == self.pending[sink][:count]
        self._outbox.delivered(sink, [seq for seq, _ in entries])
        del self.pending[sink][:count]

    @rule(sink=st.sampled_from(SINKS))
    def refuse(self, sink: str) -> None:
        for seq, alert in self._outbox.pending(sink, 1):
            self._outbox.refuse(sink, seq, "no")
            self.refused[sink].add(int(alert.id, 16))
            del self.pending[sink][0]

    @rule(sink=st.sampled_from(SINKS))
    def redeliver_what_was_refused(self, sink: str) -> None:
        assert {int(identity, 16) for identity in self._archive.refused(sink)} == self.refused[sink]
        assert self._archive.redeliver(self._archive.refused(sink), sink=sink) == len(self.refused[sink])
        order = {alert.id: index for index, (_, alert) in enumerate(self._outbox.pending(sink, 1000))}
        self.pending[sink] = sorted(
            {*self.pending[sink], *self.refused[sink]}, key=lambda number: order[an_alert(number).id]
        )
        self.refused[sink] = set()

    @rule()
    def restart(self) -> None:
        self._outbox.close()
        self._open()

    @invariant()
    def each_sink_waits_for_what_the_model_says(self) -> None:
        for sink in SINKS:
            entries = self._outbox.pending(sink, 1000)
            assert [int(alert.id, 16) for _, alert in entries] == self.pending[sink]
            assert self._outbox.pending_count(sink) == len(self.pending[sink])
            for _, alert in entries:
                assert alert.document()["count"] == self.counts[int(alert.id, 16)]

    @invariant()
    def every_attack_counts_once(self) -> None:
        waiting = sum(len(suppressed) for _, suppressed in self.groups.values())
        assert sum(self.counts.values()) + waiting == len(self.taken)

    @invariant()
    def undelivered_bytes_are_those_of_what_waits(self) -> None:
        waiting = {seq: alert for sink in SINKS for seq, alert in self._outbox.pending(sink, 1000)}
        costs = [len(alert.body) + ROW_COST_BYTES for alert in waiting.values()]
        assert self._outbox.undelivered_bytes == sum(costs)


OutboxMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase
