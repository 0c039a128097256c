"""The network as machine code: the NumPy engine's three tricks at nine tenths of the processor's own matrix product.

Beside them it does no work twice. Requests that begin alike share the steps of their common beginning: within a batch,
and through a bounded tree of beginnings seen before, also with earlier batches. That is exact: a state depends on the ids
before it and on nothing else, and every row's arithmetic is the same whatever lane it runs in, so scores are equal to the
last bit with sharing and without.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from weirlog.models.artifact import Artifact
from weirlog.models.engines import FloatArray, IntArray, Reuse, ReuseLimits, Scores, TokenBatch
from weirlog.models.engines.machine_code import Library, Processor, is_kept, library
from weirlog.models.engines.numba_layout import GROUPS, NODE_FIELDS, ROOM_FIELDS
from weirlog.models.engines.numba_packing import Tile, cell_name, pack, tile_shapes
from weirlog.models.engines.numpy import ROWS, NumpyEngine
from weirlog.models.engines.numpy_cells import probability, softmax
from weirlog.models.network import Network
from weirlog.models.tokenizer import pad

log = structlog.get_logger(__name__)

Integers = npt.NDArray[np.int64]

SETTLED: Final = 1e-6
"""From where on more pads change no part of the state by more than this, nor by more than this share of it, one state
stands for all: ten times less than engines may differ, and what rounding alone does to a long request."""
TRACED_IDS: Final = 8192
"""At once, when states are traced: 6 MB of them."""
TRIAL_STEPS: Final = 48
TRIAL_ROUNDS: Final = 3


class PrefixTree:
    """States of beginnings seen before; the least recently used leaves go first. Guarded by the engine's lock.

    Args:
        limit_bytes: of states, nodes aside; 0 holds none.
        state_size: floats of a state.
    """

    def __init__(self, limit_bytes: int, state_size: int) -> None:
        self.capacity = max(limit_bytes // (state_size * 4), 2) if limit_bytes else 0
        self.nodes = np.zeros((NODE_FIELDS, self.capacity), np.int32)
        self.following = np.full(self.capacity, -1, np.int64)
        self.states = np.empty((self.capacity, state_size), np.float32)
        self.hand = np.array([1, 0], np.int64)  # the next free node, and where the eviction's hand stands


class NumbaEngine(NumpyEngine):
    """Scores with kernels that Numba compiled. Heads, checks and traces are the NumPy engine's.

    Args:
        artifact: the model.
        limits: whether beginnings are shared, and what may be kept of them.
        processor: what to compile for; None for this machine's.

    Raises:
        UnsupportedError: this engine has no cell of this kind, or the kernels cannot be compiled.
    """

    name = "numba"

    def __init__(
        self,
        artifact: Artifact,
        limits: ReuseLimits = ReuseLimits(),  # noqa: B008 - it is frozen
        *,
        processor: Processor | None = None,
    ) -> None:
        super().__init__(artifact)
        processor = processor or Processor.this()
        shapes = tile_shapes(processor)
        self._library: Library = library(cell_name(self.network), shapes, processor)
        self._settled_from = self._settled_pads()
        self._shares = limits.share_prefixes
        self._lock = threading.Lock()
        self._reuse = Reuse()
        self.tile = self._fastest([pack(self, width, rows) for width, rows in shapes])
        if not self.runs_on:
            del self.table  # only a trace of what runs on over its pads asks for it; the tile has it in its own order
        self._tree = PrefixTree(limits.prefix_bytes if limits.share_prefixes else 0, self.tile.starts.shape[1])

    @property
    def reuse(self) -> Reuse:
        """What sharing has spared so far."""
        with self._lock:
            return self._reuse

    def score(self, batch: TokenBatch) -> Scores:
        """Score sequences, in the order given.

        Raises:
            VocabularyError: an id is not from 1 to the artifact's vocabulary size, exclusive.

        Blocks for one forward pass, without the GIL.
        """
        self.check(batch.ids)
        lengths, firsts, _ = self.plan(batch)
        ids = batch.ids
        if self.runs_on:
            ids = np.ascontiguousarray(pad(batch, self.length, padding="post")).reshape(-1)
            lengths = np.full_like(lengths, self.length)
            firsts = np.arange(len(batch)) * self.length
        order = np.asarray(self._order(ids, firsts, lengths), np.intp)
        features = np.empty((len(batch), self.cells[-1].units), np.float32)
        for start in range(0, len(batch), ROWS):
            rows = order[start : start + ROWS]
            features[rows] = self._features_of(ids, firsts[rows], lengths[rows])
        logits, kinds = self.heads(features)
        return Scores(probability(logits), None if kinds is None else softmax(kinds))

    def trace(self, batch: TokenBatch) -> list[FloatArray]:
        """As `NumpyEngine.trace`, at the cost of a score and 10 MB: the states after every id are saved as a prefix's are."""
        if self.runs_on:
            return super().trace(batch)
        self.check(batch.ids)
        lengths, firsts, _ = self.plan(batch)
        traces: list[FloatArray] = []
        for rows in _pieces(lengths, TRACED_IDS):
            traces += self._trace(batch.ids, firsts[rows], lengths[rows])
        return traces

    def _trace(self, ids: IntArray, firsts: Integers, lengths: Integers) -> list[FloatArray]:
        tile, count, total = self.tile, len(firsts), int(lengths.sum())
        pool = self._pool(lengths)
        # A state that has read nothing yet may hold a maximum below all numbers.
        before = self.heads(np.nan_to_num(self._features_in(pool[:-1]), neginf=0.0))[0]
        states = PrefixTree(max(total, 1) * 4 * pool.shape[1], pool.shape[1])
        ends = np.cumsum(lengths)
        states.following[:total] = np.arange(1, total + 1)
        states.following[ends[lengths > 0] - 1] = -1
        saves = np.where(lengths > 0, ends - lengths, -1)
        nothing = np.zeros(count, np.int64)
        self._launch(tile, ids, firsts, lengths, nothing, nothing, saves, pool, states)
        logits = self.heads(self._features_in(states.states[:total]))[0]
        return [
            np.append(before[row], logits[end - length : end]).astype(np.float32)
            for row, (end, length) in enumerate(zip(ends, lengths, strict=True))
        ]

    def _pool(self, lengths: Integers) -> FloatArray:
        """Return the states that rows begin with, and one more for the kernel to work in: (n + 1, state)."""
        starts = self.tile.starts
        pool = np.empty((len(lengths) + 1, starts.shape[1]), np.float32)
        places = self._pads(lengths)
        starts.take(np.where(places >= self._settled_from, len(starts) - 1, places), axis=0, out=pool[:-1])
        return pool

    def _may_share(self, lengths: Integers) -> npt.NDArray[np.bool_]:
        """Return (n,) whether a row's state depends on its own ids alone, and no longer on how many pads came before."""
        return (self._pads(lengths) >= self._settled_from) & self._shares

    def _pads(self, lengths: Integers) -> Integers:
        return self.length - lengths if len(self.tile.starts) > 1 else np.zeros_like(lengths)

    def _features_in(self, states: FloatArray) -> FloatArray:
        return states[:, self.tile.feature : self.tile.feature + self.cells[-1].units]

    def _order(self, ids: IntArray, firsts: Integers, lengths: Integers) -> Iterable[int]:
        """Return rows in the order of their ids, so that those that begin alike stand together."""
        if not self._may_share(lengths).any():
            return range(len(firsts))
        wide = self.network.embedding.vocabulary > 256
        text = ids.tobytes() if wide else ids.astype(np.uint8).tobytes()
        size = ids.itemsize if wide else 1
        keys = [
            text[first * size : (first + length) * size]
            for first, length in zip(firsts.tolist(), lengths.tolist(), strict=True)
        ]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def _features_of(self, ids: IntArray, firsts: Integers, lengths: Integers) -> FloatArray:
        """Return the features of rows in the order of their ids: (n, units)."""
        tile, tree, count = self.tile, self._tree, len(firsts)
        shares = self._may_share(lengths)
        sharing = bool(shares.any())
        pool = self._pool(lengths)
        common, depth, ends = np.zeros((3, count), np.int64)
        saves = np.full(count, -1, np.int64)
        spared = 0
        if sharing:
            with self._lock:
                spared = self._library.functions["share"](
                    count, pool.shape[1], tree.capacity, ids, firsts, lengths, shares.astype(np.int64), common, depth,
                    ends, saves, tree.following, tree.nodes, tree.hand, tree.states, pool,
                )  # fmt: skip
        steps = self._launch(tile, ids, firsts, lengths, common, depth, saves, pool, tree)
        total = int(lengths.sum())
        with self._lock:
            if sharing:
                self._library.functions["settle"](count, tree.capacity, saves, tree.following, tree.nodes)
            known = self._reuse
            self._reuse = Reuse(
                known.ids + total, known.in_batch + total - steps - spared, known.across_batches + spared
            )
        return self._features_in(pool[:-1])

    def _launch(
        self,
        tile: Tile,
        ids: IntArray,
        firsts: Integers,
        lengths: Integers,
        common: Integers,
        depth: Integers,
        saves: Integers,
        pool: FloatArray,
        tree: PrefixTree,
    ) -> int:
        count = len(firsts)
        integers = np.empty((ROOM_FIELDS, count + GROUPS * tile.rows), np.int64)
        return self._library.functions[f"run {tile.width},{tile.rows}"](
            count, len(tile.layout), pool.shape[1], tile.table.shape[1], tile.most, tile.floats, tree.capacity,
            tile.layout, tile.weights, tile.table, ids, firsts, lengths, common, depth, saves, tree.following, pool,
            tree.states, np.zeros(tile.floats, np.float32), integers,
        )  # fmt: skip

    def _settled_pads(self) -> int:
        """Return from how many pads on the state no longer depends on how many they are."""
        moving = np.zeros(len(self.starts[0]), bool)
        for part in self.starts:
            finite = np.where(np.isfinite(part), part, 0.0)
            moving |= (np.abs(finite - finite[-1]) > SETTLED * np.maximum(1.0, np.abs(finite[-1]))).any(axis=1)
        if len(moving) > 1:
            moving[0] = True  # the maximum over no pads at all is no number
        return int(np.flatnonzero(moving).max(initial=-1)) + 1

    def _fastest(self, tiles: list[Tile]) -> Tile:
        """Return the shape that is fastest on this processor, by trying each for about a millisecond."""
        count = 8 * max(tile.rows for tile in tiles)
        generator = np.random.default_rng(0)
        vocabulary = self.network.embedding.vocabulary
        ids = generator.integers(1, max(2, vocabulary), count * TRIAL_STEPS).astype(np.int32) % vocabulary
        firsts = np.arange(count) * TRIAL_STEPS
        lengths = np.full(count, TRIAL_STEPS)
        nothing, saves = np.zeros(count, np.int64), np.full(count, -1, np.int64)
        seconds = dict.fromkeys(range(len(tiles)), float("inf"))
        for _ in range(TRIAL_ROUNDS):
            for index, tile in enumerate(tiles):
                pool = np.zeros((count + 1, tile.starts.shape[1]), np.float32)
                begun = time.perf_counter()
                self._launch(
                    tile, ids, firsts, lengths, nothing, nothing, saves, pool, PrefixTree(0, tile.starts.shape[1])
                )
                seconds[index] = min(seconds[index], time.perf_counter() - begun)
        best = min(seconds, key=seconds.__getitem__)
        trials = {str(tile): f"{seconds[index] / (count * TRIAL_STEPS) * 1e6:.3f}" for index, tile in enumerate(tiles)}
        log.info("the engine's tile is chosen by measurement", tile=str(tiles[best]), us_a_character=trials)
        return tiles[best]


def is_compiled(network: Network) -> bool:
    """Return whether the kernels for `network` are on disk, so that an engine is ready within milliseconds.

    Raises:
        UnsupportedError: as the engine itself.
    """
    processor = Processor.this()
    return is_kept(cell_name(network), tile_shapes(processor), processor)


def _pieces(lengths: Integers, limit: int) -> Iterator[slice]:
    """Yield slices of rows that have at most `limit` ids together, or are one row."""
    start = size = 0
    for row, length in enumerate(lengths.tolist()):
        if row > start and size + length > limit:
            yield slice(start, row)
            start, size = row, 0
        size += length
    yield slice(start, len(lengths))
