"""The web server: its bounds, its streams, its start and its end."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fakes import eventually
from web_interface import HOSTILE, Asker, FakeDaemon, serving

from weirlog.daemon.web import app as app_module
from weirlog.daemon.web import protocol as protocol_module
from weirlog.daemon.web.guard import HEADERS
from weirlog.daemon.web.server import WebServer
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.timing import Deadline, SystemClock


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


# --- bounds --------------------------------------------------------------------------------------------------------


def test_a_failing_callable_is_500_without_its_words(daemon: FakeDaemon) -> None:
    def fail() -> Any:
        raise RuntimeError("the password is sesame")

    answer = Asker(replace(daemon.state(), stats=fail)).get("/api/stats")
    assert answer.status_code == 500
    assert "sesame" not in answer.text
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_few_calls_run_at_once_and_those_without_a_thread_are_told(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "CALL_LIMIT_S", 0.3)
    release, running = threading.Event(), []

    def stats() -> Mapping[str, Any]:
        running.append(1)
        release.wait(10)
        return {}

    codes: list[int] = []
    with serving(replace(daemon.state(), stats=stats)) as (_, address):
        askers = [
            threading.Thread(target=lambda: codes.append(httpx.get(f"{address}/api/stats", timeout=20).status_code))
            for _ in range(app_module.CALLS_LIMIT + 3)
        ]
        for asker in askers:
            asker.start()
        assert eventually(lambda: codes == [503] * 3)
        assert len(running) == app_module.CALLS_LIMIT
        assert httpx.get(f"{address}/healthz").status_code == 200
        release.set()
        for asker in askers:
            asker.join()
    assert sorted(codes) == [200] * app_module.CALLS_LIMIT + [503] * 3


def test_a_client_that_never_finishes_its_request_is_cut_off(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol_module, "REQUEST_LIMIT_S", 0.2)
    with serving(daemon.state()) as (_, address):
        host, _, port = address.removeprefix("http://").rpartition(":")
        assert httpx.get(f"{address}/healthz").status_code == 200
        for beginning in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "):
            with socket.create_connection((host, int(port)), timeout=10) as slow:
                slow.sendall(beginning)
                with contextlib.suppress(ConnectionResetError):
                    assert slow.recv(100) == b""


def test_a_body_that_never_comes_is_given_up(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "CALL_LIMIT_S", 0.2)
    with serving(daemon.state()) as (_, address):
        host, _, port = address.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as slow:
            slow.sendall(b"POST /api/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
            assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_an_answer_under_way_is_not_cut_off_as_slow(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_module, "REQUEST_LIMIT_S", 0.1)
    ended = threading.Event()

    def stats() -> Mapping[str, Any]:
        ended.wait(0.5)
        return {"done": True}

    with serving(replace(daemon.state(), stats=stats)) as (_, address):
        assert httpx.get(f"{address}/api/stats", timeout=10).json() == {"done": True}


# --- the stream ----------------------------------------------------------------------------------------------------


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_stream_tells_new_alerts_in_order_and_no_old_ones(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "STREAM_INTERVAL_S", 0.02)
    daemon.stored = [{"id": "old"}]
    with serving(daemon.state()) as (_, address), httpx.stream("GET", f"{address}/api/stream", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == ": from now on"
        daemon.stored = [*daemon.stored, {"id": "a", "text": HOSTILE}, {"id": "b"}]
        told = events(lines)
        assert [next(told), next(told)] == [("alert", {"id": "a", "text": HOSTILE}), ("alert", {"id": "b"})]
        daemon.stored = [*daemon.stored, {"id": "c"}]
        assert next(told) == ("alert", {"id": "c"})


def test_a_gap_in_the_stream_is_told(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "STREAM_INTERVAL_S", 0.02)
    with serving(daemon.state()) as (_, address), httpx.stream("GET", f"{address}/api/stream", timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        daemon.stored = [{"id": str(number)} for number in range(app_module.STREAM_WINDOW + 1)]
        told = events(lines)
        assert next(told) == ("gap", {})
        assert next(told) == ("alert", {"id": "1"})


def test_streams_are_few_and_come_free_again(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "STREAM_INTERVAL_S", 0.02)
    with serving(daemon.state()) as (_, address):
        with contextlib.ExitStack() as stack:
            kept = []  # httpx hangs up on an iterator that is forgotten
            for _ in range(app_module.STREAMS_LIMIT):
                answer = stack.enter_context(httpx.stream("GET", f"{address}/api/stream", timeout=10))
                kept.append(answer.iter_lines())
                assert next(kept[-1]) == ": from now on"
            assert httpx.get(f"{address}/api/stream").status_code == 503

        def opens() -> bool:
            with httpx.stream("GET", f"{address}/api/stream", timeout=10) as again:
                return again.status_code == 200

        assert eventually(opens)


def test_an_open_stream_does_not_hold_up_the_stop(daemon: FakeDaemon) -> None:
    with (
        serving(daemon.state()) as (server, address),
        httpx.stream("GET", f"{address}/api/stream", timeout=10) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == ": from now on"
        started = time.monotonic()
        assert server.stop(Deadline(SystemClock(), 10))
        assert time.monotonic() - started < 5
        assert set(lines) <= {"", ":"}


# --- the server ----------------------------------------------------------------------------------------------------


def test_port_0_is_any_free_port_and_the_page_is_there(daemon: FakeDaemon) -> None:
    with serving(daemon.state()) as (_, address):
        answer = httpx.get(address)
    assert "<title>weirlog</title>" in answer.text
    assert "server" not in answer.headers


def test_an_address_in_use_stops_with_the_remedy(daemon: FakeDaemon) -> None:
    with serving(daemon.state()) as (_, address):
        port = int(address.rpartition(":")[2])
        with pytest.raises(
            StopError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\).*http\.listen"
        ):
            WebServer(daemon.state(), "127.0.0.1", port).start()


@pytest.mark.parametrize("host", ["203.0.113.1", "nowhere.invalid"])
def test_an_address_that_is_not_this_machines_stops(daemon: FakeDaemon, host: str) -> None:
    with pytest.raises(StopError, match="listen"):
        WebServer(daemon.state(), host, 0).start()


def test_a_port_is_free_again_after_the_stop(daemon: FakeDaemon) -> None:
    with serving(daemon.state()) as (_, address):
        httpx.get(f"{address}/healthz")
    again = WebServer(daemon.state(), "127.0.0.1", int(address.rpartition(":")[2]))
    again.start()
    assert again.stop(Deadline(SystemClock(), 10))


def test_stopping_twice_or_before_the_start_is_no_error(daemon: FakeDaemon) -> None:
    server = WebServer(daemon.state(), "127.0.0.1", 0)
    assert server.stop(Deadline(SystemClock(), 1))
    with serving(daemon.state()) as (started, _):
        assert started.stop(Deadline(SystemClock(), 10))


def test_stopping_at_once_after_the_start_ends_the_thread(daemon: FakeDaemon) -> None:
    server = WebServer(daemon.state(), "127.0.0.1", 0)
    server.start()
    assert server.stop(Deadline(SystemClock(), 10))
    assert not any(thread.name == "web" for thread in threading.enumerate())


def test_a_crash_of_its_thread_is_told(daemon: FakeDaemon) -> None:
    class Broken(WebServer):
        def _load(self) -> Any:
            raise MemoryError("no more")

    told: list[BaseException] = []
    server = Broken(daemon.state(), "127.0.0.1", 0, on_crash=told.append)
    server.start()
    assert eventually(lambda: bool(told))
    assert isinstance(told[0], MemoryError)
    assert server.stop(Deadline(SystemClock(), 10))


def test_the_signal_handlers_of_the_process_are_left_alone(daemon: FakeDaemon) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with serving(daemon.state()) as (_, address):
        httpx.get(f"{address}/healthz")
        during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert before == during


def test_nothing_of_the_web_is_loaded_before_the_server_starts() -> None:
    code = "import sys, weirlog.daemon.web.server\nprint([m for m in ('starlette', 'uvicorn', 'anyio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
