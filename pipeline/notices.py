"""Notices: alerts of weirlog about itself, in the schema of alerts and to the same sinks.

A notice begins a condition (a sink fails), or ends one, or tells a gap. Its id is derived from what it is about and when
that began, so that the same thing told again, after a crash or a replay, is known for the same.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from weirlog.models.request import JSON
from weirlog.pipeline import gaps
from weirlog.pipeline.alerts import NOTICE_PREFIX, SCHEMA, Alert, encoded, rfc3339
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.redaction import Redactor

ConditionKind: TypeAlias = Literal[
    "weirlog.source-stuck",  # a source fails, or does not move though there is something to read
    "weirlog.commit-failing",  # a source reads, but where it is cannot be kept
    "weirlog.source-silent",  # nothing came for longer than somebody thinks normal
    "weirlog.scorer-stuck",
    "weirlog.sink-failing",
    "weirlog.outbox-blocked",  # alerts cannot be stored, and so detection waits
]
NoticeKind: TypeAlias = ConditionKind | Literal["weirlog.gap", "weirlog.recovered"]
NOTICE_KINDS: tuple[NoticeKind, ...] = (*get_args(ConditionKind), "weirlog.gap", "weirlog.recovered")

LIMIT_UNDELIVERED = 1_000
"""Notices that some sink has yet to take, from which on a full outbox takes no further one: about 1 MB."""

_NAME_CHARS = 256
_MESSAGE_CHARS = 1_000
"""With the longest name 15 kB in ASCII escapes of 12 bytes a character, below the 20 kB of an alert."""

_ABOUT: dict[ConditionKind, str] = {
    "weirlog.source-stuck": "source",
    "weirlog.commit-failing": "source",
    "weirlog.source-silent": "source",
    "weirlog.scorer-stuck": "thread",
    "weirlog.sink-failing": "sink",
    "weirlog.outbox-blocked": "store",
}
_WELL_AGAIN: dict[ConditionKind, str] = {
    "weirlog.source-stuck": "source {} reads again",
    "weirlog.commit-failing": "the position of source {} is committed again",
    "weirlog.source-silent": "source {} has something to read again",
    "weirlog.scorer-stuck": "requests are scored again",
    "weirlog.sink-failing": "sink {} takes alerts again",
    "weirlog.outbox-blocked": "alerts can be stored again, and detection goes on",
}
_GAPS = {
    gaps.TRUNCATED: "the file was cut off before it was read to its end, and no copy of the rest was found; rotate "
    "it by renaming (logrotate's create, not copytruncate)",
    gaps.DELETED: "the file was deleted, and let go after a while to free the disk; keep rotated files for longer",
    gaps.DAMAGED: "the compressed file ends too early or is corrupt; look at what compresses it, and at the disk",
    gaps.REPLACED: "the file was replaced or cut off while weirlog was away, and no copy of it was found; keep one "
    "rotated file uncompressed beside it (logrotate's delaycompress)",
    gaps.MISSING: "the file was rotated away while weirlog was away, and no file beside it continues it; keep rotated "
    "files for longer than weirlog may be down",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong with weirlog from a certain moment on.

    Attributes:
        kind: what.
        name: of the source or sink, or of what else it is about; one condition a kind and name is open at a time.
        began: seconds since 1970-01-01 UTC.
    """

    kind: ConditionKind
    name: str
    began: float


def begin_notice(condition: Condition, message: str, time: float) -> Alert:
    """Return the notice that `condition` has begun; `message` says what is wrong and what can be done."""
    return _notice(
        condition.kind,
        _identity(condition.kind, condition.name, f"{condition.began:.3f}"),
        time,
        message,
        {"about": _about(condition), "began": rfc3339(condition.began)},
    )


def end_notice(condition: Condition, ended: float) -> Alert:
    """Return the notice that `condition` is over since `ended`."""
    duration_s = max(0.0, ended - condition.began)  # the machine's clock may have been set back meanwhile
    return _notice(
        "weirlog.recovered",
        _identity("weirlog.recovered", condition.kind, condition.name, f"{condition.began:.3f}"),
        ended,
        f"{_WELL_AGAIN[condition.kind].format(_short(condition.name))}, after {spoken(duration_s)}",
        {
            "about": _about(condition),
            "recovered_from": condition.kind,
            "began": rfc3339(condition.began),
            "ended": rfc3339(ended),
            "duration_s": round(duration_s, 3),
        },
    )


