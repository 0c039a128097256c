"""The Kafka source over a cluster in memory; `integration/test_kafka.py` does it over a real one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from contracts.source import Feed, SourceContract
from fakes import RecordingMetrics
from kafka_in_memory import P0, P1, FakeCluster

from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.kafka_client import errors
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.records import Record
from weirlog.pipeline.sources.kafka import LAG_INTERVAL_S, PLACE_INTERVAL_S, KafkaSource
from weirlog.pipeline.sources.kafka_partitions import KafkaLimits


class KafkaFeed(Feed):
    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.clock = self.cluster.clock
        self.limits = KafkaLimits()
        self.start_at = "beginning"

    def source(self) -> KafkaSource:
        return KafkaSource(
            "kafka-0",
            brokers=["broker:9092"],
            topics=["log"],
            group="weirlog",
            start_at=self.start_at,  # type: ignore[arg-type]  # a test says one of the two
            security=None,
            clock=self.clock,
            metrics=RecordingMetrics(),
            limits=self.limits,
            make=self.cluster.make,
        )

    def write(self, *payloads: bytes) -> None:
        self.cluster.write(*payloads)


@pytest.fixture
def feed() -> KafkaFeed:
    feed = KafkaFeed()
    feed.cluster.committed[P0] = 0  # the group has read here before
    return feed


@pytest.fixture
def cluster(feed: KafkaFeed) -> FakeCluster:
    return feed.cluster


@pytest.fixture
def source(feed: KafkaFeed) -> Iterator[KafkaSource]:
    source = feed.source()
    yield source
    source.close()


def poll(source: KafkaSource, times: int = 3) -> list[Record]:
    """Poll so often that a rebalance is over and what is there has come."""
    return [record for _ in range(times) for record in source.poll(0.0)]


def payloads(records: Sequence[Record]) -> list[bytes]:
    return [record.payload for record in records]


class TestContract(SourceContract):
    pass


def test_the_client_never_commits_by_itself_and_creates_no_topics(source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    assert cluster.consumer.settings["enable_auto_commit"] is False
    assert cluster.consumer.settings["allow_auto_create_topics"] is False
    consumer = cluster.consumer
    source.close()
    assert consumer.closed_with == {"autocommit": False}


# --- where reading begins ---


def test_a_new_group_starts_at_the_end_and_commits_that_at_once(feed: KafkaFeed, cluster: FakeCluster) -> None:
    """Else what comes between the start and the first commit would be lost by a crash: the end would be a later one."""
    cluster.committed.clear()
    cluster.write(b"old")
    feed.start_at = "end"
    source = feed.source()
    source.open()
    assert poll(source) == []
    assert cluster.committed == {P0: 1}
    cluster.write(b"new")
    assert payloads(poll(source)) == [b"new"]


def test_a_new_group_starts_at_the_beginning_where_that_is_asked_for(source: KafkaSource, cluster: FakeCluster) -> None:
    cluster.committed.clear()
    cluster.write(b"old")
    source.open()
    assert payloads(poll(source)) == [b"old"]


def test_a_partition_added_while_running_is_read_from_its_beginning(feed: KafkaFeed, cluster: FakeCluster) -> None:
    """What was written to it before this member heard of it is new all the same."""
    feed.start_at = "end"
    source = feed.source()
    source.open()
    poll(source)
    cluster.logs[P1] = []
    cluster.write(b"early", partition=P1)
    cluster.consumer.rebalance({P0, P1})
    assert payloads(poll(source)) == [b"early"]


def test_without_any_of_its_topics_it_says_which_and_waits(source: KafkaSource, cluster: FakeCluster) -> None:
    cluster.logs = {}
    with pytest.raises(RetryableError, match="has no topic log; create it"):
        source.open()
    assert cluster.consumer.closed_with is not None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.KafkaTimeoutError("no answer"), RetryableError),
        (errors.SaslAuthenticationFailedError("wrong password"), StopError),
        (errors.GroupAuthorizationFailedError("weirlog"), StopError),
        (OSError("name unknown"), RetryableError),
    ],
)
def test_an_absent_broker_is_waited_for_and_a_refusal_stops(
    source: KafkaSource, cluster: FakeCluster, error: Exception, expected: type[Exception]
) -> None:
    cluster.failing["connect"] = error
    with pytest.raises(expected, match="broker:9092.*check"):
        source.open()


# --- records ---


def test_a_message_without_value_is_no_record_and_is_passed_over(source: KafkaSource, cluster: FakeCluster) -> None:
    cluster.write(b"one", None, b"two", None)
    source.open()
    one, two = poll(source)
    settle_all([two.receipt])
    source.commit()
    assert cluster.committed == {P0: 0}
    settle_all([one.receipt])
    source.commit()
    assert cluster.committed == {P0: 4}


def test_a_topic_made_anew_is_read_from_its_beginning(source: KafkaSource, cluster: FakeCluster) -> None:
    cluster.write(b"one", b"two", b"three")
    source.open()
    stale = poll(source)
    cluster.logs[P0] = []
    cluster.write(b"first")
    records = poll(source)
    assert payloads(records) == [b"first"]
    settle_all(record.receipt for record in [*stale, *records])
    source.commit()
    assert cluster.committed == {P0: 1}


# --- rebalances ---


def test_what_is_in_flight_for_a_partition_that_came_straight_back_comes_again_and_counts_once(
    source: KafkaSource, cluster: FakeCluster
) -> None:
    cluster.write(b"one", b"two", b"three")
    source.open()
    before = poll(source)
    settle_all([before[0].receipt])
    cluster.consumer.rebalance({P0})
    again = poll(source)
    assert payloads(again) == [b"two", b"three"], "what was settled, though not committed, is not read again"
    assert source.in_flight == 2
    settle_all(record.receipt for record in before[1:])
    source.commit()
    assert cluster.committed[P0] == 1, "a receipt from before the rebalance settles nothing"
    settle_all(record.receipt for record in again)
    source.commit()
    assert cluster.committed[P0] == 3


def test_a_partition_that_was_taken_away_is_forgotten_and_the_others_go_on(feed: KafkaFeed) -> None:
    cluster = feed.cluster
    cluster.logs[P1] = []
    cluster.committed[P1] = 0
    source = feed.source()
    source.open()
    cluster.write(b"zero")
    cluster.write(b"one", partition=P1)
    records = {record.partition.key: record for record in poll(source)}
    cluster.consumer.rebalance({P1})
    again = poll(source)
    assert payloads(again) == [b"one"]
    settle_all([records["0"].receipt, again[0].receipt])
    source.commit()
    assert cluster.committed == {P0: 0, P1: 1}


def test_where_another_member_has_committed_further_reading_goes_on_from_there(
    source: KafkaSource, cluster: FakeCluster
) -> None:
    cluster.write(b"one", b"two", b"three")
    source.open()
    poll(source)
    cluster.committed[P0] = 2
    cluster.consumer.rebalance({P0})
    assert payloads(poll(source)) == [b"three"]


def test_a_pause_outlasts_a_rebalance(source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    poll(source)
    source.pause()
    cluster.consumer.rebalance(set())
    cluster.consumer.rebalance({P0})
    cluster.write(b"one")
    assert poll(source) == []
    assert cluster.consumer.paused == {P0}
    source.resume()
    assert payloads(poll(source)) == [b"one"]


def test_nothing_is_asked_or_committed_while_the_group_is_being_divided(
    source: KafkaSource, cluster: FakeCluster
) -> None:
    """The coordinator would not answer before that is over."""
    cluster.write(b"one")
    source.open()
    records = poll(source)
    cluster.consumer.revoke()
    settle_all(record.receipt for record in records)
    cluster.failing = {"committed": AssertionError("asked"), "commit": AssertionError("committed")}
    assert poll(source) == []
    source.commit()
    assert cluster.committed == {P0: 0}


def test_one_poll_in_passing_goes_on_until_the_group_is_divided(source: KafkaSource, cluster: FakeCluster) -> None:
    """What came about between two polls, kafka-python 3.0 throws away."""
    cluster.write(b"one")
    source.open()
    assert payloads(poll(source)) == [b"one"]
    cluster.consumer.revoke()
    cluster.consumer.next_assignment, cluster.consumer.polls_before = {P0}, 20
    assert list(source.poll(0.0)) == []
    assert cluster.consumer.next_assignment is None
    assert payloads(poll(source)) == [b"one"]


def test_a_place_that_cannot_be_found_out_is_asked_for_again_and_nothing_is_skipped(
    feed: KafkaFeed, source: KafkaSource, cluster: FakeCluster
) -> None:
    cluster.write(b"one")
    cluster.failing["committed"] = errors.KafkaTimeoutError("no answer")
    source.open()
    with pytest.raises(RetryableError, match=r"resume in log\[0\]"):
        source.poll(0.0)
    assert poll(source) == []
    del cluster.failing["committed"]
    feed.clock.advance(PLACE_INTERVAL_S)
    assert payloads(poll(source)) == [b"one"]


# --- commits ---


@pytest.mark.parametrize(
    "error", [errors.CommitFailedError, errors.IllegalGenerationError, errors.UnknownMemberIdError]
)
def test_a_commit_refused_to_a_member_that_was_left_behind_is_a_rebalance_and_loses_nothing(
    source: KafkaSource, cluster: FakeCluster, error: type[Exception]
) -> None:
    cluster.write(b"one", b"two")
    source.open()
    records = poll(source)
    settle_all([records[0].receipt])
    cluster.failing["commit"] = error()
    source.commit()
    del cluster.failing["commit"]
    again = poll(source)
    assert payloads(again) == [b"two"]
    settle_all([again[0].receipt])
    source.commit()
    assert cluster.committed == {P0: 2}


def test_a_commit_that_fails_is_tried_again(source: KafkaSource, cluster: FakeCluster) -> None:
    cluster.write(b"one")
    source.open()
    settle_all(record.receipt for record in poll(source))
    cluster.failing["commit"] = errors.KafkaTimeoutError("no answer")
    with pytest.raises(RetryableError, match="committing to group weirlog"):
        source.commit()
    del cluster.failing["commit"]
    source.commit()
    assert cluster.committed == {P0: 1}


def test_an_unchanged_watermark_costs_no_request(source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    poll(source)
    cluster.failing["commit"] = AssertionError("committed")
    source.commit()


# --- health ---


def test_the_lag_counts_what_is_not_read_yet(feed: KafkaFeed, source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    assert source.lag is None
    poll(source)
    source.pause()
    cluster.write(b"one", b"two")
    feed.clock.advance(LAG_INTERVAL_S)
    poll(source)
    assert source.lag == 2


def test_an_idle_source_learns_that_its_brokers_are_gone_and_recovers(
    feed: KafkaFeed, source: KafkaSource, cluster: FakeCluster
) -> None:
    source.open()
    poll(source)
    cluster.failing["end_offsets"] = errors.KafkaTimeoutError("no answer")
    feed.clock.advance(LAG_INTERVAL_S)
    with pytest.raises(RetryableError, match="broker:9092"):
        source.poll(0.0)
    cluster.write(b"one")
    assert payloads(poll(source)) == [b"one"], "brokers that still answer are read from"


def test_a_permission_that_was_withdrawn_stops(source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    cluster.failing["poll"] = errors.TopicAuthorizationFailedError({"log"})
    with pytest.raises(StopError, match="check user, password and permissions"):
        source.poll(0.0)


def test_a_broker_that_is_gone_does_not_hold_up_closing(source: KafkaSource, cluster: FakeCluster) -> None:
    source.open()
    cluster.failing["close"] = errors.KafkaTimeoutError("no answer")
    source.close()
    assert source.in_flight == 0
