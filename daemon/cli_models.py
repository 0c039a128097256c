"""`weirlog models`: artifacts and presets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from weirlog.daemon.printable import printable

if TYPE_CHECKING:
    from weirlog.models.calibration import Calibration

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
    if not as_json and model.calibration is not None:
        # A hundred numbers say nothing to a person; --json has them all.
        facts["metrics"]["calibration"] = _rates(model.calibration, model.threshold)
    # ASCII: an artifact may come from anywhere, and its names reach a terminal here.
    typer.echo(json.dumps(facts) if as_json else json.dumps(facts, indent=2))


def _rates(calibration: Calibration, threshold: float) -> dict[str, Any]:
    """Return what people ask of a table of false-positive rates: a few rates with their thresholds."""
    from weirlog.models.errors import ArtifactError

    thresholds: dict[str, Any] = {}
    for rate in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        try:
            found = calibration.threshold_for(rate)
        except ArtifactError:
            thresholds[f"fp-rate:{rate:g}"] = None  # no score is so rare among benign requests
        else:
            thresholds[f"fp-rate:{rate:g}"] = round(found.threshold, 9)
    return {
        "requests": dict(calibration.requests),
        "fp_rate_at_threshold": float(f"{calibration.fp_rate(threshold):.2g}"),
        "thresholds": thresholds,
        "extrapolated_below": calibration.least_measured,
    }


@app.command()
def verify(ref: RefArgument) -> None:
    """Check a model byte for byte; exit status 2 when anything is changed, missing or not finite."""
    from weirlog.models import artifact

    typer.echo(f"{printable(ref)}: intact, digest {artifact.verify(ref)}")


@app.command("import")
def import_model(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the artifact goes.")],
    keras_js: Annotated[
        Path | None, typer.Option("--keras-js", metavar="DIR", help="A keras-js folder with its word dictionary.")
    ] = None,
    keras: Annotated[Path | None, typer.Option("--keras", metavar="FILE", help="A .keras or .h5 file.")] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option("--vocabulary", metavar="FILE", help="Of --keras: token → index, JSON, or our own tokenizer."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the artifact; the directory's by default.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.0, max=1.0, help="The score from which a request is an attack.")
    ] = 0.5,
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            help="Of --keras: how requests become texts: reference-1, reference-js-1, plain-1, … "
            "(by default reference-1, and plain-1 for a vocabulary of words).",
        ),
    ] = None,
    length: Annotated[
        int | None, typer.Option("--length", min=1, help="Of --keras: ids read at once, where the file does not say.")
    ] = None,
    padding: Annotated[str, typer.Option("--padding", help="Of --keras: the side padded in training.")] = "pre",
) -> None:
    """Make an artifact of a model trained elsewhere; what cannot be served exactly is refused by name."""
    from datetime import UTC, datetime

    from weirlog.models.errors import ArtifactError

    if (keras_js is None) == (keras is None):
        raise typer.BadParameter("name one model, with --keras-js DIR or with --keras FILE --vocabulary FILE")
    if (keras is None) != (vocabulary is None):
        raise typer.BadParameter("--vocabulary goes with --keras, and --keras with it")
    if padding not in {"pre", "post"}:
        raise typer.BadParameter(f"--padding is pre or post, not {printable(padding, 40)}")
    if out.exists():
        raise ArtifactError(f"{out} exists already: choose another directory, or remove it first")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    name = name or out.absolute().name
    if keras is not None and vocabulary is not None:
        from weirlog.models.importers.keras_file import import_keras_file

        model = import_keras_file(
            keras,
            vocabulary,
            name=name,
            created=created,
            threshold=threshold,
            text=text,
            length=length,
            padding="post" if padding == "post" else "pre",
        )
    elif keras_js is not None:
        from weirlog.models.importers.keras_js import import_keras_js

        model = import_keras_js(keras_js, name=name, created=created, threshold=threshold)
    model.save(out)
    typer.echo(f"{printable(str(out))}: {', '.join(model.network.layers())}, digest {model.digest}")


@app.command("export")
def export_model(
    ref: RefArgument,
    onnx: Annotated[Path | None, typer.Option("--onnx", metavar="FILE", help="Write an ONNX file.")] = None,
    saved_model: Annotated[
        Path | None, typer.Option("--saved-model", metavar="DIR", help="Write a TensorFlow SavedModel.")
    ] = None,
) -> None:
    """Write a model for other runtimes; tokenizer, text preparation and threshold go with it as metadata."""
    from weirlog.models import artifact

    if onnx is None and saved_model is None:
        raise typer.BadParameter("say what to write, with --onnx FILE or --saved-model DIR")
    model = artifact.load(ref)
    if onnx is not None:
        from weirlog.models.exporters.onnx import export_onnx

        export_onnx(model, onnx)
        typer.echo(f"{printable(str(onnx))}: ONNX of {model.name}, digest {model.digest}")
    if saved_model is not None:
        from weirlog.models.exporters.saved_model import export_saved_model

        export_saved_model(model, saved_model)
        typer.echo(f"{printable(str(saved_model))}: SavedModel of {model.name}, digest {model.digest}")


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
