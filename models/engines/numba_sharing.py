"""What requests share with each other and with beginnings seen before, as Numba compiles it; see `numba_kernel.py`.

The prefix tree is a trie of token ids in arrays: nodes that lead to a first child and its siblings, and each node's state
after its ids. It is bounded; a leaf that was not used lately makes room, as in the clock algorithm.
"""

# mypy: disallow-untyped-decorators=False, warn-return-any=False
# Numba's decorators have no types, and what they decorate is compiled by Numba's own.

from __future__ import annotations

from typing import Any, Final

import numpy.typing as npt
from numba import carray, njit, types

from weirlog.models.engines.numba_layout import CHILD, NODE_FIELDS, PARENT, SIBLING, STATUS, TOKEN

# A node's status.
IDLE, USED, PINNED, PENDING = range(4)
# A leaf that was used since the hand last came by gets another round; looking at more than this for one new node would
# cost more than the node saves.
EVICTION_TRIES: Final = 64

_INTEGERS = types.CPointer(types.int64)
_FLOATS = types.CPointer(types.float32)
_IDS = types.CPointer(types.int32)

Integers = npt.NDArray[Any]
Floats = npt.NDArray[Any]

SHARE_SIGNATURE = types.int64(*[types.int64] * 3, _IDS, *[_INTEGERS] * 8, _IDS, _INTEGERS, _FLOATS, _FLOATS)
SETTLE_SIGNATURE = types.int64(types.int64, types.int64, _INTEGERS, _INTEGERS, _IDS)


@njit(inline="always")
def copy(source: Floats, start: int, target: Floats, to: int, count: int) -> None:
    """Copy `count` numbers."""
    for index in range(count):
        target[to + index] = source[start + index]


@njit
def _find(nodes: Integers, node: int, token: int) -> int:
    """Return the child of `node` for `token`, 0 where there is none."""
    child = nodes[CHILD, node]
    while child != 0 and nodes[TOKEN, child] != token:
        child = nodes[SIBLING, child]
    return child


@njit
def _new_node(nodes: Integers, hand: Integers, node: int, token: int) -> int:
    """Add a child to `node`, in the place of a leaf that was not used lately where all are taken; return 0 for none."""
    capacity = nodes.shape[1]
    new = 0
    if hand[0] < capacity:
        new = hand[0]
        hand[0] += 1
    else:
        for _ in range(EVICTION_TRIES):
            hand[1] = 1 if hand[1] + 1 >= capacity else hand[1] + 1
            at = hand[1]
            if at == node or nodes[CHILD, at] != 0 or nodes[STATUS, at] >= PINNED:
                continue
            if nodes[STATUS, at] == USED:
                nodes[STATUS, at] = IDLE
                continue
            before = nodes[CHILD, nodes[PARENT, at]]
            if before == at:
                nodes[CHILD, nodes[PARENT, at]] = nodes[SIBLING, at]
            else:
                while nodes[SIBLING, before] != at:
                    before = nodes[SIBLING, before]
                nodes[SIBLING, before] = nodes[SIBLING, at]
            new = at
            break
    if new != 0:
        nodes[TOKEN, new] = token
        nodes[PARENT, new] = node
        nodes[SIBLING, new] = nodes[CHILD, node]
        nodes[CHILD, node] = new
        nodes[CHILD, new] = 0
        nodes[STATUS, new] = PENDING
    return new


def share(  # noqa: PLR0912, PLR0915 - three passes over the same rows, each a few lines
    count: int, state_size: int, capacity: int, ids_at: Any, firsts_at: Any, lengths_at: Any, shares_at: Any,
    common_at: Any, depth_at: Any, ends_at: Any, saves_at: Any, following_at: Any, nodes_at: Any, hand_at: Any,
    states_at: Any, pool_at: Any,
) -> int:  # fmt: skip
    """Find what rows, in the order of their ids, share with each other and with the prefix tree.

    Fills `common`, `depth` and the known rows of `pool`, and adds nodes for what two rows of this batch share beyond the
    tree, `PENDING` until `settle` is told that their states are there: `saves` has a row's first new node, `following`
    the node after each. Return how many ids the tree spares.
    """
    ids = carray(ids_at, 1)
    firsts, lengths, shares = carray(firsts_at, count), carray(lengths_at, count), carray(shares_at, count)
    common, depth = carray(common_at, count), carray(depth_at, count)
    ends, saves = carray(ends_at, count), carray(saves_at, count)
    following, hand = carray(following_at, capacity), carray(hand_at, 2)
    nodes = carray(nodes_at, (NODE_FIELDS, capacity))
    states, pool = carray(states_at, capacity * state_size), carray(pool_at, count * state_size)
    for row in range(count):
        common[row] = depth[row] = ends[row] = 0
        saves[row] = -1
        if row > 0 and shares[row] and shares[row - 1]:
            limit = min(lengths[row], lengths[row - 1])
            while common[row] < limit and ids[firsts[row] + common[row]] == ids[firsts[row - 1] + common[row]]:
                common[row] += 1
    if capacity == 0:
        return 0
    spared = 0
    for row in range(count):
        if not shares[row]:
            continue
        node = 0
        while depth[row] < lengths[row]:
            child = _find(nodes, node, ids[firsts[row] + depth[row]])
            if child == 0 or nodes[STATUS, child] == PENDING:
                break
            node = child
            nodes[STATUS, node] = max(nodes[STATUS, node], USED)
            depth[row] += 1
        if node != 0:
            copy(states, node * state_size, pool, row * state_size, state_size)
            nodes[STATUS, node] = PINNED
            spared += max(0, depth[row] - common[row])
        ends[row] = node
    for row in range(count - 1):
        at, node = depth[row], ends[row]
        begin, goal = max(common[row], at), common[row + 1]
        while at < begin and at < goal:
            node = _find(nodes, node, ids[firsts[row] + at])
            if node == 0:
                break
            at += 1
        if at < begin:
            continue
        last = -1
        while at < goal and _find(nodes, node, ids[firsts[row] + at]) == 0:
            new = _new_node(nodes, hand, node, ids[firsts[row] + at])
            if new == 0:
                break
            if last < 0:
                saves[row] = new
            else:
                following[last] = new
            following[new] = -1
            node = last = new
            at += 1
    for row in range(count):
        if nodes[STATUS, ends[row]] == PINNED:
            nodes[STATUS, ends[row]] = USED
    return spared


def settle(count: int, capacity: int, saves_at: Any, following_at: Any, nodes_at: Any) -> int:
    """Let the nodes that `share` added be found, now that their states are there; return how many they are."""
    saves, following = carray(saves_at, count), carray(following_at, capacity)
    nodes = carray(nodes_at, (NODE_FIELDS, capacity))
    added = 0
    for row in range(count):
        node = saves[row]
        while node >= 0:
            nodes[STATUS, node] = USED
            node = following[node]
            added += 1
    return added
