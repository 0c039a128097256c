"""The values that a configuration is written in: durations, sizes, addresses and paths.

Each is an annotated type for pydantic. A value that cannot be read raises a PydanticCustomError whose message is
complete: it names the value where that is no secret, and what is expected.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from weirlog.daemon.printable import printable


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What validation may look at beside the document.

    Attributes:
        base: the configuration file's folder, from which relative paths are meant.
        environ: where `{env: NAME}` is looked up.
    """

    base: Path
    environ: Mapping[str, str]


def refuse(message: str) -> NoReturn:
    """Raise the error that pydantic collects, with a message that is complete as it stands."""
    raise PydanticCustomError("weirlog", "{message}", {"message": message})


def shown(value: object, limit: int = 60) -> str:
    """Return a value from the document as one would write it in YAML, bounded and free of control characters."""
    if isinstance(value, str):
        return f"'{printable(value, limit)}'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return printable(str(value), limit)
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else "something"


# --- durations and sizes -------------------------------------------------------------------------------------------

_DURATION_UNITS_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)")
_DURATION_LIMIT_S = 10 * 365 * 86400.0

# One letter counts in 1024, as in nginx and systemd; kB, MB, GB are the decimal units of the SI.
_SIZE_UNITS = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": base ** (power + 1)
    for power, prefix in enumerate("kmgt")
    for suffix, base in (("", 1024), ("i", 1024), ("ib", 1024), ("b", 1000))
}
_SIZE = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,9})?) ?([a-z]{0,3})")


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_duration(value: object) -> float:
    """Return seconds from "10m", "50ms", "1h30m" or a bare number of seconds."""
    seconds: float | None = None
    if is_number(value):
        seconds = float(value)  # type: ignore[arg-type]  # is_number says so
    elif isinstance(value, str) and len(value) <= 64:
        text = value.strip().replace(" ", "")
        parts = list(_DURATION_PART.finditer(text))
        if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", text):
            seconds = float(text)
        elif parts and "".join(part.group() for part in parts) == text:
            seconds = sum(float(part[1]) * _DURATION_UNITS_S[part[2]] for part in parts)
    if seconds is None or not math.isfinite(seconds):
        refuse(f"{shown(value)} is no duration; write 50ms, 30s, 10m, 1h30m, 7d or a number of seconds")
    if not 0 <= seconds <= _DURATION_LIMIT_S:
        refuse(f"{shown(value)} is not between 0 and 10 years")
    return seconds


def parse_size(value: object) -> int:
    """Return bytes from "1MiB", "512k", "1.5G", "10 MB" or a bare number of bytes."""
    size: float | None = None
    if is_number(value):
        size = float(value)  # type: ignore[arg-type]  # is_number says so
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip().lower())) and match[2] in _SIZE_UNITS:
        size = float(match[1]) * _SIZE_UNITS[match[2]]
    if size is None or not math.isfinite(size):
        refuse(f"{shown(value)} is no size; write 512k, 1MiB, 2GB or a number of bytes")
    if not 1 <= size <= 2**53:
        refuse(f"{shown(value)} is not between 1 byte and 8 PiB")
    return int(size)


def format_size(size_bytes: int) -> str:
    """Return a size as `parse_size` reads it, in the largest unit that is exact."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size_bytes >= 1024**power and size_bytes % 1024**power == 0:
            return f"{size_bytes // 1024**power}{unit}"
    return f"{size_bytes}B"


def format_duration(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it, in the largest unit that is exact."""
    for unit in ("d", "h", "m", "s"):
        length = _DURATION_UNITS_S[unit]
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)?)+$"},
            ],
            "examples": ["50ms", "30s", "10m", "1h30m", "7d"],
        }
    ),
]
"""Seconds."""

_SIZE_SCHEMA = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?([kKmMgGtT](i?[bB]?)?|[bB])?$"}

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "integer", "minimum": 1},
                _SIZE_SCHEMA,
            ],
            "examples": ["512k", "1MiB", "2GB"],
        }
    ),
]
"""Bytes."""

SizeOrNone: TypeAlias = Annotated[
    int,
    BeforeValidator(lambda value: 0 if is_number(value) and value == 0 else parse_size(value)),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "integer", "minimum": 0},
                _SIZE_SCHEMA,
            ],
            "examples": [0, "512k", "4MiB"],
        }
    ),
]
"""Bytes, or 0 for none at all."""


# --- addresses -----------------------------------------------------------------------------------------------------


class Listen(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine by its name or address; asks no name server."""
    return host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))


_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")


def parse_host_port(value: object) -> Listen:
    """Return host and port of "127.0.0.1:9464" or "[::1]:9464"."""
    if not isinstance(value, str):
        refuse(f"{shown(value)} is no address; write host:port, such as 127.0.0.1:9464")
    host, _, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    known = _IPV6.fullmatch(host[1:-1]) if bracketed else _HOST.fullmatch(host)
    if not known or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        refuse(f"{shown(value)} is no address; write host:port, such as 127.0.0.1:9464 or [::1]:9464")
    return Listen(host.strip("[]"), int(port))


def _check_broker(value: str) -> str:
    if parse_host_port(value).port == 0:
        refuse(f"{shown(value)} has port 0; a broker's is mostly 9092")
    return value


ListenAddress: TypeAlias = Annotated[
    Listen,
    PlainValidator(parse_host_port),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:9464", "[::1]:9464"]}),
]
Broker: TypeAlias = Annotated[str, AfterValidator(_check_broker)]
"""host:port, as the Kafka clients take it."""


# --- paths ---------------------------------------------------------------------------------------------------------


def context_of(info: ValidationInfo) -> LoadContext:
    context = info.context
    return context if isinstance(context, LoadContext) else LoadContext(Path.cwd(), {})


def located(value: str, info: ValidationInfo) -> str:
    """Return a path as an absolute one: a relative one is meant from the configuration file's folder."""
    if not value or "\0" in value or len(value) > 4096:
        refuse(f"{shown(value)} is no path")
    return os.path.normpath(context_of(info).base / value)


def _located_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str):
        refuse(f"{shown(value)} is no path; write text")
    return Path(located(value, info))


def _readable_path(value: object, info: ValidationInfo) -> Path:
    path = _located_path(value, info)
    if not path.is_file():
        refuse(f"{shown(str(path), 200)} is no file; give the path of one, from / or from the configuration's folder")
    if not os.access(path, os.R_OK):
        refuse(f"{shown(str(path), 200)} cannot be read by this user; change its owner, group or mode")
    return path


_PATH_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})

PathPattern: TypeAlias = Annotated[str, AfterValidator(located)]
"""An absolute path with or without `*`, `?`, `[…]`; a relative one is meant from the configuration file's folder."""

FilePath: TypeAlias = Annotated[Path, PlainValidator(_located_path), PlainSerializer(str), _PATH_SCHEMA]
"""An absolute path; a relative one is meant from the configuration file's folder."""

ReadableFile: TypeAlias = Annotated[Path, PlainValidator(_readable_path), PlainSerializer(str), _PATH_SCHEMA]
"""As FilePath, and there is a file that this user can read."""