def gap_notice(gap: Gap, time: float) -> Alert:
    """Return the notice of a suspected loss."""
    lost = (
        f"up to {gap.bytes_at_most:,} bytes"
        if gap.bytes_at_most
        else "what was written after weirlog last looked, an unknown number of bytes,"
    )
    return _notice(
        "weirlog.gap",
        _identity("weirlog.gap", gap.source, gap.key, str(gap.position), str(gap.bytes_at_most), gap.reason),
        time,
        f"source {_short(gap.source)}: {lost} of {_short(gap.partition)} from byte {gap.position:,} on may never have "
        f"been read: {_GAPS.get(gap.reason, gap.reason)}",
        {
            "about": {"source": _short(gap.source)},
            "source": {
                "type": "file",
                "name": _short(gap.partition),
                "partition": _short(gap.key),
                "position": gap.position,
            },
            "bytes_at_most": gap.bytes_at_most,
            "reason": gap.reason,
        },
    )


def spoken(seconds: float) -> str:
    """Return a span of time as people say it: "45 s", "12 min", "3 h 5 min", "2 d 4 h"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def open_conditions(connection: sqlite3.Connection) -> list[Condition]:
    """Return the conditions whose beginning was told and whose end was not."""
    return [Condition(*row) for row in connection.execute("SELECT kind, name, began FROM conditions ORDER BY began")]


def note_begin(connection: sqlite3.Connection, condition: Condition) -> None:
    """Note that `condition` is open, within the caller's transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO conditions (kind, name, began) VALUES (?, ?, ?)",
        (condition.kind, condition.name, condition.began),
    )


def note_end(connection: sqlite3.Connection, condition: Condition) -> None:
    """Note that `condition` is over, within the caller's transaction."""
    connection.execute("DELETE FROM conditions WHERE kind = ? AND name = ?", (condition.kind, condition.name))


def silences(connection: sqlite3.Connection) -> dict[str, float]:
    """Return what `note_silences` noted last."""
    return dict(connection.execute("SELECT source, seconds FROM silences"))


def note_silences(connection: sqlite3.Connection, seconds: Mapping[str, float]) -> None:
    """Note for how long each source has been silent, in place of what was noted, within the caller's transaction."""
    connection.execute("DELETE FROM silences")
    connection.executemany("INSERT INTO silences (source, seconds) VALUES (?, ?)", seconds.items())


def undelivered(connection: sqlite3.Connection) -> int:
    """Return how many notices some sink has yet to take. Looks at all that waits: to be asked only when it is full."""
    row = connection.execute(
        "SELECT count(DISTINCT seq) FROM pending JOIN alerts USING (seq) WHERE substr(kind, 1, ?) = ?",
        (len(NOTICE_PREFIX), NOTICE_PREFIX),
    ).fetchone()
    return int(row[0])


def _notice(kind: NoticeKind, identity: str, time: float, message: str, more: dict[str, JSON]) -> Alert:
    document: dict[str, JSON] = {
        "schema": SCHEMA,
        "id": identity,
        "time": rfc3339(time),
        "score": None,
        "threshold": None,
        "kind": kind,
        "client": {"address": None},
        "request": None,
        "source": None,
        "model": None,
        "explanation": None,
        "count": 1,
        "message": _bounded(message, _MESSAGE_CHARS),
        **more,
    }
    return Alert(identity, time, kind, None, 0.0, encoded(document))


def _about(condition: Condition) -> dict[str, JSON]:
    return {_ABOUT[condition.kind]: _short(condition.name)}


def _identity(*fields: str) -> str:
    digest = hashlib.sha256()
    for field in (SCHEMA, *fields):
        text = field.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()[:32]


def _short(text: str) -> str:
    return _bounded(text, _NAME_CHARS)


def _bounded(text: str, limit_chars: int) -> str:
    # Names and errors of our own hold no secrets, but an error may quote what is long or no valid text.
    return Redactor(enabled=False).text(text, limit_chars)
