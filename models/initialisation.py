"""How a network's weights begin, where Keras' own way makes a long sequence hard to learn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Initialisation:
    """What to begin with in place of Keras' own; None leaves a thing to Keras.

    Attributes:
        embedding: standard deviation of the embedding's numbers. Keras' uniform ±0.05 hardly moves a gate, so that the
            first hundreds of steps go into making it larger.
        memory_steps: an LSTM's units begin with memories of 1 to so many steps: forget biases log(u), u uniform, and
            input biases the opposite (chrono initialisation: Tallec and Ollivier, 2018).
        identity: a simple layer's recurrent matrix begins as the identity times this, which lets a rectified unit keep
            what it has seen (Le, Jaitly and Hinton, 2015).
    """

    embedding: float | None = None
    memory_steps: int | None = None
    identity: float | None = None
