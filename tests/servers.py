"""Programs that some tests need and not every machine has."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRED = "WEIRLOG_REQUIRE_SERVERS"


def require_program(name: str) -> str:
    """Return the path of a program; without it skip the test, or fail where WEIRLOG_REQUIRE_SERVERS=1."""
    # Daemons live in sbin, which is not on every user's path.
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        missing(f"the program {name}")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test for want of `what`, or fail where WEIRLOG_REQUIRE_SERVERS=1."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"NOT TESTED: {what} is missing, and {REQUIRED}=1 asks for it")
    pytest.skip(f"NOT TESTED: {what} is missing; install it, or set {REQUIRED}=1 to fail without it")
