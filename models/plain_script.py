"""The reference systems' own way to train, to compare with: `Model.fit` on arrays padded to the network's whole length.

Every row is as long as the network reads, batches are drawn by Keras, weights begin as Keras has them, and the learning
rate is the optimiser's own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.examples import Examples, Indices
from weirlog.models.keras_network import build, import_keras
from weirlog.models.network import Network
from weirlog.models.training import Split

_WARM_STEPS: Final = 2
_EVALUATED_BATCHES: Final = 2


@dataclass(frozen=True, slots=True)
class PlainRun:
    """What the plain script was seen to do.

    Attributes:
        seconds: of one epoch, validation included; from `steps` where fewer were run than an epoch has.
        steps: how many training steps were timed.
        epochs: how many it was trained for in full, 0 where it was only timed.
        validation_loss, validation_accuracy: of the best of them, None where it was only timed.
    """

    seconds: float
    steps: int
    epochs: int = 0
    validation_loss: float | None = None
    validation_accuracy: float | None = None


class PlainScript:
    """The script, for one network on rows that are split already.

    Args:
        network: for the vocabulary of `data`.
        data: all rows, cut to the network's length.
        split: which of them are which.
        optimizer: a name that Keras knows.
        batch_size: rows a step.
        seed: of weights and order.
    """

    def __init__(
        self, network: Network, data: Examples, split: Split, *, optimizer: str, batch_size: int, seed: int
    ) -> None:
        self._data = data
        self._split = split
        self._size = batch_size
        self._length = network.sequence.length
        self._padding = network.sequence.padding
        import_keras().utils.set_random_seed(seed)
        self._order = np.random.default_rng(seed).permutation(split.train)
        self._model: Any = build(network)
        self._model.compile(optimizer, loss={"verdict": "binary_crossentropy"}, metrics={"verdict": ["accuracy"]})

    def train(self, epochs: int) -> PlainRun:
        """Train in full for `epochs` and say what the best one's validation gave; blocks for minutes an epoch.

        The time is the mean of all epochs after the first, which compiles; where there is no other, of that one.
        """
        x, y = self._padded(self._order)
        rest_x, rest_y = self._padded(self._split.validation)
        seconds, losses, accuracies = [], [], []
        for _ in range(epochs):
            started = time.perf_counter()
            told = self._model.fit(
                x,
                {"verdict": y},
                batch_size=self._size,
                epochs=1,
                verbose=0,
                validation_data=(rest_x, {"verdict": rest_y}),
                validation_batch_size=self._size,
            ).history
            seconds.append(time.perf_counter() - started)
            losses.append(float(told["val_loss"][0]))
            accuracies.append(float(told["val_accuracy"][0]))
        best = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
        steps = -(-len(x) // self._size) * epochs
        return PlainRun(float(np.mean(seconds[1:] or seconds)), steps, epochs, losses[best], accuracies[best])

    def time(self, limit_s: float) -> PlainRun:
        """Time training steps until `limit_s` is over, and extrapolate an epoch from their mean; so is validation.

        At least one step is timed, after a few that compile.
        """
        whole = max(1, len(self._order) // self._size)  # batches of one size: nothing is compiled while time is taken
        warm = min(_WARM_STEPS, whole)
        self._fit(0, warm)
        chunk = max(1, min(whole, round(limit_s / 4 / max(self._fit(0, warm) / warm, 1e-3))))
        spent, steps = 0.0, 0
        while steps == 0 or (spent < limit_s and steps < whole):
            count = min(chunk, whole - steps)
            spent += self._fit(steps, count)
            steps += count
        return PlainRun(spent / steps * -(-len(self._order) // self._size) + self._validation(), steps)

    def _fit(self, first: int, steps: int) -> float:
        x, y = self._padded(self._order[first * self._size : (first + steps) * self._size])
        started = time.perf_counter()
        self._model.fit(x, {"verdict": y}, batch_size=self._size, epochs=1, verbose=0, shuffle=False)
        return time.perf_counter() - started

    def _validation(self) -> float:
        """Return the seconds that validating takes, from a few batches."""
        rows = self._split.validation
        x, y = self._padded(rows[: self._size * _EVALUATED_BATCHES])
        self._model.evaluate(x, {"verdict": y}, batch_size=self._size, verbose=0)
        started = time.perf_counter()
        self._model.evaluate(x, {"verdict": y}, batch_size=self._size, verbose=0)
        return (time.perf_counter() - started) / -(-len(x) // self._size) * -(-len(rows) // self._size)

    def _padded(self, rows: Indices) -> tuple[IntArray, FloatArray]:
        padded = self._data.padded(rows, self._length, self._padding)
        return padded, self._data.labels[rows].astype(np.float32)[:, None]
