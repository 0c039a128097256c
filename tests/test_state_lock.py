"""The state lock: one daemon to a state directory, and a dead one holds nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from children import child

from weirlog.pipeline.errors import StopError
from weirlog.pipeline.state_lock import StateLock


def test_a_second_daemon_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with StateLock(tmp_path), pytest.raises(StopError, match=rf"in use by process {os.getpid()};"), StateLock(tmp_path):
        pass


def test_it_can_be_taken_again_after_it_was_let_go(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        pass
    with StateLock(tmp_path) as lock:
        assert lock.path.read_text() == f"{os.getpid()}\n"


def test_a_killed_daemon_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from weirlog.pipeline.state_lock import StateLock\n"
        "with StateLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StopError, match=f"process {process.pid};"), StateLock(tmp_path):
            pass
        process.kill()
    with StateLock(tmp_path):
        pass


def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with StateLock(tmp_path / "a" / "state"):
        assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) == 0o700


def test_a_place_that_is_no_directory_stops(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StopError, match="cannot be used"), StateLock(tmp_path / "file"):
        pass
