"""A network's weights, laid out as the numba engine's kernels read them: tile by tile, a unit's gates side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray
from weirlog.models.engines.machine_code import Processor
from weirlog.models.engines.numba_layout import GROUPS, LAYOUT_FIELDS, UNITS
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.engines.numpy_cells import Cell
from weirlog.models.errors import UnsupportedError
from weirlog.models.network import Lstm, Network

Integers = npt.NDArray[np.int64]

TILES: Final = {"avx512f": ((16, 4), (8, 4)), "avx2": ((8, 2), (8, 3)), "": ((4, 2), (4, 4))}
"""Units × rows of the tiles that are tried, by what the processor must have: as many as fill its registers."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A shape of tile, and a network's weights packed for it.

    Attributes:
        layout: (layers, LAYOUT_FIELDS) sizes and places of each layer.
        weights: every layer's, and the biases of all but the first.
        table: (vocabulary, gates × padded units) the first layer's pre-activations.
        starts: (1 or length + 1, state) the states that rows begin with.
        most: where in the floats the running maxima stand, 0 for none.
        floats: how many of them one run needs.
        feature: where in a state the features begin.
    """

    width: int
    rows: int
    layout: Integers
    weights: FloatArray
    table: FloatArray
    starts: FloatArray
    most: int
    floats: int
    feature: int

    def __str__(self) -> str:
        return f"{self.rows} × {self.width}"


def tile_shapes(processor: Processor) -> Sequence[tuple[int, int]]:
    """Return the shapes of tile that are tried on a processor."""
    return next(shapes for feature, shapes in TILES.items() if not feature or processor.has(feature))


def cell_name(network: Network) -> str:
    """Return what the kernels call the cells of `network`.

    Raises:
        UnsupportedError: there are none for it.
    """
    names = set()
    for layer in network.recurrent:
        if isinstance(layer, Lstm):
            gate, activation = layer.recurrent_activation, layer.activation
            if activation == "tanh" and gate == "sigmoid":
                names.add("lstm")
            elif activation == "tanh" and gate.startswith("hard_sigmoid"):
                names.add("lstm-hard")
            else:
                raise UnsupportedError(
                    f"the numba engine has no LSTM with {activation} and {gate}; use the engine `numpy`"
                )
        elif layer.activation in ("tanh", "relu"):
            names.add(f"rnn-{layer.activation}")
        else:
            raise UnsupportedError(f"the numba engine has no RNN with {layer.activation}; use the engine `numpy`")
    if len(names) != 1:
        raise UnsupportedError(
            "the numba engine runs layers of one kind; this model mixes them: use the engine `numpy`"
        )
    return names.pop()


def pack(engine: NumpyEngine, width: int, rows: int) -> Tile:
    """Return the weights of `engine` laid out for tiles of `rows` × `width`: a tile's gates side by side."""
    lanes = GROUPS * rows
    layout = np.zeros((len(engine.cells), LAYOUT_FIELDS), np.int64)
    weights: list[FloatArray] = []
    packed = floats = 0
    below = 0
    for index, cell in enumerate(engine.cells):
        units = -(-cell.units // width) * width
        parts = [_columns(cell.recurrent, cell, units, width)]
        if index > 0:
            parts.insert(0, _columns(cell.kernel, cell, below, width))
        matrix = np.concatenate(parts)
        layout[index] = (
            len(matrix), units, packed, packed + matrix.size, floats, floats + 2 * lanes * len(matrix),
        )  # fmt: skip
        # (column of tiles, input, gate, unit of the tile): a tile reads its weights from end to end.
        weights.append(matrix.transpose(1, 0, 2, 3).ravel())
        weights.append(_columns(cell.bias[np.newaxis], cell, 1, width).ravel())
        packed += matrix.size + weights[-1].size
        floats += 2 * lanes * len(matrix) + lanes * units
        below = units
    most = floats if engine.network.pooling == "max" else 0
    sizes = [int(layout[index, UNITS]) for index, cell in enumerate(engine.cells) for _ in range(cell.state)]
    feature = sum(sizes) - sizes[-1] * engine.cells[-1].state
    if most:
        feature = sum(sizes)
        sizes.append(sizes[-1])
    starts = [
        np.pad(part, ((0, 0), (0, size - part.shape[1]))) for part, size in zip(engine.starts, sizes, strict=True)
    ]
    first = engine.cells[0]
    return Tile(
        width=width,
        rows=rows,
        layout=layout,
        weights=np.ascontiguousarray(np.concatenate(weights), np.float32),
        table=np.ascontiguousarray(
            _columns(engine.table, first, len(engine.table), width).reshape(len(engine.table), -1)
        ),
        starts=np.ascontiguousarray(np.concatenate(starts, axis=1), np.float32),
        most=most,
        floats=floats + (lanes * below if most else 0),
        feature=feature,
    )


def _columns(matrix: FloatArray, cell: Cell, height: int, width: int) -> FloatArray:
    """Return (rows, gates × units) as (height, columns of tiles, gates, width), zeros where it is too small."""
    gates = matrix.shape[1] // cell.units
    units = -(-cell.units // width) * width
    split = matrix.reshape(len(matrix), gates, cell.units)
    padded = np.pad(split, ((0, height - len(matrix)), (0, 0), (0, units - cell.units)))
    columns: FloatArray = padded.reshape(height, gates, units // width, width).transpose(0, 2, 1, 3)
    return columns
