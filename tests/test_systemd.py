"""The service manager is told, and the unit is one that it takes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest
from fakes import FakeClock
from servers import require_program
from structlog.testing import capture_logs

from weirlog.daemon.systemd import Notifier

UNITS = Path(__file__).parents[1] / "systemd"


class Manager:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.address = address

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@weirlog-test-{os.getpid()}")
    yield manager
    manager.socket.close()


def test_each_state_is_a_datagram_as_sd_notify_describes(manager: Manager) -> None:
    clock = FakeClock(start_s=12.5)
    notifier = Notifier.from_environment(clock, {"NOTIFY_SOCKET": manager.address})
    notifier.ready()
    notifier.status("2 sources, 0 alerts waiting")
    notifier.reloading()
    notifier.stopping()
    assert manager.heard() == [
        "READY=1",
        "STATUS=2 sources, 0 alerts waiting",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1",
    ]


def test_a_status_cannot_say_anything_else(manager: Manager) -> None:
    Notifier(manager.address, None, FakeClock()).status("x\nREADY=1\x1b[m" + "y" * 10_000)
    (message,) = manager.heard()
    assert message.startswith(r"STATUS=x\x0aREADY=1\x1b[m")
    assert message.isprintable()
    assert len(message) < 300


def test_the_watchdog_is_fed_at_most_once_each_half_of_its_time(manager: Manager) -> None:
    clock = FakeClock()
    notifier = Notifier.from_environment(clock, {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "30000000"})
    for _ in range(124):  # 31 s of quarter seconds
        notifier.watchdog()
        clock.advance(0.25)
    assert manager.heard() == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    ("environ", "fed"),
    [
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "7"}, True),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"}, False),
        ({"WATCHDOG_USEC": "1000000"}, True),
        ({"WATCHDOG_USEC": "0"}, False),
        ({"WATCHDOG_USEC": "soon"}, False),
        ({"WATCHDOG_PID": "7"}, False),
    ],
)
def test_only_a_watchdog_of_this_process_is_fed(manager: Manager, environ: dict[str, str], fed: bool) -> None:
    notifier = Notifier.from_environment(FakeClock(), {"NOTIFY_SOCKET": manager.address, **environ}, pid=7)
    notifier.watchdog()
    assert manager.heard() == (["WATCHDOG=1"] if fed else [])


class Supervised:
    """What a Service asks of an assembly; gets on for as long as it is told to."""

    class _Pipeline:
        settled_in = True
        failure = None
        stuck = None
        ended = threading.Event()

    def __init__(self, gets_on: bool) -> None:
        self.pipeline = self._Pipeline()
        self.detector = SimpleNamespace(name="default", digest="0" * 64)
        self.gets_on = gets_on
        self.looks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def start(self) -> None:
        pass

    def watch(self) -> bool:
        self.looks += 1
        return self.gets_on

    def status_line(self) -> str:
        return ""

    def sweep(self) -> None:
        pass

    def stop(self, deadline: object) -> bool:
        return True


@pytest.mark.parametrize("gets_on", [True, False])
def test_the_watchdog_is_fed_for_as_long_as_everything_gets_on(tmp_path: Path, gets_on: bool) -> None:
    """What only a restart may help must reach the service manager, which is the one who restarts."""
    from weirlog.daemon.service import Service  # noqa: PLC0415 -- loads every room; the other tests need none

    manager = Manager(str(tmp_path / "notify"))
    clock = FakeClock()
    assembly = Supervised(gets_on)
    service = Service(
        assembly,  # type: ignore[arg-type]  # all that it asks of one
        reload=None,
        notifier=Notifier(manager.address, 30, clock),
        clock=clock,
        run_for_s=60,
    )
    assert service.run() == 0
    heard = manager.heard()
    manager.socket.close()
    assert heard.count("WATCHDOG=1") == (4 if gets_on else 0)
    assert assembly.looks == 60, "once a second"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    with capture_logs() as lines:
        notifier = Notifier.from_environment(FakeClock(), environ)
        notifier.ready()
        notifier.watchdog()
    assert lines == []


def test_a_manager_that_is_gone_is_complained_of_once_and_ends_nothing(tmp_path: Path) -> None:
    with capture_logs() as lines:
        notifier = Notifier(str(tmp_path / "gone"), 30, FakeClock())
        notifier.ready()
        notifier.stopping()
    assert [line["log_level"] for line in lines] == ["warning"]
    assert str(tmp_path / "gone") in lines[0]["socket"]


# --- the unit ------------------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    program = tmp_path / "weirlog"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (UNITS / "weirlog.service").read_text()
    assert "/opt/weirlog/bin/weirlog run" in text
    path = tmp_path / "weirlog.service"
    path.write_text(text.replace("/opt/weirlog/bin/weirlog", str(program)))
    return path


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / "weirlog.service").read_text().splitlines():
        if re.match(r"[A-Z][A-Za-z]+=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.server
def test_the_unit_has_no_unknown_key_and_no_contradiction(unit: Path) -> None:
    command = [require_program("systemd-analyze"), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.server
def test_verify_would_find_an_unknown_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("Nice=5", "Nicer=5"))
    command = [require_program("systemd-analyze"), "verify", "--man=no", str(unit)]
    assert "Nicer" in subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr


@pytest.mark.server
def test_the_unit_is_shut_off_from_the_rest_of_the_machine(unit: Path) -> None:
    command = [
        require_program("systemd-analyze"),
        "security",
        "--offline=true",
        "--threshold=20",
        "--no-pager",
        str(unit),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_stop_leaves_room_above_the_drain() -> None:
    from weirlog.daemon.service import SHUTDOWN_S  # noqa: PLC0415 -- loads every room; the other tests need none

    assert float(settings()["TimeoutStopSec"][0]) >= SHUTDOWN_S + 10


def test_a_bad_configuration_is_not_started_again() -> None:
    unit = settings()
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == (["on-failure"], ["2"])


def test_the_unit_speaks_the_daemons_language() -> None:
    unit = settings()
    assert (unit["Type"], unit["NotifyAccess"], unit["WatchdogSec"]) == (["notify"], ["main"], ["30"])
    assert unit["ExecStart"] == ["/opt/weirlog/bin/weirlog run --config /etc/weirlog/weirlog.yaml"]
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_the_process_metrics_are_not_shut_out() -> None:
    """prometheus_client reads the boot time from /proc/stat, which ProcSubset=pid hides."""
    assert "ProcSubset" not in settings()


@pytest.mark.server
def test_the_user_and_the_folders_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, options, file in (
        ("systemd-sysusers", (), "weirlog.sysusers"),
        ("systemd-tmpfiles", ("--create",), "weirlog.tmpfiles"),
    ):
        command = [require_program(program), f"--root={tmp_path}", *options, str(UNITS / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    assert "weirlog:x:" in (tmp_path / "etc/passwd").read_text()
    assert re.search(r"^adm:x:\d+:weirlog$", (tmp_path / "etc/group").read_text(), re.MULTILINE)
    assert (tmp_path / "etc/weirlog").stat().st_mode & 0o777 == 0o750


def test_the_watchdog_is_more_patient_than_the_main_thread_can_be_held_up() -> None:
    """It waits for the outbox at most twice between two signs of life: to tell a notice, and to forget old alerts."""
    from weirlog.pipeline.alert_database import BUSY_TIMEOUT_S, TURN_TIMEOUT_S  # noqa: PLC0415 -- as above

    allowed_s = float(settings()["WatchdogSec"][0])
    assert allowed_s / 2 + 2 * (TURN_TIMEOUT_S + BUSY_TIMEOUT_S) < allowed_s
