"""`weirlog train` and `weirlog evaluate`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from weirlog.daemon import exit_status
from weirlog.daemon.cli_options import EngineOption, ModelOption, ThresholdOption, resolve
from weirlog.daemon.printable import printable

if TYPE_CHECKING:
    from weirlog.models.evaluation import Measures
    from weirlog.models.training import Epoch

DataArgument = Annotated[
    list[Path], typer.Argument(metavar="DATA…", help="Reference CSV (.csv, .csv.gz) or JSON lines (.jsonl, .jsonl.gz).")
]


class _Bar:
    """Training's progress on a terminal: a bar an epoch, and a line for each that is done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=None, told="")

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        self._progress.update(
            self._task,
            total=steps * epochs,
            completed=(epoch - 1) * steps + step,
            description=f"epoch {epoch}/{epochs}",
            told=f"loss {loss:.4f}, {rows_per_s:,.0f} rows/s",
        )

    def epoch(self, outcome: Epoch) -> None:
        self._progress.console.print(
            f"epoch {outcome.number}: loss {outcome.loss:.4f}, validation loss {outcome.validation_loss:.4f}, "
            f"validation accuracy {outcome.validation_accuracy:.4f}, {outcome.seconds:.0f} s"
        )


def train(
    data: DataArgument,
    preset: Annotated[str, typer.Option("--preset", help="A network: see `weirlog models presets`.")] = "lstm",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the artifact goes.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the artifact; the directory's by default.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of split, weights and order.")] = 1,
    validation_split: Annotated[float | None, typer.Option("--validation-split", min=0.01, max=0.9)] = None,
    test_size: Annotated[float | None, typer.Option("--test-size", min=0.01, max=0.9)] = None,
    split_by: Annotated[str, typer.Option("--split-by", help="row, origin or file; a split by row flatters.")] = "row",
    patience: Annotated[
        int | None, typer.Option("--patience", min=1, help="Epochs without gain until it ends.")
    ] = None,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Let both classes weigh the same, however many rows they have.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted training stopped.")] = False,
    tensorboard: Annotated[Path | None, typer.Option("--tensorboard", metavar="DIR")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write a page with plots and worst errors there.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the network and its parameter count.")] = False,
) -> None:
    """Train a preset with TensorFlow and write an artifact."""
    from datetime import UTC, datetime

    from weirlog.models.presets import PRESETS

    if preset not in PRESETS:
        raise typer.BadParameter(f"no preset is named {printable(preset, 40)}; there are {', '.join(PRESETS)}")
    chosen = PRESETS[preset]
    if dry_run:
        for layer in chosen.network.layers():
            typer.echo(layer)
        typer.echo(f"{chosen.network.parameters():,} parameters with a vocabulary of {chosen.vocabulary}")
        return
    if out is None:
        raise typer.BadParameter("say with --out where the artifact goes")
    if split_by not in {"row", "origin", "file"}:
        raise typer.BadParameter(f"--split-by is row, origin or file, not {printable(split_by, 40)}")
    from weirlog.models.dataset import read_rows
    from weirlog.models.errors import ArtifactError
    from weirlog.models.report import require_plots, write_report
    from weirlog.models.training import Settings, file_digest
    from weirlog.models.training import train as fit

    if out.exists():
        raise ArtifactError(f"{out} exists already: choose another directory, or remove it first")
    if report is not None:
        require_plots()
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        validation_split=validation_split,
        test_size=test_size,
        split_by=split_by,  # type: ignore[arg-type]  # checked above
        patience=patience,
        class_weights=class_weights,
        tensorboard=tensorboard,
    )
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    partial = out.with_name(f"{out.name}.partial")
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        try:
            trained = fit(
                read_rows(data),
                chosen,
                name=name or out.name,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                settings=settings,
                progress=_Bar(progress),
                provenance={"data": {path.name: file_digest(path) for path in data}},
                partial=partial,
                resume=resume,
            )
        except KeyboardInterrupt:
            progress.stop()
            kept = "give the same command with --resume to go on" if partial.is_dir() else "no epoch was done"
            typer.echo(f"interrupted: {kept}", err=True)
            raise typer.Exit(exit_status.FAILED) from None
    trained.artifact.save(out)
    shutil.rmtree(partial, ignore_errors=True)
    if report is not None:
        typer.echo(f"report: {write_report(report, trained, chosen, settings)}", err=True)
    typer.echo(f"{out}: {trained.artifact.digest}")
    typer.echo(json.dumps(dict(trained.artifact.metrics), indent=2))


def evaluate(
    data: DataArgument,
    model: ModelOption = "default",
    threshold: ThresholdOption = None,
    engine: EngineOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Measure a model on labelled data, for each file and in all."""
    import numpy as np

    from weirlog.models.dataset import read_rows
    from weirlog.models.detector import load_detector
    from weirlog.models.evaluation import evaluate as measure

    score, fp_rate = resolve(threshold)
    detector = load_detector(model, engine=engine, threshold=score, fp_rate=fp_rate)
    found: dict[str, Measures] = {}
    scores: list[float] = []
    labels: list[int] = []
    for path in data:
        before = len(scores)
        for batch in _batches(read_rows([path])):
            scores += [verdict.score for verdict in detector.classify([row.request for row in batch])]
            labels += [row.label for row in batch]
        found[path.name] = measure(np.array(scores[before:]), np.array(labels[before:]), detector.threshold)
    found["all"] = measure(np.array(scores), np.array(labels), detector.threshold)
    if as_json:
        typer.echo(json.dumps({file: measures.to_json() for file, measures in found.items()}))
    else:
        Console(highlight=False, markup=False).print(_table(found))


def _batches(rows: Any) -> Any:
    from itertools import islice

    while batch := list(islice(rows, 512)):
        yield batch


def _table(found: dict[str, Measures]) -> Table:
    table = Table(box=None, pad_edge=False)
    columns = (
        "file",
        "rows",
        "attacks",
        "loss",
        "accuracy",
        "AUC",
        "TPR",
        "FPR",
        "recall at FPR 1 %",
        "0.1 %",
        "0.01 %",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "file" else "right")
    for file, measures in found.items():
        figures = (
            measures.loss,
            measures.accuracy,
            measures.auc,
            measures.true_positive_rate,
            measures.false_positive_rate,
            *measures.recall_at.values(),
        )
        table.add_row(
            printable(file, 60),
            f"{measures.rows:,}",
            f"{measures.attacks:,}",
            *("–" if figure is None else f"{figure:.4f}" for figure in figures),
        )
    return table
