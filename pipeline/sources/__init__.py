"""Where records come from. A source belongs to one thread, which does everything with it: open, poll, commit, close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weirlog.pipeline.records import Record


class Source(Protocol):
    """Yields chunks of records and takes watermarks back. Raises, never retries by itself.

    All methods are called from the one thread that runs the source, in the order open, (poll | pause | resume |
    commit)*, close.

    Attributes:
        name: unique among the configured sources; the `source` label of its metrics.
    """

    name: str

    def open(self) -> None:
        """Find where to resume and get ready to read.

        Raises:
            RetryableError: what it reads from is away for now (broker unreachable, directory missing).
            StopError: its state is unreadable, and starting elsewhere would lose or repeat without saying so.

        May block for the time limits of its system (a broker's connection).
        """
        ...

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """Return the next records, or none. Each one has an open receipt in its partition's ledger.

        Blocks at most about `timeout_s` when nothing is there. While paused it returns none, blocks for `timeout_s`,
        and keeps whatever needs keeping alive (membership of a consumer group). The bytes of one chunk are bounded.

        Raises:
            RetryableError: call again later; nothing that was read is lost by it.
            StopError: see `open`.
        """
        ...

    def pause(self) -> None:
        """Read nothing until `resume`: those downstream are full. Idempotent."""
        ...

    def resume(self) -> None:
        """Read again. Idempotent."""
        ...

    def commit(self) -> None:
        """Make every partition's watermark durable: what lies before it is never read again.

        Raises:
            RetryableError: it could not be written; the last good state is kept, and the next call tries again.
        """
        ...

    def close(self) -> None:
        """Commit nothing, let go of everything. Idempotent; also after a failed `open`."""
        ...

    @property
    def in_flight(self) -> int:
        """Records with open receipts, over all partitions."""
        ...

    @property
    def lag(self) -> int | None:
        """What is there and not yet read, in bytes (files) or messages (Kafka); None when not known."""
        ...
