"""Log formats: bytes of one line to a Request. One file a format."""

from __future__ import annotations

from typing import Protocol

from weirlog.models.request import Request


class LogFormat(Protocol):
    """Parses lines of one format. Not shared between threads: `auto` remembers what it found last.

    Attributes:
        name: what the configuration and the command line call it.
    """

    name: str

    def parse(self, line: bytes) -> Request:
        """Return the request that `line` (no newline at its end) logs.

        Raises:
            UnparsableError: it is not of this format. Whatever the bytes are, nothing else is raised, in time and
                memory proportional to the line's length.
        """
        ...
