"""What is overheard of kafka-python's log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from fakes import FakeClock

from weirlog.pipeline.kafka_log import QUIET_S, Overheard, overhearing


class RefusedError(Exception):
    """The brokers say no."""


def in_thread(name: str, act: Callable[[], None]) -> None:
    thread = threading.Thread(target=act, name=name)
    thread.start()
    thread.join(10)


def record(place: int, *arguments: object, thread: str = "kafka-io-client") -> logging.LogRecord:
    made = logging.LogRecord("kafka.net", logging.ERROR, "library.py", place, "a %s b", arguments, None)
    made.threadName = thread
    return made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def heard(clock: FakeClock) -> Overheard:
    return Overheard("client", (RefusedError,), (TimeoutError,), clock.monotonic)


def test_the_last_error_that_the_client_logged_is_the_reason(heard: Overheard) -> None:
    first, last = OSError("name unknown"), OSError("connection refused")
    heard.filter(record(1, "text", first))
    heard.filter(record(1, "text", last))
    assert heard.reason is last


def test_a_refusal_stays_the_reason_whatever_comes_after_it(heard: Overheard) -> None:
    """A broker that refuses a password closes the connection, which the library logs as an error of its own."""
    refused = RefusedError("wrong password")
    heard.filter(record(1, refused))
    heard.filter(record(2, OSError("disconnected")))
    assert heard.reason is refused


def test_a_timeout_of_all_attempts_is_no_reason(heard: Overheard) -> None:
    away = OSError("connection refused")
    heard.filter(record(1, away))
    heard.filter(record(2, TimeoutError("no broker answered")))
    assert heard.reason is away


def test_a_complaint_is_told_once_in_a_while(heard: Overheard, clock: FakeClock) -> None:
    assert [heard.filter(record(1, number)) for number in range(3)] == [True, False, False]
    assert heard.filter(record(2)) is True
    clock.advance(QUIET_S)
    assert heard.filter(record(1, 3)) is True


def test_other_clients_are_neither_heard_nor_silenced(heard: Overheard) -> None:
    assert [heard.filter(record(1, OSError(), thread="kafka-io-other")) for _ in range(3)] == [True] * 3
    assert heard.reason is None


@pytest.mark.parametrize("thread", ["kafka-io-client", "client-network-thread"])
def test_consumers_and_producers_are_heard_in_their_own_threads(heard: Overheard, thread: str) -> None:
    heard.filter(record(1, OSError("away"), thread=thread))
    assert isinstance(heard.reason, OSError)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("kafka.a_test_of_weirlog")
    yield logger
    for one in logging.Logger.manager.loggerDict.values():
        if isinstance(one, logging.Logger):
            one.filters[:] = [found for found in one.filters if not isinstance(found, Overheard)]


def test_listening_again_to_the_same_client_adds_nothing(logger: logging.Logger) -> None:
    """A sink connects anew after each failure, for days if need be."""
    with overhearing("a-client", (RefusedError,)) as heard:
        in_thread("kafka-io-a-client", lambda: logger.error("it failed: %s", OSError("away")))
        assert isinstance(heard.reason, OSError)
    with overhearing("a-client", (RefusedError,)) as again:
        assert again is heard
        assert heard.reason is None
    assert logger.filters.count(heard) == 1


def test_clients_made_one_after_another_in_one_thread_have_their_own_reasons(logger: logging.Logger) -> None:
    """A producer connects in the thread that makes it."""
    reasons = []
    for client_id in ("one", "two"):
        with overhearing(client_id, (RefusedError,)) as heard:
            logger.error("it failed: %s", OSError(client_id))
        reasons.append(str(heard.reason))
    assert reasons == ["one", "two"]
