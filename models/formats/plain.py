"""Texts instead of requests, one a line, for models that were trained on texts."""

from __future__ import annotations

from weirlog.models.request import Request
from weirlog.models.text import plain_request


class PlainFormat:
    """Takes every line for a text, whatever it holds; bytes that are not UTF-8 become U+FFFD.

    It stands in no list of log formats: a log is never a text by mistake.
    """

    name = "text"

    def parse(self, line: bytes) -> Request:
        return plain_request(line.decode("utf-8", "replace"))
