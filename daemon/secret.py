"""Secrets: read from the configuration, the environment or a file, and never shown."""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from weirlog.daemon.config_types import LoadContext, context_of, is_number, located, refuse
from weirlog.daemon.printable import printable

SECRET_LIMIT_BYTES = 64 * 1024
"""The most that is read from a secret's file; a certificate chain fits, a wrong path such as /dev/zero ends."""


class Secret:
    """Text that is never shown: neither `str`, `repr`, `format` nor a dump of its model gives it away.

    Attributes:
        origin: where it came from, fit to be shown: "configuration file", "environment variable X", "file /run/x".
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text: str, origin: str = "configuration file") -> None:
        self._text = text
        self.origin = origin

    def reveal(self) -> str:
        """Return the text itself: hand it over, and print it nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


_SECRET_EXPECTED = "expected text, {env: NAME} or {file: PATH}"  # noqa: S105 -- says how one is written
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def resolve_secret(value: object, info: ValidationInfo) -> Secret:
    """Return the secret that text, `{env: NAME}` or `{file: PATH}` stands for; messages never quote what may be one."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        if not value:
            refuse(f"is empty; {_SECRET_EXPECTED}")
        return Secret(value)
    if is_number(value) or isinstance(value, bool):
        refuse("is a number or true/false; put quotes around a secret that looks like one")
    if not isinstance(value, Mapping) or len(value) != 1 or not set(value) <= {"env", "file"}:
        refuse(f"cannot be read; {_SECRET_EXPECTED}")
    ((key, reference),) = value.items()
    if not isinstance(reference, str) or not reference:
        refuse(f"has no text after {key}:; {_SECRET_EXPECTED}")
    context = context_of(info)
    return _secret_of_environment(reference, context) if key == "env" else _secret_of_file(reference, info)


def _secret_of_environment(name: str, context: LoadContext) -> Secret:
    if not _ENVIRONMENT_NAME.fullmatch(name):
        refuse("env: takes the name of an environment variable: letters, digits and _")
    text = context.environ.get(name, "")
    if not text:
        refuse(f"environment variable {name} is not set or empty; set it, in systemd with EnvironmentFile=")
    return Secret(text, f"environment variable {name}")


def _secret_of_file(reference: str, info: ValidationInfo) -> Secret:
    path = Path(located(reference, info))
    name = printable(str(path), 200)
    try:
        # Not blocking: a named pipe without a writer would hold the start up for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                refuse(f"{name} is no regular file; put the secret alone into a file")
            content = file.read(SECRET_LIMIT_BYTES + 1)
    except OSError as error:
        refuse(f"{name} cannot be read ({error.strerror}); create it, readable by the user that weirlog runs as")
    if len(content) > SECRET_LIMIT_BYTES:
        refuse(f"{name} is larger than 64 KiB; put the secret alone into it")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        refuse(f"{name} is not UTF-8 text; put the secret alone into it")
    if not text:
        refuse(f"{name} is empty; put the secret alone into it")
    return Secret(text, f"file {name}")


SECRET_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {"env": {"type": "string"}},
            "required": ["env"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"file": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ]
}

SecretText: TypeAlias = Annotated[
    Secret, PlainValidator(resolve_secret), PlainSerializer(str, return_type=str), WithJsonSchema(SECRET_SCHEMA)
]
