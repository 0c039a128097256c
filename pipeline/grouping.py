"""Attacks that agree in client and kind become one alert, and another one each time so much time has passed.

The first attack of a group is put out at once. Those of the next `repeat_after_s` are counted. The next attack after
that, or else the end of that time, puts out an alert that says how many attacks it stands for, and the time starts
anew. All state is in the database, changed in the transaction that stores the attack: a restart repeats nothing and
loses no count.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from weirlog.models.request import JSON
from weirlog.pipeline.alerts import Alert

LIMIT_STORED = 100
"""Attacks counted into one alert that are stored themselves, to be looked at. Further ones only raise the count: a flood
must not fill the disk. The price: after a crash, those of them that are read again (at most about a second's) are
counted again, since nothing is left to know them by."""

LIMIT_GROUPS = 50_000
"""Past it the oldest groups end early: their alerts come sooner, and no count is lost."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes attacks one group.

    Attributes:
        group_by: some of "client", "kind", "path" and "source"; none gives one alert for each attack.
        repeat_after_s: how long a group is quiet after an alert.
    """

    group_by: Sequence[str]
    repeat_after_s: float

    def key(self, alert: Alert) -> str | None:
        """Return what attacks of one group have in common, or None when nothing is grouped."""
        if not self.group_by:
            return None
        document = alert.document() if {"path", "source"} & set(self.group_by) else {}
        values: dict[str, JSON] = {
            "client": alert.client,
            "kind": alert.kind,
            "path": _inner(document, "request", "path"),
            "source": _inner(document, "source", "name"),
        }
        text = json.dumps([[name, values[name]] for name in self.group_by])
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]

    def ended(self, opened_at: float, now: float) -> bool:
        """Whether the quiet time that began at `opened_at` is over; also when the clock was set back before it."""
        return not opened_at <= now < opened_at + self.repeat_after_s


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of one attack.

    Attributes:
        count: how many attacks its alert stands for; 0 when it is counted into an alert to come.
        stored: whether it gets a row of its own.
    """

    count: int
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """A group whose quiet time ended with attacks in it: the id of the last one stored, and how many there were."""

    alert_id: str
    count: int


def admit(connection: sqlite3.Connection, grouping: Grouping, alert: Alert, now: float) -> Admission:
    """Count a new attack into its group, within the caller's transaction."""
    key = grouping.key(alert)
    if key is None:
        return Admission(count=1)
    row = connection.execute("SELECT opened_at, suppressed, stored FROM groups WHERE key = ?", (key,)).fetchone()
    if row is None or grouping.ended(row[0], now):
        connection.execute(
            """
            INSERT INTO groups (key, opened_at, suppressed, stored, latest) VALUES (?, ?, 0, 0, NULL)
            ON CONFLICT (key) DO UPDATE SET opened_at = excluded.opened_at, suppressed = 0, stored = 0, latest = NULL
            """,
            (key, now),
        )
        return Admission(count=1 if row is None else 1 + row[1])
    stored = row[2] < LIMIT_STORED
    connection.execute(
        """
        UPDATE groups SET suppressed = suppressed + 1, stored = stored + :stored,
                          latest = CASE WHEN :stored THEN :id ELSE latest END
        WHERE key = :key
        """,
        {"stored": int(stored), "id": alert.id, "key": key},
    )
    return Admission(count=0, stored=stored)


def any_ended(connection: sqlite3.Connection, grouping: Grouping, now: float) -> bool:
    """Whether `release` would find something; a look, without a transaction."""
    oldest, newest = connection.execute(
        "SELECT (SELECT min(opened_at) FROM groups), (SELECT max(opened_at) FROM groups)"
    ).fetchone()
    if oldest is None:
        return False
    return grouping.ended(oldest, now) or grouping.ended(newest, now) or _excess_since(connection) is not None


def release(connection: sqlite3.Connection, grouping: Grouping, now: float) -> list[Release]:
    """End the quiet time of every group that is due, within the caller's transaction.

    A group without attacks since its last alert is forgotten; one with some is returned, and its time starts anew.
    """
    crowded = _excess_since(connection)
    due = "(opened_at > :now OR opened_at <= :ended OR opened_at <= :crowded)"
    times = {"now": now, "ended": now - grouping.repeat_after_s, "crowded": crowded}
    connection.execute(f"DELETE FROM groups WHERE suppressed = 0 AND {due}", times)  # noqa: S608 - a constant
    rows = connection.execute(
        f"SELECT key, latest, suppressed, opened_at FROM groups WHERE {due} ORDER BY opened_at",  # noqa: S608 - a constant
        times,
    ).fetchall()
    for key, _, _, opened_at in rows:
        if crowded is not None and opened_at <= crowded:
            connection.execute("DELETE FROM groups WHERE key = ?", (key,))
        else:
            connection.execute(
                "UPDATE groups SET opened_at = ?, suppressed = 0, stored = 0, latest = NULL WHERE key = ?", (now, key)
            )
    return [Release(latest, suppressed) for _, latest, suppressed, _ in rows]


def _excess_since(connection: sqlite3.Connection) -> float | None:
    """Return when the youngest of the groups past LIMIT_GROUPS was opened, or None."""
    row = connection.execute(
        "SELECT opened_at FROM groups ORDER BY opened_at DESC LIMIT 1 OFFSET ?", (LIMIT_GROUPS,)
    ).fetchone()
    return None if row is None else float(row[0])


def _inner(document: dict[str, JSON], outer: str, name: str) -> JSON:
    inner = document.get(outer)
    return inner.get(name) if isinstance(inner, dict) else None
