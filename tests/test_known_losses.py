"""Cases in which other tailers are known to lose lines, each with the whole daemon."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import FakeClock, RecordingMetrics, eventually
from servers import missing, require_program
from soak.lives import line
from soak.running import Running

from weirlog.daemon.exit_status import INCOMPLETE
from weirlog.pipeline.ledger import settle_all
from weirlog.pipeline.sources.checkpoint import Checkpoint
from weirlog.pipeline.sources.file import FileSource
from weirlog.pipeline.sources.tail import TailLimits


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts a daemon over what an earlier one left; kills those that still run in the end."""
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(tmp_path))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def resize(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Makes the state directory a file system of 1 MiB, and gives it another size when called."""
    mount, umount = require_program("mount"), require_program("umount")
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)], capture_output=True)
    if mounted.returncode != 0:
        missing("the right to mount a file system of 1 MiB")

    def resize(size: str) -> None:
        subprocess.run([mount, "-o", f"remount,size={size}", str(state)], check=True)

    yield resize
    subprocess.run([umount, str(state)], check=True)


def test_a_file_of_60_bytes_is_alerted_within_a_second(start: Callable[[], Running]) -> None:
    """Shorter than what a fingerprint may cover, and nothing comes after it."""
    running = start()
    attack = b'{"method":"get","path":"/attack/1","query":{}}\n'
    assert len(attack) < 60
    began = time.monotonic()
    running.log.write_bytes(attack)
    assert eventually(lambda: running.has_alerted(1))
    assert time.monotonic() - began < 1.0
    assert running.stop() == 0


def test_a_directory_removed_and_made_again_is_read_again(start: Callable[[], Running]) -> None:
    running = start()
    running.log.write_bytes(line(1, attack=True))
    assert eventually(lambda: running.has_alerted(1))
    shutil.rmtree(running.log.parent)
    running.log.parent.mkdir()
    running.log.write_bytes(line(2, attack=True))
    assert eventually(lambda: running.has_alerted(2))
    assert running.stop() == 0


class Followed:
    """A log and a source in this process, with a clock that stands still but for polls."""

    def __init__(self, folder: Path, limits: TailLimits | None = None) -> None:
        self.log = folder / "access.log"
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.source = FileSource(
            "file-0",
            [str(self.log)],
            start_at="beginning",
            checkpoint=Checkpoint(folder / "checkpoint"),
            clock=self.clock,
            metrics=self.metrics,
            limits=limits,
        )

    def read(self, timeout_s: float = 0.0) -> list[bytes]:
        """Return the payloads of one poll, settled."""
        records = self.source.poll(timeout_s)
        settle_all(record.receipt for record in records)
        return [record.payload for record in records]

    @property
    def bytes_told_lost(self) -> float:
        return self.metrics.counters["bytes_possibly_lost_total", "source=file-0"]


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    followed = Followed(tmp_path, TailLimits(read_bytes=64, chunk_records=1))
    yield followed
    followed.source.close()


def test_an_offset_behind_the_end_of_a_reused_inode_is_given_up(followed: Followed) -> None:
    """Even if the first line is the same, as in logs that begin with a header: the size tells."""
    followed.log.write_bytes(b"#header\none\ntwo\n")
    followed.source.open()
    assert [followed.read(), followed.read(), followed.read()] == [[b"#header"], [b"one"], [b"two"]]
    followed.source.commit()
    followed.source.close()
    followed.log.write_bytes(b"#header\nnew\n")
    followed.source.open()
    assert [followed.read(), followed.read()] == [[b"#header"], [b"new"]]


def test_a_line_behind_an_empty_one_stays_a_line_when_its_file_is_let_go(followed: Followed) -> None:
    """The line is longer than one read, and the time of grace was over before it was its turn."""
    long = b"x" * 100
    followed.log.write_bytes(b"\n" + long + b"\nnext\n")
    followed.source.open()
    followed.source.pause()
    followed.log.unlink()
    followed.source.poll(60.0)
    followed.source.resume()
    assert [followed.read(), followed.read()] == [[long], [b"next"]]


def test_lines_cut_off_unread_are_told_though_the_file_has_grown_to_its_place_again(followed: Followed) -> None:
    followed.log.write_bytes(b"read1\nunread\n")
    followed.source.open()
    assert followed.read() == [b"read1"]
    followed.log.write_bytes(b"other\n")
    assert followed.read() + followed.read(60.0) == [b"other"]
    followed.source.commit()
    assert followed.bytes_told_lost >= len(b"unread\n")


@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed"])
def test_a_state_directory_that_fills_up_loses_no_alert(
    resize: Callable[[str], None], start: Callable[[], Running], *, killed: bool
) -> None:
    """It is told, detection waits, and goes on when there is room again, even over a SIGKILL."""
    running = start()
    written = 0
    while not running.has_told("alerts cannot be stored"):
        assert written < 2_000, "1 MiB takes so many?"
        with running.log.open("ab") as log:
            log.write(b"".join(line(number, attack=True) for number in range(written, written + 20)))
        written += 20
        assert eventually(
            lambda: running.has_alerted(*range(written)) or running.has_told("alerts cannot be stored")  # noqa: B023 - called here
        )
    assert not running.has_alerted(*range(written))
    if killed:
        running.kill()
    resize("16m")
    if killed:
        running = start()
    assert eventually(lambda: running.has_alerted(*range(written)), within_s=30), running.stderr
    assert running.stop() == 0
    assert running.alerts.ambiguous == {}
    assert killed or running.alerts.lines == written, "each alert once"


def test_stopped_on_a_full_disk_it_ends_at_once_and_the_next_start_goes_on(
    resize: Callable[[str], None], start: Callable[[], Running]
) -> None:
    running = start()
    written = 0
    while not running.has_told("alerts cannot be stored"):
        assert written < 8_000, "1 MiB takes so many?"
        with running.log.open("ab") as log:
            log.write(b"".join(line(number, attack=True) for number in range(written, written + 100)))
        written += 100
        # Not for long: when deliveries cannot be noted any more, no alert may come and the store may yet take some.
        eventually(lambda: running.has_alerted(*range(written)), within_s=0.5)  # noqa: B023 - called here
    began = time.monotonic()
    assert running.stop() == INCOMPLETE
    assert time.monotonic() - began < 10.0, "the grace is 25 s"
    (told,) = [line for line in running.stderr.splitlines() if "stopped before everything" in line]
    assert "the disk is full" in told
    assert '"records_left": {"file-0": ' in told
    resize("16m")
    running = start()
    assert eventually(lambda: running.has_alerted(*range(written)), within_s=30), running.stderr
    assert running.stop() == 0
    assert running.alerts.ambiguous == {}
