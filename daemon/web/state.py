"""What the web interface knows of the daemon: some callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JSONObject = Mapping[str, Any]


class RefusedError(Exception):
    """What was sent to be scored cannot be; the message says why and does not quote it."""


@dataclass(frozen=True, slots=True)
class WebState:
    """Each callable is called from any of a few threads, several at once, and must be quick.

    Attributes:
        metrics: all figures as Prometheus reads them.
        readiness: the reasons why the daemon is not ready; none when it is.
        alerts: the latest so many alerts, newest first.
        stats: plain JSON; the page shows its `version`, `model.name` and `figures`, a snapshot of the metrics by name
            and label.
        score: the verdict on one request log, given as bytes; raises RefusedError. None where scoring is not offered.
    """

    metrics: Callable[[], bytes]
    readiness: Callable[[], Sequence[str]]
    alerts: Callable[[int], Sequence[JSONObject]]
    stats: Callable[[], JSONObject]
    score: Callable[[bytes], JSONObject] | None = None
