"""The reference systems' networks by their published recipes, against a plain Keras script: a table in Markdown.

    python -m weirlog.models.reference_table [--presets NAME…] [--plain-epochs N] [--out FILE]

The reference data cannot be had: rows are simulated (`weirlog.models.corpus.reference_api`, `reference_words`), so losses
and accuracies stand beside the published ones without being comparable to them. Ours and the plain script's are: both
sides train the same network on the same rows in the same run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from weirlog.models.character_counts import counts_accuracy
from weirlog.models.corpus.reference_api import ROWS, reference_logs
from weirlog.models.corpus.reference_words import opinions
from weirlog.models.dataset import Row
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.epochs import Epoch
from weirlog.models.evaluation import evaluate
from weirlog.models.examples import UNKNOWN_KIND, Examples, examples
from weirlog.models.fitting import Settings
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.plain_script import PlainRun, PlainScript
from weirlog.models.presets import PRESETS, Preset
from weirlog.models.reference_page import REFERENCE, Line, markdown
from weirlog.models.text import plain_request, text_preparation
from weirlog.models.training import TrainedModel, train

TEXTS: Final = 25_000
"""Rows for the models of words, as many as their data set trains on."""
WEB_ROWS: Final = 6_000
"""For `web-traffic`: its epochs are many and its batches small, and how many rows it had is not published."""
PLAIN_TRAINED: Final = ("lstm",)
"""Presets that the plain script trains in full as well, which takes minutes an epoch."""
QUICK_ROWS: Final = 400


@dataclass(frozen=True, slots=True)
class PlainLimits:
    """How much of the plain script is run.

    Attributes:
        seconds: how long a preset that is only timed is timed for.
        epochs: of those that are trained in full; None for the preset's own number, 0 for none.
        trained: names of those.
    """

    seconds: float
    epochs: int | None
    trained: tuple[str, ...]

    def epochs_of(self, preset: Preset, ours: int) -> int:
        """Return how many epochs of it are run in full, where ours were so many."""
        if preset.name not in self.trained:
            return 0
        return ours if self.epochs is None else self.epochs


class _Told:
    """Says a line an epoch."""

    def __init__(self, name: str) -> None:
        self._name = name

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        pass

    def epoch(self, outcome: Epoch) -> None:
        _say(
            f"{self._name}: epoch {outcome.number}, loss {outcome.loss:.4f}, validation loss "
            f"{outcome.validation_loss:.4f}, accuracy {outcome.validation_accuracy:.4f}, {outcome.seconds:.0f} s"
        )


def rows_for(preset: Preset, count: int, seed: int) -> list[Row]:
    """Return simulated rows of the kind that a preset reads."""
    if preset.level == "word":
        return [Row(plain_request(text), label, file="opinions") for text, label in opinions(seed, count)]
    form = HapiFormat()
    return [Row(form.read(log), label, file="reference-api") for log, label in reference_logs(seed, count)]


def measure(preset: Preset, rows: Sequence[Row], settings: Settings, limits: PlainLimits) -> Line:
    """Train a preset, then run the plain script on the same rows.

    Blocks for minutes to an hour.
    """
    trained = train(
        rows,
        preset,
        name=preset.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=settings,
        progress=_Told(preset.name),
    )
    tokens = trained.artifact.tokenizer.encode(trained.texts)
    measured = evaluate(NumpyEngine(trained.artifact).score(tokens).probability, trained.labels, 0.5)
    # The first epoch compiles the graph; where there is no other, it must do.
    seconds = [epoch.seconds for epoch in trained.history[1:] or trained.history]
    prepare = text_preparation(preset.text).prepare
    texts = [prepare(row.request).text for row in rows]
    data = examples(
        texts,
        [row.label for row in rows],
        [UNKNOWN_KIND] * len(rows),
        trained.artifact.tokenizer,
        limit=trained.artifact.network.sequence.length,
    )
    return Line(
        preset=preset,
        rows=len(rows),
        epochs=len(trained.history),
        vocabulary=trained.artifact.tokenizer.size,
        loss=measured.loss or 0.0,
        accuracy=measured.accuracy or 0.0,
        validation_loss=min(epoch.validation_loss for epoch in trained.history),
        seconds=float(np.mean(seconds)),
        plain=_plain(preset, trained, data, settings, limits),
        counts_accuracy=(
            counts_accuracy(texts, data.labels, trained.split.train, trained.split.test)
            if preset.level == "character"
            else None
        ),
    )


def _plain(preset: Preset, trained: TrainedModel, data: Examples, settings: Settings, limits: PlainLimits) -> PlainRun:
    script = PlainScript(
        trained.artifact.network,
        data,
        trained.split,
        optimizer=preset.optimizer,
        batch_size=settings.batch_size or preset.batch_size,
        seed=settings.seed,
    )
    epochs = limits.epochs_of(preset, len(trained.history))
    return script.train(epochs) if epochs else script.time(limits.seconds)


def _given(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Return the options that decide the figures, where they are not the usual ones."""
    told = ""
    for name in (
        *("presets", "rows", "web_rows", "texts", "epochs", "seed"),
        *("plain_seconds", "plain_epochs", "plain_trained"),
    ):
        value = getattr(options, name)
        if value != parser.get_default(name):
            told += f" --{name.replace('_', '-')} {' '.join(value) if isinstance(value, list) else value}"
    return told


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the output of a command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="weirlog.models.reference_table", description="Train the reference presets.")
    parser.add_argument("--presets", nargs="+", choices=REFERENCE, default=list(REFERENCE), metavar="NAME")
    parser.add_argument("--rows", type=int, default=ROWS, help="of requests")
    parser.add_argument("--web-rows", type=int, default=WEB_ROWS, help="of requests, for web-traffic")
    parser.add_argument("--texts", type=int, default=TEXTS, help="for the models of words")
    parser.add_argument("--epochs", type=int, help="instead of each preset's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain-seconds", type=float, default=30.0, help="how long the plain script is timed")
    parser.add_argument(
        "--plain-epochs", type=int, help="train the plain script for so many, 0 for none; by default as many as ours"
    )
    parser.add_argument(
        "--plain-trained",
        nargs="+",
        choices=REFERENCE,
        default=list(PLAIN_TRAINED),
        metavar="NAME",
        help="presets that the plain script trains, minutes an epoch; the others it is only timed on",
    )
    parser.add_argument("--out", type=Path, default=Path("models/REFERENCE.md"))
    parser.add_argument(
        "--quick", action="store_true", help="a few rows, one epoch: shows that it works, measures nothing"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows = options.web_rows = options.texts = QUICK_ROWS
        options.epochs, options.plain_seconds = 1, 0.0
    settings = Settings(seed=options.seed, epochs=options.epochs)
    limits = PlainLimits(options.plain_seconds, options.plain_epochs, tuple(options.plain_trained))
    counts = {"web-traffic": options.web_rows}
    lines = []
    for name in options.presets:
        preset = PRESETS[name]
        count = options.texts if preset.level == "word" else counts.get(name, options.rows)
        lines.append(measure(preset, rows_for(preset, count, options.seed), settings, limits))
        # After each preset, for the whole takes long and may be stopped.
        page = markdown(
            lines,
            command=f"python -m weirlog.models.reference_table{_given(parser, options)}",
            date=datetime.now(UTC).date().isoformat(),
            texts=f"Texts are {options.texts:,} made-up opinions, of which one label in twenty is wrong.",
        )
        options.out.write_text(page, encoding="utf-8")
        _say(f"{name}: {lines[-1].seconds:.1f} s an epoch, plain {lines[-1].plain.seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
