"""The state that a network is in after pads alone, so that training need not run them.

A network that reads its pads, which stand in front, is in the same state after k of them whatever follows. Training
pads a batch to its own width and begins with the state after the pads that are left out; serving, which reads all of
them, then gives the scores that training saw. No gradient flows through that state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.engines.numpy_cells import cell
from weirlog.models.examples import WIDTHS
from weirlog.models.network import Network


def begins_after_pads(network: Network) -> bool:
    """Return whether what a network gives for pads in front can be left out: not where it keeps their maximum."""
    reading = network.sequence
    return reading.padding == "pre" and not reading.masked and network.pooling == "last"


def states_after_pads(
    network: Network, weights: Mapping[str, FloatArray], counts: Iterable[int]
) -> dict[int, list[FloatArray]]:
    """Return every part of the state, (units,) each, after each of `counts` pads.

    From the embedding upwards these are h and c of an LSTM, h of another layer.

    A part that is not finite, as a network's may be that overflows over its pads, is returned so.

    Blocks for about 10 µs a layer and pad: a hundredth of a second for 1024.
    """
    wanted = set(counts)
    cells = [
        cell(layer, *(weights[f"recurrent.{index}.{part}"] for part in ("kernel", "recurrent", "bias")))
        for index, layer in enumerate(network.recurrent)
    ]
    states = [[np.zeros((1, layer.units), np.float32) for _ in range(layer.state)] for layer in cells]
    scratch = [np.empty((1, layer.kernel.shape[1]), np.float32) for layer in cells]
    pad = weights["embedding.weight"][:1]
    first = pad @ cells[0].kernel + cells[0].bias
    found = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for count in range(max(wanted, default=0) + 1):
            if count in wanted:
                found[count] = [part[0].copy() for state in states for part in state]
            gates = first.copy()
            for index, layer in enumerate(cells):
                if index:
                    gates = states[index - 1][0] @ layer.kernel + layer.bias
                layer.step(gates, scratch[index], states[index])
    return found


class PadStarts:
    """Gives narrow batches the state that the pads left out of them would have led to.

    Args:
        network: one that `begins_after_pads`.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._weights: Mapping[str, FloatArray] = {}
        self._states: dict[int, list[FloatArray]] = {}

    def refresh(self, weights: Mapping[str, FloatArray]) -> None:
        """Compute the states for these weights; those of the last ones are given until then."""
        length = self._network.sequence.length
        self._weights = weights
        self._states = states_after_pads(
            self._network, weights, (length - width for width in WIDTHS if width <= length)
        )

    def inputs(self, ids: IntArray) -> list[FloatArray | IntArray]:
        """Return what a model built with `started` takes for ids (n, width)."""
        rows, width = ids.shape
        pads = self._network.sequence.length - width
        if pads not in self._states:
            self._states |= states_after_pads(self._network, self._weights, [pads])
        return [ids, *(np.tile(part, (rows, 1)) for part in self._states[pads])]
