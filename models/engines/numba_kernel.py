"""The numba engine's inner loops, as Numba compiles them; `machine_code.py` runs this module to have them compiled.

Requests run in lanes, side by side, each at its own place in its own text: when one ends, the next that is ready takes its
lane, so no lane idles until the very end. A request that begins as another did waits until that one comes to the
character where they part, and takes over its state.

Only a child process imports this module: Numba costs 130 MB and half a second, which a daemon need not pay once the
machine code is on disk. The functions take addresses and sizes, allocate nothing and raise nothing.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from numba import carray, njit, types

from weirlog.models.engines.numba_layout import (
    BIAS,
    CARRY,
    GROUPS,
    INPUTS,
    LAYOUT_FIELDS,
    ROOM_FIELDS,
    UNITS,
    WEIGHTS,
    X,
)
from weirlog.models.engines.numba_sharing import copy
from weirlog.models.engines.numba_tile import GATES, CellName, tile

_INTEGERS = types.CPointer(types.int64)
_FLOATS = types.CPointer(types.float32)
_IDS = types.CPointer(types.int32)

Integers = npt.NDArray[Any]
Floats = npt.NDArray[Any]

RUN_SIGNATURE = types.int64(
    *[types.int64] * 7, _INTEGERS, _FLOATS, _FLOATS, _IDS, *[_INTEGERS] * 6, *[_FLOATS] * 3, _INTEGERS
)


def run_function(cell: CellName, width: int, rows: int) -> Any:  # noqa: PLR0915 - functions of one tile
    """Return the function that runs a batch on tiles of `rows` × `width`."""
    step = tile(cell, width, rows)
    gates = GATES[cell]
    carries = gates > 1
    lanes = GROUPS * rows

    @njit
    def load(state: Floats, at: int, floats: Floats, layout: Integers, parity: int, lane: int, most: int) -> None:
        for layer in range(layout.shape[0]):
            inputs, units = layout[layer, INPUTS], layout[layer, UNITS]
            copy(state, at, floats, layout[layer, X] + (parity * lanes + lane + 1) * inputs - units, units)
            at += units
            if carries:
                copy(state, at, floats, layout[layer, CARRY] + lane * units, units)
                at += units
        if most:
            units = layout[layout.shape[0] - 1, UNITS]
            copy(state, at, floats, most + lane * units, units)

    @njit
    def store(state: Floats, at: int, floats: Floats, layout: Integers, parity: int, lane: int, most: int) -> None:
        for layer in range(layout.shape[0]):
            inputs, units = layout[layer, INPUTS], layout[layer, UNITS]
            copy(floats, layout[layer, X] + (parity * lanes + lane + 1) * inputs - units, state, at, units)
            at += units
            if carries:
                copy(floats, layout[layer, CARRY] + lane * units, state, at, units)
                at += units
        if most:
            units = layout[layout.shape[0] - 1, UNITS]
            copy(floats, most + lane * units, state, at, units)

    @njit
    def advance(
        groups: int,
        layout: Integers,
        weights: int,
        table: int,
        floats: int,
        offsets: int,
        zeros: int,
        parity: int,
        most: int,
    ) -> None:
        """Move the lanes of `groups` tiles one step on, through all layers. Addresses are in bytes, places in floats."""
        last = layout.shape[0] - 1
        for layer in range(last + 1):
            inputs, units = layout[layer, INPUTS], layout[layer, UNITS]
            x = layout[layer, X] + parity * lanes * inputs
            hidden = layout[layer, X] + (1 - parity) * lanes * inputs + inputs - units
            start, starts, x_inputs = table, offsets, inputs
            if layer > 0:
                start, starts = weights + 4 * layout[layer, BIAS], zeros
            for column in range(0, units, width):
                kernel = weights + 4 * (layout[layer, WEIGHTS] + column * gates * inputs)
                for group in range(groups):
                    row = group * rows
                    above, above_stride, highest = 0, 0, 0
                    if layer < last:
                        above_stride = layout[layer + 1, INPUTS]
                        above = floats + 4 * (layout[layer + 1, X] + (parity * lanes + row) * above_stride + column)
                    elif most:
                        highest = floats + 4 * (most + row * units + column)
                    step(
                        kernel,
                        x_inputs,
                        floats + 4 * (x + row * inputs),
                        inputs,
                        start + 4 * column * gates,
                        starts + 8 * row,
                        floats + 4 * (layout[layer, CARRY] + row * units + column),
                        units,
                        floats + 4 * (hidden + row * inputs + column),
                        inputs,
                        above,
                        above_stride,
                        highest,
                        units,
                    )  # fmt: skip

    @njit
    def plan(
        common: Integers, depth: Integers, lengths: Integers, begin: Integers, parent: Integers, child: Integers,
        sibling: Integers, rank: Integers, stack: Integers,
    ) -> None:  # fmt: skip
        """Say for each row where it begins and whose state it takes over; `rank` is how many steps hang on it.

        Rows are in the order of their ids, so those that share a beginning stand together, and the one to take over from
        is the nearest before that shares less with its own predecessor. A row's children come by rising `begin`.
        """
        top = 0
        for row in range(common.size):
            while top > 0 and common[stack[top - 1]] >= common[row]:
                top -= 1
            child[row] = -1
            if common[row] > depth[row]:
                parent[row] = stack[top - 1]
                begin[row] = common[row]
                sibling[row] = child[parent[row]]
                child[parent[row]] = row
            else:
                parent[row] = -1
                begin[row] = depth[row]
            rank[row] = lengths[row] - begin[row]
            stack[top] = row
            top += 1
        for row in range(common.size - 1, -1, -1):
            above = parent[row]
            if above >= 0:
                rank[above] = max(rank[above], begin[row] - begin[above] + rank[row])

    @njit
    def take(ready: Integers, count: int, rank: Integers) -> int:
        """Return where in `ready` the row stands that most steps hang on: the longest must not be left to the end."""
        best = 0
        for index in range(1, count):
            if rank[ready[index]] > rank[ready[best]]:
                best = index
        return best

    def run(  # noqa: D417, PLR0912, PLR0915 - several arguments a line; one loop, cut nowhere without passing all of its state
        count: int, layers: int, state_size: int, table_width: int, most: int, floats_size: int, saved_size: int,
        layout_at: Any, weights_at: Any, table_at: Any, ids_at: Any, firsts_at: Any, lengths_at: Any, common_at: Any,
        depth_at: Any, saves_at: Any, following_at: Any, pool_at: Any, saved_at: Any, floats_at: Any,
        integers_at: Any,
    ) -> int:  # fmt: skip
        """Run `count` rows; return how many steps it took.

        Args:
            count, layers, state_size, table_width, most, floats_size, saved_size: sizes, and where the maxima stand.
            layout_at: (layers, 6) see INPUTS … CARRY.
            weights_at, table_at: packed weights and biases; the first layer's pre-activations for each id.
            ids_at, firsts_at, lengths_at: the ids, and where each row's begin and how many they are.
            common_at, depth_at: how many ids a row shares with the row before, and how many its state in the pool knows.
            saves_at, following_at: the node that a row's state is saved to after its first step, -1 for none; the node
                for the step after that one.
            pool_at: (count + 1, state_size) the states that rows begin with; what they end with on return.
            saved_at: the nodes' states.
            floats_at, integers_at: room to work in: `floats_size` floats, zeros at first; (ROOM_FIELDS, count + lanes) integers.
        """
        layout = carray(layout_at, (layers, LAYOUT_FIELDS))
        ids = carray(ids_at, 1)
        firsts, lengths = carray(firsts_at, count), carray(lengths_at, count)
        common, depth = carray(common_at, count), carray(depth_at, count)
        saves, following = carray(saves_at, count), carray(following_at, saved_size)
        pool, saved = carray(pool_at, (count + 1) * state_size), carray(saved_at, saved_size * state_size)
        floats = carray(floats_at, floats_size)
        room = carray(integers_at, (ROOM_FIELDS, count + lanes))
        begin, parent, child, sibling, rank, ready = room[0], room[1], room[2], room[3], room[4], room[5]
        lane_row, lane_at, lane_child, lane_node, offsets, zeros = (
            room[6], room[7], room[8], room[9], room[10], room[11],
        )  # fmt: skip
        weights_bytes = carray(weights_at, 1).ctypes.data
        table_bytes = carray(table_at, 1).ctypes.data
        floats_bytes = floats.ctypes.data
        offsets_bytes = offsets.ctypes.data
        zeros_bytes = zeros.ctypes.data

        plan(common, depth, lengths, begin, parent, child, sibling, rank, ready)
        for lane in range(lanes):
            offsets[lane] = 0
            zeros[lane] = 0
        waiting = 0
        for row in range(count):
            if parent[row] < 0:
                ready[waiting] = row
                waiting += 1
        active = parity = total = 0
        while True:
            while active < lanes and waiting > 0:
                best = take(ready, waiting, rank)
                row = ready[best]
                waiting -= 1
                ready[best] = ready[waiting]
                if begin[row] == lengths[row]:
                    continue  # what it begins with is what it ends with
                load(pool, row * state_size, floats, layout, parity, active, most)
                lane_row[active] = row
                lane_at[active] = begin[row]
                lane_child[active] = child[row]
                lane_node[active] = saves[row]
                active += 1
            if active == 0:
                return total
            steps = 1 << 62
            for lane in range(active):
                row = lane_row[lane]
                end = lengths[row] if lane_child[lane] < 0 else begin[lane_child[lane]]
                steps = min(steps, 1 if lane_node[lane] >= 0 else end - lane_at[lane])
            groups = (active + rows - 1) // rows
            for _ in range(steps):
                for lane in range(active):
                    offsets[lane] = ids[firsts[lane_row[lane]] + lane_at[lane]] * table_width
                    lane_at[lane] += 1
                advance(
                    groups, layout, weights_bytes, table_bytes, floats_bytes, offsets_bytes, zeros_bytes, parity, most
                )
                parity = 1 - parity
            total += steps * active
            for lane in range(active - 1, -1, -1):
                row = lane_row[lane]
                if lane_node[lane] >= 0:
                    store(saved, lane_node[lane] * state_size, floats, layout, parity, lane, most)
                    lane_node[lane] = following[lane_node[lane]]
                while lane_child[lane] >= 0 and begin[lane_child[lane]] == lane_at[lane]:
                    store(pool, lane_child[lane] * state_size, floats, layout, parity, lane, most)
                    ready[waiting] = lane_child[lane]
                    waiting += 1
                    lane_child[lane] = sibling[lane_child[lane]]
                if lane_at[lane] == lengths[row]:
                    store(pool, row * state_size, floats, layout, parity, lane, most)
                    active -= 1
                    if lane < active:
                        store(pool, count * state_size, floats, layout, parity, active, most)
                        load(pool, count * state_size, floats, layout, parity, lane, most)
                        lane_row[lane] = lane_row[active]
                        lane_at[lane] = lane_at[active]
                        lane_child[lane] = lane_child[active]
                        lane_node[lane] = lane_node[active]

    return run
