"""The reference systems' networks by their published recipes, against a plain Keras script: a table in Markdown.

    python -m weirlog.models.reference_table [--presets NAME…] [--plain-seconds S] [--out FILE]

The reference data cannot be had: rows are simulated (`weirlog.models.corpus.reference_api`, `reference_words`), so losses
and accuracies stand beside the published ones without being comparable to them. Times are: both sides train the same
network on the same rows in the same run.

Ours pads a batch to its own length, in steps (`weirlog.models.examples`), where the plain script pads every row to the
network's whole length. Networks that read their pads therefore see fewer of them in training than in serving, which is an
approximation; the state over pads has converged long before.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from weirlog.models.corpus.reference_api import ROWS, reference_logs
from weirlog.models.corpus.reference_words import opinions
from weirlog.models.dataset import Row
from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.epochs import Epoch
from weirlog.models.evaluation import evaluate
from weirlog.models.examples import UNKNOWN_KIND, Examples, Indices, examples
from weirlog.models.fitting import Settings
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.keras_network import build, import_keras
from weirlog.models.presets import PRESETS, Preset
from weirlog.models.text import plain_request, text_preparation
from weirlog.models.training import TrainedModel, train, versions

TEXTS: Final = 25_000
"""Rows for the models of words, as many as their data set trains on."""
QUICK_ROWS: Final = 400
REFERENCE: Final = tuple(name for name in PRESETS if name != "detector")
_WARM_STEPS: Final = 2
_EVALUATED_BATCHES: Final = 2


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one preset.

    Attributes:
        seconds: of one of our epochs, validation included; the mean over all epochs after the first, which compiles.
        plain_seconds: of one epoch of the plain script, validation included, extrapolated.
        plain_steps: how many of its steps were timed for that.
        vocabulary: entries of the tokenizer on these rows, which decides the size of the network that was trained.
    """

    preset: Preset
    epochs: int
    vocabulary: int
    loss: float
    accuracy: float
    seconds: float
    plain_seconds: float
    plain_steps: int


class _Told:
    """Says a line an epoch."""

    def __init__(self, name: str) -> None:
        self._name = name

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        pass

    def epoch(self, outcome: Epoch) -> None:
        _say(
            f"{self._name}: epoch {outcome.number}, loss {outcome.loss:.4f}, "
            f"validation accuracy {outcome.validation_accuracy:.4f}, {outcome.seconds:.0f} s"
        )


def rows_for(preset: Preset, count: int, seed: int) -> list[Row]:
    """Return simulated rows of the kind that a preset reads."""
    if preset.level == "word":
        return [Row(plain_request(text), label, file="opinions") for text, label in opinions(seed, count)]
    form = HapiFormat()
    return [Row(form.read(log), label, file="reference-api") for log, label in reference_logs(seed, count)]


