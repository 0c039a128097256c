"""The package confluent_kafka as far as a Kafka source needs it, in memory, and settings to make a consumer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from weirlog.pipeline.kafka_client import KafkaSecurity

SETTINGS: dict[str, Any] = {
    "bootstrap_servers": ["one:9092", "two:9092"],
    "bootstrap_timeout_ms": 1000,
    "client_id": "weirlog-source-k",
    "group_id": "weirlog",
    "enable_auto_commit": False,
    "fetch_max_bytes": 8 * 1024**2,
    "max_poll_records": 10,
}
PLAIN = KafkaSecurity()


@dataclass(frozen=True)
class LibraryError:
    """As confluent_kafka.KafkaError."""

    named: str
    number: int = -1
    text: str = "something"
    is_fatal: bool = False

    def name(self) -> str:
        return self.named

    def code(self) -> int:
        return self.number

    def str(self) -> str:
        return self.text

    def fatal(self) -> bool:
        return self.is_fatal


class LibraryException(Exception):  # noqa: N818 - the library's name
    """As confluent_kafka.KafkaException."""


@dataclass(frozen=True)
class Place:
    """As confluent_kafka.TopicPartition."""

    topic: str
    partition: int
    offset: int = -1001
    error: LibraryError | None = None


@dataclass(frozen=True)
class LibraryMessage:
    number: int
    failure: LibraryError | None = None
    of: int = 0

    def error(self) -> LibraryError | None:
        return self.failure

    def topic(self) -> str:
        return "log"

    def partition(self) -> int:
        return self.of

    def offset(self) -> int:
        return self.number

    def value(self) -> bytes:
        return b"%d" % self.number


@dataclass
class FakeLibrary:
    """As the package confluent_kafka, with one consumer.

    `failing` names the calls that fail, and how. A commit is answered inside a poll, before messages are looked for, once
    `silent_polls` of them have passed: with `commit_error` and the partitions in `answer`, or as asked.
    """

    calls: list[tuple[str, object]] = field(default_factory=list)
    failing: dict[str, LibraryError] = field(default_factory=dict)
    queue: list[LibraryMessage] = field(default_factory=list)
    callbacks: dict[str, Callable[..., None]] = field(default_factory=dict)
    answer: list[Place] = field(default_factory=list)
    silent_polls: float = 0
    commit_error: LibraryError | None = None
    unanswered: list[list[Place]] = field(default_factory=list)
    next_callback: tuple[str, list[Place]] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    KafkaException = LibraryException
    TopicPartition = Place

    def Consumer(self, settings: dict[str, Any], *, logger: object) -> FakeLibrary:  # noqa: N802 - the library's name
        self.settings = settings
        return self

    def called(self, name: str) -> list[object]:
        return [argument for call, argument in self.calls if call == name]

    def _call(self, name: str, argument: object) -> None:
        self.calls.append((name, argument))
        if name in self.failing:
            raise LibraryException(self.failing[name])

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def poll(self, timeout_s: float) -> LibraryMessage | None:
        self._call("poll", timeout_s)
        if self.unanswered and self.silent_polls <= 0:
            asked = self.unanswered.pop(0)
            self.settings["on_commit"](self.commit_error, self.answer or asked)
        self.silent_polls -= 1
        if self.next_callback is not None:
            name, places = self.next_callback
            self.next_callback = None
            self.callbacks[name](self, places)
        return self.queue.pop(0) if self.queue else None

    def consume(self, count: int, timeout_s: float) -> list[LibraryMessage]:
        self._call("consume", count)
        found, self.queue = self.queue[:count], self.queue[count:]
        return found

    def assign(self, places: list[Place]) -> None:
        self._call("assign", places)

    def pause(self, places: list[Place]) -> None:
        self._call("pause", [place.partition for place in places])

    def resume(self, places: list[Place]) -> None:
        self._call("resume", [place.partition for place in places])

    def seek(self, place: Place) -> None:
        self._call("seek", (place.partition, place.offset))

    def list_topics(self, topic: str, timeout: float) -> None:
        self._call("list_topics", topic)

    def committed(self, places: list[Place], timeout: float) -> list[Place]:
        self._call("committed", timeout)
        return self.answer

    def commit(self, *, offsets: list[Place], asynchronous: bool) -> None:
        assert asynchronous is True
        self._call("commit", offsets)
        self.unanswered.append(offsets)

    def close(self) -> None:
        self._call("close", None)
