"""How the shipped model is made: labelled files and generated traffic, the `detector` preset, a held-out threshold.

    python -m weirlog.models.default_training train --data DATA [--refine MODEL] --out models/shipped/default
    python -m weirlog.models.default_training mean MODEL MODEL... --data DATA --out models/shipped/default
    python -m weirlog.models.default_training evaluate [--data DATA] [--texts TEXTS] [--model default] [--out PAGE]
    python -m weirlog.models.default_training calibrate [--data DATA] [--model default] --out models/shipped/default

`mean` makes one model of refinements with different seeds that began with the same one: what each learnt by chance evens out.
The last sets the thresholds and measures the false-positive rates anew, as for a model that was trained elsewhere; `train`
and `mean` do it by themselves.
DATA is a folder of labelled files (`weirlog.models.dataset`). Every epoch draws so many rows of each file and of each
generator, for the files repeat themselves: one prolific tool must not outweigh all the rest. TEXTS is a folder with
the texts that `default_quality` measures by, written by hand and never trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog

from weirlog.models.artifact import Artifact, load
from weirlog.models.corpus import KINDS
from weirlog.models.corpus.documentation import passages, passages_digest
from weirlog.models.corpus.written import written_digest
from weirlog.models.course import (
    GENERATED,
    LONG,
    LONG_QUOTA,
    MINED,
    MINED_FROM,
    MINED_QUOTA,
    POOL_FACTOR,
    TRAINING_SEED,
    Course,
    Recipe,
    divide,
    gather,
    say,
)
from weirlog.models.dataset import CSV_SUFFIXES
from weirlog.models.default_quality import evaluate_default, files_seen
from weirlog.models.default_thresholds import CALIBRATION_ROWS, settled
from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError
from weirlog.models.presets import PRESETS
from weirlog.models.quality_page import page
from weirlog.models.request import JSON
from weirlog.models.training import file_digest, versions


def data_files(folder: Path) -> list[Path]:
    """Return the labelled files of a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.name.endswith(CSV_SUFFIXES))


def data_name(path: Path) -> str:
    """Return what a labelled file is called: its name without its endings."""
    return path.name.partition(".")[0]


def refuse_unknown(parser: argparse.ArgumentParser, files: Sequence[Path], without: Collection[str]) -> None:
    """End the program with an error where a file that is to be left out is not there: else it would be learnt from."""
    names = {data_name(path) for path in files}
    if unknown := set(without) - names:
        parser.error(f"--without {' '.join(sorted(unknown))}: no such file; there are {', '.join(sorted(names))}")


def loaded(parser: argparse.ArgumentParser, ref: str) -> Artifact:
    """Return a model; end the program with an error where there is none."""
    try:
        return load(ref)
    except ArtifactError as error:
        parser.error(str(error))


def refuse_other_shape(parser: argparse.ArgumentParser, start: Artifact) -> None:
    """End the program with an error where a model is no `detector`: before the texts are made, which takes minutes."""
    wanted = PRESETS["detector"].network
    own = start.network.with_sizes(vocabulary=wanted.embedding.vocabulary, kinds=wanted.kinds)
    if own.shapes() != wanted.shapes() or own.embedding.pairs != wanted.embedding.pairs:
        parser.error(
            f"--refine {start.name}: it is {', '.join(start.network.layers())}, and a detector is "
            f"{', '.join(wanted.layers())}; leave --refine out to train one from the beginning"
        )


