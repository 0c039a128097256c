"""What people look at and decide on: the alerts and dead letters of a daemon that runs, or has run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from weirlog.pipeline.alert_database import AlertDatabase
from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.dead_letters import DeadLetter, Stage

Label: TypeAlias = Literal["attack", "benign"]


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert and what became of it.

    Attributes:
        seq: its place in the order of delivery.
        alert: itself.
        grouped: it was counted into another alert of its group, and not delivered itself.
        label: what people say it is, or None.
        pending: the sinks that have yet to take it.
    """

    seq: int
    alert: Alert
    grouped: bool
    label: Label | None
    pending: tuple[str, ...]


class Archive:
    """The outbox as people use it, beside a running daemon or without one. All methods may be called from any thread.

    Args:
        path: the outbox's file.

    Raises:
        StopError: it is not there, damaged, of a newer version, or something else.
    """

    def __init__(self, path: Path) -> None:
        self._database = AlertDatabase(path, create=False)

    def alerts(
        self,
        limit: int,
        *,
        before_seq: int | None = None,
        since: float | None = None,
        grouped: bool = True,
        label: Label | None = None,
    ) -> list[StoredAlert]:
        """Return alerts, newest first.

        Args:
            limit: the most that are returned.
            before_seq: only those before this one, to go on after a page.
            since: only those found from then on, seconds since 1970-01-01 UTC.
            grouped: also those that were counted into another one.
            label: only those with this label.
        """
        return self._query(
            """
            WHERE seq < coalesce(:before_seq, seq + 1) AND time >= coalesce(:since, time)
            AND (:grouped OR NOT grouped) AND (:label IS NULL OR label = :label)
            ORDER BY seq DESC LIMIT :limit
            """,
            {"before_seq": before_seq, "since": since, "grouped": grouped, "label": label, "limit": limit},
        )

    def find(self, identity: str) -> StoredAlert | None:
        """Return the alert with this id, or with an id that begins so if there is only one."""
        found = self._query(
            "WHERE id >= :id AND id < :id || 'g' ORDER BY id LIMIT 2",  # ids are hexadecimal: g is past them all
            {"id": identity},
        )
        return found[0] if len(found) == 1 or (found and found[0].alert.id == identity) else None

    def label(self, identity: str, label: Label | None) -> bool:
        """Note what people say an alert is; return whether it is there. Raises RetryableError."""
        with self._database.transaction() as connection:
            return connection.execute("UPDATE alerts SET label = ? WHERE id = ?", (label, identity)).rowcount > 0

    def redeliver(self, identities: Sequence[str] = (), *, since: float | None = None, sink: str | None = None) -> int:
        """Let sinks have alerts once more; a running daemon begins at once.

        Args:
            identities: these, also if they were counted into another one.
            since: and all that were put out and found from then on.
            sink: for this sink alone.

        Returns:
            How many deliveries are due that were not before.

        Raises:
            RetryableError: the file cannot be written for now.
        """
        due = 0
        with self._database.transaction() as connection:
            rows = [
                row
                for identity in identities
                for row in connection.execute("SELECT seq, id FROM alerts WHERE id = ?", (identity,))
            ]
            if since is not None:
                rows += connection.execute("SELECT seq, id FROM alerts WHERE NOT grouped AND time >= ?", (since,))
            sinks = [
                name for (name,) in connection.execute("SELECT name FROM sinks").fetchall() if sink in {None, name}
            ]
            for seq, identity in rows:
                for name in sinks:
                    due += connection.execute(
                        "INSERT OR IGNORE INTO pending (seq, sink) VALUES (?, ?)", (seq, name)
                    ).rowcount
                    connection.execute(
                        "DELETE FROM dead_letters WHERE stage = 'deliver' AND source = ? AND partition = ?",
                        (name, identity),
                    )
        return due

    def dead_letters(self, limit: int, *, stage: Stage | None = None) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                """
                SELECT stage, reason, source, partition, position, payload, time FROM dead_letters
                WHERE :stage IS NULL OR stage = :stage ORDER BY seq DESC LIMIT :limit
                """,
                {"stage": stage, "limit": limit},
            ).fetchall()
        return [DeadLetter(*row) for row in rows]

    def refused(self, sink: str | None = None) -> list[str]:
        """Return the ids of alerts that sinks have refused for good: what `redeliver` may be given."""
        with self._database.reading() as connection:
            rows = connection.execute(
                """
                SELECT DISTINCT partition FROM dead_letters
                WHERE stage = 'deliver' AND (:sink IS NULL OR source = :sink)
                """,
                {"sink": sink},
            ).fetchall()
        return [identity for (identity,) in rows]

    @property
    def sinks(self) -> dict[str, int]:
        """How many alerts wait for each sink."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT name, pending FROM sinks ORDER BY name").fetchall())

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._database.close()

    def _query(self, condition: str, values: dict[str, object]) -> list[StoredAlert]:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"""
                SELECT seq, grouped, label,
                       (SELECT json_group_array(sink) FROM pending WHERE pending.seq = alerts.seq),
                       id, time, kind, client, score, body
                FROM alerts {condition}
                """,  # noqa: S608 - the conditions are constants of this file
                values,
            ).fetchall()
        return [
            StoredAlert(seq, Alert(*alert), bool(grouped), label, tuple(json.loads(pending)))
            for seq, grouped, label, pending, *alert in rows
        ]
