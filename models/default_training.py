"""How the shipped model is made: labelled files and generated traffic, the `detector` preset, a held-out threshold.

    python -m weirlog.models.default_training train --data DATA --out models/shipped/default
    python -m weirlog.models.default_training evaluate [--data DATA] [--texts TEXTS] [--model default] [--out PAGE]
    python -m weirlog.models.default_training calibrate [--data DATA] [--model default] --out models/shipped/default

The last measures the false-positive rates anew, as for a model that was trained elsewhere; `train` does it by itself.
DATA is a folder of labelled files (`weirlog.models.dataset`). Every epoch draws so many rows of each file and of each
generator, for the files repeat themselves: one prolific tool must not outweigh all the rest. TEXTS is a folder with
the texts that `default_quality` measures by, written by hand and never trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from weirlog.models.artifact import Artifact, load
from weirlog.models.calibration import Calibration, calibrate
from weirlog.models.corpus import KINDS, traffic
from weirlog.models.corpus.traffic import PROBE
from weirlog.models.dataset import CSV_SUFFIXES, read_rows
from weirlog.models.default_quality import evaluate_default
from weirlog.models.engines import FloatArray, engine
from weirlog.models.epochs import Epoch
from weirlog.models.evaluation import evaluate
from weirlog.models.examples import Indices, examples
from weirlog.models.fitting import Fitted, Settings, fit
from weirlog.models.pool import (
    HOSTS,
    LONGEST,
    OTHER_QUOTA,
    QUOTAS,
    SCORED_AT_ONCE,
    Draw,
    Pool,
    add_generated,
    add_long,
    add_mined,
    add_rows,
    add_spliced,
)
from weirlog.models.presets import PRESETS
from weirlog.models.quality_page import page
from weirlog.models.request import JSON
from weirlog.models.tokenizer import Tokenizer
from weirlog.models.training import file_digest, kind_indices, threshold_at, versions
from weirlog.models.windows import cut

TRAINING_SEED: Final = 20_261
HELD_OUT_SEED: Final = 70_003
"""Generated rows that set the threshold: never trained on, though of the same generators."""
CALIBRATION_SEED: Final = 50_021
"""Of the generated rows whose scores become the table of false-positive rates."""
CALIBRATION_ROWS: Final = 250_000
"""A rate of 5e-5 is then counted from ten requests; scoring them takes two minutes."""
GENERATED_SHARE: Final = 0.55
POOL_FACTOR: Final = 8
"""How many epochs' worth of generated rows there are to draw from."""
SPLICED_SHARE: Final = 0.3
"""Share of labelled rows that also stand in a second form, with parameters of a harmless request around theirs."""
HELD_OUT_SHARE: Final = 0.05
VALIDATION_ROWS: Final = 12_000
HELD_OUT_PLAIN: Final = 40_000
HELD_OUT_HARD: Final = 10_000
GENERATED: Final = "generated"
LONG: Final = "long"
LONG_QUOTA: Final = 8_000
"""Windows of long bodies an epoch while refining."""
MINED: Final = "mined"
MINED_FROM: Final = 600_000
"""Fresh generated rows that the half-trained model is asked about: those it mistakes are the ones to learn from. Two minutes."""
MINED_QUOTA: Final = 16_000
"""Mined rows an epoch while refining."""
GENERATED_ALONE: Final = 50_000
"""Generated rows an epoch where there is no labelled file."""
PROBE_FALSE_ALERT_RATE: Final = 1e-4
FALSE_ALERT_RATE: Final = 1e-4
"""Of requests of real hosts."""
PLAIN_FALSE_ALERT_RATE: Final = 3e-4
"""Of generated plain requests, which are harder than real ones: at such a threshold 1 of 2,470 requests of hosts in a
left-out file alerts, and that one is synthetic. At 1e-4 recall on tools in left-out files falls by eight points."""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the output of a command


class _Log:
    """Says a line every hundred steps, and one an epoch."""

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        if step % 100 == 0:
            say(f"epoch {epoch}/{epochs} step {step}/{steps} loss {loss:.4f} {rows_per_s:.0f} rows/s")

    def epoch(self, outcome: Epoch) -> None:
        say(f"epoch {outcome.number}: {outcome}")


