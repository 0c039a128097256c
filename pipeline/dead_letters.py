"""What could not be processed, kept for people to look at: lines that do not parse, alerts that a sink refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["parse", "deliver"]

LIMIT_PAYLOAD_BYTES = 16 * 1024
LIMIT_REASON_CHARS = 500
LIMIT_LETTERS = 10_000
LIMIT_BYTES = 32 * 1024 * 1024
"""Both for each stage on its own: whoever floods the log with garbage must not push out what a sink refused."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing that was given up, and why.

    Attributes:
        stage: where: "parse" for a record that is no request log, "deliver" for an alert that a sink refuses for good.
        reason: one line, which never quotes the payload.
        source: the file or topic it came from; for "deliver" the sink.
        partition: the key of its partition; for "deliver" the alert's id.
        position: its position in the partition; for "deliver" the alert's sequence number.
        payload: its bytes; no more than the first LIMIT_PAYLOAD_BYTES are stored.
        time: when, in seconds since 1970-01-01 UTC.
    """

    stage: Stage
    reason: str
    source: str
    partition: str
    position: int
    payload: bytes
    time: float

    def bounded(self) -> DeadLetter:
        """The same with everything cut to its limit."""
        return replace(
            self,
            reason=storable(self.reason[:LIMIT_REASON_CHARS]),
            source=storable(self.source),
            partition=storable(self.partition),
            payload=self.payload[:LIMIT_PAYLOAD_BYTES],
        )


def storable(text: str) -> str:
    """`text` without what UTF-8 cannot carry: a file name may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def bury(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> tuple[int, int]:
    """Store `letters` within the caller's transaction; drop the oldest past the limits.

    Returns:
        How many were new (a replay buries none twice), and how many old ones were dropped for room.
    """
    new = dropped = 0
    for letter in (letter.bounded() for letter in letters):
        new += connection.execute(
            """
            INSERT OR IGNORE INTO dead_letters (stage, reason, source, partition, position, payload, time)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            (
                letter.stage,
                letter.reason,
                letter.source,
                letter.partition,
                letter.position,
                letter.payload,
                letter.time,
            ),
        ).rowcount
    for stage in {letter.stage for letter in letters}:
        dropped += _drop_oldest(connection, stage)
    return new, dropped


def _drop_oldest(connection: sqlite3.Connection, stage: Stage) -> int:
    (letters, size) = connection.execute(
        "SELECT letters, bytes FROM dead_letter_totals WHERE stage = ?", (stage,)
    ).fetchone()
    doomed: list[tuple[int]] = []
    if letters > LIMIT_LETTERS or size > LIMIT_BYTES:
        oldest = connection.execute(
            "SELECT seq, length(payload) FROM dead_letters WHERE stage = ? ORDER BY seq", (stage,)
        )
        for seq, payload_bytes in oldest:
            if letters <= LIMIT_LETTERS and size <= LIMIT_BYTES:
                break
            doomed.append((seq,))
            letters -= 1
            size -= payload_bytes
        oldest.close()
        connection.executemany("DELETE FROM dead_letters WHERE seq = ?", doomed)
    return len(doomed)
