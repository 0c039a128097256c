"""How the numba engine and its compiled kernels lay out what they share. Numba itself is not needed to know it."""

from __future__ import annotations

from typing import Final

GROUPS: Final = 4
"""Tiles of rows that step together: a tile's weights, 16 KiB, then come into the first-level cache once for all four."""

# What `layout` says of a layer: how many inputs a tile reads (the layer's own outputs among them) and how many units it
# has, padded; where among the weights its tiles and its biases stand; where in the room to work in its inputs and carries.
INPUTS, UNITS, WEIGHTS, BIAS, X, CARRY = range(6)
LAYOUT_FIELDS: Final = 6

# Rows of the prefix tree's `nodes`; node 0 is the root, and no node's child.
TOKEN, PARENT, CHILD, SIBLING, STATUS = range(5)
NODE_FIELDS: Final = 5

ROOM_FIELDS: Final = 12
"""Rows of the integers that a run works in, each as long as its rows and lanes together."""