def data_files(folder: Path) -> list[Path]:
    """Return the labelled files of a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.name.endswith(CSV_SUFFIXES))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What can be varied from run to run.

    Attributes:
        epochs: how often so many rows as QUOTAS say are drawn.
        seed: of everything.
        rate: the highest learning rate.
        batch: rows a step.
        share: of generated rows in an epoch.
        refining_epochs: how often, after that, half as many rows are drawn, windows of long bodies among them.
        refining_rate: the highest learning rate of those.
    """

    epochs: int = 30
    seed: int = 1
    rate: float = 3e-3
    batch: int = 128
    share: float = GENERATED_SHARE
    refining_epochs: int = 8
    refining_rate: float = 6e-4


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of the pool by their use; no two parts share a row."""

    training: Indices
    validation: Indices
    held_out: Mapping[str, Indices]


def gather(files: Sequence[Path], recipe: Recipe) -> tuple[Pool, dict[str, int]]:
    """Return every text, labelled, spliced, generated and held out, and the quotas an epoch."""
    pool = Pool()
    add_rows(pool, read_rows(files))
    add_spliced(pool, recipe.seed, SPLICED_SHARE)
    names = set(pool.groups) - {HOSTS}
    quotas = {name: QUOTAS.get(name, OTHER_QUOTA) for name in names}
    generated = round(sum(quotas.values()) * recipe.share / (1 - recipe.share)) if names else GENERATED_ALONE
    quotas[GENERATED] = generated
    add_generated(pool, traffic(TRAINING_SEED + recipe.seed), generated * POOL_FACTOR, GENERATED)
    add_long(pool, TRAINING_SEED + recipe.seed, LONG_QUOTA * max(1, recipe.refining_epochs), LONG)
    add_generated(pool, traffic(HELD_OUT_SEED, attack_share=0.0, hard_share=0.0), HELD_OUT_PLAIN, "plain")
    add_generated(pool, traffic(HELD_OUT_SEED + 1, attack_share=0.5, hard_share=1.0), HELD_OUT_HARD, "hard")
    add_long(pool, HELD_OUT_SEED, HELD_OUT_HARD // 2, "long bodies")
    return pool, quotas


def divide(pool: Pool, seed: int) -> Parts:
    """Return what is trained on, and what is held out: a sample of everything, left-out hosts, fresh generated rows."""
    groups = np.asarray(pool.groups)
    apart = ("plain", "hard", "long bodies", HOSTS)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isin(groups, apart)))
    cut = round(len(order) * HELD_OUT_SHARE)
    held = {name: np.flatnonzero(groups == name) for name in apart}
    return Parts(order[cut:], order[:cut][:VALIDATION_ROWS], {"sample": order[:cut], **held})


class _Course:
    """A training in stages: each begins with the weights of the last, and may have rows that the last brought to light.

    Args:
        recipe: what can be varied.
        pool: all texts; may grow between two stages.
        parts: what each row of it is for.
        kinds: of attacks, as the network's second head numbers them.
        tokenizer: None for one that is made of the rows trained on.
        weights: to begin with; None for random ones.
    """

    def __init__(
        self,
        recipe: Recipe,
        pool: Pool,
        parts: Parts,
        kinds: tuple[str, ...],
        tokenizer: Tokenizer | None = None,
        weights: Mapping[str, FloatArray] | None = None,
    ) -> None:
        self._recipe = recipe
        self._pool = pool
        self._validation = parts.validation
        self._training = parts.training
        self._kinds = kinds
        training_texts = (pool.texts[row] for row in parts.training)
        self.tokenizer = tokenizer or Tokenizer.fit(training_texts, level="character")
        self.network = PRESETS["detector"].sized(self.tokenizer.size, len(kinds))
        self.weights = weights
        self.history: list[Epoch] = []

    def run(self, quotas: Mapping[str, int], epochs: int, rate: float) -> Fitted:
        """Train for some epochs of so many rows of each group, the rate falling from `rate` to 0; blocks for minutes each."""
        preset = PRESETS["detector"]
        pool, recipe = self._pool, self._recipe
        data = examples(pool.texts, pool.labels, kind_indices(pool.kinds, self._kinds), self.tokenizer, limit=LONGEST)
        say(f"{len(pool.texts)} rows, {sum(quotas.values())} an epoch, {self.tokenizer.size} characters")
        fitted = fit(
            self.network,
            data,
            self._validation,
            epoch_rows=Draw(pool.groups, self._training, quotas, recipe.seed + len(self.history)),
            epochs=epochs,
            batch_size=recipe.batch,
            optimizer=preset.optimizer,
            learning_rate=rate,
            clip_norm=preset.clip_norm,
            settings=Settings(seed=recipe.seed, warm_up=0.03, decay=True),
            progress=_Log(),
            start=self.weights,
        )
        self.weights = fitted.weights
        self.history += fitted.history
        return fitted

    def mine(self, model: Artifact) -> None:
        """Let the generated rows that `model` finds hardest be trained on from the next stage on."""
        before = len(self._pool.texts)
        add_mined(self._pool, TRAINING_SEED + self._recipe.seed + 1, MINED_FROM, MINED, partial(score_texts, model))
        mined = np.arange(before, len(self._pool.texts))
        say(f"{len(mined)} hard rows of {MINED_FROM}, {sum(self._pool.labels[before:])} of them attacks")
        self._training = np.concatenate([self._training, mined])


def train_default(files: Sequence[Path], recipe: Recipe, created: str, start: Artifact | None = None) -> Artifact:
    """Train the shipped model on labelled files, which may be none, and on generated traffic.

    First on texts that are mostly short, for those teach the most in an hour; then, at a lower rate, with windows of
    long bodies among them, and with those of many fresh rows that the model still mistakes. The thresholds are set by
    `with_thresholds`. Blocks for about an hour on two cores.

    Args:
        files: labelled data.
        recipe: what can be varied.
        created: when, ISO 8601.
        start: a model to refine; the first part is then left out.
    """
    pool, quotas = gather(files, recipe)
    parts = divide(pool, recipe.seed)
    if start is None:
        course = _Course(recipe, pool, parts, KINDS)
        course.run({**quotas, LONG: 0}, recipe.epochs, recipe.rate)
    else:
        course = _Course(recipe, pool, parts, start.kinds, start.tokenizer, start.weights)
    preset = PRESETS["detector"]
    untold = Artifact(
        name="default",
        created=created,
        network=course.network,
        tokenizer=course.tokenizer,
        text=preset.text,
        threshold=0.5,
        weights=course.weights or {},
        kinds=start.kinds if start is not None else KINDS,
        training={
            "preset": preset.name,
            "recipe": asdict(recipe),
            "refines": None if start is None else start.digest,
            "files": {path.name: file_digest(path) for path in files},
            "rows_an_epoch": dict(quotas),
            "generated_rows": quotas[GENERATED] * POOL_FACTOR + MINED_FROM,
            "generator_seeds": {"training": TRAINING_SEED + recipe.seed, "held_out": HELD_OUT_SEED},
            "versions": versions(),
        },
    )
    course.mine(untold)
    refining = {name: quota // 2 for name, quota in quotas.items()}
    fitted = course.run(
        {**refining, LONG: LONG_QUOTA, MINED: MINED_QUOTA}, recipe.refining_epochs, recipe.refining_rate
    )
    losses: list[JSON] = [round(epoch.validation_loss, 5) for epoch in course.history]
    refined = replace(
        untold, weights=fitted.weights, training={**untold.training, "validation_loss": losses}, digest=""
    )
    plain, hosts = ([pool.texts[row] for row in parts.held_out[name]] for name in ("plain", HOSTS))
    artifact = with_thresholds(refined, plain, hosts)
    labels = np.asarray(pool.labels)
    metrics: dict[str, JSON] = {
        name: evaluate(fitted.score(rows), labels[rows], artifact.threshold).to_json()
        for name, rows in parts.held_out.items()
        if len(rows)
    }
    return replace(artifact, metrics={"held_out": metrics}, digest="")


def with_thresholds(artifact: Artifact, plain: Sequence[str], hosts: Sequence[str]) -> Artifact:
    """Return the model with the lowest thresholds at which few harmless requests alert.

    Probes have a threshold of their own: they are told by a name alone, which a site may bear itself; an injection is told
    by what breaks out of its place.

    Args:
        artifact: the model.
        plain: texts of generated plain requests, at most as long as the network reads at once: of these
            PLAIN_FALSE_ALERT_RATE alert as an injection, and PROBE_FALSE_ALERT_RATE as a probe.
        hosts: texts of real hosts that were left out: of these FALSE_ALERT_RATE alert as either.
    """
    injections, probes = [], []
    for texts, rate, probe_rate in (
        (plain, PLAIN_FALSE_ALERT_RATE, PROBE_FALSE_ALERT_RATE),
        (hosts, FALSE_ALERT_RATE, FALSE_ALERT_RATE),
    ):
        if not texts:
            continue
        scores = engine("auto", artifact).score(artifact.tokenizer.encode(texts))
        assert scores.kind is not None
        is_probe = scores.kind.argmax(axis=1) == artifact.kinds.index(PROBE)
        injections.append(threshold_at(np.where(is_probe, 0.0, scores.probability), rate))
        probes.append(threshold_at(np.where(is_probe, scores.probability, 0.0), probe_rate))
    return replace(
        artifact,
        threshold=max(injections, default=0.5),
        kind_thresholds={PROBE: max(probes, default=0.5)},
        digest="",
    )


def score_texts(artifact: Artifact, texts: Sequence[str]) -> FloatArray:
    """Return (n,) probabilities with the fastest engine, as a detector gives them."""
    windows = cut(artifact.tokenizer.encode(texts), artifact.network.sequence)
    probability, _ = windows.worst(engine("auto", artifact).score(windows.batch).probability)
    return probability


def calibrate_default(artifact: Artifact, files: Sequence[Path], rows: int = CALIBRATION_ROWS) -> Calibration:
    """Return the false-positive rates on generated plain requests, and on the real hosts in `files` that were left out.

    Generated requests are far more, and score higher than real ones: what is measured is rather too high than too low.

    Args:
        artifact: the model.
        files: labelled data, as it was trained with; may be none.
        rows: how many requests to generate; those with long texts are thinned out as in training.
    """
    pool = Pool()
    add_generated(pool, traffic(CALIBRATION_SEED, attack_share=0.0, hard_share=0.0), rows, GENERATED)
    add_rows(pool, read_rows(files))
    by_group: dict[str, list[str]] = {GENERATED: [], HOSTS: []}
    for text, group in zip(pool.texts, pool.groups, strict=True):
        if group in by_group:
            by_group[group].append(text)
    parts = {
        group: [score_texts(artifact, texts[at : at + SCORED_AT_ONCE]) for at in range(0, len(texts), SCORED_AT_ONCE)]
        for group, texts in by_group.items()
        if texts
    }
    return calibrate({group: np.concatenate(part) for group, part in parts.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; return the exit status."""
    # Standard output is for results.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr), cache_logger_on_first_use=False)
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="weirlog.models.default_training", description="Make or measure the default.")
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train the default model")
    trainer.add_argument("--data", type=Path, required=True, help="folder of labelled files")
    trainer.add_argument("--out", type=Path, required=True, help="folder of the artifact; its model card is kept")
    trainer.add_argument("--epochs", type=int, default=usual.epochs)
    trainer.add_argument("--seed", type=int, default=usual.seed)
    trainer.add_argument("--refine", default=None, metavar="MODEL", help="start from this model, and refine it only")
    trainer.add_argument("--without", nargs="*", default=[], help="files to leave out, without their endings")
    measurer = commands.add_parser("evaluate", help="measure a model on every labelled file")
    measurer.add_argument("--data", type=Path, default=None, help="folder of labelled files")
    measurer.add_argument("--texts", type=Path, default=None, help="folder of the texts written by hand, such as tests")
    measurer.add_argument("--model", default="default")
    measurer.add_argument("--out", type=Path, default=None, help="also write the page there")
    calibrator = commands.add_parser("calibrate", help="measure a model's false-positive rates, and write it with them")
    calibrator.add_argument("--data", type=Path, default=None, help="folder of labelled files with left-out real hosts")
    calibrator.add_argument("--model", default="default")
    calibrator.add_argument("--rows", type=int, default=CALIBRATION_ROWS, help="generated requests to measure on")
    calibrator.add_argument("--out", type=Path, required=True, help="folder of the artifact; its model card is kept")
    options = parser.parse_args(arguments)
    files = [] if options.data is None else data_files(options.data)
    if options.command == "calibrate":
        model = load(options.model)
        model = model.calibrated(calibrate_default(model, files, options.rows))
        save_over(options.out, model)
        say(json.dumps({"digest": model.digest, **_fp_rates(model)}, indent=1))
        return 0
    if options.command == "evaluate":
        text = page(evaluate_default(load(options.model), files, options.texts))
        if options.out is not None:
            options.out.write_text(text, encoding="utf-8")
        say(text)
        return 0
    kept = [path for path in files if path.name.partition(".")[0] not in options.without]
    start = None if options.refine is None else load(options.refine)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    artifact = train_default(kept, Recipe(epochs=options.epochs, seed=options.seed), created, start)
    artifact = artifact.calibrated(calibrate_default(artifact, kept))
    save_over(options.out, artifact)
    say(json.dumps({"threshold": artifact.threshold, **artifact.metrics}, indent=1))
    return 0


def _fp_rates(artifact: Artifact) -> dict[str, JSON]:
    """Return the false-positive rates at the model's own threshold and at a few others, to judge the table by."""
    calibration = artifact.calibration
    if calibration is None:
        return {}
    scores = (artifact.threshold, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
    rates: dict[str, JSON] = {str(score): float(f"{calibration.fp_rate(score):.2g}") for score in scores}
    return {"requests": dict(calibration.requests), "fp_rates": rates, "measured_down_to": calibration.least_measured}


def save_over(directory: Path, artifact: Artifact) -> None:
    """Save an artifact where another may stand; whatever else lies there, a model card, is kept."""
    with tempfile.TemporaryDirectory(dir=directory.absolute().parent) as folder:
        artifact.save(Path(folder) / "model")
        directory.mkdir(exist_ok=True)
        for file in (Path(folder) / "model").iterdir():
            file.replace(directory / file.name)


if __name__ == "__main__":
    sys.exit(main())
