"""Networks by name: the reference systems' own, and the detector that weirlog ships."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from weirlog.models.initialisation import Initialisation
from weirlog.models.network import Dense, Embedding, Lstm, Network, Recurrent, Sequence, SimpleRnn
from weirlog.models.tokenizer import Level


@dataclass(frozen=True, slots=True)
class Published:
    """A test result of the reference system: binary cross-entropy in nats, and accuracy at 0.5."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Preset:
    """A network with everything that its training needs to be repeated.

    Attributes:
        network: for `vocabulary` entries; see `sized` for another vocabulary.
        level: what a token is.
        vocabulary: entries that the preset is defined with, the pad counted.
        text: version of the preparation from Request to text.
        lower: whether letters are lower-cased before they are looked up.
        learning_rate: None for the optimiser's own.
        clip_norm: limit of the gradient's global norm, or None.
        warm_up: share of all steps in which the learning rate rises from 0.
        decay: whether it falls to 0 along a cosine after that.
        recurrent_rate: share of the optimiser's step that a simple layer's recurrent matrix takes.
        initial: how weights begin, where not in Keras' own way.
        published: the figures to meet or beat, in the order that they were published.
    """

    name: str
    network: Network
    optimizer: Literal["adam", "rmsprop"]
    batch_size: int
    epochs: int
    level: Level = "character"
    text: str = "reference-1"
    lower: bool = True
    test_size: float = 0.25
    validation_split: float = 0.25
    learning_rate: float | None = None
    clip_norm: float | None = None
    warm_up: float = 0.0
    decay: bool = False
    recurrent_rate: float = 1.0
    initial: Initialisation | None = None
    published: tuple[Published, ...] = ()

    @property
    def vocabulary(self) -> int:
        return self.network.embedding.vocabulary

    def sized(self, vocabulary: int, kinds: int | None = None) -> Network:
        """Return the network for a vocabulary of so many entries, the pad counted."""
        return self.network.with_sizes(vocabulary=vocabulary, kinds=kinds)


def _requests(*recurrent: Recurrent, hidden: tuple[Dense, ...] = ()) -> Network:
    """The request-log classifiers differ in what stands between the embedding and the head."""
    return Network(
        embedding=Embedding(63, 32), recurrent=recurrent, hidden=hidden, sequence=Sequence(1024, padding="pre")
    )


def _words(vocabulary: int, dimension: int, layer: Recurrent, length: int) -> Network:
    return Network(embedding=Embedding(vocabulary, dimension), recurrent=(layer,), sequence=Sequence(length))


_MEMORY: Final = Initialisation(embedding=1.0, memory_steps=150)
"""A request is about 140 characters long, and what is wrong with it may stand anywhere."""
_READING: Final = Initialisation(embedding=0.1, memory_steps=200)
"""A word is rare, and its numbers are learnt from few texts: they begin small."""

_ALL = (
    Preset(
        "simple-rnn",
        _requests(SimpleRnn(32, activation="relu")),
        optimizer="adam",
        batch_size=128,
        epochs=3,
        learning_rate=0.015,
        clip_norm=1.0,
        warm_up=0.2,
        decay=True,
        recurrent_rate=0.05,
        initial=Initialisation(embedding=0.5, identity=0.95),
        published=(Published(0.0666, 0.9840), Published(0.1250, 0.9597)),
    ),
    Preset(
        "lstm",
        _requests(Lstm(64, dropout=0.5, recurrent_dropout=0.5)),
        optimizer="adam",
        batch_size=128,
        epochs=3,
        learning_rate=0.02,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_MEMORY,
        published=(Published(0.1002, 0.9773), Published(0.1812, 0.9474)),
    ),
    Preset(
        "stacked-lstm",
        _requests(Lstm(64, dropout=0.5, recurrent_dropout=0.5), Lstm(64, dropout=0.5, recurrent_dropout=0.5)),
        optimizer="rmsprop",
        batch_size=128,
        epochs=3,
        learning_rate=0.012,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_MEMORY,
        published=(Published(0.0727, 0.9797),),
    ),
    Preset(
        "lstm-dense",
        _requests(Lstm(64, recurrent_dropout=0.5), hidden=(Dense(64, "relu", dropout=0.5),)),
        optimizer="rmsprop",
        batch_size=128,
        epochs=3,
        learning_rate=0.01,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_MEMORY,
        published=(Published(0.1457, 0.9589),),
    ),
    Preset(
        "web-traffic",
        Network(
            embedding=Embedding(1024, 256),
            recurrent=(Lstm(128, dropout=0.5),),
            sequence=Sequence(1024),
        ),
        optimizer="rmsprop",
        batch_size=16,
        epochs=10,
        learning_rate=0.002,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_MEMORY,
    ),
    Preset(
        "words-rnn",
        _words(10_000, 128, SimpleRnn(128), 200),
        optimizer="adam",
        batch_size=32,
        epochs=5,
        learning_rate=0.001,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        recurrent_rate=0.02,
        initial=Initialisation(embedding=0.05, identity=0.98),
        level="word",
        text="plain-1",
        validation_split=0.2,
        published=(Published(0.4772, 0.8064),),
    ),
    Preset(
        "words-lstm",
        _words(10_000, 128, Lstm(128), 200),
        optimizer="adam",
        batch_size=32,
        epochs=5,
        learning_rate=0.003,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_READING,
        level="word",
        text="plain-1",
        validation_split=0.2,
        published=(Published(0.3831, 0.8621),),
    ),
    Preset(
        "words-lstm-small",
        _words(5_000, 32, Lstm(100), 500),
        optimizer="adam",
        batch_size=128,
        epochs=2,
        learning_rate=0.01,
        clip_norm=1.0,
        warm_up=0.1,
        decay=True,
        initial=_READING,
        level="word",
        text="plain-1",
        validation_split=0.2,
        published=(Published(0.3217, 0.8639),),
    ),
    Preset(
        "detector",
        Network(
            # Pairs of characters are many: with noise in what is read fewer texts are learnt by heart, and more of others found.
            # How many numbers a pair has costs nothing where a model serves: an engine looks up their product.
            embedding=Embedding(128**2, 96, dropout=0.15, pairs=True),
            # No recurrent dropout: it forbids the fused kernels and triples the time of an epoch. 80 units cost 1.46
            # times the reference's 64 a character, in a product of matrices as in the engine's own measure.
            recurrent=(Lstm(80, dropout=0.1),),
            pooling="max",
            # Once a request, and so free: what was seen at one place can be weighed against what was seen at another.
            hidden=(Dense(96, "relu", dropout=0.1),),
            kinds=11,
            # Pads that are read would make a score depend on the length, and no two requests share a beginning.
            sequence=Sequence(1024, padding="post", masked=True, overlong="windows", overlap=128),
        ),
        optimizer="adam",
        batch_size=128,
        epochs=8,
        level="pair",
        text="detection-1",
        clip_norm=1.0,
    ),
)

PRESETS = MappingProxyType({preset.name: preset for preset in _ALL})
