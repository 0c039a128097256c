"""The main job, end to end, in a process of its own: lines in, alerts out, exit 0."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fakes import eventually
from integration.daemon import WEIRLOG, Daemon, free_port, running
from requests_by_hand import ATTACKS, BENIGN, hapi_line

HOSTILE = "203.0.113.9"
GARBAGE = [
    "not json",
    '{"half": ',
    "[1, 2]",
    "",
    '{"no": "request"}',
    "[" * 100_000,
    "\x00\x00",
    '{"method": 7, "path": "/"}',
]


def source_of(folder: Path) -> str:
    return f"{{type: file, paths: ['{folder}/access*.log'], format: hapi, start_at: beginning}}"


def write(folder: Path, *lines: str, name: str = "access.log") -> None:
    with (folder / name).open("a") as log:
        log.writelines(line + "\n" for line in lines)


def scored(daemon: Daemon) -> float:
    return daemon.figure("weirlog_records_scored_total")


def dead_letters(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "state" / "outbox.db") as connection:
        return [reason for (reason,) in connection.execute("SELECT reason FROM dead_letters ORDER BY seq")]


def test_attacks_are_alerted_and_benign_requests_are_not(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        write(tmp_path, *(hapi_line(request) for request in BENIGN))
        write(tmp_path, *(hapi_line(request, client=HOSTILE) for request in ATTACKS))
        assert eventually(lambda: scored(daemon) == len(BENIGN) + len(ATTACKS)), daemon.stderr
        assert daemon.terminate() == 0, daemon.stderr
    clients = [alert["client"]["address"] for alert in daemon.alerts]
    assert clients.count(HOSTILE) >= 0.9 * len(ATTACKS)
    assert clients.count("192.0.2.7") == 0, [a["request"] for a in daemon.alerts if a["client"]["address"] != HOSTILE]


def test_garbage_goes_to_the_dead_letters_and_the_rest_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        for line in GARBAGE:
            write(tmp_path, line, hapi_line(BENIGN[0]))
        with (tmp_path / "access.log").open("ab") as log:
            log.write(b"\xff\xfe{\n" + b"x" * (10 << 20) + b"\n")
        write(tmp_path, hapi_line(ATTACKS[0]))
        assert eventually(lambda: len(daemon.alerts) == 1, within_s=20), daemon.stderr
        assert scored(daemon) == len(GARBAGE) + 1
        assert daemon.terminate() == 0
    reasons = dead_letters(tmp_path)
    # An empty line is no record; everything else that is no request has its reason.
    assert len(reasons) == len(GARBAGE) - 1 + 2
    assert all(reasons)
    assert any("longer than" in reason for reason in reasons)
    assert any("deep" in reason for reason in reasons)


def test_a_restart_repeats_nothing_and_misses_nothing(tmp_path: Path) -> None:
    write(tmp_path, hapi_line(ATTACKS[0]))
    with running(tmp_path, source_of(tmp_path)) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert daemon.terminate() == 0
    write(tmp_path, hapi_line(ATTACKS[1]))
    (tmp_path / "access.log").rename(tmp_path / "access-1.log")
    write(tmp_path, hapi_line(ATTACKS[4]))
    with running(tmp_path, source_of(tmp_path)) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 3), daemon.stderr
        assert daemon.terminate() == 0
    assert len({alert["id"] for alert in daemon.alerts}) == 3


def test_after_sigkill_every_attack_is_alerted_and_repeats_carry_the_same_id(tmp_path: Path) -> None:
    expected = 0
    for round_ in range(3):
        with running(tmp_path, source_of(tmp_path)) as daemon:
            write(tmp_path, *(hapi_line(ATTACKS[index]) for index in (0, 4, 7)))
            expected += 3
            enough = expected - 2
            assert eventually(lambda: len(daemon.alerts) >= enough, within_s=20), (round_, daemon.stderr)  # noqa: B023
            daemon.kill()
    with running(tmp_path, source_of(tmp_path)) as daemon:
        assert eventually(lambda: len({alert["id"] for alert in daemon.alerts}) == expected, within_s=20)
        assert daemon.terminate() == 0
    places = {(alert["source"]["partition"], alert["source"]["position"]): alert["id"] for alert in daemon.alerts}
    assert len(places) == expected, "one id for one place in the log"


def test_a_group_is_alerted_once_and_counted(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path), alerts="group_by: [client]") as daemon:
        write(tmp_path, *(hapi_line(ATTACKS[0], client=HOSTILE) for _ in range(20)))
        assert eventually(lambda: scored(daemon) == 20), daemon.stderr
        assert eventually(lambda: len(daemon.alerts) == 1)
        assert daemon.figure("weirlog_alerts_grouped_total") == 19
        assert daemon.terminate() == 0
    assert len(daemon.alerts) == 1


def test_metrics_and_health_answer_on_loopback(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        assert daemon.get("/healthz")[0] == 200
        status, metrics = daemon.get("/metrics")
        assert status == 200
        assert 'weirlog_source_up{source="file-0"} 1.0' in metrics


def test_a_webhook_that_fails_holds_nobody_up(tmp_path: Path) -> None:
    sinks = "{type: webhook, url: 'http://127.0.0.1:9/nobody'}"
    with running(tmp_path, source_of(tmp_path), sinks=sinks) as daemon:
        write(tmp_path, hapi_line(ATTACKS[0]))
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert eventually(lambda: daemon.figure("weirlog_delivery_failures_total") > 0)
        assert eventually(lambda: daemon.figure("weirlog_outbox_pending") == 1), (
            "the file sink may still note its delivery"
        )
        assert daemon.terminate() == 0, daemon.stderr


def test_a_changed_model_is_refused_before_anything_starts(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "shipped" / "default"
    model = tmp_path / "model"
    model.mkdir()
    for name in ("manifest.json", "weights.safetensors"):
        (model / name).write_bytes((shipped / name).read_bytes())
    weights = bytearray((model / "weights.safetensors").read_bytes())
    weights[-100] ^= 1
    (model / "weights.safetensors").write_bytes(weights)
    config = tmp_path / "weirlog.yaml"
    config.write_text(
        f"sources: [{source_of(tmp_path)}]\nsinks: [{{type: file, path: '{tmp_path}/alerts.jsonl'}}]\n"
        f"state_dir: '{tmp_path}/state'\nmodel: {{ref: '{model}'}}\nhttp: null\n"
    )
    ended = subprocess.run([WEIRLOG, "run", "--config", str(config)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "weights.safetensors" in ended.stderr


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        config = tmp_path / "weirlog.yaml"
        ended = subprocess.run([WEIRLOG, "run", "--config", str(config)], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1
        assert str(daemon.process.pid) in ended.stderr


def test_a_directory_without_permission_and_a_missing_file_are_told_and_waited_for(tmp_path: Path) -> None:
    missing = tmp_path / "later" / "access.log"
    source = f"{{type: file, paths: ['{missing}'], format: hapi}}"
    with running(tmp_path, source) as daemon:
        missing.parent.mkdir()
        missing.write_text(hapi_line(ATTACKS[0]) + "\n")
        assert eventually(lambda: len(daemon.alerts) == 1, within_s=20), daemon.stderr


def test_the_log_of_the_daemon_is_json_without_raw_control_characters(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        write(tmp_path, hapi_line(("get", "/\x1b[2J\x9b31m", {"q": ATTACKS[0][2]["sort"]}, None)))
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert daemon.terminate() == 0
    for line in daemon.stderr.splitlines():
        json.loads(line)
    assert not any(character in daemon.stderr for character in "\x1b\x9b")


def test_sighup_puts_a_new_threshold_to_work_and_keeps_the_old_when_the_file_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, source_of(tmp_path)) as daemon:
        config = tmp_path / "weirlog.yaml"
        good = config.read_text()
        config.write_text(good + "model: {threshold: 2}\n")
        daemon.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "the reload failed" in daemon.stderr), daemon.stderr
        write(tmp_path, hapi_line(BENIGN[0]))
        assert eventually(lambda: scored(daemon) == 1)
        assert daemon.alerts == []

        config.write_text(good + "model: {threshold: 0.00000001}\n")
        daemon.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: '"reloaded"' in daemon.stderr), daemon.stderr
        write(tmp_path, hapi_line(BENIGN[0]))
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert daemon.terminate() == 0


def test_a_second_signal_aborts_at_once(tmp_path: Path) -> None:
    """Whoever sends it does not want to wait; what was not settled is read again at the next start."""
    with running(tmp_path, source_of(tmp_path)) as daemon:
        write(tmp_path, *(hapi_line(BENIGN[0]) for _ in range(20_000)))
        assert eventually(lambda: scored(daemon) > 0)
        daemon.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: '"stopping"' in daemon.stderr)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(5) == 1


def test_a_dead_webhook_is_told_once_over_restarts_and_misses_nothing(tmp_path: Path) -> None:
    """Killed in the middle of the outage, and stopped once: one alert, one notice, one recovery, on every sink."""
    received: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            received.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    port = free_port()
    hook = f"{{type: webhook, name: hook, url: 'http://127.0.0.1:{port}/'}}"
    patience = "selfwatch: {failing_after: 1s}\n"
    with running(tmp_path, source_of(tmp_path), sinks=hook, more=patience) as daemon:
        write(tmp_path, hapi_line(ATTACKS[0]))
        assert eventually(lambda: len(daemon.alerts) == 2, within_s=20), daemon.stderr
        status, text = daemon.get("/readyz")
        assert (status, "sink hook has failed" in text) == (503, True)
        daemon.kill()
    with running(tmp_path, source_of(tmp_path), sinks=hook, more=patience, ready=False) as daemon:
        assert eventually(lambda: daemon.get("/readyz")[0] == 503 and "hook" in daemon.get("/readyz")[1], within_s=30)
        assert daemon.terminate() == 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with running(tmp_path, source_of(tmp_path), sinks=hook, more=patience) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 3 and len(received) == 3, within_s=20), daemon.stderr
        assert daemon.terminate() == 0
    server.shutdown()
    server.server_close()
    kinds = [alert["kind"] for alert in daemon.alerts]
    assert kinds[1:] == ["weirlog.sink-failing", "weirlog.recovered"]
    assert received == [alert["id"] for alert in daemon.alerts]


def test_a_truncated_log_is_told_as_a_gap(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with running(tmp_path, source_of(tmp_path)) as daemon:
        write(tmp_path, *(hapi_line(BENIGN[0]) for _ in range(3)))
        assert eventually(lambda: scored(daemon) == 3), daemon.stderr
        assert daemon.terminate() == 0
    write(tmp_path, *(hapi_line(BENIGN[0]) for _ in range(5)))
    unread = log.stat().st_size
    log.write_text("")
    with running(tmp_path, source_of(tmp_path)) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1, within_s=20), daemon.stderr
        assert daemon.terminate() == 0
    (notice,) = daemon.alerts
    assert notice["kind"] == "weirlog.gap"
    assert (notice["source"]["name"], notice["about"]) == (str(log), {"source": "file-0"})
    assert 0 <= notice["bytes_at_most"] < unread
    assert str(log) in notice["message"]
    with running(tmp_path, source_of(tmp_path)) as daemon:
        write(tmp_path, hapi_line(ATTACKS[0]))
        assert eventually(lambda: len(daemon.alerts) == 2), daemon.stderr
        assert daemon.terminate() == 0
    assert [alert["kind"] == "weirlog.gap" for alert in daemon.alerts] == [True, False], "told once"


def test_a_silent_source_is_told_and_stays_ready(tmp_path: Path) -> None:
    quiet = source_of(tmp_path).replace("}", ", silent_after: 1s}")
    with running(tmp_path, quiet) as daemon:
        assert eventually(lambda: len(daemon.alerts) == 1), daemon.stderr
        assert daemon.get("/readyz")[0] == 200
        write(tmp_path, hapi_line(BENIGN[0]))
        assert eventually(lambda: len(daemon.alerts) >= 2), daemon.stderr
        assert daemon.terminate() == 0
    assert [alert["kind"] for alert in daemon.alerts][:2] == ["weirlog.source-silent", "weirlog.recovered"]
