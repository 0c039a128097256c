"""`weirlog models`: artifacts and presets."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from weirlog.daemon.printable import printable

app = typer.Typer(help="Look at models and presets.", no_args_is_help=True)

RefArgument = Annotated[str, typer.Argument(metavar="REF", help="A bundled model's name, or a directory.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


def _console() -> Console:
    return Console(highlight=False, markup=False)


@app.command("list")
def list_models() -> None:
    """List the bundled models."""
    from weirlog.models import artifact

    table = Table(box=None, pad_edge=False)
    for column in ("name", "created", "parameters", "threshold", "text", "digest"):
        table.add_column(column, justify="right" if column in {"parameters", "threshold"} else "left")
    for name in artifact.list_shipped():
        model = artifact.load(name)
        parameters = f"{model.network.parameters():,}"
        table.add_row(name, model.created, parameters, f"{model.threshold:.6f}", model.text, model.digest[:12])
    _console().print(table)


@app.command()
def show(ref: RefArgument = "default", as_json: JsonOption = False) -> None:
    """Show what a model is made of, where it comes from and what it measured."""
    from weirlog.models import artifact

    model = artifact.load(ref)
    facts: dict[str, Any] = {
        "name": model.name,
        "digest": model.digest,
        "created": model.created,
        "layers": model.network.layers(),
        "parameters": model.network.parameters(),
        "tokenizer": {"level": model.tokenizer.level, "size": model.tokenizer.size},
        "text": model.text,
        "threshold": model.threshold,
        "kinds": list(model.kinds),
        "metrics": dict(model.metrics),
        "training": dict(model.training),
    }
    # ASCII: an artifact may come from anywhere, and its names reach a terminal here.
    typer.echo(json.dumps(facts) if as_json else json.dumps(facts, indent=2))


@app.command()
def verify(ref: RefArgument) -> None:
    """Check a model byte for byte; exit status 2 when anything is changed, missing or not finite."""
    from weirlog.models import artifact

    typer.echo(f"{printable(ref)}: intact, digest {artifact.verify(ref)}")


@app.command()
def presets(as_json: JsonOption = False) -> None:
    """List the networks that `weirlog train --preset` knows."""
    from weirlog.models.presets import PRESETS

    if as_json:
        rows = [
            {"name": name, "layers": preset.network.layers(), "parameters": preset.network.parameters()}
            for name, preset in PRESETS.items()
        ]
        typer.echo(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "parameters", "layers"):
        table.add_column(column, justify="right" if column == "parameters" else "left")
    for name, preset in PRESETS.items():
        table.add_row(name, f"{preset.network.parameters():,}", ", ".join(preset.network.layers()))
    _console().print(table)
