"""The epochs of a training: what is told of each, and what is kept between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from weirlog.models.engines import FloatArray


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
