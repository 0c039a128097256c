"""From labelled rows to an artifact: split, fit, choose a threshold, report. Keras is imported when it is needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np

from weirlog.models.artifact import Artifact
from weirlog.models.dataset import Row
from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.epochs import Epoch, Progress
from weirlog.models.errors import DatasetError
from weirlog.models.evaluation import evaluate, threshold_for_fp_rate
from weirlog.models.examples import UNKNOWN_KIND, Indices, examples
from weirlog.models.fitting import Settings, SplitBy, fit
from weirlog.models.keras_network import import_keras
from weirlog.models.presets import Preset
from weirlog.models.request import JSON
from weirlog.models.resuming import Checkpoint
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import Tokenizer

__all__ = [
    "Epoch",
    "Progress",
    "Settings",
    "Split",
    "TrainedModel",
    "file_digest",
    "kind_indices",
    "kind_names",
    "split_rows",
    "threshold_at",
    "train",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of the three parts."""

    train: Indices
    validation: Indices
    test: Indices


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What training gives.

    Attributes:
        artifact: ready to be saved.
        history: an entry an epoch.
        split: which rows were which, by their order in the data.
        scores: (n,) of the test rows, in the order of `split.test`.
        labels: (n,) of the same.
        texts: of the same, as the model read them.
    """

    artifact: Artifact
    history: tuple[Epoch, ...]
    split: Split
    scores: FloatArray
    labels: IntArray
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Texts:
    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    kinds: list[str | None] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def train(
    rows: Iterable[Row],
    preset: Preset,
    *,
    name: str,
    created: str,
    settings: Settings | None = None,
    progress: Progress | None = None,
    provenance: Mapping[str, JSON] | None = None,
    partial: Path | None = None,
    resume: bool = False,
) -> TrainedModel:
    """Train a preset's network on `rows` and return it with the scores of its test rows.

    With the preset's own settings this is the reference systems' recipe: 75 % of the rows to train on, a share of them
    for validation, so many epochs in batches of that size, with that optimiser. How weights begin, the learning rate's
    course and the limit of gradients are the preset's. Texts of all rows are held in memory.

    Args:
        rows: what to learn from.
        preset: the network and its recipe.
        name: of the artifact.
        created: when, ISO 8601.
        settings: where to differ from the preset.
        progress: told of steps and epochs.
        provenance: added to the artifact's account of its training: input files and digests, say.
        partial: folder for the state after every epoch, so that an interrupted training can be resumed; removing it
            once the artifact is saved is the caller's.
        resume: go on from the state in `partial`, if there is one, to the weights that training would have had without
            the interruption.

    Raises:
        ArtifactError: what lies in `partial` is of a training with other data or settings, or `resume` is not set.
        DatasetError: there are too few rows, or one class only.
        MissingExtraError: TensorFlow is not installed.

    Blocks for minutes to hours.
    """
    settings = settings or Settings()
    texts = _prepared(rows, preset, settings.split_by)
    labels = np.asarray(texts.labels, np.int32)
    test_size = preset.test_size if settings.test_size is None else settings.test_size
    share = preset.validation_split if settings.validation_split is None else settings.validation_split
    split = split_rows(texts.groups if settings.split_by != "row" else len(labels), test_size, share, settings.seed)
    for part, chosen in (("training", split.train), ("validation", split.validation), ("test", split.test)):
        if len(set(labels[chosen].tolist())) < 2:
            raise DatasetError(f"the {part} part has {len(chosen)} rows, not both labels among them: give more data")
    num_words = preset.vocabulary if preset.level == "word" else None
    tokenizer = Tokenizer.fit(
        [texts.texts[row] for row in split.train], level=preset.level, lower=preset.lower, num_words=num_words
    )
    kinds = kind_names(texts.kinds) if preset.network.kinds else ()
    network = preset.sized(tokenizer.size, len(kinds))
    indices = kind_indices(texts.kinds, kinds)
    data = examples(texts.texts, texts.labels, indices, tokenizer, limit=network.sequence.length)
    fitted = fit(
        network,
        data,
        split.validation,
        epoch_rows=lambda epoch: np.random.default_rng((settings.seed, epoch)).permutation(split.train),
        epochs=settings.epochs or preset.epochs,
        batch_size=settings.batch_size or preset.batch_size,
        optimizer=preset.optimizer,
        learning_rate=settings.learning_rate or preset.learning_rate,
        clip_norm=preset.clip_norm,
        recurrent_rate=preset.recurrent_rate,
        settings=replace(
            settings,
            warm_up=preset.warm_up if settings.warm_up is None else settings.warm_up,
            decay=preset.decay if settings.decay is None else settings.decay,
        ),
        initial=preset.initial,
        progress=progress,
        keeper=None if partial is None else Checkpoint(partial, _fingerprint(texts, preset, settings), resume=resume),
    )
    validation = fitted.score(split.validation)
    threshold = threshold_at(validation[labels[split.validation] == 0], settings.false_alert_rate)
    scores = fitted.score(split.test)
    truth = labels[split.test]
    artifact = Artifact(
        name=name,
        created=created,
        network=network,
        tokenizer=tokenizer,
        text=preset.text,
        threshold=threshold,
        weights=fitted.weights,
        kinds=kinds,
        metrics={
            "test": evaluate(scores, truth, threshold).to_json(),
            "validation_loss": min(epoch.validation_loss for epoch in fitted.history),
        },
        training={
            "preset": preset.name,
            "seed": settings.seed,
            "epochs": len(fitted.history),
            "split_by": settings.split_by,
            "rows": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
            "versions": versions(),
            **(provenance or {}),
        },
    )
    return TrainedModel(artifact, fitted.history, split, scores, truth, tuple(texts.texts[row] for row in split.test))


def _fingerprint(texts: _Texts, preset: Preset, settings: Settings) -> dict[str, JSON]:
    """Return all that decides what a training gives, small enough to be compared and told."""
    rows = hashlib.sha256()
    for row in zip(texts.texts, texts.labels, texts.kinds, texts.groups, strict=True):
        rows.update(json.dumps(row).encode())
    return {
        "data": {"rows": len(texts.texts), "sha256": rows.hexdigest()},
        "preset": msgspec.to_builtins(preset),
        "settings": {key: value for key, value in asdict(settings).items() if key != "tensorboard"},
        "versions": versions(),
    }


def _prepared(rows: Iterable[Row], preset: Preset, split_by: SplitBy) -> _Texts:
    prepare = text_preparation(preset.text).prepare
    made = _Texts()
    for row in rows:
        made.texts.append(prepare(row.request).text)
        made.labels.append(row.label)
        made.kinds.append(row.kind if row.label else None)
        made.groups.append(row.file if split_by == "file" else row.origin or row.file)
    return made


def split_rows(rows: int | Sequence[str], test_size: float, validation_split: float, seed: int) -> Split:
    """Split rows at random, or whole groups of them where their groups are given.

    The test part gets `test_size` of all, validation `validation_split` of the rest; groups are dealt out until a part
    has its share, so a large one can make it larger.
    """
    random = np.random.default_rng(seed)
    if isinstance(rows, int):
        order = random.permutation(rows)
        test = round(rows * test_size)
        validation = round((rows - test) * validation_split)
        return Split(order[test + validation :], order[test : test + validation], order[:test])
    groups = np.asarray(rows)
    total = len(groups)
    wanted = [total * test_size, total * (1 - test_size) * validation_split]
    parts: list[list[Indices]] = [[], [], []]
    sizes = [0, 0]
    for group in random.permutation(np.unique(groups)):
        members = np.flatnonzero(groups == group)
        part = next((part for part in (0, 1) if sizes[part] + len(members) <= 1.2 * wanted[part]), 2)
        if part < 2:
            sizes[part] += len(members)
        parts[part].append(members)
    test_part, validation_part, train_part = (
        random.permutation(np.concatenate(part)) if part else np.zeros(0, np.int64) for part in parts
    )
    return Split(train_part, validation_part, test_part)


def kind_names(kinds: Iterable[str | None]) -> tuple[str, ...]:
    """Return the kinds that occur, sorted; "mixed" is none."""
    return tuple(sorted({kind for kind in kinds if kind is not None} - {"mixed"}))


def kind_indices(kinds: Iterable[str | None], names: Sequence[str]) -> list[int]:
    places = {name: place for place, name in enumerate(names)}
    return [UNKNOWN_KIND if kind is None else places.get(kind, UNKNOWN_KIND) for kind in kinds]


def threshold_at(benign: FloatArray, false_alert_rate: float) -> float:
    """Return the lowest threshold, from 0.5 to 0.99999, at which at most this share of `benign` alerts.

    With n rows a rate below 1/n asks that none of them alerts, and says no more than about 1/n. Where even the highest
    threshold alerts more often, it is the highest.
    """
    try:
        lowest = threshold_for_fp_rate(benign, false_alert_rate)
    except ValueError:
        lowest = 1.0
    # Five digits, upwards and past what float32 rounds together: a threshold is for people to read, too.
    return min(max(0.5, float(np.floor(lowest * 1e5 + 0.1) + 1) / 1e5), 0.99999)


def versions() -> dict[str, JSON]:
    """Return the versions of what training depends on."""
    keras = import_keras()
    return {"keras": str(keras.__version__), "backend": str(keras.backend.backend()), "numpy": np.__version__}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
