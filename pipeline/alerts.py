"""An attack as people receive it: `weirlog.alert/v1`."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from weirlog.models.request import JSON, Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.records import Partition, Position, Record
from weirlog.pipeline.redaction import Limits, Redactor, Showing, show_request

SCHEMA = "weirlog.alert/v1"
LIMIT_BYTES = 20_000
NOTICE_PREFIX = "weirlog."
"""How the kind of an alert begins that is about weirlog itself (notices.py)."""
_COUNT_ROOM_BYTES = 24
"""Left free so that a count of many digits still fits."""

_ROUNDS = (Limits(), Limits(1024, 8000, 256), Limits(256, 4000, 64), Limits(64, 2000, 16), Limits(24, 1000, 4, 2))
"""Tried in order until the document fits. The last one always does: 1,000 characters of at most 12 bytes each in ASCII
escapes, and as many names, marks and digests as there are fields, are 15 kB."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One attack, or several of a group; or a notice of weirlog about itself.

    Attributes:
        id: of the record at fault; the same after a crash, a replay or a rebalance, on every output.
        time: when it was found, in seconds since 1970-01-01 UTC.
        kind: of attack, or None for a model that knows no kinds.
        client: address of the client as `client_address` gives it, or None.
        score: probability in [0, 1]; 0 for a notice, whose document has null.
        body: the whole document, compact JSON in ASCII: safe on a terminal, one line in a file.
    """

    id: str
    time: float
    kind: str | None
    client: str | None
    score: float
    body: bytes

    @property
    def is_notice(self) -> bool:
        """Whether it is about weirlog itself: there is no request, no model and no score, but a message."""
        return self.kind is not None and self.kind.startswith(NOTICE_PREFIX)

    def with_count(self, count: int) -> Alert:
        """Return the same alert standing for `count` attacks."""
        return replace(self, body=encoded({**self.document(), "count": count}))

    def document(self) -> dict[str, JSON]:
        """The document as Python values."""
        document: dict[str, JSON] = json.loads(self.body)
        return document


def alert_id(partition: Partition, position: Position, model_digest: str) -> str:
    """Return the identity of what the model with `model_digest` finds in the record that ends at `position`.

    A file's key knows it wherever it is moved to; a Kafka partition is only known within its cluster and topic.
    """
    place = (partition.source, partition.name) if partition.type == "kafka" else ()
    digest = hashlib.sha256()
    for field in (SCHEMA, partition.type, *place, partition.key, str(position), model_digest):
        encoded = field.encode("utf-8", "surrogatepass")
        # The length in front keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:32]


def build_alert(
    record: Record,
    request: Request,
    verdict: Verdict,
    explanation: Explanation | None,
    *,
    model_name: str,
    model_digest: str,
    redactor: Redactor,
    time: float,
) -> Alert:
    """Return the alert on `record`: redacted, at most LIMIT_BYTES long, with "truncated": true where anything was cut.

    Args:
        record: the record at fault.
        request: what it was parsed into; every text of it may be hostile.
        verdict: the model's.
        explanation: what drove the score, if known.
        model_name: the model's name.
        model_digest: the model's digest.
        redactor: what is hidden.
        time: now, in seconds since 1970-01-01 UTC.
    """
    identity = alert_id(record.partition, record.receipt.position, model_digest)
    client = client_address(request.client)
    explained = None if explanation is None else redactor.explanation(explanation, request)
    body = b""
    for limits in _ROUNDS:
        showing = Showing(redactor, limits)
        ours = Showing(Redactor(enabled=False), limits)  # names and keys of our own hold no secrets
        model: dict[str, JSON] = {"name": ours.text(model_name), "digest": model_digest}
        fitted = explained and _fitted(explained, limits, showing)
        document: dict[str, JSON] = {
            "schema": SCHEMA,
            "id": identity,
            "time": rfc3339(time),
            "score": round(verdict.score, 6),
            "threshold": round(verdict.threshold, 6),
            "kind": verdict.kind and ours.text(verdict.kind),
            "client": {"address": client},
            "request": {"time": rfc3339(request.time), **show_request(request, showing)},
            "source": {
                "type": record.partition.type,
                "name": ours.text(record.partition.name),
                "partition": ours.text(record.partition.key),
                "position": record.receipt.position,
            },
            "model": model,
            "explanation": fitted,
            "count": 1,
        }
        if showing.cut or ours.cut:
            document["truncated"] = True
        body = encoded(document)
        if len(body) <= LIMIT_BYTES - _COUNT_ROOM_BYTES:
            break
    return Alert(identity, time, verdict.kind, client, verdict.score, body)


def request_document(request: Request, redactor: Redactor) -> dict[str, JSON]:
    """Return `request` as an alert shows it: redacted, bounded."""
    return {"time": rfc3339(request.time), **show_request(request, Showing(redactor, Limits()))}


def client_address(text: str | None) -> str | None:
    """Return a valid IP address as it is, anything else as at most 64 printable ASCII characters, nothing as None."""
    if not text:
        return None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        valid = False
    else:
        # A zone ("fe80::1%eth0") may hold any character at all, so it is not taken for valid.
        valid = "%" not in text
    if valid:
        return text
    return "".join(character if " " <= character <= "~" else "?" for character in text[:64])


def rfc3339(time: float | None) -> str | None:
    """Return `time` in UTC with milliseconds, or None for what is no time within the years 1 to 9999."""
    if time is None:
        return None
    try:
        moment = datetime.fromtimestamp(time, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fitted(explained: dict[str, JSON], limits: Limits, showing: Showing) -> dict[str, JSON]:
    excerpt = str(explained["excerpt"])
    if len(excerpt) <= limits.text_chars:
        return explained
    showing.cut = True
    room = limits.text_chars
    return {
        "field": showing.text(str(explained["field"])),
        "excerpt": excerpt[:room],
        "start": min(int(str(explained["start"])), room),
        "end": min(int(str(explained["end"])), room),
    }


def encoded(document: dict[str, JSON]) -> bytes:
    """Return a document as an alert's body."""
    # ASCII: C1 controls and bidirectional overrides in a request must not reach the terminal of whoever reads it.
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
