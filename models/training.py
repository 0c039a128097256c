"""Split, fit, choose a threshold, report. Keras is imported when a function is called."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np

from weirlog.models.artifact import Artifact
from weirlog.models.dataset import Row
from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.errors import DatasetError
from weirlog.models.examples import UNKNOWN_KIND, Examples, Indices, batches, examples
from weirlog.models.keras_network import build, import_keras, load_weights, weights_of
from weirlog.models.network import Network
from weirlog.models.presets import Preset
from weirlog.models.request import JSON
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import Tokenizer

SplitBy = Literal["row", "origin", "file"]
EVALUATION_ROWS: Final = 512
"""Rows a batch when nothing is learnt: memory stays at a few hundred MB with 1024 steps of 64 units."""


class Progress(Protocol):
    """Is told how training goes, from the thread that trains. What it does delays the next step."""

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        """One batch is done; `epoch` and `step` count from 1, `loss` is the mean over the epoch so far."""
        ...

    def epoch(self, outcome: Epoch) -> None:
        """One epoch is done and validated."""
        ...


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the history. Losses are binary cross-entropy in nats, of the verdict alone in validation."""

    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. None takes the preset's own value.

    Attributes:
        seed: of the split, the weights and the order of batches.
        test_size: share of all rows that is kept for the test.
        validation_split: share of the rest that is kept for validation.
        split_by: "row" splits at random, which flatters; "origin" and "file" keep each of theirs on one side.
        warm_up: share of all steps in which the learning rate rises from 0.
        decay: whether the learning rate falls to 0 along a cosine after that.
        patience: epochs without a better validation loss until training ends; the best epoch's weights are kept.
        class_weights: whether both classes weigh the same however many rows they have.
        kinds_weight: of the second head's loss beside the verdict's.
        false_alert_rate: the threshold is the lowest that keeps alerts on harmless validation rows at or below it.
        tensorboard: folder for event files, or None.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 1
    test_size: float | None = None
    validation_split: float | None = None
    split_by: SplitBy = "row"
    warm_up: float = 0.0
    decay: bool = False
    patience: int | None = None
    class_weights: bool = False
    kinds_weight: float = 0.3
    false_alert_rate: float = 0.001
    tensorboard: Path | None = None


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
    """

    artifact: Artifact
    history: tuple[Epoch, ...]
    split: Split
    scores: FloatArray
    labels: IntArray


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
) -> TrainedModel:
    """Train a preset's network on `rows` and return it with the scores of its test rows.

    With the preset's own settings this is the reference systems' recipe: 75 % of the rows to train on, a share of them
    for validation, so many epochs, no schedule. Texts of all rows are held in memory.

    Args:
        rows: what to learn from.
        preset: the network and its recipe.
        name: of the artifact.
        created: when, ISO 8601.
        settings: where to differ from the preset.
        progress: told of steps and epochs.
        provenance: added to the artifact's account of its training: input files and digests, say.

    Raises:
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
        settings=settings,
        progress=progress,
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
            "test": verdict_metrics(scores, truth, threshold),
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
    return TrainedModel(artifact, fitted.history, split, scores, truth)


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


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network after training: the best epoch's weights, in a Keras model that scores."""

    network: Network
    data: Examples
    weights: Mapping[str, FloatArray]
    history: tuple[Epoch, ...]
    _model: Any

    def score(self, rows: Indices) -> FloatArray:
        """Return (n,) probabilities of some rows, in their order."""
        return score_rows(self._model, self.data, rows, self.network.sequence.length)


def score_rows(model: Any, data: Examples, rows: Indices, limit: int) -> FloatArray:
    """Return (n,) probabilities that a Keras model gives to some rows, in their order; padded to WIDTHS only."""
    scores = np.zeros(len(data), np.float32)
    for batch in batches(data, rows, EVALUATION_ROWS, limit=limit, shuffle=None):
        scores[batch.rows] = np.asarray(model.predict_on_batch(batch.ids)["verdict"])[:, 0]
    return scores[rows]


