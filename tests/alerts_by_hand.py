"""Alerts for tests that care for what happens to them, not for what is in them."""

from __future__ import annotations

import json

from weirlog.pipeline.alerts import Alert


def an_alert(number: int, *, client: str | None = "192.0.2.1", kind: str | None = "sqli", size: int = 0) -> Alert:
    """Return the alert with this number: the same id and body each time."""
    identity = f"{number:032x}"
    document = {"schema": "weirlog.alert/v1", "id": identity, "kind": kind, "pad": "x" * size, "count": 1}
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return Alert(identity, 1_700_000_000.0 + number, kind, client, 0.9, body)


def some_alerts(*numbers: int) -> list[Alert]:
    """Return alerts of as many clients, so that none is grouped with another."""
    return [an_alert(number, client=f"192.0.2.{number % 256}.{number // 256}") for number in numbers]
