"""Networks of every shape that engines serve, by name, and the lengths at which they could go wrong."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace as changed

from weirlog.models.network import Dense, Lstm, Network, Sequence, SimpleRnn
from weirlog.models.presets import PRESETS


def variants() -> Iterator[tuple[str, Network]]:
    """Every preset, and every setting that no preset has."""
    for name, preset in PRESETS.items():
        yield name, preset.network
    lstm = changed(PRESETS["lstm"].network, sequence=Sequence(120))
    for padding, masked in (("pre", True), ("post", True), ("post", False)):
        name = f"{padding}-{'masked' if masked else 'unmasked'}"
        yield name, changed(lstm, sequence=Sequence(120, padding=padding, masked=masked))
    for activation in ("hard_sigmoid", "hard_sigmoid_keras2"):
        yield activation, changed(lstm, recurrent=(Lstm(64, recurrent_activation=activation),))
    yield "relu-cell", changed(lstm, recurrent=(Lstm(8, activation="hard_sigmoid_keras2"),))
    yield (
        "stack-max-hidden",
        changed(
            lstm,
            recurrent=(Lstm(12), SimpleRnn(7), Lstm(5)),
            pooling="max",
            hidden=(Dense(9), Dense(4, "tanh")),
            kinds=3,
        ),
    )
    yield "post-max", changed(lstm, pooling="max", sequence=Sequence(120, padding="post"))
    yield "post-masked-max", changed(lstm, pooling="max", sequence=Sequence(120, padding="post", masked=True))


VARIANTS = dict(variants())


def lengths_around(length: int) -> list[int]:
    return [0, 1, 2, 61, length - 1, length, length + 7]
