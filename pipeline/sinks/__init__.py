"""Where alerts go. A sink belongs to one thread, its delivery worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weirlog.pipeline.alerts import Alert


class Sink(Protocol):
    """Delivers alerts durably. Raises, never retries by itself: the delivery worker does.

    Attributes:
        name: unique among the configured sinks and stable over restarts; the outbox keeps its progress under it.
        max_alerts: the most alerts that one `deliver` takes.
    """

    name: str
    max_alerts: int

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Return only when all of `alerts` are durable on the other side.

        Raises:
            RetryableError: at least one is not known to be durable; the same alerts will come again.
            PermanentError: the other side will never take them. With more than one alert given, the worker offers
                them one by one to find the one at fault.

        Blocks for at most the sink's own time limit.
        """
        ...

    def close(self) -> None:
        """Let go of connections and files. Idempotent."""
        ...
