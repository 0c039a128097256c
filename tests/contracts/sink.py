"""What every sink must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest
from alerts_by_hand import an_alert, some_alerts

from weirlog.pipeline.errors import PermanentError, RetryableError
from weirlog.pipeline.sinks import Sink


class Receiver(ABC):
    """The other side of a sink: something that takes alerts, or does not."""

    @abstractmethod
    def sink(self) -> Sink:
        """Return a new sink that delivers here."""

    @abstractmethod
    def bodies(self) -> list[bytes]:
        """Return the alert documents that are durable here, in the order they came."""

    @abstractmethod
    def fail(self) -> None:
        """Take nothing until `recover`, in a way that may pass."""

    @abstractmethod
    def recover(self) -> None:
        """Take alerts again."""


class RefusingReceiver(Receiver):
    """The other side of a sink that may refuse an alert for good."""

    @abstractmethod
    def refuse(self) -> None:
        """Refuse everything for good."""


class SinkContract:
    """Inherit from this and give a fixture `receiver`."""

    @pytest.fixture
    def sink(self, receiver: Receiver) -> Iterator[Sink]:
        sink = receiver.sink()
        yield sink
        sink.close()

    def test_what_is_delivered_is_there_when_deliver_returns(self, receiver: Receiver, sink: Sink) -> None:
        sink.deliver([an_alert(1)])
        assert receiver.bodies() == [an_alert(1).body]

    def test_alerts_arrive_in_the_order_given(self, receiver: Receiver, sink: Sink) -> None:
        alerts = some_alerts(*range(20))
        for start in range(0, 20, min(sink.max_alerts, 7)):
            sink.deliver(alerts[start : start + min(sink.max_alerts, 7)])
        assert receiver.bodies() == [alert.body for alert in alerts]

    def test_a_full_batch_is_taken(self, receiver: Receiver, sink: Sink) -> None:
        alerts = some_alerts(*range(sink.max_alerts))
        sink.deliver(alerts)
        assert receiver.bodies() == [alert.body for alert in alerts]

    def test_the_longest_alert_is_taken(self, receiver: Receiver, sink: Sink) -> None:
        alert = an_alert(1, size=19_800)
        sink.deliver([alert])
        assert receiver.bodies() == [alert.body]

    def test_a_failure_that_may_pass_is_retryable_and_the_same_alerts_can_come_again(
        self, receiver: Receiver, sink: Sink
    ) -> None:
        alerts = some_alerts(*range(min(sink.max_alerts, 3)))
        sink.deliver(alerts)
        receiver.fail()
        more = some_alerts(*range(10, 10 + min(sink.max_alerts, 3)))
        for _ in range(2):
            with pytest.raises(RetryableError):
                sink.deliver(more)
        receiver.recover()
        sink.deliver(more)
        bodies = receiver.bodies()
        assert bodies[: len(alerts)] == [alert.body for alert in alerts]
        # At least once: a failed attempt may have left some of them, never others.
        assert bodies[-len(more) :] == [alert.body for alert in more]
        assert set(bodies) == {alert.body for alert in [*alerts, *more]}

    def test_an_error_names_the_sink_or_its_place_and_quotes_no_alert(self, receiver: Receiver, sink: Sink) -> None:
        receiver.fail()
        alert = an_alert(1, size=500)
        with pytest.raises(RetryableError) as raised:
            sink.deliver([alert])
        message = str(raised.value)
        assert message.isprintable()
        assert "xxxxx" not in message
        assert len(message) < 1000

    def test_a_new_sink_goes_on_where_an_old_one_ended(self, receiver: Receiver, sink: Sink) -> None:
        sink.deliver([an_alert(1)])
        sink.close()
        successor = receiver.sink()
        successor.deliver([an_alert(2)])
        successor.close()
        assert receiver.bodies() == [an_alert(1).body, an_alert(2).body]

    def test_it_may_be_closed_twice_and_without_having_delivered(self, receiver: Receiver, sink: Sink) -> None:
        sink.close()
        sink.close()
        assert receiver.bodies() == []


class RefusingSinkContract(SinkContract):
    """Inherit from this where the other side may refuse alerts, and give a fixture `receiver`."""

    def test_what_will_never_be_taken_is_a_permanent_error(self, receiver: RefusingReceiver, sink: Sink) -> None:
        receiver.refuse()
        with pytest.raises(PermanentError):
            sink.deliver([an_alert(1)])
