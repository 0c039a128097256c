"""A training of the shipped model in stages: what it draws from, and what is learnt from when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from weirlog.models.artifact import Artifact
from weirlog.models.corpus import traffic
from weirlog.models.dataset import read_rows
from weirlog.models.default_thresholds import score_texts
from weirlog.models.engines import FloatArray
from weirlog.models.epochs import Epoch
from weirlog.models.examples import Indices, examples
from weirlog.models.fitting import Settings, fit
from weirlog.models.pool import (
    HOSTS,
    LONGEST,
    OTHER_QUOTA,
    QUOTAS,
    Draw,
    Pool,
    add_generated,
    add_long,
    add_mined,
    add_rows,
    add_spliced,
)
from weirlog.models.presets import PRESETS
from weirlog.models.tokenizer import Tokenizer
from weirlog.models.training import kind_indices

TRAINING_SEED: Final = 20_261
GENERATED_SHARE: Final = 0.65
POOL_FACTOR: Final = 6
"""How many epochs' worth of generated rows there are to draw from."""
SPLICED_SHARE: Final = 0.3
"""Share of labelled rows that also stand in a second form, with parameters of a harmless request around theirs."""
HELD_OUT_SHARE: Final = 0.05
VALIDATION_ROWS: Final = 12_000
GENERATED: Final = "generated"
LONG: Final = "long"
LONG_QUOTA: Final = 20_000
"""Windows of long bodies an epoch while refining."""
MINED: Final = "mined"
MINED_FROM: Final = 600_000
"""Fresh generated rows that the half-trained model is asked about: those it mistakes are the ones to learn from. Two minutes."""
MINED_QUOTA: Final = 16_000
"""Mined rows an epoch while refining."""
GENERATED_ALONE: Final = 50_000
"""Generated rows an epoch where there is no labelled file."""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the output of a command


class _Log:
    """Says a line every hundred steps, and one an epoch."""

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, rows_per_s: float) -> None:
        if step % 100 == 0:
            say(f"epoch {epoch}/{epochs} step {step}/{steps} loss {loss:.4f} {rows_per_s:.0f} rows/s")

    def epoch(self, outcome: Epoch) -> None:
        say(f"epoch {outcome.number}: {outcome}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What can be varied from run to run.

    Attributes:
        epochs: how often so many rows as QUOTAS say are drawn.
        seed: of everything.
        rate: the highest learning rate.
        batch: rows a step.
        share: of generated rows in an epoch.
        rounds: how often, after that, the rows that are hardest by then are mined, and the model refined with them.
        refining_epochs: how often in each round half as many rows are drawn, windows of long bodies among them.
        refining_rate: the highest learning rate of each round.
    """

    epochs: int = 30
    seed: int = 1
    rate: float = 3e-3
    batch: int = 128
    share: float = GENERATED_SHARE
    rounds: int = 3
    refining_epochs: int = 8
    refining_rate: float = 1.2e-3


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of the pool by their use; no two parts share a row."""

    training: Indices
    validation: Indices


def gather(files: Sequence[Path], recipe: Recipe, written: Sequence[str]) -> tuple[Pool, dict[str, int]]:
    """Return every text, labelled, spliced and generated, some of it with `written` passages, and the quotas an epoch."""
    pool = Pool()
    add_rows(pool, read_rows(files))
    add_spliced(pool, recipe.seed, SPLICED_SHARE)
    names = set(pool.groups) - {HOSTS}
    quotas = {name: QUOTAS.get(name, OTHER_QUOTA) for name in names}
    generated = round(sum(quotas.values()) * recipe.share / (1 - recipe.share)) if names else GENERATED_ALONE
    quotas[GENERATED] = generated
    add_generated(pool, traffic(TRAINING_SEED + recipe.seed, passages=written), generated * POOL_FACTOR, GENERATED)
    add_long(pool, TRAINING_SEED + recipe.seed, LONG_QUOTA * max(1, recipe.refining_epochs), LONG, passages=written)
    return pool, quotas


def divide(pool: Pool, seed: int) -> Parts:
    """Return what is trained on and a sample to validate by; the hosts that are left out are in neither."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(np.asarray(pool.groups) != HOSTS))
    cut = min(VALIDATION_ROWS, round(len(order) * HELD_OUT_SHARE))
    return Parts(order[cut:], order[:cut])


class Course:
    """A training in stages: each begins with the weights of the last, and may have rows that the last brought to light.

    Args:
        recipe: what can be varied.
        pool: all texts; may grow between two stages.
        parts: what each row of it is for.
        kinds: of attacks, as the network's second head numbers them.
        tokenizer: None for one that is made of the rows trained on.
        weights: to begin with; None for random ones.
    """

    def __init__(
        self,
        recipe: Recipe,
        pool: Pool,
        parts: Parts,
        kinds: tuple[str, ...],
        tokenizer: Tokenizer | None = None,
        weights: Mapping[str, FloatArray] | None = None,
    ) -> None:
        self._recipe = recipe
        self._pool = pool
        self._validation = parts.validation
        self._training = parts.training
        self._kinds = kinds
        training_texts = (pool.texts[row] for row in parts.training)
        self._preset = PRESETS["detector"]
        self.tokenizer = tokenizer or Tokenizer.fit(training_texts, level=self._preset.level)
        self.network = self._preset.sized(self.tokenizer.size, len(kinds))
        self.weights = weights
        self.history: list[Epoch] = []

    def run(self, quotas: Mapping[str, int], epochs: int, rate: float) -> None:
        """Train for some epochs of so many rows of each group, the rate falling from `rate` to 0; blocks for minutes each."""
        pool, recipe, preset = self._pool, self._recipe, self._preset
        data = examples(pool.texts, pool.labels, kind_indices(pool.kinds, self._kinds), self.tokenizer, limit=LONGEST)
        say(f"{len(pool.texts)} rows, {sum(quotas.values())} an epoch, {len(self.tokenizer.index)} characters")
        fitted = fit(
            self.network,
            data,
            self._validation,
            epoch_rows=Draw(pool.groups, self._training, quotas, recipe.seed + len(self.history)),
            epochs=epochs,
            batch_size=recipe.batch,
            optimizer=preset.optimizer,
            learning_rate=rate,
            clip_norm=preset.clip_norm,
            settings=Settings(seed=recipe.seed, warm_up=0.03, decay=True),
            progress=_Log(),
            start=self.weights,
        )
        self.weights = fitted.weights
        self.history += fitted.history

    def mine(self, model: Artifact, number: int, written: Sequence[str]) -> None:
        """Let the generated rows that `model` finds hardest be trained on from the next stage on."""
        before = len(self._pool.texts)
        seed = TRAINING_SEED + 1_000 * self._recipe.seed + number
        add_mined(self._pool, seed, MINED_FROM, MINED, partial(score_texts, model), written)
        mined = np.arange(before, len(self._pool.texts))
        say(f"{len(mined)} hard rows of {MINED_FROM}, {sum(self._pool.labels[before:])} of them attacks")
        self._training = np.concatenate([self._training, mined])
