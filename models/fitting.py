"""Fit a network to examples and keep its best epoch. Keras is imported when a function is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.evaluation import log_loss
from weirlog.models.event_files import EventFiles
from weirlog.models.examples import UNKNOWN_KIND, Batch, Examples, Indices, batches
from weirlog.models.initialisation import Initialisation
from weirlog.models.keras_network import build, import_keras, initialise, load_weights, weights_of
from weirlog.models.network import Network
from weirlog.models.network import Sequence as Reading
from weirlog.models.pad_states import PadStarts, begins_after_pads

SplitBy = Literal["row", "origin", "file"]
EVALUATION_ROWS: Final = 512
"""Rows a batch when nothing is learnt: memory stays at a few hundred MB with 1024 steps of 64 units."""

STEPS_A_START: Final = 8
"""Training steps between two computations of the state after pads. One costs a fifth of a step of an LSTM of 64 units."""


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
    """One line of the history. Losses are binary cross-entropy in nats, of the verdict alone in validation.

    Attributes:
        loss: of training: a mean over the epoch's steps, dropout at work, as the weights changed.
        accuracy: share of right verdicts at 0.5 in training, taken in the same way.
        seconds: of the whole epoch, validation included.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class State:
    """Where training stands between two epochs: all that it takes to go on as if it had never stopped.

    Attributes:
        history: an entry for each epoch that is done.
        best: the weights of the best of them, by our names.
        variables: the Keras model's variables in its order, those of its random number generators included.
        optimizer: the optimiser's variables in its order, its step counter included.
    """

    history: tuple[Epoch, ...]
    best: Mapping[str, FloatArray]
    variables: tuple[npt.NDArray[Any], ...]
    optimizer: tuple[npt.NDArray[Any], ...]


class Keeper(Protocol):
    """Keeps the state of a training through an interruption of it."""

    def load(self) -> State | None:
        """Return the state to go on from, or None to begin with the first epoch."""
        ...

    def save(self, state: State) -> None:
        """Keep `state` in place of the last one; blocks until it is durable."""
        ...


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
    warm_up: float | None = None
    decay: bool | None = None
    patience: int | None = None
    class_weights: bool = False
    kinds_weight: float = 0.3
    false_alert_rate: float = 0.001
    tensorboard: Path | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network after training: the best epoch's weights, in a Keras model that scores."""

    network: Network
    data: Examples
    weights: Mapping[str, FloatArray]
    history: tuple[Epoch, ...]
    _model: Any
    _starts: PadStarts | None = None

    def score(self, rows: Indices) -> FloatArray:
        """Return (n,) probabilities of some rows, in their order."""
        return score_rows(self._model, self.data, rows, self.network.sequence, self._starts)


