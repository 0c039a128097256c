"""Where the shipped model's thresholds stand, and which false-positive rate belongs to which score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from weirlog.models.artifact import Artifact
from weirlog.models.calibration import Calibration, calibrate
from weirlog.models.corpus import traffic
from weirlog.models.corpus.documentation import passages
from weirlog.models.corpus.traffic import PROBE, plain_traffic, quotations
from weirlog.models.dataset import read_rows
from weirlog.models.engines import FloatArray, Scores, engine
from weirlog.models.evaluation import evaluate
from weirlog.models.kind_scale import KindScale
from weirlog.models.pool import HOSTS, Pool, add_generated, add_long, add_rows
from weirlog.models.request import JSON
from weirlog.models.training import threshold_at
from weirlog.models.windows import cut

HELD_OUT_SEED: Final = 70_003
"""Of the generated rows that set the thresholds: never trained on, though of the same generators."""
HELD_OUT_PLAIN: Final = 160_000
"""With the longest left out a rate of 1e-4 is then counted from fourteen of them."""
HELD_OUT_HARD: Final = 10_000
CALIBRATION_SEED: Final = 50_021
"""Of the generated rows whose scores become the table of false-positive rates."""
CALIBRATION_ROWS: Final = 250_000
"""A rate of 5e-5 is then counted from ten requests; scoring them takes two minutes."""
SCORED_AT_ONCE: Final = 20_000
FALSE_ALERT_RATE: Final = 1e-4
"""Of requests of real hosts, and of generated plain ones, which are harder."""
PROBE_THRESHOLD: Final = 0.99
"""A probe is told by a name alone, which a site may bear itself; an injection is told by what breaks out of its place. Of
3,560 requests of real hosts, asked of a model that had seen none of these, one reached 0.98: for a console of developers,
`/app_dev.php/…`; of 3,646 ordinary ones that were written, five did of the shipped model, two 0.99."""


def settled(artifact: Artifact, files: Sequence[Path], rows: int = CALIBRATION_ROWS) -> Artifact:
    """Return a trained model with its thresholds, what they hold on rows that it was not trained on, and its calibration.

    Blocks for some minutes.

    Args:
        artifact: the model.
        files: labelled data, as it was trained with; may be none.
        rows: how many requests to generate for the calibration.
    """
    held_out = _held_out(files)
    artifact = with_thresholds(artifact, held_out["plain"].texts, held_out[HOSTS].texts)
    metrics: dict[str, JSON] = {
        name: evaluate(score_texts(artifact, pool.texts), np.asarray(pool.labels), artifact.threshold).to_json()
        for name, pool in held_out.items()
        if pool.texts
    }
    artifact = replace(artifact, metrics={"held_out": metrics}, digest="")
    return artifact.calibrated(calibrate_default(artifact, held_out[HOSTS].texts, rows))


def _held_out(files: Sequence[Path]) -> dict[str, Pool]:
    """Return what no model is trained on: generated rows of four sorts, and the requests of hosts that are left out."""
    plain, hard, quoted, long, labelled, hosts = Pool(), Pool(), Pool(), Pool(), Pool(), Pool()
    add_generated(plain, plain_traffic(HELD_OUT_SEED), HELD_OUT_PLAIN, "plain")
    add_generated(hard, traffic(HELD_OUT_SEED + 1, attack_share=0.5, hard_share=1.0), HELD_OUT_HARD, "hard")
    add_generated(quoted, quotations(HELD_OUT_SEED, passages(held_out=True)), HELD_OUT_HARD, "quoted")
    add_long(long, HELD_OUT_SEED, HELD_OUT_HARD // 2, "long bodies")
    add_rows(labelled, read_rows(files))
    for text, group in zip(labelled.texts, labelled.groups, strict=True):
        if group == HOSTS:
            hosts.add(text, 0, None, HOSTS)
    return {"plain": plain, "hard": hard, "quoted passages": quoted, "long bodies": long, HOSTS: hosts}


def with_thresholds(artifact: Artifact, plain: Sequence[str], hosts: Sequence[str]) -> Artifact:
    """Return the model with the lowest threshold at which few harmless requests alert, and PROBE_THRESHOLD for probes.

    Args:
        artifact: the model.
        plain: texts of generated plain requests, at most as long as the network reads at once.
        hosts: texts of real hosts that were left out; may be none. Of either FALSE_ALERT_RATE alert as an injection.
    """
    found = [threshold_at(score_injections(artifact, texts), FALSE_ALERT_RATE) for texts in (plain, hosts) if texts]
    return replace(artifact, threshold=max([0.5, *found]), kind_thresholds={PROBE: PROBE_THRESHOLD}, digest="")


def score_texts(artifact: Artifact, texts: Sequence[str]) -> FloatArray:
    """Return (n,) probabilities with the fastest engine, as a detector gives them; memory does not grow with n."""
    return _scored(artifact, texts, KindScale(artifact.kinds, artifact.threshold, artifact.kind_thresholds).probability)


def score_injections(artifact: Artifact, texts: Sequence[str]) -> FloatArray:
    """Return (n,) probabilities of an attack that is no probe: what labelled files call an attack."""
    probe = artifact.kinds.index(PROBE)

    def probability(scores: Scores) -> FloatArray:
        assert scores.kind is not None
        injected: FloatArray = np.nan_to_num(scores.probability * (1 - scores.kind[:, probe]), nan=1.0)
        return injected

    return _scored(artifact, texts, probability)


def _scored(artifact: Artifact, texts: Sequence[str], probability: Callable[[Scores], FloatArray]) -> FloatArray:
    fastest = engine("auto", artifact)
    parts = []
    for at in range(0, len(texts), SCORED_AT_ONCE):
        windows = cut(artifact.tokenizer.encode(texts[at : at + SCORED_AT_ONCE]), artifact.network.sequence)
        parts.append(windows.worst(probability(fastest.score(windows.batch)))[0])
    return np.concatenate(parts)


def calibrate_default(artifact: Artifact, hosts: Sequence[str], rows: int) -> Calibration:
    """Return the false-positive rates on generated plain requests, and on those of real hosts that were left out.

    Generated requests are far more, and score higher than real ones: what is measured is rather too high than too low.

    Args:
        artifact: the model.
        hosts: texts of real hosts; may be none.
        rows: how many requests to generate; those with long texts are thinned out as in training.
    """
    pool = Pool()
    add_generated(pool, plain_traffic(CALIBRATION_SEED), rows, "generated")
    groups = (("generated", pool.texts), (HOSTS, hosts))
    return calibrate({group: score_texts(artifact, texts) for group, texts in groups if texts})
