"""One network in training: stepped through batches, asked for scores. Keras comes in with the model that is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.examples import UNKNOWN_KIND, Batch, Examples, Indices, batches
from weirlog.models.keras_network import weights_of
from weirlog.models.network import Network, SimpleRnn
from weirlog.models.pad_states import PadStarts, begins_after_pads

EVALUATION_ROWS: Final = 512
"""Rows a batch when nothing is learnt: memory stays at a few hundred MB with 1024 steps of 64 units."""
STEPS_A_START: Final = 8
"""Training steps between two computations of the state after pads. One costs a fifth of a step of an LSTM of 64 units."""


class Trainer:
    """Trains a model on rows of `data`, and scores others as they are served: padded in full.

    Args:
        model: made by `build`, with `started` where the network `begins_after_pads`, and compiled with a metric.
        network: what it is a model of.
        data: all rows.
        recurrent_rate: share of the optimiser's step that the recurrent matrix of a simple layer takes. That matrix is
            applied once a character: a step that moves every other weight but a little, all of its entries one way,
            makes a state of hundreds of characters explode.
    """

    def __init__(self, model: Any, network: Network, data: Examples, *, recurrent_rate: float = 1.0) -> None:
        self._model = model
        self._network = network
        self._data = data
        self._rate = recurrent_rate
        self._starts = PadStarts(network) if begins_after_pads(network) else None
        self._slowed = [
            model.get_layer(f"recurrent_{index}").cell.recurrent_kernel
            for index, layer in enumerate(network.recurrent)
            if isinstance(layer, SimpleRnn) and recurrent_rate < 1.0
        ]

    def train(
        self,
        rows: Indices,
        size: int,
        *,
        class_weights: tuple[float, float],
        shuffle: np.random.Generator,
        told: Callable[[int, int, float], None],
    ) -> tuple[float, float]:
        """Train on `rows` once, `size` a step; return the means of loss and accuracy.

        Args:
            rows: in the order that pools of batches are made of them.
            size: rows a step.
            class_weights: of a harmless row and of an attack.
            shuffle: draws the order of batches.
            told: is called after each step with its number from 1, the rows done, and the mean loss so far.
        """
        reading = self._network.sequence
        total, right, done = 0.0, 0.0, 0
        pieces = batches(self._data, rows, size, limit=reading.length, shuffle=shuffle, padding=reading.padding)
        for step, batch in enumerate(pieces, start=1):
            if (step - 1) % STEPS_A_START == 0:
                self._refresh()
            loss, accuracy = self._step(batch, class_weights)
            total += loss * len(batch.labels)
            right += accuracy * len(batch.labels)
            done += len(batch.labels)
            told(step, done, total / done)
        return total / max(done, 1), right / max(done, 1)

    def score(self, rows: Indices) -> FloatArray:
        """Return (n,) probabilities of some rows, in their order."""
        self._refresh()
        reading = self._network.sequence
        scores = np.zeros(len(self._data), np.float32)
        pieces = batches(self._data, rows, EVALUATION_ROWS, limit=reading.length, shuffle=None, padding=reading.padding)
        for batch in pieces:
            scores[batch.rows] = np.asarray(self._model.predict_on_batch(self._inputs(batch))["verdict"])[:, 0]
        return scores[rows]

    def _refresh(self) -> None:
        if self._starts is not None:
            self._starts.refresh(weights_of(self._model))

    def _inputs(self, batch: Batch) -> Any:
        return batch.ids if self._starts is None else self._starts.inputs(batch.ids)

    def _step(self, batch: Batch, class_weights: tuple[float, float]) -> tuple[float, float]:
        targets: dict[str, Any] = {"verdict": batch.labels[:, None]}
        weights = {"verdict": np.where(batch.labels > 0, class_weights[1], class_weights[0]).astype(np.float32)}
        kinds = self._network.kinds > 0
        if kinds:
            targets["kinds"] = np.maximum(batch.kinds, 0)
            weights["kinds"] = (batch.kinds != UNKNOWN_KIND).astype(np.float32)
        before = [np.asarray(variable).copy() for variable in self._slowed]
        told = self._model.train_on_batch(self._inputs(batch), targets, sample_weight=weights, return_dict=True)
        self._model.reset_metrics()
        for variable, old in zip(self._slowed, before, strict=True):
            variable.assign(old + self._rate * (np.asarray(variable) - old))
        return float(told["loss"]), float(told["verdict_accuracy" if kinds else "accuracy"])
