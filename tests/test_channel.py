"""The channel: bounded, in order, and closable from either side."""

from __future__ import annotations

import threading

import pytest

from weirlog.pipeline.channel import Channel, ChannelClosed


def test_chunks_come_out_in_order_and_whole() -> None:
    channel: Channel[int] = Channel(10)
    channel.put([1, 2, 3], 0)
    channel.put([4], 0)
    assert [channel.take(0), channel.take(0), channel.take(0)] == [[1, 2, 3], [4], ()]


def test_a_full_channel_lets_nothing_in_until_something_is_taken() -> None:
    channel: Channel[int] = Channel(3)
    assert channel.put([1, 2], 0)
    assert channel.put([3, 4], 0), "a chunk may overshoot once"
    assert not channel.put([5], 0.01)
    assert len(channel) == 4
    channel.take(0)
    assert channel.put([5], 0)


def test_a_waiting_producer_goes_on_as_soon_as_there_is_room() -> None:
    channel: Channel[int] = Channel(1)
    channel.put([1], 0)
    outcome: list[bool] = []
    producer = threading.Thread(target=lambda: outcome.append(channel.put([2], 30)))
    producer.start()
    assert channel.take(1) == [1]
    producer.join(10)
    assert outcome == [True]
    assert channel.take(0) == [2]


def test_after_closing_what_is_inside_still_comes_out_and_then_the_end() -> None:
    channel: Channel[int] = Channel(5)
    channel.put([1], 0)
    channel.close()
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put([2], 0)
    assert channel.take(0) == [1]
    with pytest.raises(ChannelClosed):
        channel.take(0)


def test_closing_wakes_whoever_waits() -> None:
    full: Channel[int] = Channel(1)
    full.put([1], 0)
    empty: Channel[int] = Channel(1)
    ended: list[str] = []

    def wait(name: str, act: object) -> None:
        with pytest.raises(ChannelClosed):
            act()  # type: ignore[operator]
        ended.append(name)

    threads = [
        threading.Thread(target=wait, args=("put", lambda: full.put([2], 30))),
        threading.Thread(target=wait, args=("take", lambda: empty.take(30))),
    ]
    for thread in threads:
        thread.start()
    full.close()
    empty.close()
    for thread in threads:
        thread.join(10)
    assert sorted(ended) == ["put", "take"]


def test_a_channel_holds_at_least_one_item() -> None:
    with pytest.raises(ValueError, match="capacity is 0"):
        Channel(0)
