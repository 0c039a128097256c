"""An outbox as most tests want it, and what is put into it and asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fakes import FakeClock, RecordingMetrics

from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.grouping import Grouping
from weirlog.pipeline.outbox import Outbox

REPEAT_AFTER_S = 600.0


def open_outbox(
    path: Path,
    *,
    sinks: Sequence[str] = ("a", "b"),
    limit_bytes: int = 1 << 30,
    keep_s: float = 3600.0,
    group_by: Sequence[str] = (),
    clock: FakeClock | None = None,
    metrics: RecordingMetrics | None = None,
) -> Outbox:
    """Return an outbox over the file at `path`, as after a restart if it is there."""
    return Outbox(
        path,
        sinks=sinks,
        limit_bytes=limit_bytes,
        keep_s=keep_s,
        grouping=Grouping(group_by, REPEAT_AFTER_S),
        clock=clock or FakeClock(),
        metrics=metrics or RecordingMetrics(),
    )


def ids(outbox: Outbox, sink: str = "a", limit: int = 1000) -> list[int]:
    """The numbers of the alerts that wait for a sink."""
    return [int(alert.id, 16) for _, alert in outbox.pending(sink, limit)]


def a_letter(number: int, size: int = 10) -> DeadLetter:
    return DeadLetter("parse", "no request log", "access.log", "17:ab", number, b"x" * size, 1_700_000_000.0)
