"""The network in NumPy: equal to Keras within 1e-5, in 30 MB, started in a fraction of a second.

Three things make it fast, all exact:

A. Pads stand in front and are not masked, so the state after k of them is the same for every request: it is computed
   once for every k, and each request starts at its first real token. The same holds for stacked layers and for the
   running maximum.
B. Embedding × kernel + bias is a table with a row a token: one gather a step in place of two products.
C. Rows are sorted by length; a step runs on those still alive, which are always the first ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import threadpoolctl  # type: ignore[import-untyped] # it ships no types

from weirlog.models.artifact import Artifact
from weirlog.models.engines import FloatArray, IntArray, Reuse, Scores, TokenBatch
from weirlog.models.engines.numpy_cells import cell, dense, probability, softmax
from weirlog.models.errors import ArtifactError, UnsupportedError, VocabularyError

Indices = npt.NDArray[np.intp]

ROWS: Final = 512
"""Rows of one pass. More gain nothing over 128 rows but 20 %, and memory is bounded by it: 4 MiB of ids at most."""
TABLE_LIMIT_BYTES: Final = 1 << 30


class NumpyEngine:
    """Scores with NumPy alone.

    Making one sets NumPy's BLAS to one thread in the whole process. A step's products take microseconds: two threads
    save 8 % of a batch where both cores are free, and where they are not each step waits for the scheduler: 128
    requests then took 135 to 290 ms in place of 22. To use more cores, score batches on several threads.

    Args:
        artifact: the model.

    Attributes:
        network, length: what it runs, and how many ids that reads at once.
        cells: its recurrent layers, with weights arranged and scaled.
        table: (vocabulary, g) trick B: what each id brings to the first layer's gates.
        starts: every part of the state after 0 to `length` pads, (length + 1, units) each; of 0 pads alone, (1, units),
            where pads are skipped or follow.
        runs_on: pads follow and are read.

    Raises:
        UnsupportedError: the table of trick B would not fit in memory.
        ArtifactError: the network's state does not stay finite over its own pads.
    """

    name = "numpy"

    @property
    def reuse(self) -> Reuse | None:
        """Nothing is shared here."""
        return None

    def __init__(self, artifact: Artifact) -> None:
        threadpoolctl.threadpool_limits(limits=1, user_api="blas")
        network, weights = artifact.network, artifact.weights
        self.network = network
        self.length = network.sequence.length
        self._weights = weights
        self._max = network.pooling == "max"
        self.cells = [
            cell(layer, *(weights[f"recurrent.{index}.{part}"] for part in ("kernel", "recurrent", "bias")))
            for index, layer in enumerate(network.recurrent)
        ]
        first = self.cells[0]
        table_bytes = network.embedding.vocabulary * first.kernel.shape[1] * 4
        if table_bytes > TABLE_LIMIT_BYTES:
            raise UnsupportedError(
                f"model {artifact.name}: embedding of {network.embedding.vocabulary} entries needs a table of "
                f"{table_bytes >> 20} MiB, the numpy engine makes up to {TABLE_LIMIT_BYTES >> 20}; "
                "use the engine `tensorflow`"
            )
        self.table = weights["embedding.weight"] @ first.kernel + first.bias
        padded = not network.sequence.masked
        self.runs_on = padded and network.sequence.padding == "post"
        self.starts = self._pad_states() if padded and not self.runs_on else self._blank(1)
        if not all(np.isfinite(part[1:]).all() for part in self.starts):
            raise ArtifactError(
                f"model {artifact.name}: its state over {self.length} pads is not finite; train it again"
            )

    def score(self, batch: TokenBatch) -> Scores:
        """Score sequences, in the order given.

        Raises:
            VocabularyError: an id is not from 1 to the artifact's vocabulary size, exclusive.

        Blocks for one forward pass; NumPy releases the GIL in its products and activations.
        """
        self.check(batch.ids)
        kept, firsts, order = self.plan(batch)
        features = np.empty((len(batch), self.cells[-1].units), np.float32)
        for start in range(0, len(batch), ROWS):
            rows = order[start : start + ROWS]
            features[rows] = self._run(batch.ids, firsts[rows], kept[rows])
        logits, kinds = self.heads(features)
        return Scores(probability(logits), None if kinds is None else softmax(kinds))

    def trace(self, batch: TokenBatch) -> list[FloatArray]:
        """Return for each sequence the verdict head's logit before its first id and after each: (length + 1,).

        Sequences are cut as in `score`. Under "max" pooling the head reads the running maximum. The last value is the
        logit of the sequence's score, unless pads follow it.

        Raises:
            VocabularyError: as `score`.

        Blocks for about twice as long as `score`; memory is 4 bytes an id.
        """
        self.check(batch.ids)
        kept, firsts, order = self.plan(batch)
        traces = [np.empty(0, np.float32)] * len(batch)
        for start in range(0, len(batch), ROWS):
            rows = order[start : start + ROWS]
            logits = np.empty((self.length + 1 if self.runs_on else kept[rows[0]] + 1, len(rows)), np.float32)
            self._run(batch.ids, firsts[rows], kept[rows], logits)
            for column, row in enumerate(rows):
                traces[row] = logits[: kept[row] + 1, column].copy()
        return traces

    def check(self, ids: IntArray) -> None:
        """Raise VocabularyError unless every id is one of the model's."""
        size = self.network.embedding.vocabulary
        if ids.size and not (ids.min() >= 1 and ids.max() < size):
            raise VocabularyError(
                f"token ids from {ids.min()} to {ids.max()}: this model's are from 1 to {size - 1}; "
                "tokenize with the artifact's own tokenizer"
            )

    def plan(self, batch: TokenBatch) -> tuple[Indices, Indices, Indices]:
        """Return how many ids of each sequence are read, where in `batch.ids` they begin, and the longest-first order."""
        kept = np.minimum(batch.lengths, self.length).astype(np.intp)
        firsts = np.cumsum(batch.lengths, dtype=np.intp) - kept
        return kept, firsts, np.argsort(-kept, kind="stable")

    def _run(self, ids: IntArray, firsts: Indices, lengths: Indices, logits: FloatArray | None = None) -> FloatArray:
        """Return the features (n, units) of the rows that begin at `firsts` in `ids`; `lengths` never increase.

        `logits`, where given, takes the verdict's after 0, 1, … steps: (steps + 1, n).
        """
        steps = _time_major(ids, firsts, lengths)
        if self.runs_on:
            # Pads that follow depend on what came before: they have to be run.
            steps = np.concatenate((steps, np.zeros((self.length - len(steps), len(lengths)), np.intp)))
            lengths = np.full_like(lengths, self.length)
        state = self._start(lengths)
        scratch = self._scratch(len(lengths))
        if logits is not None:
            # A sequence that fills the length has seen nothing yet: its maximum stands below all numbers.
            logits[0] = self.heads(np.nan_to_num(self._features(state), neginf=0.0))[0]
        # An unbounded activation may overflow on a hostile sequence; the detector reads what comes of it as an attack.
        with np.errstate(over="ignore", invalid="ignore"):
            for begin, end, alive in _runs(lengths):
                now = [part[:alive] for part in state]
                room = [part[:alive] for part in scratch]
                for time in range(begin, end):
                    self._step(steps[time, :alive], room, now)
                    if logits is not None:
                        logits[time + 1, :alive] = self.heads(self._features(now))[0]
        return self._features(state)

    def _step(self, ids: Indices, scratch: Sequence[FloatArray], state: Sequence[FloatArray]) -> None:
        # "clip" spares a copy that "raise" makes; the ids were checked.
        np.take(self.table, ids, axis=0, out=scratch[0], mode="clip")
        at, output = 0, state[0]
        for index, layer in enumerate(self.cells):
            gates, product = scratch[2 * index : 2 * index + 2]
            if index > 0:
                np.matmul(output, layer.kernel, out=gates)
                gates += layer.bias
            output = state[at]
            layer.step(gates, product, state[at : at + layer.state])
            at += layer.state
        if self._max:
            np.maximum(state[at], output, out=state[at])

    def _features(self, state: Sequence[FloatArray]) -> FloatArray:
        return state[-1] if self._max else state[-self.cells[-1].state]

    def heads(self, features: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return the verdict's logits (n,) and the kinds' (n, K)."""
        weights = self._weights
        with np.errstate(over="ignore", invalid="ignore"):
            for index, layer in enumerate(self.network.hidden):
                name = f"hidden.{index}"
                features = dense(features, layer.activation, weights[f"{name}.kernel"], weights[f"{name}.bias"])
            logits = dense(features, "linear", weights["verdict.kernel"], weights["verdict.bias"])[:, 0]
            if not self.network.kinds:
                return logits, None
            return logits, dense(features, "linear", weights["kinds.kernel"], weights["kinds.bias"])

    def _blank(self, rows: int) -> list[FloatArray]:
        state = [np.zeros((rows, layer.units), np.float32) for layer in self.cells for _ in range(layer.state)]
        if self._max:
            nothing = 0.0 if self.network.sequence.masked else -np.inf
            state.append(np.full((rows, self.cells[-1].units), nothing, np.float32))
        return state

    def _pad_states(self) -> list[FloatArray]:
        """Return every part of the state after 0 to `length` pads: arrays (length + 1, units)."""
        table = self._blank(self.length + 1)
        state, scratch, pad = self._blank(1), self._scratch(1), np.zeros(1, np.intp)
        with np.errstate(over="ignore", invalid="ignore"):
            for count in range(1, self.length + 1):
                self._step(pad, scratch, state)
                for rows, part in zip(table, state, strict=True):
                    rows[count] = part[0]
        return table

    def _start(self, lengths: Indices) -> list[FloatArray]:
        pads = self.length - lengths if len(self.starts[0]) > 1 else np.zeros_like(lengths)
        return [part.take(pads, axis=0) for part in self.starts]

    def _scratch(self, rows: int) -> list[FloatArray]:
        return [np.empty((rows, layer.kernel.shape[1]), np.float32) for layer in self.cells for _ in range(2)]


def _time_major(ids: IntArray, firsts: Indices, lengths: Indices) -> Indices:
    """Return ids as (longest, n): step by step, so that a step's are contiguous; 0 where a row has ended."""
    total = int(lengths.sum())
    steps = np.zeros((int(lengths.max(initial=0)), len(lengths)), np.intp)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    times = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    steps[times, rows] = ids[np.repeat(firsts, lengths) + times]
    return steps


def _runs(lengths: Indices) -> Iterator[tuple[int, int, int]]:
    """Yield (begin, end, alive): in steps begin to end the first `alive` rows go on. `lengths` never increase."""
    begin = 0
    for alive in range(len(lengths), 0, -1):
        end = int(lengths[alive - 1])
        if end > begin:
            yield begin, end, alive
            begin = end
