"""What the numba engine adds: machine code kept on disk, tiles, and work that is not done twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from artifacts import random_artifact
from contracts.engine import (
    TOLERANCE,
    assert_equals_keras,
    assert_scores_by_definition,
    by_definition,
    ragged,
    random_sequences,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from variants import VARIANTS

from weirlog.models.engines import ReuseLimits, TokenBatch, engine
from weirlog.models.engines import machine_code as code
from weirlog.models.engines.numba import NumbaEngine
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.errors import UnsupportedError
from weirlog.models.network import Embedding, Lstm, Network, SimpleRnn
from weirlog.models.network import Sequence as Reading

PLAIN = ReuseLimits(share_prefixes=False, prefix_bytes=0, duplicate_bytes=0)
SERVED = sorted(set(VARIANTS) - {"relu-cell", "stack-max-hidden"})
SMALL = Network(
    embedding=Embedding(7, 3), recurrent=(Lstm(5),), pooling="max", sequence=Reading(40, "post", masked=True)
)


@pytest.mark.parametrize("limits", [PLAIN, ReuseLimits()], ids=["plain", "shared"])
@pytest.mark.parametrize("name", SERVED)
def test_numba_scores_a_network_by_its_definition(name: str, limits: ReuseLimits) -> None:
    assert_scores_by_definition(VARIANTS[name], lambda artifact: NumbaEngine(artifact, limits))


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SERVED)
def test_numba_equals_keras_within_1e_5(name: str) -> None:
    assert_equals_keras(VARIANTS[name], NumbaEngine)


@pytest.mark.parametrize("processor", [code.AVX2, code.BASELINE], ids=["avx2", "no-avx"])
def test_code_for_lesser_processors_gives_the_same_scores(processor: code.Processor) -> None:
    if not code.Processor.this().runs(processor):
        pytest.skip(f"this processor cannot run code for {processor.name}")
    artifact = random_artifact("lstm", seed=4)
    batch = ragged(random_sequences([3, 200, 77, 1024, 0], 63))
    lesser = NumbaEngine(artifact, processor=processor)
    assert lesser.tile.width < 16
    np.testing.assert_allclose(
        lesser.score(batch).probability, NumpyEngine(artifact).score(batch).probability, atol=1e-5
    )


def branching(seed: int, count: int, *, alphabet: int = 3, longest: int = 40) -> list[list[int]]:
    """Return sequences of few symbols, so that many begin alike, some are others' beginnings and some are equal."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, alphabet, rng.integers(0, longest)).tolist() for _ in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    batches=st.lists(st.lists(st.lists(st.integers(1, 2), max_size=14), max_size=40), min_size=1, max_size=4),
    nodes=st.integers(0, 12),
)
def test_sharing_changes_no_bit_of_any_score(batches: list[list[list[int]]], nodes: int) -> None:
    """However small the tree, and whatever is evicted from it between two batches and within one."""
    artifact = random_artifact(SMALL, seed=1)
    plain = NumbaEngine(artifact, PLAIN)
    state_bytes = 4 * plain.tile.starts.shape[1]
    shared = NumbaEngine(artifact, ReuseLimits(prefix_bytes=nodes * state_bytes))
    for batch in map(ragged, batches):
        assert shared.score(batch).probability.tolist() == plain.score(batch).probability.tolist()


def test_common_beginnings_are_run_once_in_a_batch_and_never_again_in_the_next() -> None:
    scorer = NumbaEngine(random_artifact(SMALL))
    beginning = [1, 2, 3, 4, 5, 6, 1, 2]
    scorer.score(ragged([[*beginning, 1, 1], [*beginning, 2, 2], [*beginning, 3]]))
    assert scorer.reuse.ids == 29
    assert (scorer.reuse.in_batch, scorer.reuse.across_batches) == (16, 0)
    scorer.score(ragged([[*beginning, 4, 4, 4]]))
    assert (scorer.reuse.in_batch, scorer.reuse.across_batches) == (16, 8)


