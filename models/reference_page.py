"""The table of the reference presets as a page in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weirlog.models.plain_script import PlainRun
from weirlog.models.presets import PRESETS, Preset
from weirlog.models.training import versions

REFERENCE = tuple(name for name in PRESETS if name != "detector")
"""The presets of the reference systems, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one preset.

    Attributes:
        rows: of all three parts together.
        vocabulary: entries of the tokenizer on these rows, which decides the size of the network that was trained.
        loss, accuracy: of the test rows, scored as the artifact is served.
        validation_loss: of the epoch whose weights were kept.
        seconds: of one of our epochs, validation included; the mean over all epochs after the first, which compiles.
        counts_accuracy: what a regression on counts of characters reaches on the test rows; None for words.
    """

    preset: Preset
    rows: int
    epochs: int
    vocabulary: int
    loss: float
    accuracy: float
    validation_loss: float
    seconds: float
    plain: PlainRun
    counts_accuracy: float | None = None


def markdown(lines: Sequence[Line], *, command: str, date: str, texts: str) -> str:
    """Return the page.

    Args:
        lines: a preset each.
        command: what made them.
        date: when, ISO 8601.
        texts: a sentence about the rows of words.
    """
    table = [
        (
            "| preset | parameters | rows | epochs | test loss / accuracy, ours, simulated rows "
            "| published loss / accuracy, real rows | validation loss, ours | the same, plain script "
            "| s an epoch, ours | s an epoch, plain script (steps timed) | ratio |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(line) for line in lines),
    ]
    absent = [name for name in REFERENCE if name not in {line.preset.name for line in lines}]
    left_out = [f"Not measured in this run: {', '.join(f'`{name}`' for name in absent)}.", ""] if absent else []
    facts = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join(
        [
            "# The reference presets",
            "",
            f"Made by `{command}` on {date}; {_machine()}; {facts}.",
            "",
            (
                "**The rows are simulated.** The reference systems' data cannot be had, so losses and accuracies do not "
                "compare with the published ones, which stand here for completeness. The rows were shaped, and learning rates "
                "chosen, while looking at what these networks reach on them: an accuracy here says that a recipe learns, not "
                "how good it is. What stands under *ours* and *plain script* does compare: same rows, same network, same run."
            ),
            "",
            *table,
            "",
            *left_out,
            *_rows_told(lines, texts),
            (
                "Parameters are those of the preset as published; the network trained has the vocabulary of these rows. "
                "**Plain script**: every row padded to the network's length, `Model.fit` in the same batches, weights and "
                "learning rate as Keras has them. Where a validation loss of it is given, it was trained in full for as many "
                "epochs as are said there, and that is its best epoch's; else the given number of its steps was timed, and "
                "the epoch is extrapolated from them. **Ours** sorts rows by length within pools of 32 batches, pads a batch "
                "to its own length, and begins it in the state that the pads left out would have led to, so that training "
                "and serving give the same scores. Layers, optimiser, batches and epochs are the reference's; how weights "
                "begin and the learning rate's course are ours, as is keeping the best epoch's weights. Times include "
                "validation."
            ),
            "",
            *_compared(lines),
        ]
    )


def _row(line: Line) -> str:
    published = " and ".join(f"{known.loss:.4f} / {known.accuracy:.4f}" for known in line.preset.published) or "–"
    plain = line.plain
    theirs = "–" if plain.validation_loss is None else f"{plain.validation_loss:.4f} ({plain.epochs} epochs)"
    return (
        f"| `{line.preset.name}` | {line.preset.network.parameters():,} | {line.rows:,} | {line.epochs} "
        f"| {line.loss:.4f} / {line.accuracy:.4f} | {published} | {line.validation_loss:.4f} | {theirs} "
        f"| {line.seconds:.1f} | {plain.seconds:.0f} ({plain.steps:,}) | {plain.seconds / line.seconds:.1f}× |"
    )


def _rows_told(lines: Sequence[Line], texts: str) -> list[str]:
    """Say what the rows are, and how hard."""
    told = []
    known = [line for line in lines if line.counts_accuracy is not None]
    if known:
        first = known[0]
        told.append(
            "Requests are those of a small made-up shop, about half of them a scanner's; for comparison, a logistic "
            f"regression that knows no more than how often each character occurs reaches {first.counts_accuracy:.4f} on the "
            f"test rows of `{first.preset.name}`."
        )
    if any(line.preset.level == "word" for line in lines):
        told.append(texts)
    fewer = [line for line in known if line.rows < max(other.rows for other in known)]
    if fewer:
        names = ", ".join(f"`{line.preset.name}`" for line in fewer)
        told.append(
            f"{names}: on fewer rows, since how many the reference had is not published, and its batches are small."
        )
    return [" ".join(told), ""]


def _compared(lines: Sequence[Line]) -> list[str]:
    """Say in words what the two validation losses and times come to, for each preset that has both."""
    told = []
    for line in lines:
        if line.plain.validation_loss is not None:
            told += [
                (
                    f"`{line.preset.name}`: after {line.epochs} epochs on the same rows the validation loss is "
                    f"{line.validation_loss:.4f}, the plain script's {line.plain.validation_loss:.4f} after "
                    f"{line.plain.epochs}, and an epoch costs {line.seconds:.1f} s in place of {line.plain.seconds:.0f} s: "
                    f"{line.plain.seconds / line.seconds:.1f} times less."
                ),
                "",
            ]
    return told


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(named, f": {model}").partition(":")[2].strip()
    return f"{len(os.sched_getaffinity(0))} cores of {model}, Python {platform.python_version()}"
