"""The SQLite file that holds alerts: its schema, how it is opened, and what its errors mean.

WAL with synchronous=FULL: a transaction is on the disk when it returns, and readers never wait for the writer.
Sums are kept by triggers, so that they hold whichever process writes (the daemon, or `weirlog alerts`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weirlog.pipeline.errors import RetryableError, StopError

VERSION = 1
BUSY_TIMEOUT_S = 2.0
"""For another process that holds the file."""
TURN_TIMEOUT_S = 3.0
"""For our own threads, each of which may wait for that process. The main thread may wait twice for both between two signs
of life, the service manager wants one within 30 s, and a restart would help nobody."""
CHECKED_BYTES = 256 * 1024 * 1024
"""A file up to this size is checked for damage when it is opened (about 0.5 s a 256 MiB)."""
ROW_COST_BYTES = 512
"""What an alert takes beside its body: its other columns, and its entries in four indexes."""

_SCHEMA = """
CREATE TABLE alerts (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of delivery
    id         TEXT    NOT NULL UNIQUE,
    time       REAL    NOT NULL,
    kind       TEXT,
    client     TEXT,
    score      REAL    NOT NULL,
    body       BLOB    NOT NULL,
    cost       INTEGER NOT NULL,                   -- bytes on disk, about
    grouped    INTEGER NOT NULL,                   -- 1: counted into another alert of its group, not delivered
    label      TEXT CHECK (label IN ('attack', 'benign')),
    stored_at  REAL    NOT NULL
);
CREATE INDEX alerts_by_age ON alerts (stored_at);