def measure(preset: Preset, rows: Sequence[Row], settings: Settings, plain_s: float) -> Line:
    """Train a preset, then time the plain script on the same rows for about `plain_s` seconds.

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
    # As the artifact is served, padded in full: what training saw was padded to its batches.
    tokens = trained.artifact.tokenizer.encode(trained.texts)
    measured = evaluate(NumpyEngine(trained.artifact).score(tokens).probability, trained.labels, 0.5)
    # The first epoch compiles the graph; where there is no other, it must do.
    seconds = [epoch.seconds for epoch in trained.history[1:] or trained.history]
    plain_seconds, steps = plain_epoch(preset, trained, rows, settings, plain_s)
    return Line(
        preset=preset,
        epochs=len(trained.history),
        vocabulary=trained.artifact.tokenizer.size,
        loss=measured.loss or 0.0,
        accuracy=measured.accuracy or 0.0,
        seconds=float(np.mean(seconds)),
        plain_seconds=plain_seconds,
        plain_steps=steps,
    )


def plain_epoch(
    preset: Preset, trained: TrainedModel, rows: Sequence[Row], settings: Settings, limit_s: float
) -> tuple[float, int]:
    """Return (seconds of one epoch of the plain script, training steps timed).

    The script is what the reference systems run: `Model.fit` on arrays padded to the network's length, shuffled, then
    `Model.evaluate` on the validation part. Steps are timed until `limit_s` is over, and the epoch is extrapolated from
    their mean; so is validation, from a few batches.
    """
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    network = trained.artifact.network
    prepare = text_preparation(preset.text).prepare
    data = examples(
        [prepare(row.request).text for row in rows],
        [row.label for row in rows],
        [UNKNOWN_KIND] * len(rows),
        trained.artifact.tokenizer,
        limit=network.sequence.length,
    )
    size = settings.batch_size or preset.batch_size
    model = build(network)
    model.compile(preset.optimizer, loss={"verdict": "binary_crossentropy"}, metrics={"verdict": ["accuracy"]})
    split = trained.split
    order = np.random.default_rng(settings.seed).permutation(split.train)

    def fit(first: int, steps: int) -> float:
        x, y = _padded(data, order[first * size : (first + steps) * size], network.sequence.length)
        started = time.perf_counter()
        model.fit(x, {"verdict": y}, batch_size=size, epochs=1, verbose=0, shuffle=False)
        return time.perf_counter() - started

    whole = max(1, len(order) // size)  # batches of one size, so that nothing is compiled while time is taken
    warm = min(_WARM_STEPS, whole)
    fit(0, warm)
    chunk = max(1, min(whole, round(limit_s / 4 / max(fit(0, warm) / warm, 1e-3))))
    spent, steps = 0.0, 0
    while steps == 0 or (spent < limit_s and steps < whole):
        count = min(chunk, whole - steps)
        spent += fit(steps, count)
        steps += count
    rest, batches = _evaluation(model, data, split.validation, size, network.sequence.length)
    return spent / steps * -(-len(order) // size) + rest * batches, steps


def _evaluation(model: Any, data: Examples, rows: Indices, size: int, length: int) -> tuple[float, int]:
    """Return (seconds a batch, batches) of validating in the plain script."""
    x, y = _padded(data, rows[: size * _EVALUATED_BATCHES], length)
    model.evaluate(x, {"verdict": y}, batch_size=size, verbose=0)
    started = time.perf_counter()
    model.evaluate(x, {"verdict": y}, batch_size=size, verbose=0)
    return (time.perf_counter() - started) / -(-len(x) // size), -(-len(rows) // size)


def _padded(data: Examples, rows: Indices, length: int) -> tuple[IntArray, FloatArray]:
    return data.padded(rows, length), data.labels[rows].astype(np.float32)[:, None]


def markdown(lines: Sequence[Line], *, command: str, date: str, rows: str) -> str:
    """Return the page with the table."""
    table = [
        (
            "| preset | parameters | epochs | test loss / accuracy, ours, simulated rows | published loss / accuracy, real rows "
            "| s an epoch, ours | s an epoch, plain script (steps timed) | ratio |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for line in lines:
        published = " and ".join(f"{known.loss:.4f} / {known.accuracy:.4f}" for known in line.preset.published) or "–"
        table.append(
            f"| `{line.preset.name}` | {line.preset.network.parameters():,} | {line.epochs} "
            f"| {line.loss:.4f} / {line.accuracy:.4f} | {published} | {line.seconds:.1f} "
            f"| {line.plain_seconds:.0f} ({line.plain_steps}) | {line.plain_seconds / line.seconds:.1f}× |"
        )
    absent = [name for name in REFERENCE if name not in {line.preset.name for line in lines}]
    left_out = ["", f"Not measured in this run: {', '.join(f'`{name}`' for name in absent)}."] if absent else []
    facts = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join(
        [
            "# The reference presets",
            "",
            f"Made by `{command}` on {date}; {_machine()}; {facts}.",
            "",
            (
                "**The rows are simulated.** The reference systems' data cannot be had, so losses and accuracies do not compare "
                "with the published ones, which stand here for completeness; the times of the two right-hand columns do: "
                f"same rows, same network, same run. {rows}"
            ),
            "",
            *table,
            *left_out,
            "",
            (
                "Parameters are those of the preset as published; the network trained has the vocabulary of these rows. "
                "The plain script pads every row to the network's length and runs `Model.fit`; the given number of its steps "
                "was timed, and the epoch is extrapolated from them. Ours sorts rows by length within pools of 32 batches and "
                "pads a batch to its own length. Where a network reads its pads, that is an approximation in training; loss and "
                "accuracy are those of the model as it is served, padded in full. Both times include validation."
            ),
            "",
        ]
    )


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(named, f": {model}").partition(":")[2].strip()
    return f"{len(os.sched_getaffinity(0))} cores of {model}, Python {platform.python_version()}"


def _given(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Return the options that decide the figures, where they are not the usual ones."""
    told = ""
    for name in ("presets", "rows", "texts", "epochs", "seed", "plain_seconds"):
        value = getattr(options, name)
        if value != parser.get_default(name):
            told += f" --{name.replace('_', '-')} {' '.join(value) if isinstance(value, list) else value}"
    return told


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the output of a command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(prog="weirlog.models.reference_table", description="Train the reference presets.")
    parser.add_argument("--presets", nargs="+", choices=REFERENCE, default=list(REFERENCE), metavar="NAME")
    parser.add_argument("--rows", type=int, default=ROWS, help="of requests")
    parser.add_argument("--texts", type=int, default=TEXTS, help="for the models of words")
    parser.add_argument("--epochs", type=int, help="instead of each preset's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain-seconds", type=float, default=60.0, help="how long the plain script is timed")
    parser.add_argument("--out", type=Path, default=Path("models/REFERENCE.md"))
    parser.add_argument(
        "--quick", action="store_true", help="a few rows, one epoch: shows that it works, measures nothing"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.texts, options.epochs, options.plain_seconds = QUICK_ROWS, QUICK_ROWS, 1, 0.0
    settings = replace(Settings(seed=options.seed), epochs=options.epochs)
    command = f"python -m weirlog.models.reference_table{_given(parser, options)}"
    counted = (
        f"Requests: {options.rows:,} rows of a made-up shop, about half of them attacks; texts: {options.texts:,} made-up "
        "opinions, of which one label in twenty is wrong. 75 % train, of which a part validates; 25 % test."
    )
    lines = []
    for name in options.presets:
        preset = PRESETS[name]
        rows = rows_for(preset, options.texts if preset.level == "word" else options.rows, options.seed)
        lines.append(measure(preset, rows, settings, options.plain_seconds))
        # After each preset, for the whole takes long and may be stopped.
        date = datetime.now(UTC).date().isoformat()
        options.out.write_text(markdown(lines, command=command, date=date, rows=counted))
        _say(f"{name}: {lines[-1].seconds:.1f} s an epoch, plain {lines[-1].plain_seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