def fit(
    network: Network,
    data: Examples,
    validation: Indices,
    *,
    epoch_rows: Callable[[int], Indices],
    epochs: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float | None,
    clip_norm: float | None,
    settings: Settings,
    progress: Progress | None = None,
    start: Mapping[str, FloatArray] | None = None,
) -> Fitted:
    """Train a network on `data` and keep its best epoch.

    Args:
        network: what to train.
        data: all rows.
        validation: rows that say which epoch is the best.
        epoch_rows: epoch, from 0 → the rows to train on, in order; all epochs have about as many.
        epochs: at most so many.
        batch_size: rows a step.
        optimizer: a name that Keras knows.
        learning_rate: None for the optimiser's own.
        clip_norm: limit of the gradient's global norm, or None.
        settings: seed, schedule, patience, weights of classes and heads.
        progress: told of steps and epochs.
        start: weights to start from, random when None.
    """
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    model = build(network)
    if start is not None:
        load_weights(model, start)
    length = network.sequence.length
    steps = -(-len(epoch_rows(0)) // batch_size)
    _compile(keras, model, network, optimizer, learning_rate, clip_norm, settings, epochs * steps)
    boards = _Boards(settings.tensorboard)
    history: list[Epoch] = []
    best, best_weights = float("inf"), weights_of(model)
    for number in range(epochs):
        started = time.perf_counter()
        rows = epoch_rows(number)
        weights = _class_weights(data.labels[rows]) if settings.class_weights else (1.0, 1.0)
        total, done = 0.0, 0
        shuffle = np.random.default_rng((settings.seed, number, 1))
        for step, batch in enumerate(batches(data, rows, batch_size, limit=length, shuffle=shuffle), start=1):
            targets: dict[str, Any] = {"verdict": batch.labels[:, None]}
            sample_weights = {"verdict": np.where(batch.labels > 0, weights[1], weights[0]).astype(np.float32)}
            if network.kinds:
                targets["kinds"] = np.maximum(batch.kinds, 0)
                sample_weights["kinds"] = (batch.kinds != UNKNOWN_KIND).astype(np.float32)
            loss = model.train_on_batch(batch.ids, targets, sample_weight=sample_weights, return_dict=True)
            model.reset_metrics()
            total += float(loss["loss"]) * len(batch.labels)
            done += len(batch.labels)
            if progress is not None:
                rate = done / (time.perf_counter() - started)
                progress.step(
                    epoch=number + 1, epochs=epochs, step=step, steps=steps, loss=total / done, rows_per_s=rate
                )
        scores = score_rows(model, data, validation, length)
        truth = data.labels[validation]
        outcome = Epoch(
            number + 1,
            total / max(done, 1),
            cross_entropy(scores, truth),
            float(np.mean((scores >= 0.5) == (truth > 0))),
            time.perf_counter() - started,
        )
        history.append(outcome)
        boards.write(outcome)
        if progress is not None:
            progress.epoch(outcome)
        if outcome.validation_loss < best:
            best, best_weights = outcome.validation_loss, weights_of(model)
        elif settings.patience is not None and number - _best_epoch(history) >= settings.patience:
            break
    load_weights(model, best_weights)
    return Fitted(network, data, best_weights, tuple(history), model)


def _best_epoch(history: Sequence[Epoch]) -> int:
    return min(range(len(history)), key=lambda place: history[place].validation_loss)


def _compile(
    keras: Any,
    model: Any,
    network: Network,
    optimizer: str,
    learning_rate: float | None,
    clip_norm: float | None,
    settings: Settings,
    steps: int,
) -> None:
    made = keras.optimizers.get(optimizer)
    rate: Any = float(np.asarray(made.learning_rate)) if learning_rate is None else learning_rate
    if settings.decay or settings.warm_up:
        warm_up = max(1, round(steps * settings.warm_up))
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(1, steps - warm_up) if settings.decay else 10**9,
            warmup_target=rate,
            warmup_steps=warm_up,
        )
    loss = {"verdict": "binary_crossentropy"}
    weights = {"verdict": 1.0}
    if network.kinds:
        loss["kinds"] = "sparse_categorical_crossentropy"
        weights["kinds"] = settings.kinds_weight
    # Without XLA: its LSTM loop is five times slower on a CPU than TensorFlow's own.
    model.compile(
        type(made)(learning_rate=rate, global_clipnorm=clip_norm), loss=loss, loss_weights=weights, jit_compile=False
    )


def _class_weights(labels: IntArray) -> tuple[float, float]:
    attacks = float(labels.mean())
    return 0.5 / max(1 - attacks, 1e-6), 0.5 / max(attacks, 1e-6)


class _Boards:
    """TensorBoard event files, with what TensorFlow itself brings; nothing without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            import tensorflow as tf  # noqa: PLC0415 - the event files are TensorFlow's own format

            self._summary = tf.compat.v1.Summary
            with tf.Graph().as_default():  # the writer refuses to be made under eager execution; it adds no nodes
                self._writer = tf.compat.v1.summary.FileWriter(str(folder))

    def write(self, outcome: Epoch) -> None:
        if self._writer is None:
            return
        values = {
            "epoch_loss": outcome.loss,
            "epoch_val_loss": outcome.validation_loss,
            "epoch_val_accuracy": outcome.validation_accuracy,
        }
        scalars = [self._summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_summary(self._summary(value=scalars), outcome.number)
        self._writer.flush()


def cross_entropy(scores: FloatArray, labels: IntArray) -> float:
    """Return the mean binary cross-entropy in nats, scores kept 1e-7 away from 0 and 1 as Keras does."""
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(labels > 0, np.log(clipped), np.log1p(-clipped))))


def threshold_at(benign: FloatArray, false_alert_rate: float) -> float:
    """Return the lowest threshold, to five digits and at least 0.5, at which at most this share of `benign` alerts.

    With n rows a rate below 1/n asks that none of them alerts, and says no more than about 1/n.
    """
    ordered = np.sort(benign.astype(np.float64))[::-1]
    allowed = int(len(ordered) * false_alert_rate)
    highest = float(ordered[allowed]) if allowed < len(ordered) else 0.0
    return min(max(0.5, float(np.floor(highest * 1e5 + 0.1) + 1) / 1e5), 0.99999)


def verdict_metrics(scores: FloatArray, labels: IntArray, threshold: float) -> dict[str, JSON]:
    """Return loss, accuracy at 0.5, and how many of each class alert at the threshold."""
    alert, attack = scores >= threshold, labels > 0
    return {
        "loss": round(cross_entropy(scores, labels), 6),
        "accuracy": round(float(np.mean((scores >= 0.5) == attack)), 6),
        "attacks": int(attack.sum()),
        "attacks_alerted": int((alert & attack).sum()),
        "benign": int((~attack).sum()),
        "benign_alerted": int((alert & ~attack).sum()),
    }


def versions() -> dict[str, JSON]:
    """Return the versions of what training depends on."""
    keras = import_keras()
    return {"keras": str(keras.__version__), "backend": str(keras.backend.backend()), "numpy": np.__version__}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