def score_rows(
    model: Any, data: Examples, rows: Indices, reading: Reading, starts: PadStarts | None = None
) -> FloatArray:
    """Return (n,) probabilities that a Keras model gives to some rows, in their order; padded to WIDTHS only.

    With `starts`, for a model that takes its first state, they are those of rows padded in full.
    """
    scores = np.zeros(len(data), np.float32)
    for batch in batches(data, rows, EVALUATION_ROWS, limit=reading.length, shuffle=None, padding=reading.padding):
        given = batch.ids if starts is None else starts.inputs(batch.ids)
        scores[batch.rows] = np.asarray(model.predict_on_batch(given)["verdict"])[:, 0]
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
    initial: Initialisation | None = None,
    start: Mapping[str, FloatArray] | None = None,
    keeper: Keeper | None = None,
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
        initial: how the random weights begin, where not in Keras' own way.
        start: weights to start from, random when None.
        keeper: asked for a state to go on from, and handed one after every epoch.
    """
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    starts = PadStarts(network) if begins_after_pads(network) else None
    model = build(network, started=starts is not None)
    if initial is not None:
        initialise(model, network, initial, settings.seed)
    if start is not None:
        load_weights(model, start)
    length = network.sequence.length
    steps = -(-len(epoch_rows(0)) // batch_size)
    _compile(keras, model, network, optimizer, learning_rate, clip_norm, settings, epochs * steps)
    boards = EventFiles(settings.tensorboard)
    history: list[Epoch] = []
    best_weights: Mapping[str, FloatArray] = weights_of(model)
    state = None if keeper is None else keeper.load()
    if state is not None:
        history, best_weights = list(state.history), state.best
        _restore(model, state)
    while len(history) < epochs and not _is_over(history, settings.patience):
        number = len(history)
        started = time.perf_counter()
        rows = epoch_rows(number)
        weights = _class_weights(data.labels[rows]) if settings.class_weights else (1.0, 1.0)
        shuffle = np.random.default_rng((settings.seed, number, 1))
        pieces = batches(data, rows, batch_size, limit=length, shuffle=shuffle, padding=network.sequence.padding)
        total, right, done = 0.0, 0.0, 0
        for step, batch in enumerate(pieces, start=1):
            if starts is not None and (step - 1) % STEPS_A_START == 0:
                starts.refresh(weights_of(model))
            given = batch.ids if starts is None else starts.inputs(batch.ids)
            loss, accuracy = _step(model, given, batch, weights, kinds=network.kinds > 0)
            total += loss * len(batch.labels)
            right += accuracy * len(batch.labels)
            done += len(batch.labels)
            if progress is not None:
                rate = done / (time.perf_counter() - started)
                progress.step(
                    epoch=number + 1, epochs=epochs, step=step, steps=steps, loss=total / done, rows_per_s=rate
                )
        if starts is not None:
            starts.refresh(weights_of(model))
        scores = score_rows(model, data, validation, network.sequence, starts)
        truth = data.labels[validation]
        outcome = Epoch(
            number + 1,
            total / max(done, 1),
            right / max(done, 1),
            log_loss(scores, truth > 0) or 0.0,
            float(np.mean((scores >= 0.5) == (truth > 0))),
            time.perf_counter() - started,
        )
        history.append(outcome)
        if _best_epoch(history) == number:
            best_weights = weights_of(model)
        if keeper is not None:
            keeper.save(
                State(tuple(history), best_weights, _values(model.variables), _values(model.optimizer.variables))
            )
        boards.write(_figures(outcome), outcome.number)
        if progress is not None:
            progress.epoch(outcome)
    load_weights(model, best_weights)
    if starts is not None:
        starts.refresh(best_weights)
    return Fitted(network, data, best_weights, tuple(history), model, starts)


def _step(
    model: Any, given: Any, batch: Batch, class_weights: tuple[float, float], *, kinds: bool
) -> tuple[float, float]:
    """Train on one batch; return its loss and accuracy."""
    targets: dict[str, Any] = {"verdict": batch.labels[:, None]}
    weights = {"verdict": np.where(batch.labels > 0, class_weights[1], class_weights[0]).astype(np.float32)}
    if kinds:
        targets["kinds"] = np.maximum(batch.kinds, 0)
        weights["kinds"] = (batch.kinds != UNKNOWN_KIND).astype(np.float32)
    told = model.train_on_batch(given, targets, sample_weight=weights, return_dict=True)
    model.reset_metrics()
    return float(told["loss"]), float(told["verdict_accuracy" if kinds else "accuracy"])


def _figures(outcome: Epoch) -> dict[str, float]:
    """Return what TensorBoard shows of an epoch, by the names that Keras' own callback gives."""
    return {
        "epoch_loss": outcome.loss,
        "epoch_accuracy": outcome.accuracy,
        "epoch_val_loss": outcome.validation_loss,
        "epoch_val_accuracy": outcome.validation_accuracy,
    }


def _best_epoch(history: Sequence[Epoch]) -> int:
    # A loss that is no number is the worst: an epoch that overflowed is never the best unless all did.
    return min(range(len(history)), key=lambda place: float(np.nan_to_num(history[place].validation_loss, nan=np.inf)))


def _is_over(history: Sequence[Epoch], patience: int | None) -> bool:
    return patience is not None and len(history) > 0 and len(history) - 1 - _best_epoch(history) >= patience


def _values(variables: Sequence[Any]) -> tuple[npt.NDArray[Any], ...]:
    return tuple(np.asarray(variable) for variable in variables)


def _restore(model: Any, state: State) -> None:
    model.optimizer.build(model.trainable_variables)
    for variables, values in ((model.variables, state.variables), (model.optimizer.variables, state.optimizer)):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


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
        warm_up = max(1, round(steps * (settings.warm_up or 0.0)))
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
        type(made)(learning_rate=rate, global_clipnorm=clip_norm),
        loss=loss,
        loss_weights=weights,
        metrics={"verdict": ["accuracy"]},
        jit_compile=False,
    )


def _class_weights(labels: IntArray) -> tuple[float, float]:
    attacks = float(labels.mean())
    return 0.5 / max(1 - attacks, 1e-6), 0.5 / max(attacks, 1e-6)
