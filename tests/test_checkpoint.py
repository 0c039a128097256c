"""The checkpoint: whole at every moment, the last good one kept, never misread."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from children import child
from fakes import eventually

from weirlog.pipeline.errors import RetryableError, StopError
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.sources.checkpoint import MAX_MARKS, Checkpoint, Mark, State

MARK = Mark(17, "ab", 100, "/var/log/access.log", 5.0)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.json")
    assert checkpoint.load() == State([], [])
    checkpoint.save(State([MARK], ["/var/log/*.log"]))
    assert Checkpoint(tmp_path / "c.json").load() == State([MARK], ["/var/log/*.log"])


def test_a_full_disk_leaves_the_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "c.json")
    checkpoint.save(State([MARK], []))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RetryableError, match="c.json: No space left on device"):
            checkpoint.save(State([], []))
    assert checkpoint.load() == State([MARK], [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":1,"marks":[{"inode":"x"}],"patterns":[]}', b"\xff"])
def test_a_damaged_one_stops_the_start_and_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(StopError, match="c.json is no checkpoint .*restore it, or remove it"):
        Checkpoint(tmp_path / "c.json").load()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    """Whatever that version added: to call it damaged would tempt people to remove it."""
    (tmp_path / "c.json").write_bytes(b'{"version":4,"marks":[{"device":1}],"patterns":[],"added":{}}')
    with pytest.raises(StopError, match="has version 4, this release reads 3; upgrade weirlog"):
        Checkpoint(tmp_path / "c.json").load()


def test_the_first_version_is_read_and_what_it_had_let_go_is_not_looked_for(tmp_path: Path) -> None:
    """It stamped every followed file at each save; an older stamp is that of a file that had left."""
    (tmp_path / "c.json").write_bytes(
        b'{"version":1,"patterns":["/l"],"marks":['
        b'{"inode":1,"fingerprint":"ab","position":5,"path":"/l","seen":9.0},'
        b'{"inode":2,"fingerprint":"cd","position":6,"path":"/l","seen":8.0}]}'
    )
    followed, left = Checkpoint(tmp_path / "c.json").load().marks
    assert followed == Mark(1, "ab", 5, "/l", 9.0)
    assert left == Mark(2, "cd", 6, "/l", 8.0, ended=True)


def test_the_second_version_is_read_under_the_same_identities(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes(
        b'{"version":2,"patterns":["/l"],"gaps":[],"marks":[{"inode":1,"fingerprint":"ab","position":5,"path":"/l",'
        b'"seen":9.0,"origin":7,"before":"cd","ended":true,"packed_bytes":0}]}'
    )
    (mark,) = Checkpoint(tmp_path / "c.json").load().marks
    assert mark == Mark(1, "ab", 5, "/l", 9.0, origin=7, before="cd", ended=True)
    assert mark.key == "7:ab"


def test_a_gap_that_was_not_told_yet_is_kept(tmp_path: Path) -> None:
    gap = Gap("file-0", "/var/log/access.log", "17:ab", 100, 7, "truncated")
    Checkpoint(tmp_path / "c.json").save(State([MARK], [], [gap]))
    assert Checkpoint(tmp_path / "c.json").load().gaps == [gap]


def test_the_files_seen_longest_ago_are_forgotten_first(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.json")
    checkpoint.save(State([Mark(n, "ab", 1, "p", float(n)) for n in range(MAX_MARKS + 10)], []))
    kept = {mark.inode for mark in checkpoint.load().marks}
    assert kept == set(range(10, MAX_MARKS + 10))


def test_killed_at_any_moment_it_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    script = (
        "import itertools, sys\n"
        "from pathlib import Path\n"
        "from weirlog.pipeline.sources.checkpoint import Checkpoint, Mark, State\n"
        "checkpoint = Checkpoint(Path(sys.argv[1]))\n"
        "for n in itertools.count():\n"
        "    checkpoint.save(State([Mark(i, 'ab', n, 'p' * 50, 1.0) for i in range(200)], []))\n"
    )
    random_ = random.Random(7)
    for _ in range(8):
        before = path.stat().st_mtime_ns if path.exists() else 0
        with child([sys.executable, "-c", script, str(path)]) as process:
            assert eventually(lambda before=before: path.exists() and path.stat().st_mtime_ns != before)
            for _ in range(random_.randrange(2_000)):
                pass  # a moment that nobody can foresee
            process.send_signal(signal.SIGKILL)
        marks = Checkpoint(path).load().marks
        assert len(marks) == 200
        assert len({mark.position for mark in marks}) == 1, "one generation, not a mixture"


def test_loading_leaves_msgspec_nothing_to_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns a type at its first use, and crashes the process if two sources' threads make it do so at once."""
    checkpoint = Checkpoint(tmp_path / "c.json")
    checkpoint.save(State([MARK], []))

    def learn(*_arguments: object, **_named: object) -> None:
        raise AssertionError("a type is learnt in a source's thread")

    monkeypatch.setattr(msgspec.json, "decode", learn)
    monkeypatch.setattr(msgspec.json, "Decoder", learn)
    assert checkpoint.load() == State([MARK], [])