def train_default(files: Sequence[Path], recipe: Recipe, created: str, start: Artifact | None = None) -> Artifact:
    """Train the shipped model on labelled files, which may be none, and on generated traffic.

    First on texts that are mostly short, for those teach the most in an hour; then, at a lower rate, with windows of
    long bodies among them, and with those of many fresh rows that the model still mistakes. What is kept is the mean of
    the weights at the ends of these rounds, and of those that a refinement began with. Its thresholds are left to
    `settled`. Blocks for about an hour and a quarter; a second core is of little use to it.

    Args:
        files: labelled data.
        recipe: what can be varied.
        created: when, ISO 8601.
        start: a model to refine; the first part is then left out.
    """
    written = passages()
    pool, quotas = gather(files, recipe, written)
    parts = divide(pool, recipe.seed)
    if start is None:
        course = Course(recipe, pool, parts, KINDS)
        course.run({**quotas, LONG: 0}, recipe.epochs, recipe.rate)
    else:
        course = Course(recipe, pool, parts, start.kinds, start.tokenizer, start.weights)
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
            "generated_rows": quotas[GENERATED] * POOL_FACTOR + recipe.rounds * MINED_FROM,
            "generator_seed": TRAINING_SEED + recipe.seed,
            "written_texts": written_digest(),
            "passages": {"count": len(written), "sha256": passages_digest(written)},
            "versions": versions(),
        },
    )
    refining = {**{name: quota // 2 for name, quota in quotas.items()}, LONG: LONG_QUOTA, MINED: MINED_QUOTA}
    refined = untold
    ends: list[Mapping[str, FloatArray]] = [] if start is None else [start.weights]
    for number in range(1, recipe.rounds + 1):
        course.mine(refined, number, written)
        course.run(refining, recipe.refining_epochs, recipe.refining_rate)
        refined = replace(untold, weights=course.weights or {}, digest="")
        ends.append(refined.weights)
    if recipe.rounds:
        refined = replace(untold, weights=mean_weights(ends), digest="")
    losses: list[JSON] = [round(epoch.validation_loss, 5) for epoch in course.history]
    return replace(refined, training={**untold.training, "validation_loss": losses}, digest="")


def mean_weights(ends: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """Return the mean of weights that one training went through, array by array.

    Where each is the end of a round of its own, the mean evens out what differs by chance between them
    (P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018).
    """
    return {name: np.mean([end[name] for end in ends], axis=0, dtype=np.float32) for name in ends[0]}


def mean_model(models: Sequence[Artifact], created: str) -> Artifact:
    """Return a model with the mean of the weights of several, which began with the same ones; `settled` sets its thresholds.

    Raises:
        ArtifactError: two differ in more than their weights.
    """
    first = models[0]
    for other in models[1:]:
        if (other.network, other.tokenizer, other.kinds) != (first.network, first.tokenizer, first.kinds):
            raise ArtifactError(
                f"{other.name} ({other.digest[:12]}) differs from {first.name} ({first.digest[:12]}) in its layers, "
                "characters or kinds: give models that refine the same one"
            )
    training: dict[str, JSON] = {
        "mean_of": {model.digest: dict(model.training) for model in models},
        "files": {name: digest for model in models for name, digest in files_seen(model).items()},
    }
    weights = mean_weights([model.weights for model in models])
    mean = replace(first, created=created, weights=weights, training=training)
    return replace(mean, threshold=0.5, kind_thresholds={}, metrics={}, digest="")


def _parser() -> argparse.ArgumentParser:
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="weirlog.models.default_training", description="Make or measure the default.")
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train the default model")
    trainer.add_argument("--data", type=Path, required=True, help="folder of labelled files")
    trainer.add_argument("--epochs", type=int, default=usual.epochs)
    trainer.add_argument("--seed", type=int, default=usual.seed)
    trainer.add_argument("--refine", default=None, metavar="MODEL", help="start from this model, and refine it only")
    trainer.add_argument("--rounds", type=int, default=usual.rounds, help="of refinement, each with rows mined anew")
    trainer.add_argument("--refining-epochs", type=int, default=usual.refining_epochs, help="of each round")
    trainer.add_argument("--refining-rate", type=float, default=usual.refining_rate, help="highest of each round")
    trainer.add_argument(
        "--without", nargs="+", action="extend", default=[], help="files to leave out, without their endings"
    )
    averager = commands.add_parser("mean", help="make one model of several refinements of the same")
    averager.add_argument("models", nargs="+", metavar="MODEL")
    measurer = commands.add_parser("evaluate", help="measure a model on every labelled file")
    measurer.add_argument("--data", type=Path, default=None, help="folder of labelled files")
    measurer.add_argument("--texts", type=Path, default=None, help="folder of the texts written by hand, such as tests")
    measurer.add_argument("--model", default="default")
    measurer.add_argument("--out", type=Path, default=None, help="also write the page there")
    calibrator = commands.add_parser(
        "calibrate", help="set a model's thresholds, measure its false-positive rates, and write it with them"
    )
    calibrator.add_argument("--model", default="default")
    calibrator.add_argument("--rows", type=int, default=CALIBRATION_ROWS, help="generated requests to measure on")
    for settling in (averager, calibrator):
        settling.add_argument(
            "--data", type=Path, default=None, help="folder of labelled files with left-out real hosts"
        )
    for writing in (trainer, averager, calibrator):
        writing.add_argument("--out", type=Path, required=True, help="folder of the artifact; its model card is kept")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; return the exit status."""
    # Standard output is for results.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr), cache_logger_on_first_use=False)
    parser = _parser()
    options = parser.parse_args(arguments)
    files = [] if options.data is None else data_files(options.data)
    if options.command == "calibrate":
        model = settled(loaded(parser, options.model), files, options.rows)
        save_over(options.out, model)
        say(json.dumps({"digest": model.digest, **_fp_rates(model)}, indent=1))
        return 0
    if options.command == "evaluate":
        text = page(evaluate_default(loaded(parser, options.model), files, options.texts))
        if options.out is not None:
            options.out.write_text(text, encoding="utf-8")
        say(text)
        return 0
    created = datetime.now(UTC).isoformat(timespec="seconds")
    if options.command == "mean":
        try:
            artifact = mean_model([loaded(parser, ref) for ref in options.models], created)
        except ArtifactError as error:
            parser.error(str(error))
        return _finish(artifact, files, options.out)
    refuse_unknown(parser, files, options.without)
    kept = [path for path in files if data_name(path) not in options.without]
    start = None if options.refine is None else loaded(parser, options.refine)
    if start is not None:
        refuse_other_shape(parser, start)
    recipe = Recipe(
        epochs=options.epochs,
        seed=options.seed,
        rounds=options.rounds,
        refining_epochs=options.refining_epochs,
        refining_rate=options.refining_rate,
    )
    return _finish(train_default(kept, recipe, created, start), kept, options.out)


def _finish(artifact: Artifact, files: Sequence[Path], out: Path) -> int:
    """Set a new model's thresholds, write it and say what it is worth; return the exit status."""
    artifact = settled(artifact, files)
    save_over(out, artifact)
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