def test_what_is_kept_of_beginnings_is_bounded_and_what_is_in_use_stays() -> None:
    artifact = random_artifact(SMALL)
    state_bytes = 4 * NumbaEngine(artifact, PLAIN).tile.starts.shape[1]
    scorer = NumbaEngine(artifact, ReuseLimits(prefix_bytes=16 * state_bytes))
    popular = [6, 6, 6, 6, 6, 6]
    for round_ in range(60):
        rare = [1 + round_ % 5, 1 + round_ // 5 % 5, 1 + round_ // 25 % 5, 2]
        scorer.score(ragged([[*popular, 1], [*popular, 2], [*rare, 1], [*rare, 2]]))
    before = scorer.reuse.across_batches
    scorer.score(ragged([[*popular, 3]]))
    assert scorer.reuse.across_batches == before + len(popular)


def test_a_lone_request_leaves_nothing_behind() -> None:
    """Only what two requests share is worth a place: else every request's tail would push out the common beginnings."""
    scorer = NumbaEngine(random_artifact(SMALL))
    for _ in range(2):
        scorer.score(ragged([[1, 2, 3, 4]]))
    assert scorer.reuse.across_batches == 0


def test_a_state_that_pads_go_on_changing_is_shared_by_nobody() -> None:
    """The reference networks read their pads: where that never settles, each length begins with a state of its own."""
    artifact = random_artifact("lstm")
    weights = dict(artifact.weights)
    weights["recurrent.0.bias"] = np.concatenate([np.full(128, 3.0), np.zeros(128)]).astype(np.float32)
    drifting = replace(artifact, weights=weights, digest="")
    scorer = NumbaEngine(drifting)
    sequences = [[1, 2, 3, 4, 5], [1, 2, 3, 4, 6, 7, 8]]
    scores = scorer.score(ragged(sequences))
    assert scorer.reuse.in_batch == 0
    assert scores.probability == pytest.approx([by_definition(drifting, ids)[0] for ids in sequences], abs=TOLERANCE)


def test_rows_beyond_one_pass_keep_their_order() -> None:
    scorer = NumbaEngine(random_artifact(SMALL))
    sequences = branching(3, 1300)
    together = scorer.score(ragged(sequences)).probability
    for row in (0, 511, 512, 1299):
        assert together[row] == pytest.approx(scorer.score(ragged([sequences[row]])).probability[0], abs=1e-6)


@pytest.mark.parametrize("layers", [(Lstm(4), SimpleRnn(3)), (Lstm(4, activation="relu"),), (SimpleRnn(4, "sigmoid"),)])
def test_a_network_without_a_kernel_is_refused_by_name_and_auto_takes_numpy(
    layers: Sequence[Lstm | SimpleRnn],
) -> None:
    artifact = random_artifact(Network(embedding=Embedding(7, 3), recurrent=tuple(layers), sequence=Reading(20)))
    with pytest.raises(UnsupportedError, match="use the engine `numpy`"):
        engine("numba", artifact)
    assert engine("auto", artifact).name == "numpy"


def test_auto_is_numba_for_what_ships() -> None:
    assert engine("auto", random_artifact("detector")).name == "numba"


class TestMachineCode:
    """Compiled once, kept, and never run unless it is what this user compiled."""

    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
        return tmp_path / "cache"

    @pytest.fixture
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Return a list that grows with every compilation."""
        calls: list[str] = []
        real = code.compile_kernels

        def counting(cell: str, tiles: Sequence[tuple[int, int]], processor: code.Processor) -> bytes:
            calls.append(cell)
            return real(cell, tiles, processor)

        monkeypatch.setattr(code, "compile_kernels", counting)
        return calls

    def load(self) -> None:
        code.library("rnn-tanh", ((4, 2),), code.BASELINE)

    def test_code_is_compiled_once_and_found_again(self, cache: Path, compiled: list[str]) -> None:
        self.load()
        self.load()
        assert compiled == ["rnn-tanh"]
        assert [path.suffix for path in cache.iterdir()] == [".kernels"]

    def test_damaged_code_is_made_again(self, cache: Path, compiled: list[str]) -> None:
        self.load()
        (path,) = cache.iterdir()
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        self.load()
        assert len(compiled) == 2

    def test_code_that_others_could_have_written_is_not_run(self, cache: Path, compiled: list[str]) -> None:
        self.load()
        (path,) = cache.iterdir()
        path.chmod(0o666)
        self.load()
        assert len(compiled) == 2

    def test_without_a_place_to_keep_it_code_is_compiled_at_every_start(self, cache: Path, compiled: list[str]) -> None:
        cache.write_text("a file where the folder should be")
        self.load()
        self.load()
        assert len(compiled) == 2

    def test_a_compiler_that_fails_is_told_with_the_remedy(self, cache: Path) -> None:
        with pytest.raises(UnsupportedError, match=r"cannot be compiled: KeyError.*use the engine `numpy`"):
            code.library("gru", ((4, 2),), code.BASELINE)
        assert not cache.exists()

    def test_a_daemon_never_imports_numba(self) -> None:
        """Numba costs 130 MB and half a second; what is compiled runs without it."""
        script = (
            "import sys; from weirlog.models.detector import load_detector; from weirlog.models.request import Request\n"
            "detector = load_detector(engine='numba')\n"
            "detector.classify([Request({'method': 'get', 'path': '/a'})])\n"
            "print(detector.engine, 'numba.core' in sys.modules)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
        )
        assert ended.stdout.split()[-2:] == ["numba", "False"]


def test_threads_that_share_a_tree_give_the_scores_of_one() -> None:
    artifact = random_artifact(SMALL, seed=2)
    plain, shared = NumbaEngine(artifact, PLAIN), NumbaEngine(artifact, ReuseLimits(prefix_bytes=4000))
    batches: list[TokenBatch] = [ragged(branching(seed, 60)) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for scores, batch in zip(pool.map(shared.score, batches), batches, strict=True):
            assert scores.probability.tolist() == plain.score(batch).probability.tolist()


@pytest.mark.parametrize("name", sorted(set(SERVED) - {"words-rnn", "words-lstm"}))
def test_a_trace_is_that_of_the_numpy_engine(name: str) -> None:
    artifact = random_artifact(VARIANTS[name], seed=7)
    batch = ragged(random_sequences([5, 0, 1, 3000, 40, 900, 7], artifact.network.embedding.vocabulary))
    for ours, theirs in zip(NumbaEngine(artifact).trace(batch), NumpyEngine(artifact).trace(batch), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=1e-4)
