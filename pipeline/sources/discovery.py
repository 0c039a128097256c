"""Which files there are, and what is told about those that cannot be read."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator

import structlog

from weirlog.pipeline.metrics import Metrics

log = structlog.get_logger(__name__)


def matches(patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield every path that matches, once, with the first pattern that it matches."""
    seen: set[str] = set()
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):  # noqa: PTH207 - Path.glob takes no absolute pattern
            if path not in seen:
                seen.add(path)
                yield path, pattern


class Complaints:
    """Says once, and again when it changes, why a file cannot be read.

    Args:
        source: name of the source.
        metrics: where each complaint is counted as an error of the source.
        limit: files remembered; beyond it all are forgotten and told anew.
    """

    def __init__(self, source: str, metrics: Metrics, *, limit: int) -> None:
        self._source = source
        self._metrics = metrics
        self._limit = limit
        self._reasons: dict[str, str] = {}

    def about(self, path: str, reason: str) -> None:
        if self._reasons.get(path) == reason:
            return
        if len(self._reasons) >= self._limit:
            self._reasons.clear()
        self._reasons[path] = reason
        self._metrics.count("source_errors_total", source=self._source)
        log.error("a file cannot be read; the others go on", source=self._source, path=path, reason=reason)

    def settle(self, path: str) -> None:
        """Forget the complaint about a file that can be read again."""
        self._reasons.pop(path, None)
