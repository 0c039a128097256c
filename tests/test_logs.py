"""Logging: nothing raw, nothing unbounded, nothing that ends the daemon."""

from __future__ import annotations

import errno
import json
import logging
import os
import pty
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from weirlog.daemon import logs
from weirlog.daemon.logs import configure_logging, make_safe

HOSTILE = "GET /\x1b]0;owned\x07\x9b31m\r\nlevel=info\u202e\u2028\x00\ud800"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's; leave it as it was found."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """Configure logging into a file; the function returned gives its lines."""
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    configure_logging("info", json=True, descriptor=descriptor)

    def lines(**options: Any) -> list[str]:
        if options:
            configure_logging(descriptor=descriptor, **options)
            return []
        return path.read_text().splitlines()

    yield lines
    os.close(descriptor)


Written = Callable[..., list[str]]


def only(written: Written) -> dict[str, Any]:
    (line,) = written()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_is_one_json_object_with_time_level_logger_and_event(written: Written) -> None:
    structlog.get_logger("weirlog.x").warning("sink is down", sink="kafka-0", attempt=3)
    line = only(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "warning", "logger": "weirlog.x", "event": "sink is down", "sink": "kafka-0", "attempt": 3}


@pytest.mark.parametrize("json_wanted", [True, False])
def test_what_an_attacker_wrote_stays_on_its_line_and_moves_no_cursor(written: Written, json_wanted: bool) -> None:
    written(level="info", json=json_wanted)
    log = structlog.get_logger("x")
    log.info(HOSTILE, value=HOSTILE, nested={HOSTILE: [HOSTILE]}, raw=HOSTILE.encode("utf-8", "surrogatepass"))
    log.info("key", **{HOSTILE: 1})
    lines = written()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert "owned" in lines[0]


@pytest.mark.parametrize("json_wanted", [True, False])
def test_a_line_is_bounded_whatever_it_is_given(written: Written, json_wanted: bool) -> None:
    written(level="info", json=json_wanted)
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep] * 3
    structlog.get_logger("x").info(
        "y" * 10_000_000,
        many={str(n): "z" * 10_000 for n in range(10_000)},
        long=[["z" * 10_000] * 1000] * 1000,
        huge=10**5000,
        deep=deep,
        **{f"field{n}": "\x00" * 10_000 for n in range(1000)},
    )
    (line,) = written()
    assert 1000 < len(line) < 150_000


def test_what_is_cut_says_so() -> None:
    assert make_safe("x" * 600) == "x" * 512 + "… (+88)"
    assert make_safe(list(range(20)))[-1] == "… (+4)"
    assert make_safe({str(n): n for n in range(20)})["…"] == "+4"


def test_odd_values_become_json(written: Written) -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError(HOSTILE)

    structlog.get_logger("x").info("odd", nan=float("nan"), path=Path("/a"), rude=Rude(), s={1}, t=(1, None, True))
    line = only(written)
    assert (line["nan"], line["path"], line["s"], line["t"]) == ("nan", "/a", [1], [1, None, True])
    assert line["rude"] == "a Rude whose text fails with RuntimeError"


def test_an_exception_is_told_with_its_traceback_and_cause_line_by_line(written: Written) -> None:
    try:
        try:
            raise ValueError(HOSTILE)
        except ValueError as error:
            raise KeyError("second") from error
    except KeyError:
        structlog.get_logger("x").exception("failed")
    line = only(written)
    assert line["level"] == "error"
    assert line["exception"][-1] == "KeyError: 'second'"
    assert any(part.startswith("ValueError: GET /") for part in line["exception"])
    assert all(part.isprintable() for part in line["exception"])


def test_a_deep_traceback_is_cut(written: Written) -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError("x" * 100_000 + "\n" * 10_000)

    try:
        fall(400)
    except ValueError as error:
        structlog.get_logger("x").error("failed", exc_info=error)
    line = only(written)
    assert len(line["exception"]) <= 60
    assert all(len(part) < 600 for part in line["exception"])


