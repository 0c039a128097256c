"""The file sink: one line an alert, durable, whoever rotates the file and whatever the disk does."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from alerts_by_hand import an_alert, some_alerts
from contracts.sink import Receiver, SinkContract

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.sinks.file import LAST_BYTES, FileSink


class AlertFile(Receiver):
    def __init__(self, path: Path) -> None:
        self.path = path
        self._away = path.with_name("away")

    def sink(self) -> FileSink:
        return FileSink("file-0", self.path)

    def bodies(self) -> list[bytes]:
        return self.path.read_bytes().splitlines() if self.path.exists() else []

    def fail(self) -> None:
        """A directory in the file's place cannot be written by anyone, not even by root."""
        if self.path.exists():
            self.path.rename(self._away)
        self.path.mkdir()

    def recover(self) -> None:
        self.path.rmdir()
        if self._away.exists():
            self._away.rename(self.path)


@pytest.fixture
def receiver(tmp_path: Path) -> AlertFile:
    return AlertFile(tmp_path / "alerts.jsonl")


class TestContract(SinkContract):
    """The file sink holds the contract."""


def test_the_file_is_readable_by_owner_and_group_alone(receiver: AlertFile) -> None:
    mask = os.umask(0)
    try:
        receiver.sink().deliver([an_alert(1)])
    finally:
        os.umask(mask)
    assert stat.S_IMODE(receiver.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("remove", [False, True])
def test_a_file_that_was_rotated_away_is_made_anew(receiver: AlertFile, *, remove: bool) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(1)])
    old = receiver.path.with_suffix(".1")
    receiver.path.rename(old)
    if remove:
        old.unlink()
    sink.deliver([an_alert(2)])
    assert receiver.bodies() == [an_alert(2).body]
    assert remove or old.read_bytes() == an_alert(1).body + b"\n"


def test_a_file_that_another_has_replaced_is_found(receiver: AlertFile) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(1)])
    receiver.path.rename(receiver.path.with_suffix(".1"))
    receiver.path.touch()
    sink.deliver([an_alert(2)])
    assert receiver.bodies() == [an_alert(2).body]


def test_a_truncated_file_is_written_from_its_new_beginning(receiver: AlertFile) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(1)])
    os.truncate(receiver.path, 0)
    sink.deliver([an_alert(2)])
    assert receiver.path.read_bytes() == an_alert(2).body + b"\n"


@pytest.mark.parametrize("written", [1, 10, 70, len(an_alert(2).body)])
def test_an_alert_that_a_crash_tore_is_finished_where_it_stands(receiver: AlertFile, written: int) -> None:
    receiver.path.write_bytes(an_alert(1).body + b"\n" + an_alert(2).body[:written])
    receiver.sink().deliver(some_alerts(2, 3))
    assert receiver.bodies() == [alert.body for alert in (an_alert(1), *some_alerts(2, 3))]


@pytest.mark.parametrize("torn", [b"half a line", an_alert(2).body[:70], b"x" * LAST_BYTES * 2])
def test_a_torn_line_that_is_no_alerts_beginning_is_ended_before_the_next(receiver: AlertFile, torn: bytes) -> None:
    receiver.path.write_bytes(an_alert(1).body + b"\n" + torn)
    receiver.sink().deliver([an_alert(3)])
    assert receiver.bodies() == [an_alert(1).body, torn, an_alert(3).body]


def test_a_full_disk_is_retryable_and_leaves_no_half_batch(
    receiver: AlertFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(1)])
    write = os.write

    def writes_ten_bytes_then_is_full(descriptor: int, data: bytes) -> int:
        if len(data) > 2 * len(an_alert(1).body):
            return write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", writes_ten_bytes_then_is_full)
        alerts = [an_alert(2, size=200), an_alert(3, size=0)]
        with pytest.raises(RetryableError, match="No space left"):
            sink.deliver(alerts)
    assert receiver.bodies() == [an_alert(1).body]
    sink.deliver(alerts)
    assert receiver.bodies() == [alert.body for alert in [an_alert(1), *alerts]]


def test_a_failed_fsync_is_not_taken_for_durable(receiver: AlertFile, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(1)])

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(RetryableError, match="Input/output"):
            sink.deliver([an_alert(2)])
    assert receiver.bodies() == [an_alert(1).body]


def test_every_batch_is_synced_before_deliver_returns(receiver: AlertFile, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = receiver.sink()
    sink.deliver([an_alert(0)])
    synced: list[int] = []
    fsync = os.fsync

    def recording(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    sink.deliver(some_alerts(1, 2, 3))
    assert synced == [receiver.path.stat().st_size]


@pytest.mark.parametrize("kind", ["pipe", "missing directory"])
def test_a_place_that_cannot_hold_a_file_is_retryable_and_does_not_block(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "alerts" / "x" if kind == "missing directory" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(RetryableError, match=str(path)):
        FileSink("file-0", path).deliver([an_alert(1)])
