"""Artifacts with random weights, for tests that need a model and not a good one."""

from __future__ import annotations

import numpy as np

from weirlog.models.artifact import Artifact
from weirlog.models.network import Network
from weirlog.models.presets import PRESETS
from weirlog.models.tokenizer import Tokenizer


def random_artifact(network: Network | str, seed: int = 0, *, text: str | None = None) -> Artifact:
    """Return an artifact for a network or a preset's name; its characters are the printable ones, then others."""
    if isinstance(network, str):
        text = text or PRESETS[network].text
        network = PRESETS[network].network
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in network.shapes().items():
        # Scaled like trained weights: states neither die nor saturate, and both heads use their whole range.
        scale = 1.2 / np.sqrt(shape[0])
        if name.endswith("bias"):
            scale = 0.3
        elif name == "embedding.weight":
            scale = 1.0
        elif name == "verdict.kernel":
            scale *= 6.0
        weights[name] = rng.normal(0, scale, shape).astype(np.float32)
    for index, layer in enumerate(network.recurrent):
        if layer.activation == "relu":
            # A relu recurrence with eigenvalues above 1 grows without bound over 1024 steps.
            weights[f"recurrent.{index}.recurrent"] *= np.float32(0.4)
    size = network.embedding.vocabulary
    index = {chr(32 + number): number + 1 for number in range(min(size, 5000) - 1)}
    return Artifact(
        name="random",
        created="2026-11-21T00:00:00Z",
        network=network,
        tokenizer=Tokenizer(level="character", lower=False, index=index),
        text=text or "detection-1",
        threshold=0.5,
        weights=weights,
        kinds=tuple(f"kind-{number}" for number in range(network.kinds)),
    )
