import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from children import child
from fakes import eventually

from weirlog.models.artifact import load
from weirlog.models.dataset import Row
from weirlog.models.epochs import Epoch, State
from weirlog.models.errors import ArtifactError
from weirlog.models.fitting import Settings
from weirlog.models.network import Lstm
from weirlog.models.presets import PRESETS
from weirlog.models.request import Request
from weirlog.models.resuming import STATE, Checkpoint
from weirlog.models.training import train

STATE_OF_TWO = State(
    (Epoch(1, 0.6, 0.8, 0.5, 0.7, 1.0), Epoch(2, 0.5, 0.9, 0.6, 0.6, 1.0)),
    {"verdict.bias": np.array([1.5], np.float32)},
    (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7, 8], np.int64)),
    (np.array(12), *(np.full(3, number, np.float32) for number in range(12))),
)
FINGERPRINT = {"settings": {"seed": 1, "rates": (0.5, 0.1)}, "data": {"sha256": "ab"}}


def equal(left, right):
    return all(
        one.shape == two.shape and one.dtype == two.dtype and (one == two).all()
        for one, two in zip(left, right, strict=True)
    )


def test_a_state_is_given_back_as_it_was(tmp_path):
    Checkpoint(tmp_path / "m.partial", FINGERPRINT, resume=False).save(STATE_OF_TWO)
    state = Checkpoint(tmp_path / "m.partial", FINGERPRINT, resume=True).load()
    assert state.history == STATE_OF_TWO.history
    assert state.best == STATE_OF_TWO.best
    assert equal(state.variables, STATE_OF_TWO.variables)
    assert equal(state.optimizer, STATE_OF_TWO.optimizer)


def test_a_new_state_replaces_the_last_one_and_leaves_nothing_beside_it(tmp_path):
    checkpoint = Checkpoint(tmp_path, FINGERPRINT, resume=True)
    checkpoint.save(replace(STATE_OF_TWO, history=STATE_OF_TWO.history[:1]))
    checkpoint.save(STATE_OF_TWO)
    assert len(checkpoint.load().history) == 2
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_a_write_that_was_cut_short_leaves_the_last_state(tmp_path):
    checkpoint = Checkpoint(tmp_path, FINGERPRINT, resume=True)
    checkpoint.save(STATE_OF_TWO)
    (tmp_path / f"{STATE}.new").write_bytes(b"half")
    assert checkpoint.load().history == STATE_OF_TWO.history


def test_without_a_state_training_begins_with_the_first_epoch(tmp_path):
    assert Checkpoint(tmp_path / "none", FINGERPRINT, resume=True).load() is None


def test_a_state_is_not_overwritten_by_a_training_that_does_not_resume_it(tmp_path):
    Checkpoint(tmp_path, FINGERPRINT, resume=False).save(STATE_OF_TWO)
    with pytest.raises(ArtifactError, match="holds an interrupted training: resume it, or remove"):
        Checkpoint(tmp_path, FINGERPRINT, resume=False).load()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({**FINGERPRINT, "data": {"sha256": "cd"}}, 'data.sha256 was "ab", is "cd"'),
        ({**FINGERPRINT, "settings": {"seed": 2, "rates": (0.5, 0.1)}}, "settings.seed was 1, is 2"),
    ],
)
def test_other_data_and_other_settings_are_refused_by_name(tmp_path, changed, told):
    Checkpoint(tmp_path, FINGERPRINT, resume=True).save(STATE_OF_TWO)
    with pytest.raises(ArtifactError) as caught:
        Checkpoint(tmp_path, changed, resume=True).load()
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x10\0\0\0\0\0\0\0{}              "])
def test_a_damaged_state_is_refused_with_the_remedy(tmp_path, content):
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(ArtifactError, match="remove .* and begin anew"):
        Checkpoint(tmp_path, FINGERPRINT, resume=True).load()


SMALL = replace(
    PRESETS["lstm"],
    network=msgspec.structs.replace(PRESETS["lstm"].network, recurrent=(Lstm(6, dropout=0.5, recurrent_dropout=0.5),)),
    epochs=3,
    batch_size=16,
)


def rows():
    for number in range(160):
        text = "' or 1=1 --" if number % 3 == 0 else "blue shoes"
        query = {"q": text, "page": str(number % 7) * (number % 40)}
        yield Row(Request({"method": "get", "query": query, "path": "/search"}), int(number % 3 == 0))


class KilledAfter:
    """Ends the process as a power cut would, once so many epochs are done."""

    def __init__(self, epochs):
        self.epochs = epochs

    def step(self, **values):
        pass

    def epoch(self, outcome):
        if outcome.number == self.epochs:
            os.kill(os.getpid(), signal.SIGKILL)


def trained(folder, *, resume=False, progress=None, **settings):
    return train(
        rows(),
        SMALL,
        name="small",
        created="2026-01-01",
        settings=Settings(seed=5, warm_up=0.1, decay=True, **settings),
        progress=progress,
        partial=folder,
        resume=resume,
    )


@pytest.mark.tensorflow
def test_a_training_killed_after_an_epoch_and_resumed_gives_the_weights_of_an_unbroken_one(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from test_resume import KilledAfter, trained\n"
        f"trained(Path({str(tmp_path / 'broken')!r}), progress=KilledAfter(1))\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    resumed = trained(tmp_path / "broken", resume=True)
    unbroken = trained(tmp_path / "unbroken")
    assert [replace(epoch, seconds=0) for epoch in resumed.history] == [
        replace(epoch, seconds=0) for epoch in unbroken.history
    ]
    for name, weight in unbroken.artifact.weights.items():
        np.testing.assert_array_equal(resumed.artifact.weights[name], weight, err_msg=name)
    with pytest.raises(ArtifactError, match="settings.class_weights was false, is true"):
        trained(tmp_path / "broken", resume=True, class_weights=True)


@pytest.mark.tensorflow
def test_an_interrupted_command_says_how_to_go_on_and_then_goes_on(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    data = tmp_path / "a.jsonl"
    data.write_text(
        "".join(json.dumps({"request": dict(row.request.visible), "label": row.label}) + "\n" for row in rows())
    )
    out = tmp_path / "model"
    command = [sys.executable, "-Im", "weirlog.daemon.cli", "train", str(data), "--preset", "simple-rnn"]
    command += ["--out", str(out), "--epochs", "12", "--batch-size", "4", "--class-weights"]
    partial = tmp_path / "model.partial"
    with child(command, stderr=subprocess.PIPE, text=True) as running:
        assert eventually((partial / STATE).exists, 60)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "interrupted: give the same command with --resume" in told
    assert not out.exists()

    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert "model.partial holds an interrupted training: resume it, or remove" in again.stderr

    ended = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "epoch 1:" not in ended.stderr
    assert "epoch 12:" in ended.stderr
    assert load(out).training["epochs"] == 12
    assert not partial.exists()
