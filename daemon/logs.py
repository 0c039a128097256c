"""Logging: structured, to stderr, with nothing raw from an attacker in it.

Every line, our own and those of libraries that use the standard library's logging, passes one chain of processors that
escapes control characters and bounds lengths. JSON where stderr is no terminal, text on one.
"""

from __future__ import annotations

import json as json_module
import logging
import math
import os
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from types import TracebackType
from typing import Any, TypeAlias

import structlog

from weirlog.daemon.printable import printable

TEXT_LIMIT = 512
NESTED_TEXT_LIMIT = 128
ITEMS_LIMIT = 16
DEPTH_LIMIT = 2
FIELDS_LIMIT = 32
TRACEBACK_LINES = 60
"""With the limits above, a line is at most some 30 kB, and one without nested values 16 kB."""

NOISY = ("asyncio", "httpcore", "httpx", "kafka", "urllib3", "uvicorn", "watchdog")
"""Libraries that tell every request or heartbeat at INFO."""

EventDict: TypeAlias = MutableMapping[str, Any]


def configure_logging(level: str = "info", json: bool | None = None, descriptor: int = 2) -> None:
    """Send all logging of the process to a file descriptor. Call it once, before threads start.

    Args:
        level: debug, info, warning or error.
        json: one JSON object a line (True), text for people (False), or whichever suits `descriptor` (None).
        descriptor: where lines go; stderr.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    as_json = not os.isatty(descriptor) if json is None else json
    writer = _Writer(descriptor)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _render_exception,
            _make_safe,
            _as_json if as_json else _Text(coloured=os.isatty(descriptor) and not os.environ.get("NO_COLOR")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *names: _Lines(str(names[0]) if names else "weirlog", writer),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=threshold, force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    threading.excepthook = lambda crash: _log_crash(
        crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback
    )


class _Writer:
    """Writes whole lines to a descriptor, from any thread; a line that cannot be written is counted and dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._lost = 0

    def write(self, line: str) -> None:
        with self._lock:
            if self._lost:
                line = f"{line}\n{self._lost} log lines before this one could not be written" if line else line
            rest = line.encode("utf-8", "backslashreplace") + b"\n"
            try:
                # os.write, since a TextIOWrapper would keep what failed and try it again for ever.
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                # Broken pipe, full disk: a daemon that cannot say so must still do its work.
                self._lost += 1
            else:
                self._lost = 0


class _Lines:
    """What structlog hands rendered lines to; has the name that its logger was asked for with."""

    def __init__(self, name: str, writer: _Writer) -> None:
        self.name = name
        self._write = writer.write

    def msg(self, message: str) -> None:
        self._write(message)

    debug = info = warning = error = critical = exception = msg


class _ToStructlog(logging.Handler):
    """Takes the records of the standard library's logging through structlog's chain."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} (its arguments do not fit)"
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, message, **({"exc_info": record.exc_info} if record.exc_info else {}))


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    structlog.get_logger(__name__).critical("crashed", exc_info=(kind, error, trace))


# --- processors ----------------------------------------------------------------------------------------------------


def _render_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into the lines of its traceback, oldest first."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    elif isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if isinstance(found, tuple) and found[0] is not None:
        rendered = traceback.TracebackException(*found, limit=-20)
        lines = [line for part in rendered.format() for line in part.splitlines()]
        event["exception"] = _Traceback(lines[-TRACEBACK_LINES:])
    return event


class _Traceback(list[str]):
    """Lines that keep their length limit at any depth."""


def _make_safe(_logger: object, _method: str, event: EventDict) -> EventDict:
    safe: EventDict = {}
    for key, value in islice(event.items(), FIELDS_LIMIT):
        safe[printable(str(key), 64)] = make_safe(value)
    return safe


def make_safe(value: object, depth: int = 0) -> Any:
    """Return `value` as plain JSON data, bounded in length, width and depth, its text fit to be shown."""
    limit = NESTED_TEXT_LIMIT if depth else TEXT_LIMIT
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return printable(value, limit)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else "an integer of more than 64 bits"
    if isinstance(value, bytes | bytearray):
        return printable(bytes(value[: 4 * limit]).decode("utf-8", "backslashreplace"), limit)
    return _safe_container(value, depth, limit)


def _safe_container(value: object, depth: int, limit: int) -> Any:
    if isinstance(value, _Traceback):
        return [printable(line, 4 * NESTED_TEXT_LIMIT) for line in value]
    if depth >= DEPTH_LIMIT and isinstance(value, Mapping | Sequence | AbstractSet):
        # Not its text: that of lists in lists grows without end.
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Mapping):
        chosen = list(islice(value.items(), ITEMS_LIMIT))
        safe = {printable(str(key), 64): make_safe(item, depth + 1) for key, item in chosen}
        return safe | ({"…": f"+{len(value) - ITEMS_LIMIT}"} if len(value) > ITEMS_LIMIT else {})
    if isinstance(value, Sequence | AbstractSet):
        items = [make_safe(item, depth + 1) for item in islice(value, ITEMS_LIMIT)]
        return items + ([f"… (+{len(value) - ITEMS_LIMIT})"] if len(value) > ITEMS_LIMIT else [])
    try:
        return printable(str(value), limit)
    except Exception as error:  # noqa: BLE001 -- whatever an object's __str__ raises, the line is worth more
        return f"a {type(value).__name__} whose text fails with {type(error).__name__}"


def _as_json(_logger: object, _method: str, event: EventDict) -> str:
    # ASCII only: what printable() does not know to be unsafe cannot do harm either.
    ordered = {key: event.pop(key) for key in ("timestamp", "level", "logger", "event") if key in event}
    return json_module.dumps(ordered | dict(event), ensure_ascii=True)


_COLOURS = {"debug": 2, "info": 32, "warning": 33, "error": 31, "critical": 31}


class _Text:
    """Renders a line for people: time, level, event, and what belongs to it."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured

    def __call__(self, _logger: object, _method: str, event: EventDict) -> str:
        timestamp, level = str(event.pop("timestamp", "")), str(event.pop("level", ""))
        event.pop("logger", None)
        lines = event.pop("exception", None) or []
        words = [timestamp[11:19], self._in(_COLOURS.get(level, 0), f"{level:<8}"), str(event.pop("event", ""))]
        words += [f"{self._in(2, key + '=')}{_word(value)}" for key, value in event.items()]
        return "\n  ".join([" ".join(words), *lines])

    def _in(self, colour: int, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text


def _word(value: object) -> str:
    if isinstance(value, str) and value and " " not in value and '"' not in value:
        return value
    return json_module.dumps(value, ensure_ascii=False)
