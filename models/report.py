"""What people look at after a training: one HTML page with its plots, worst errors, settings and provenance."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from weirlog.models.fitting import Settings
from weirlog.models.presets import Preset
from weirlog.models.report_page import Mistake, heading, mistakes, page, pictures, table
from weirlog.models.report_plots import (
    calibration_plot,
    false_alerts_plot,
    histogram_plot,
    history_plot,
    import_figure,
    precision_recall_plot,
    roc_plot,
)
from weirlog.models.request import JSON
from weirlog.models.training import TrainedModel

REQUESTS_A_DAY: Final = 1_000_000
"""The assumed traffic of a busy site."""
MISTAKES: Final = 20
PAGE: Final = "index.html"

__all__ = ["PAGE", "REQUESTS_A_DAY", "render", "require_plots", "write_report"]


def require_plots() -> None:
    """Ask, before hours of training, whether a report can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    import_figure()


def write_report(
    directory: Path,
    trained: TrainedModel,
    preset: Preset,
    settings: Settings,
    *,
    requests_a_day: float = REQUESTS_A_DAY,
) -> Path:
    """Write the page to `directory`, which is made if it is missing, in place of an older one; return its path.

    The page shows request texts of the test rows as the model read them, secrets in them included; it can be read by
    its owner alone.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: it cannot be written.
    """
    content = render(trained, preset, settings, requests_a_day)
    directory.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=directory, prefix=f".{PAGE}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return Path(name).rename(directory / PAGE)


def render(trained: TrainedModel, preset: Preset, settings: Settings, requests_a_day: float = REQUESTS_A_DAY) -> str:
    """Return the page as HTML; the same training gives the same page."""
    artifact, scores, labels = trained.artifact, trained.scores, trained.labels
    network = artifact.network
    threshold = artifact.threshold
    plots = (
        history_plot(trained.history),
        roc_plot(scores, labels, threshold),
        precision_recall_plot(scores, labels),
        histogram_plot(scores, labels, threshold),
        calibration_plot(scores, labels),
        false_alerts_plot(scores, labels, threshold, requests_a_day),
    )
    false_alerts, missed = _mistakes(trained)
    measured = artifact.metrics.get("test")
    return page(
        f"Training of {artifact.name}",
        table([("model", artifact.digest), ("created", artifact.created), ("preset", preset.name)]),
        heading("Plots", "All but the first are drawn from the test rows, which no part of training has seen."),
        pictures(plots),
        heading("Measures of the test rows"),
        table(_flat(measured) if isinstance(measured, dict) else []),
        heading(
            f"Worst false alerts (of {len(false_alerts)})", "Harmless rows at or above the threshold, highest first."
        ),
        mistakes(false_alerts[:MISTAKES], "None: no harmless test row reached the threshold."),
        heading(f"Worst misses (of {len(missed)})", "Attacks below the threshold, lowest first."),
        mistakes(missed[:MISTAKES], "None: every attack among the test rows reached the threshold."),
        heading(
            "Network", f"{network.parameters():,} parameters; the tokenizer has {artifact.tokenizer.size:,} entries."
        ),
        table((f"layer {number}", line) for number, line in enumerate(network.layers(), start=1)),
        heading("Settings"),
        table(_flat(_settings(preset, settings))),
        heading("Provenance"),
        table(_flat(dict(artifact.training))),
    )


def _mistakes(trained: TrainedModel) -> tuple[list[Mistake], list[Mistake]]:
    """Return (false alerts, misses), the worst first."""
    scores, labels, threshold = trained.scores, trained.labels, trained.artifact.threshold
    wrong = np.flatnonzero((scores >= threshold) & (labels == 0))
    missed = np.flatnonzero((scores < threshold) & (labels == 1))
    wrong = wrong[np.argsort(-scores[wrong], kind="stable")]
    missed = missed[np.argsort(scores[missed], kind="stable")]
    return (
        [Mistake(float(scores[row]), trained.texts[row]) for row in wrong],
        [Mistake(float(scores[row]), trained.texts[row]) for row in missed],
    )


def _settings(preset: Preset, settings: Settings) -> dict[str, JSON]:
    """Return what training went by: the preset's values where the settings leave them to it."""
    given = {key: value for key, value in asdict(settings).items() if value is not None}
    usual: dict[str, JSON] = {
        "epochs": preset.epochs,
        "batch_size": preset.batch_size,
        "learning_rate": preset.learning_rate,
        "test_size": preset.test_size,
        "validation_split": preset.validation_split,
        "optimizer": preset.optimizer,
        "clip_norm": preset.clip_norm,
        "warm_up": preset.warm_up,
        "decay": preset.decay,
        "recurrent_rate": preset.recurrent_rate,
        "initial": None if preset.initial is None else asdict(preset.initial),
        "level": preset.level,
        "text": preset.text,
    }
    folder = settings.tensorboard
    return {**usual, **given, "tensorboard": None if folder is None else str(folder)}


def _flat(values: Mapping[str, JSON], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}, ")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)
