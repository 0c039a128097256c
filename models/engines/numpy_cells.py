"""Recurrent layers and heads in NumPy, one time step of many rows at a call, writing into arrays that are given.

Every array is float32 and C-contiguous; n is the number of rows, u the layer's units. Nothing here pads, sorts or
knows of time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.network import Activation, Lstm, Recurrent, SimpleRnn


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """An activation as `apply(scale × x)`: the scale goes into the weights when they are loaded, and costs nothing."""

    scale: float
    apply: Callable[[FloatArray], None]


def _nothing(x: FloatArray) -> None:
    """Leave x as it is."""


def _relu(x: FloatArray) -> None:
    np.maximum(x, 0.0, out=x)


def _tanh(x: FloatArray) -> None:
    np.tanh(x, out=x)


def _sigmoid(x: FloatArray) -> None:
    # sigmoid(x) = (tanh(x / 2) + 1) / 2 never overflows, and NumPy's tanh is the faster of the two.
    np.tanh(x, out=x)
    _half_up(x)


def _half_up(x: FloatArray) -> None:
    x *= 0.5
    x += 0.5


def _clipped(x: FloatArray) -> None:
    x += 0.5
    np.clip(x, 0.0, 1.0, out=x)


NONLINEARITIES: Final[Mapping[Activation, Nonlinearity]] = {
    "linear": Nonlinearity(1.0, _nothing),
    "relu": Nonlinearity(1.0, _relu),
    "tanh": Nonlinearity(1.0, _tanh),
    "sigmoid": Nonlinearity(0.5, _sigmoid),
    "hard_sigmoid": Nonlinearity(1.0 / 6.0, _clipped),
    "hard_sigmoid_keras2": Nonlinearity(0.2, _clipped),
}


class Cell(Protocol):
    """One recurrent layer.

    Attributes:
        kernel: (inputs, g) and `bias` (g,): what turns the layer's input into the `gates` that `step` takes.
        recurrent: (units, g) what the layer's own output adds to them.
        state: how many arrays of shape (n, units) its state has; the first is its output.
    """

    kernel: FloatArray
    recurrent: FloatArray
    bias: FloatArray
    units: int
    state: int

    def step(self, gates: FloatArray, scratch: FloatArray, state: Sequence[FloatArray]) -> None:
        """Move `state` one step on. `gates` (n, g) holds input × kernel + bias; it and `scratch` are used up."""
        ...


class LstmCell:
    """f = σ(W_f x + U_f h + b_f), i and o likewise; c = f c + i tanh(W_c x + U_c h + b_c); h = o tanh(c)."""

    state = 2

    def __init__(self, layer: Lstm, kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> None:
        self.units = layer.units
        self._gate = NONLINEARITIES[layer.recurrent_activation]
        self._cell = NONLINEARITIES[layer.activation]
        # Where both are tanh inside, one call over contiguous memory does all four gates.
        self._one_tanh = layer.activation == "tanh" and layer.recurrent_activation == "sigmoid"
        self._output = self._cell.apply
        self._output_scale = np.float32(self._cell.scale)
        self.kernel, self.recurrent, self.bias = (self._arrange(array) for array in (kernel, recurrent, bias))

    def _arrange(self, array: FloatArray) -> FloatArray:
        """Bring Keras' gates i, f, c, o into the order i, f, o, c, each scaled for its activation."""
        i, f, c, o = np.split(array, 4, axis=-1)
        gates = np.concatenate((i, f, o), axis=-1) * np.float32(self._gate.scale)
        return np.ascontiguousarray(np.concatenate((gates, c * np.float32(self._cell.scale)), axis=-1))

    def step(self, gates: FloatArray, scratch: FloatArray, state: Sequence[FloatArray]) -> None:
        hidden, carry = state
        units = self.units
        np.matmul(hidden, self.recurrent, out=scratch)
        gates += scratch
        sigmoids = gates[:, : 3 * units]
        candidate = gates[:, 3 * units :]
        if self._one_tanh:
            np.tanh(gates, out=gates)
            _half_up(sigmoids)
        else:
            self._gate.apply(sigmoids)
            self._cell.apply(candidate)
        carry *= gates[:, units : 2 * units]
        candidate *= gates[:, :units]
        carry += candidate
        np.multiply(carry, self._output_scale, out=hidden)
        self._output(hidden)
        hidden *= gates[:, 2 * units : 3 * units]


class SimpleRnnCell:
    """h = activation(W x + U h + b)."""

    state = 1

    def __init__(self, layer: SimpleRnn, kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> None:
        self.units = layer.units
        activation = NONLINEARITIES[layer.activation]
        self._apply = activation.apply
        self.kernel, self.recurrent, self.bias = (
            np.ascontiguousarray(array * np.float32(activation.scale)) for array in (kernel, recurrent, bias)
        )

    def step(self, gates: FloatArray, scratch: FloatArray, state: Sequence[FloatArray]) -> None:
        (hidden,) = state
        np.matmul(hidden, self.recurrent, out=scratch)
        np.add(gates, scratch, out=hidden)
        self._apply(hidden)


def cell(layer: Recurrent, kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> Cell:
    """Return the cell that computes `layer`, for weights in Keras' layout."""
    if isinstance(layer, Lstm):
        return LstmCell(layer, kernel, recurrent, bias)
    return SimpleRnnCell(layer, kernel, recurrent, bias)


def dense(x: FloatArray, activation: Activation, kernel: FloatArray, bias: FloatArray) -> FloatArray:
    """Return activation(x kernel + bias), a new array."""
    nonlinearity = NONLINEARITIES[activation]
    y: FloatArray = x @ kernel + bias
    y *= np.float32(nonlinearity.scale)
    nonlinearity.apply(y)
    return y


def probability(logits: FloatArray) -> FloatArray:
    """Return the sigmoid of logits, exact to the last bit for tiny probabilities too, which thresholds lie among."""
    tail = np.exp(-np.abs(logits))
    share: FloatArray = np.where(logits >= 0.0, 1.0 / (1.0 + tail), tail / (1.0 + tail)).astype(np.float32)
    return share


def softmax(logits: FloatArray) -> FloatArray:
    """Return rows that sum to 1."""
    shares: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
