"""The command line as scripts use it: output, order, exit status."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import weirlog
from integration.daemon import WEIRLOG, write_config
from requests_by_hand import ATTACKS, BENIGN, hapi_line

from weirlog.models.artifact import load
from weirlog.models.calibration import Calibration

LINES = [hapi_line(BENIGN[0]), hapi_line(ATTACKS[0]), "not json", '{"half": ', "[1,2]", "", hapi_line(BENIGN[1])]
VERDICTS = ["benign", "attack", *["unparsable"] * 4, "benign"]


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_score_writes_one_object_a_line_in_order_and_a_summary_beside(log: Path) -> None:
    ended = weirlog("score", str(log))
    assert ended.returncode == 0, ended.stderr
    found = rows(ended.stdout)
    assert [row["n"] for row in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["verdict"] for row in found] == VERDICTS
    assert all((row["score"] is None) == (row["error"] is not None) for row in found)
    assert found[1]["kind"] == "sqli"
    assert "7 lines: 1 attacks, 2 benign, 4 unparsable" in ended.stderr


def test_score_gives_the_same_for_gzip_and_standard_input(log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    plain = weirlog("score", str(log)).stdout
    assert weirlog("score", str(packed)).stdout == plain
    assert weirlog("score", "-", stdin=log.read_text()).stdout == plain


def test_score_full_shows_the_redacted_request_and_what_drove_the_score(log: Path) -> None:
    login = hapi_line(("post", "/login", {}, {"user": ATTACKS[0][2]["sort"], "password": "hunter2"}))
    (row,) = rows(weirlog("score", "-", "--full", stdin=login + "\n").stdout)
    assert row["explanation"]["field"] == "body.user"
    assert row["request"]["body"]["password"] == "[redacted]"
    assert "hunter2" not in json.dumps(row)


def test_a_threshold_can_be_given(log: Path) -> None:
    assert [row["verdict"] for row in rows(weirlog("score", str(log), "--threshold", "0").stdout)].count("attack") == 3


def test_an_input_that_cannot_be_read_is_named_and_the_others_are_scored(log: Path, tmp_path: Path) -> None:
    ended = weirlog("score", str(tmp_path / "none.log"), str(log))
    assert ended.returncode == 1
    assert "none.log: No such file or directory" in ended.stderr
    assert [row["input"] for row in rows(ended.stdout)] == [str(log)] * len(LINES)


def test_explain_shows_format_verdict_and_the_marked_part() -> None:
    line = '192.0.2.7 - - [21/Nov/2026:08:00:00 +0000] "GET /?q=1%27%20union%20select%20pass%20from%20users HTTP/1.1" 200 1 "-" "-"'
    ended = weirlog("explain", line)
    assert ended.returncode == 0, ended.stderr
    assert "combined" in ended.stdout
    assert "attack (sqli)" in ended.stdout
    assert "»" in ended.stdout
    assert "query.q" in ended.stdout


def test_explain_lets_no_control_character_through() -> None:
    line = json.dumps({"method": "get", "path": "/\x1b]0;owned\x07\x9b2J", "query": {"q\x1b[31m": "' or 1=1 --\u202e"}})
    ended = weirlog("explain", line)
    assert ended.returncode == 0, ended.stderr
    assert not set("\x1b\x07\x9b\u202e") & set(ended.stdout)


def test_a_line_of_no_format_is_bad_usage_with_its_reason() -> None:
    ended = weirlog("explain", "hello")
    assert ended.returncode == 2
    assert ended.stderr.startswith("weirlog: ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["score", "--format", "nonsense", "-"], "nonsense"),
        (["score", "--model", "/no/such/model", "-"], "/no/such/model"),
        (["score", "--engine", "abacus", "-"], "abacus"),
        (["train", "x.csv", "--preset", "nonsense"], "nonsense"),
        (["train", "/no/such.csv", "--preset", "lstm", "--out", "/tmp/never"], "/no/such.csv"),
        (["evaluate", "/no/such.csv"], "/no/such.csv"),
        (["alerts", "list", "--state-dir", "/no/such"], "/no/such"),
        (["check-config", "/no/such.yaml"], "/no/such.yaml"),
        (["run", "--config", "/no/such.yaml"], "/no/such.yaml"),
    ],
)
def test_bad_usage_names_what_is_wrong_without_a_traceback(arguments: list[str], reason: str) -> None:
    ended = weirlog(*arguments)
    assert ended.returncode in {1, 2}
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


def test_check_config_prints_what_would_run_and_refuses_unknown_keys(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"{{type: file, paths: ['{tmp_path}/a.log'], start_at: end}}", port=9464)
    assert weirlog("check-config", str(config)).returncode == 0
    config.write_text(config.read_text().replace("start_at", "strat_at"))
    ended = weirlog("check-config", str(config))
    assert ended.returncode == 2
    assert "sources[0].strat_at" in ended.stderr
    assert "start_at" in ended.stderr


def test_the_schema_of_the_configuration_is_json() -> None:
    assert json.loads(weirlog("check-config", "--schema").stdout)["title"] == "weirlog configuration"


def test_presets_have_the_published_parameter_counts() -> None:
    presets = {row["name"]: row["parameters"] for row in json.loads(weirlog("models", "presets", "--json").stdout)}
    assert presets["lstm"] == 26_913
    assert presets["words-lstm"] == 1_411_713


def test_the_bundled_model_is_listed_shown_and_intact() -> None:
    assert "default" in weirlog("models", "list").stdout
    assert json.loads(weirlog("models", "show", "default", "--json").stdout)["text"] == "detection-1"
    assert "intact" in weirlog("models", "verify", "default").stdout


def test_show_tells_a_models_false_positive_rates_by_a_few_thresholds(tmp_path: Path) -> None:
    table = Calibration({"site": 10**6}, (-9.0, 0.0), (1.0, 0.1), scale=0.2, shape=0.0)
    load("default").calibrated(table).save(tmp_path / "model")
    shown = json.loads(weirlog("models", "show", str(tmp_path / "model")).stdout)["metrics"]["calibration"]
    assert shown["requests"] == {"site": 10**6}
    assert shown["thresholds"]["fp-rate:0.001"] == pytest.approx(table.threshold_for(1e-3).threshold)
    whole = json.loads(weirlog("models", "show", str(tmp_path / "model"), "--json").stdout)["metrics"]["calibration"]
    assert whole["logits"] == [-9.0, 0.0]


def test_send_test_reports_each_sink(tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        f"{{type: file, paths: ['{tmp_path}/a.log']}}",
        port=9464,
        sinks="{type: webhook, url: 'http://127.0.0.1:9/nobody'}",
    )
    ended = weirlog("send-test", "--config", str(config))
    assert ended.returncode == 1
    assert "file-0: delivered test alert" in ended.stdout
    assert "webhook-1: failed" in ended.stdout
    (alert,) = rows((tmp_path / "alerts.jsonl").read_text())
    assert alert["kind"] == "test"


def test_whoever_closes_our_output_early_is_not_bothered_with_a_traceback(log: Path) -> None:
    log.write_text((LINES[0] + "\n") * 20_000)
    script = f"{WEIRLOG} score {log} | head -n 1"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert json.loads(ended.stdout)["n"] == 1
    assert "Traceback" not in ended.stderr


def test_the_module_runs_as_the_command_does() -> None:
    ended = subprocess.run(
        [sys.executable, "-Im", "weirlog.daemon.cli", "--version"], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.startswith("weirlog 0.")