CREATE TABLE sinks (
    name     TEXT PRIMARY KEY,
    pending  INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE pending (                             -- what each sink has yet to take
    seq   INTEGER NOT NULL REFERENCES alerts (seq),
    sink  TEXT    NOT NULL REFERENCES sinks (name),
    PRIMARY KEY (seq, sink)
) WITHOUT ROWID;
CREATE INDEX pending_by_sink ON pending (sink, seq);

CREATE TABLE groups (
    key         TEXT PRIMARY KEY,
    opened_at   REAL    NOT NULL,                  -- when the group's last alert was put out
    suppressed  INTEGER NOT NULL,                  -- attacks since then
    stored      INTEGER NOT NULL,                  -- how many of these have a row in alerts
    latest      TEXT                               -- id of the last one that has
) WITHOUT ROWID;
CREATE INDEX groups_by_age ON groups (opened_at);
CREATE INDEX groups_by_latest ON groups (latest);

CREATE TABLE dead_letters (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    stage      TEXT    NOT NULL CHECK (stage IN ('parse', 'deliver')),
    reason     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    partition  TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    payload    BLOB    NOT NULL,
    time       REAL    NOT NULL,
    UNIQUE (stage, source, partition, position)
);
CREATE INDEX dead_letters_by_stage ON dead_letters (stage, seq);

CREATE TABLE alert_totals (stored_bytes INTEGER NOT NULL, undelivered_bytes INTEGER NOT NULL);
INSERT INTO alert_totals VALUES (0, 0);
CREATE TABLE dead_letter_totals (stage TEXT PRIMARY KEY, letters INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO dead_letter_totals VALUES ('parse', 0, 0), ('deliver', 0, 0);

CREATE TRIGGER alert_stored AFTER INSERT ON alerts BEGIN
    UPDATE alert_totals SET stored_bytes = stored_bytes + NEW.cost;
END;
CREATE TRIGGER alert_forgotten AFTER DELETE ON alerts BEGIN
    UPDATE alert_totals SET stored_bytes = stored_bytes - OLD.cost;
END;
CREATE TRIGGER delivery_due AFTER INSERT ON pending BEGIN
    UPDATE sinks SET pending = pending + 1 WHERE name = NEW.sink;
    UPDATE alert_totals SET undelivered_bytes = undelivered_bytes + (SELECT cost FROM alerts WHERE seq = NEW.seq)
    WHERE NOT EXISTS (SELECT 1 FROM pending WHERE seq = NEW.seq AND sink <> NEW.sink);
END;
CREATE TRIGGER delivery_done AFTER DELETE ON pending BEGIN
    UPDATE sinks SET pending = pending - 1 WHERE name = OLD.sink;
    UPDATE alert_totals SET undelivered_bytes = undelivered_bytes - (SELECT cost FROM alerts WHERE seq = OLD.seq)
    WHERE NOT EXISTS (SELECT 1 FROM pending WHERE seq = OLD.seq);
END;
CREATE TRIGGER letter_stored AFTER INSERT ON dead_letters BEGIN
    UPDATE dead_letter_totals SET letters = letters + 1, bytes = bytes + length(NEW.payload) WHERE stage = NEW.stage;
END;
CREATE TRIGGER letter_forgotten AFTER DELETE ON dead_letters BEGIN
    UPDATE dead_letter_totals SET letters = letters - 1, bytes = bytes - length(OLD.payload) WHERE stage = OLD.stage;
END;
"""

_ADDED = """
CREATE TABLE IF NOT EXISTS conditions (            -- what is wrong with weirlog, told and not yet over
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    began  REAL NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS silences (              -- for how long nothing had come from a source while it was read
    source   TEXT PRIMARY KEY,
    seconds  REAL NOT NULL
) WITHOUT ROWID;
"""
"""Came after version 1 without a version of its own: who does not know of it is not disturbed by it."""

_RETRYABLE = {
    sqlite3.SQLITE_BUSY: "another process holds it; close programs that have it open",
    sqlite3.SQLITE_LOCKED: "another process holds it; close programs that have it open",
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_IOERR: "the disk fails; look at the kernel's log",
    sqlite3.SQLITE_READONLY: "it cannot be written; look at its owner, its mode and the file system's",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at its directory's owner and mode, and for free inodes",
    sqlite3.SQLITE_NOMEM: "there is no memory left; make room",
}
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class AlertDatabase:
    """One connection, shared by threads under one lock.

    Sharing costs little: the scorer writes a batch, then each worker marks one, all of them in milliseconds; a
    connection each would only move the queue into SQLite, whose waiting is by sleeping.

    Args:
        path: the file.
        create: make it where there is none; else that is a StopError.

    Raises:
        StopError: it cannot be opened, is damaged, of a newer version, or something else.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._prepare_file(create=create)
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            with self._translated():
                self._prepare_schema(create=create)
        except RetryableError as error:
            self._connection.close()
            raise StopError(str(error)) from error
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the body in one write transaction; on return it is durable, on any error nothing of it happened.

        Raises:
            RetryableError: the disk is full, another process holds the file, or our other threads are too long at it.
            StopError: the file is damaged.
        """
        with self._in_turn(), self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run the body's queries on what was committed last. Errors as in `transaction`."""
        with self._in_turn(), self._translated():
            yield self._connection

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            self._connection.close()

    def _prepare_file(self, *, create: bool) -> None:
        if not create and not self.path.exists():
            raise StopError(f"{self.path} is not there; has the daemon run with this state directory?")
        try:
            # Alerts quote requests: nobody else may read them. SQLite gives its -wal and -shm files the same mode.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StopError(
                f"{self.path} cannot be opened: {error.strerror}; look at the owner and mode of it and its directory"
            ) from error

    def _prepare_schema(self, *, create: bool) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA foreign_keys = ON")
        # SQLite's own 4 MB of log before it folds them into the database would fill a small disk with delivered alerts.
        execute("PRAGMA wal_autocheckpoint = 64")  # pages of 4 KiB
        execute("PRAGMA journal_size_limit = 67108864")  # give the disk back after a burst
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StopError(
                f"{self.path} was written by a newer weirlog (its version is {version}, this one knows {VERSION}); "
                "upgrade, or give another state_dir"
            )
        if version == 0:
            if execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                raise StopError(f"{self.path} is a database of something else; give another state_dir")
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
        elif self.path.stat().st_size <= CHECKED_BYTES:
            (finding,) = execute("PRAGMA quick_check(1)").fetchone()
            if finding != "ok":
                raise self._damaged(finding)
        if create:
            self._connection.executescript(_ADDED)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=TURN_TIMEOUT_S):
            raise RetryableError(
                f"{self.path} has been busy for {TURN_TIMEOUT_S:g} s; close other programs that have it open, or look at "
                "how busy its disk is"
            )
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED:
                raise self._damaged(str(error)) from error
            if code in _RETRYABLE:
                raise RetryableError(f"{self.path}: {error}: {_RETRYABLE[code]}") from error
            raise

    def _damaged(self, finding: str) -> StopError:
        return StopError(
            f"{self.path} is damaged ({' '.join(finding.split())}); move it and its -wal and -shm files away to start with an empty one: "
            "alerts not yet delivered are in there (`sqlite3 FILE .recover` may save them)"
        )
