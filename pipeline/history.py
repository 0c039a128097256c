"""Alerts that every sink has: kept to be looked at, forgotten for age or for room.

Never forgotten is what a sink has yet to take, and what an open group has yet to put out.
"""

from __future__ import annotations

import sqlite3

_FORGETTABLE = """
    NOT EXISTS (SELECT 1 FROM pending WHERE pending.seq = alerts.seq)
    AND NOT EXISTS (SELECT 1 FROM groups WHERE groups.latest = alerts.id)
"""


def undelivered_bytes(connection: sqlite3.Connection) -> int:
    """Return what the alerts take on disk that at least one sink has yet to take."""
    return int(connection.execute("SELECT undelivered_bytes FROM alert_totals").fetchone()[0])


def forget(connection: sqlite3.Connection, oldest: float, limit: int) -> int:
    """Forget up to `limit` alerts stored before `oldest`, but none that people have labelled; return how many."""
    return connection.execute(
        f"""
        DELETE FROM alerts WHERE seq IN (
            SELECT seq FROM alerts WHERE stored_at < ? AND label IS NULL AND {_FORGETTABLE} ORDER BY stored_at LIMIT ?)
        """,  # noqa: S608 - a constant
        (oldest, limit),
    ).rowcount


def make_room(connection: sqlite3.Connection, limit_bytes: int) -> None:
    """Forget the oldest when all alerts together take more than `limit_bytes`, down to nine tenths of it.

    A tenth at once, since each time all that is undelivered may have to be stepped over.
    """
    stored, undelivered = connection.execute("SELECT stored_bytes, undelivered_bytes FROM alert_totals").fetchone()
    if stored <= limit_bytes or stored == undelivered:
        return
    excess = stored - max(undelivered, limit_bytes * 9 // 10)
    doomed = []
    history = connection.execute(
        f"SELECT seq, cost FROM alerts WHERE {_FORGETTABLE} ORDER BY seq"  # noqa: S608 - a constant
    )
    for seq, cost in history:
        if excess <= 0:
            break
        doomed.append((seq,))
        excess -= cost
    history.close()
    connection.executemany("DELETE FROM alerts WHERE seq = ?", doomed)
