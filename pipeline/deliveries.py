"""Alerts as rows of the outbox's file, and what of them each sink has yet to take.

Everything here happens within the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import structlog

from weirlog.pipeline.alert_database import ROW_COST_BYTES
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.dead_letters import storable

log = structlog.get_logger(__name__)


def register(connection: sqlite3.Connection, sinks: Sequence[str]) -> None:
    """Make the sinks in the database those that are configured."""
    known = pending_counts(connection)
    for sink in known.keys() - set(sinks):
        connection.execute("DELETE FROM pending WHERE sink = ?", (sink,))
        connection.execute("DELETE FROM sinks WHERE name = ?", (sink,))
        log.warning("a sink is no longer configured; what waited for it is dropped", sink=sink, alerts=known[sink])
    for sink in sorted(set(sinks) - known.keys()):
        connection.execute("INSERT INTO sinks (name) VALUES (?)", (sink,))


def is_stored(connection: sqlite3.Connection, alert: Alert) -> bool:
    """Whether an alert with the same id is there, delivered or not."""
    return connection.execute("SELECT 1 FROM alerts WHERE id = ?", (alert.id,)).fetchone() is not None


def store(connection: sqlite3.Connection, alert: Alert, *, count: int, sinks: Iterable[str], now: float) -> None:
    """Store an alert that stands for `count` attacks; with none, it is counted into one to come, and not delivered."""
    body = alert.body if count <= 1 else alert.with_count(count).body
    seq = connection.execute(
        """
        INSERT INTO alerts (id, time, kind, client, score, body, cost, grouped, stored_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            alert.id,
            alert.time,
            alert.kind and storable(alert.kind),
            alert.client,
            alert.score,
            body,
            len(body) + ROW_COST_BYTES,
            count == 0,
            now,
        ),
    ).lastrowid
    if count:
        connection.executemany("INSERT INTO pending (seq, sink) VALUES (?, ?)", ((seq, sink) for sink in sinks))


def promote(connection: sqlite3.Connection, identity: str, *, count: int, sinks: Iterable[str], now: float) -> None:
    """Deliver an alert that was counted so far; a new sequence number puts it behind what was found since."""
    row = connection.execute(
        "DELETE FROM alerts WHERE id = ? RETURNING id, time, kind, client, score, body, label", (identity,)
    ).fetchall()[0]
    store(connection, Alert(*row[:6]), count=count, sinks=sinks, now=now)
    connection.execute("UPDATE alerts SET label = ? WHERE id = ?", (row[6], identity))


def pending(connection: sqlite3.Connection, sink: str, limit: int) -> list[tuple[int, Alert]]:
    """Return the oldest alerts that `sink` has yet to take, with their sequence numbers, in order."""
    rows = connection.execute(
        """
        SELECT seq, id, time, kind, client, score, body FROM pending JOIN alerts USING (seq)
        WHERE sink = ? ORDER BY seq LIMIT ?
        """,
        (sink, limit),
    ).fetchall()
    return [(row[0], Alert(*row[1:])) for row in rows]


def pending_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many alerts wait for each sink."""
    return dict(connection.execute("SELECT name, pending FROM sinks").fetchall())


def done(connection: sqlite3.Connection, sink: str, seq: int) -> bool:
    """Note that nothing is to be delivered to `sink` there any more; return whether something was."""
    return connection.execute("DELETE FROM pending WHERE sink = ? AND seq = ?", (sink, seq)).rowcount > 0


def latest(connection: sqlite3.Connection, limit: int) -> list[Alert]:
    """Return the latest alerts that were put out, newest first."""
    rows = connection.execute(
        "SELECT id, time, kind, client, score, body FROM alerts WHERE NOT grouped ORDER BY seq DESC LIMIT ?", (limit,)
    ).fetchall()
    return [Alert(*row) for row in rows]