def test_the_standard_librarys_logging_passes_the_same_chain(written: Written) -> None:
    logging.getLogger("kafka.conn").warning("broker %s said %s", "b", HOSTILE)
    line = only(written)
    assert (line["logger"], line["level"]) == ("kafka.conn", "warning")
    assert line["event"].startswith("broker b said GET /")
    assert line["event"].isprintable()


def test_a_record_whose_arguments_do_not_fit_is_written_all_the_same(written: Written) -> None:
    # Straight to our handler: pytest's own raises on such a record.
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logs._ToStructlog]
    handler.emit(logging.LogRecord("x", logging.WARNING, __file__, 1, "%s and %s", (1,), None))
    assert only(written)["event"] == "%s and %s (its arguments do not fit)"


def test_an_exception_of_the_standard_librarys_logging_keeps_its_traceback(written: Written) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert only(written)["exception"][-1] == "ValueError: bad"


@pytest.mark.parametrize("name", ["kafka.conn", "uvicorn.access", "httpx", "watchdog.observers", "asyncio"])
def test_talkative_libraries_are_heard_from_warnings_on(written: Written, name: str) -> None:
    logging.getLogger(name).info("heartbeat")
    logging.getLogger(name).warning("trouble")
    assert only(written)["event"] == "trouble"


def test_the_level_holds_for_both_kinds_of_logger(written: Written) -> None:
    written(level="error", json=True)
    for say in (structlog.get_logger("x").warning, logging.getLogger("x").warning, logging.getLogger("kafka").warning):
        say("not heard")
    structlog.get_logger("x").error("heard")
    assert only(written)["event"] == "heard"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        configure_logging("loud")


def test_python_warnings_are_logged(written: Written) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "DeprecationWarning: old thing" in only(written)["event"]


def test_a_crashed_thread_is_logged_and_not_printed(written: Written) -> None:
    def crash() -> None:
        raise ValueError(HOSTILE)

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    line = only(written)
    assert (line["level"], line["event"]) == ("critical", "crashed")
    assert line["exception"][-1].isprintable()


def test_lines_from_many_threads_do_not_mix(written: Written) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            structlog.get_logger("x").info("e", number=number, filler="f" * 400)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [json.loads(line)["number"] for line in written()]
    assert sorted(numbers) == sorted(list(range(8)) * 50)


def test_text_is_written_for_people_and_json_for_machines() -> None:
    program = (
        "import structlog\nfrom weirlog.daemon.logs import configure_logging\n"
        "configure_logging()\nstructlog.get_logger('x').info('hello', n='a b')"
    )
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-Ic", program], stderr=follower, check=True, env={})
    os.close(follower)
    on_terminal = os.read(leader, 4096).decode()
    os.close(leader)
    in_pipe = subprocess.run([sys.executable, "-Ic", program], capture_output=True, check=True, text=True).stderr
    assert "\x1b[32minfo" in on_terminal
    assert 'hello \x1b[2mn=\x1b[0m"a b"' in on_terminal
    assert json.loads(in_pipe)["event"] == "hello"


def test_a_log_that_cannot_be_written_ends_nothing_and_is_counted_later(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    kept = os.dup(writer)
    configure_logging("info", json=True, descriptor=writer)
    log = structlog.get_logger("x")
    os.close(reader)
    with pytest.raises(OSError, match=os.strerror(errno.EPIPE)):
        os.write(kept, b"x")
    log.info("into a broken pipe")
    logging.getLogger("y").warning("into a broken pipe")
    os.dup2(os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY), writer)
    log.info("again")
    lines = (tmp_path / "log").read_text().splitlines()
    assert json.loads(lines[0])["event"] == "again"
    assert "2 log lines" in lines[1]
    assert len(lines) == 2


def test_a_full_disk_ends_nothing() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    configure_logging("info", json=True, descriptor=descriptor)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        os.write(descriptor, b"x")
    structlog.get_logger("x").info("nowhere to go")
    os.close(descriptor)
