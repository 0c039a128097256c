"""`weirlog alerts`: what a daemon has found, from its state directory, while it runs or afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from weirlog.daemon.printable import printable

if TYPE_CHECKING:
    from weirlog.pipeline.archive import Archive, StoredAlert

app = typer.Typer(help="Look at alerts, label them, send them again.", no_args_is_help=True)

StateOption = Annotated[
    Path, typer.Option("--state-dir", metavar="DIR", help="Of the daemon, as configured.", envvar="WEIRLOG_STATE_DIR")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="A time such as 2026-11-21T08:00, or an age such as 2h.")
]
STATE = Path("/var/lib/weirlog")
BELOW = ("message", "reason")
UNCUT = frozenset({"score", "count", "position"})
"""Columns that a narrow terminal shows whole: half a figure is a wrong one."""
CELL_CHARS = 120
MESSAGE_CHARS = 1_200
"""More than a notice's message has: what to do about it stands at its end."""
PIPED_COLUMNS = 2_000
"""What reads a pipe wants whole ids, and takes lines as long as they are."""


class Label(StrEnum):
    """What a person says of an alert."""

    attack = "attack"
    benign = "benign"
    none = "none"


def _archive(state_dir: Path) -> Archive:
    from weirlog.pipeline.archive import Archive

    return Archive(state_dir / "outbox.db")


def _moment(since: str | None) -> float | None:
    if since is None:
        return None
    if age := re.fullmatch(r"(\d{1,6})([smhd])", since):
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[age[2]]
        return (datetime.now(UTC) - timedelta(**{unit: int(age[1])})).timestamp()
    try:
        return datetime.fromisoformat(since).astimezone().timestamp()
    except ValueError:
        raise typer.BadParameter(
            f"{printable(since, 40)!r} is neither a time such as 2026-11-21T08:00 nor an age such as 2h"
        ) from None


def _found(archive: Archive, identity: str) -> StoredAlert:
    stored = archive.find(identity)
    if stored is None:
        raise typer.BadParameter(f"no alert has the id {printable(identity, 40)}, or several begin so")
    return stored


@app.command("list")
def list_alerts(
    state_dir: StateOption = STATE,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most that are shown.")] = 50,
    since: SinceOption = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Dead letters instead: what did not parse or was refused.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """List alerts, newest first."""
    archive = _archive(state_dir)
    rows = _dead_rows(archive, limit) if dead else _alert_rows(archive, limit, _moment(since))
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    _print_table(rows)


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each of `rows`, and on the next its message or reason, which no column would hold."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    if not rows:
        console.print("nothing")
        return
    table = Table(box=None, pad_edge=False)
    columns = [column for column in rows[0] if column not in BELOW]
    for column in columns:
        table.add_column(_cell(column), no_wrap=column in UNCUT)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    head, *lines = console.render_lines(table, pad=False, new_lines=True)
    console.print(Segments(head), end="")
    for line, row in zip(lines, rows, strict=True):
        console.print(Segments(line), end="")
        for below in (row[column] for column in BELOW if row.get(column) is not None):
            console.print(f"  {printable(str(below), MESSAGE_CHARS)}", soft_wrap=True)


def _cell(value: object) -> Text:
    """Return a value on one line, whatever the width: a row is to be followed by its own message."""
    return Text("" if value is None else printable(str(value), CELL_CHARS), no_wrap=True, overflow="ellipsis")


def _alert_rows(archive: Archive, limit: int, since: float | None) -> list[dict[str, Any]]:
    rows = []
    for stored in archive.alerts(limit, since=since):
        document = stored.alert.document()
        rows.append(
            {
                "id": stored.alert.id,
                "time": document["time"],
                "kind": stored.alert.kind,
                "score": document["score"],
                "client": stored.alert.client,
                "count": document["count"],
                "state": "grouped"
                if stored.grouped
                else f"waits for {', '.join(stored.pending)}"
                if stored.pending
                else "delivered",
                "label": stored.label,
                "message": document.get("message"),
            }
        )
    return rows


def _dead_rows(archive: Archive, limit: int) -> list[dict[str, Any]]:
    from weirlog.pipeline.redaction import Redactor

    redactor = Redactor()
    return [
        {
            "time": datetime.fromtimestamp(letter.time, UTC).isoformat(timespec="seconds"),
            "stage": letter.stage,
            "source": letter.source,
            "position": letter.position,
            "reason": letter.reason,
            "beginning": redactor.text(letter.payload[:256].decode("utf-8", "replace"), 80),
        }
        for letter in archive.dead_letters(limit)
    ]


@app.command()
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="An alert's id, or its beginning.")],
    state_dir: StateOption = STATE,
) -> None:
    """Show one alert whole."""
    typer.echo(json.dumps(_found(_archive(state_dir), identity).alert.document(), indent=2))


@app.command()
def label(
    identity: Annotated[str, typer.Argument(metavar="ID", help="An alert's id, or its beginning.")],
    label: Annotated[Label, typer.Argument(help="What it is; none takes a label back.")],
    state_dir: StateOption = STATE,
) -> None:
    """Say what an alert was: kept with it, for retraining and for your own figures."""
    archive = _archive(state_dir)
    stored = _found(archive, identity)
    archive.label(stored.alert.id, None if label is Label.none else "attack" if label is Label.attack else "benign")
    typer.echo(f"{stored.alert.id}: {label}")


@app.command()
def redeliver(
    identities: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="These alerts.")] = None,
    since: SinceOption = None,
    refused: Annotated[bool, typer.Option("--refused", help="All that a sink has refused for good.")] = False,
    sink: Annotated[str | None, typer.Option("--sink", metavar="NAME", help="To this sink alone.")] = None,
    state_dir: StateOption = STATE,
) -> None:
    """Send alerts once more, under the same ids; a running daemon begins at once, a stopped one when it starts."""
    archive = _archive(state_dir)
    if not (identities or since or refused):
        raise typer.BadParameter("name alerts by their ids, or give --since or --refused")
    if sink is not None and sink not in archive.sinks:
        raise typer.BadParameter(
            f"no sink is named {printable(sink, 64)}; there are {', '.join(archive.sinks) or 'none'}"
        )
    chosen = [_found(archive, identity).alert.id for identity in identities or ()]
    chosen += archive.refused(sink) if refused else []
    due = archive.redeliver(chosen, since=_moment(since), sink=sink)
    typer.echo(f"{due} deliveries are due")
