"""Fit a network to examples and keep its best epoch. Keras is imported when a function is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.epochs import Epoch, Keeper, Progress, State
from weirlog.models.evaluation import log_loss
from weirlog.models.event_files import EventFiles
from weirlog.models.examples import Examples, Indices
from weirlog.models.initialisation import Initialisation
from weirlog.models.keras_network import build, import_keras, initialise, load_weights, weights_of
from weirlog.models.network import Network
from weirlog.models.pad_states import begins_after_pads
from weirlog.models.trainer import Trainer

SplitBy = Literal["row", "origin", "file"]


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

    weights: Mapping[str, FloatArray]
    history: tuple[Epoch, ...]
    _trainer: Trainer

    def score(self, rows: Indices) -> FloatArray:
        """Return (n,) probabilities of some rows, in their order."""
        return self._trainer.score(rows)


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
    recurrent_rate: float = 1.0,
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
        recurrent_rate: see `Trainer`.
        settings: seed, schedule, patience, weights of classes and heads.
        progress: told of steps and epochs.
        initial: how the random weights begin, where not in Keras' own way.
        start: weights to start from, random when None.
        keeper: asked for a state to go on from, and handed one after every epoch.
    """
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    model = build(network, started=begins_after_pads(network), in_training=True)
    if initial is not None:
        initialise(model, network, initial, settings.seed)
    if start is not None:
        load_weights(model, start)
    steps = -(-len(epoch_rows(0)) // batch_size)
    _compile(keras, model, network, optimizer, learning_rate, clip_norm, settings, epochs * steps)
    trainer = Trainer(model, network, data, recurrent_rate=recurrent_rate)
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
        loss, accuracy = trainer.train(
            rows,
            batch_size,
            class_weights=_class_weights(data.labels[rows]) if settings.class_weights else (1.0, 1.0),
            shuffle=np.random.default_rng((settings.seed, number, 1)),
            told=_teller(progress, number + 1, epochs, steps, started),
        )
        scores = trainer.score(validation)
        truth = data.labels[validation] > 0
        outcome = Epoch(
            number + 1,
            loss,
            accuracy,
            log_loss(scores, truth) or 0.0,
            float(np.mean((scores >= 0.5) == truth)),
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
    return Fitted(best_weights, tuple(history), trainer)


def _teller(
    progress: Progress | None, epoch: int, epochs: int, steps: int, started: float
) -> Callable[[int, int, float], None]:
    def tell(step: int, done: int, loss: float) -> None:
        if progress is not None:
            rate = done / (time.perf_counter() - started)
            progress.step(epoch=epoch, epochs=epochs, step=step, steps=steps, loss=loss, rows_per_s=rate)

    return tell


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
