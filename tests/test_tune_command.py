"""`weirlog tune` as a person runs it, and the rates that other commands take."""

from __future__ import annotations

import json
import math
from itertools import count
from pathlib import Path

import pytest
from commands import weirlog
from configurations import LEAST
from requests_by_hand import ATTACKS, BENIGN, hapi_line

from weirlog.daemon.tuning import read_tuning
from weirlog.models.artifact import load
from weirlog.models.calibration import Calibration


@pytest.fixture
def site_log(tmp_path: Path) -> Path:
    """Two hours of ordinary requests with one client's attacks in them."""
    number = count()
    path = tmp_path / "site.log"
    lines = []
    for place in range(720):
        request = ATTACKS[7] if place % 100 == 50 else BENIGN[place % len(BENIGN)]
        line = json.loads(hapi_line(request, client=f"10.0.0.{place % 100}"))
        lines.append(json.dumps({**line, "timestamp": 1_700_000_000_000 + 10_000 * next(number)}))
    path.write_text("\n".join(lines) + "\nno request\n")
    return path


def test_tune_reports_writes_and_check_config_tells(tmp_path: Path, site_log: Path) -> None:
    out = tmp_path / "tuning.yaml"
    ended = weirlog("tune", "--log", str(site_log), "--alerts-per-day", "20", "--out", str(out), "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["log"]["requests"], told["log"]["unparsable"]) == (720, 1)
    assert told["log"]["requests_per_day"] == pytest.approx(8652, rel=0.01)
    assert (told["present"]["alerts"], told["proposed"]["known_benign"]) == (7, [])
    (looked_at,) = told["not_learnt"]
    assert (looked_at["path"], looked_at["field"], looked_at["alerts"]) == ("/download", "query.file", 7)
    assert read_tuning(out).tuning.threshold == pytest.approx(told["proposed"]["threshold"])
    config = tmp_path / "weirlog.yaml"
    config.write_text(LEAST + "model: {tuning: tuning.yaml}\n")
    checked = weirlog("check-config", str(config))
    assert checked.returncode == 0, checked.stderr
    assert "0 patterns known to be benign" in checked.stdout


def test_tune_shows_a_person_what_to_look_at_and_lets_no_control_character_through(site_log: Path) -> None:
    hostile = json.loads(hapi_line(("get", "/\x1b]0;x\x07", {"q\x9b": ATTACKS[0][2]["sort"]}, None)))
    with site_log.open("a") as log:
        log.write(json.dumps(hostile) + "\n")
    ended = weirlog("tune", "--log", str(site_log), "--alerts-per-day", "20")
    assert ended.returncode == 0, ended.stderr
    assert "Not learnt: look at these" in ended.stdout
    assert "get /download, query.file" in ended.stdout
    assert not set("\x1b\x07\x9b") & set(ended.stdout)


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (["tune", "--log", "-", "--alerts-per-day", "20"], "", "no line of the log is a request"),
        (["tune", "--log", "-", "--alerts-per-day", "20"], hapi_line(BENIGN[0]), "--per-day"),
        (["tune", "--log", "/no/such.log", "--alerts-per-day", "20"], "", "/no/such.log"),
        (["tune", "--log", "-", "--alerts-per-day", "0"], "", "alerts-per-day"),
        (
            ["tune", "--log", "-", "--alerts-per-day", "2", "--per-day", "9", "--accept", "ab"],
            hapi_line(BENIGN[0]),
            "ab",
        ),
        (["score", "-", "--threshold", "alerts-per-day:20"], "", "alerts-per-day:20@REQUESTS"),
        (["score", "-", "--threshold", "fp-rate:0"], "", "fp-rate:1e-5"),
        (["explain", hapi_line(BENIGN[0]), "--threshold", "alerts-per-day:20"], "", "alerts-per-day:20@REQUESTS"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_remedy(arguments: list[str], stdin: str, reason: str) -> None:
    ended = weirlog(*arguments, stdin=stdin)
    assert ended.returncode in {1, 2}
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, with rates that are easy to reckon with: a tenth for each logit from 0 on."""
    table = Calibration({"x": 10**6}, (-17.0, 0.0), (1.0, 0.1), scale=1.0 / math.log(10.0), shape=0.0)
    path = tmp_path_factory.mktemp("calibrated") / "model"
    load("default").calibrated(table).save(path)
    return path


def test_score_and_explain_take_a_rate(calibrated: Path) -> None:
    line = hapi_line(BENIGN[0])
    ended = weirlog("explain", line, "--model", str(calibrated), "--threshold", "fp-rate:1e-3")
    assert f"threshold {1 / (1 + math.exp(-2)):.6f}" in ended.stdout, ended.stderr
    ended = weirlog("score", "-", "--model", str(calibrated), "--threshold", "alerts-per-day:10@1e4", stdin=line)
    assert ended.returncode == 0, ended.stderr
    ended = weirlog("score", "-", "--threshold", "fp-rate:1e-3", "--model", str(calibrated / "none"), stdin=line)
    assert ended.returncode == 2


def test_score_reads_the_volume_from_the_log_itself(calibrated: Path, site_log: Path) -> None:
    """Some 8,640 requests a day: 8.64 alerts are one in a thousand."""
    for alerts, found in (("8.64", 7), ("8639", 720)):
        ended = weirlog("score", str(site_log), "--model", str(calibrated), "--threshold", f"alerts-per-day:{alerts}")
        assert f"721 lines: {found} attacks" in ended.stderr
