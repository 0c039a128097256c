"""A network as data: what layers it has, of which sizes, so that it can be stored, counted, built and served exactly.

    token ids → embedding → recurrent layers → pooling → hidden dense layers ─┬→ verdict: Dense(1, sigmoid)
                                                                              └→ kinds: Dense(K, softmax), optional

Every value that decides a score stands here; nothing is left to a library's default, since defaults change between
versions. Dropout rates are facts of training: serving ignores them.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

Activation: TypeAlias = Literal["linear", "relu", "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2"]
"""As in Keras 3, where hard_sigmoid is relu6(x + 3) / 6; Keras 2's was clip(0.2 x + 0.5, 0, 1), another function."""

# The bounds keep a hostile manifest from asking for more memory than any real model of this kind.
Units: TypeAlias = Annotated[int, Meta(ge=1, le=4096)]
Rate: TypeAlias = Annotated[float, Meta(ge=0.0, lt=1.0)]

Shapes: TypeAlias = dict[str, tuple[int, ...]]


class Embedding(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of `dimension` numbers for each token id.

    Attributes:
        vocabulary: how many ids there are, the pad (0) among them.
        dropout: rate after it, in training.
        pairs: whether an id is a pair of characters. In training a pair's numbers are the sum of its own and of those of
            its second character, so that a rare pair is read as its character is.
    """

    vocabulary: Annotated[int, Meta(ge=2, le=1_000_000)]
    dimension: Units
    dropout: Rate = 0.0
    pairs: bool = False

    def __post_init__(self) -> None:
        if self.pairs and math.isqrt(self.vocabulary) ** 2 != self.vocabulary:
            raise ValueError(f"a vocabulary of {self.vocabulary} is not one of pairs, which is a square")


class Lstm(Struct, frozen=True, forbid_unknown_fields=True, tag="lstm", tag_field="type"):
    """A long short-term memory layer (Hochreiter and Schmidhuber, 1997); gates in Keras' order i, f, c, o.

    Attributes:
        dropout: rate on what it hands on, in training; that of the last recurrent layer comes after the pooling.
        recurrent_dropout: rate on its own state, in training.
    """

    units: Units
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0

    @property
    def gates(self) -> int:
        return 4


class SimpleRnn(Struct, frozen=True, forbid_unknown_fields=True, tag="simple_rnn", tag_field="type"):
    """A layer whose output is its state: h = activation(W x + U h + b). Its dropouts are as `Lstm`'s."""

    units: Units
    activation: Activation = "tanh"
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0

    @property
    def gates(self) -> int:
        return 1


Recurrent: TypeAlias = Lstm | SimpleRnn


class Dense(Struct, frozen=True, forbid_unknown_fields=True):
    """A fully connected layer; `dropout` is the rate after it, in training."""

    units: Units
    activation: Activation = "relu"
    dropout: Rate = 0.0


class Sequence(Struct, frozen=True, forbid_unknown_fields=True):
    """How token ids are brought to one length.

    Attributes:
        length: tokens that the network reads at once.
        padding: on which side pads (id 0) are added to what is shorter.
        masked: True where the network skips pads; else it reads them as it reads any other token.
        overlong: "truncate" keeps the last `length` ids; "windows" scores windows of `length` ids and takes the worst.
        overlap: how many ids two neighbouring windows share.
    """

    length: Annotated[int, Meta(ge=1, le=65_536)]
    padding: Literal["pre", "post"] = "pre"
    masked: bool = False
    overlong: Literal["truncate", "windows"] = "truncate"
    overlap: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.overlap >= self.length:
            raise ValueError(f"overlap {self.overlap} must be less than the length {self.length}")


class Network(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole network.

    Attributes:
        recurrent: from the embedding upwards; each hands its whole sequence of outputs to the next.
        pooling: what is made of the last one's outputs: the "last" of them, or each unit's "max" over all time steps:
            pads included, or where those are skipped over the ids alone and 0.
        hidden: dense layers between the pooling and the heads.
        kinds: classes of the second head, 0 for none.
    """

    embedding: Embedding
    recurrent: Annotated[tuple[Recurrent, ...], Meta(min_length=1, max_length=8)]
    sequence: Sequence
    pooling: Literal["last", "max"] = "last"
    hidden: Annotated[tuple[Dense, ...], Meta(max_length=8)] = ()
    kinds: Annotated[int, Meta(ge=0, le=1024)] = 0

    def __post_init__(self) -> None:
        if self.pooling == "max" and self.sequence.masked and self.sequence.padding == "pre":
            # Behind the ids, a skipped pad is an output left out. In front, every step would have to ask for the mask.
            raise ValueError('pooling "max" over a masked sequence needs `padding: post`')

    @property
    def features(self) -> int:
        """How many numbers the heads read."""
        return self.hidden[-1].units if self.hidden else self.recurrent[-1].units

    def shapes(self) -> Shapes:
        """Return the shape of every weight by its name, from the input to the heads."""
        shapes: Shapes = {"embedding.weight": (self.embedding.vocabulary, self.embedding.dimension)}
        width = self.embedding.dimension
        for index, layer in enumerate(self.recurrent):
            shapes[f"recurrent.{index}.kernel"] = (width, layer.gates * layer.units)
            shapes[f"recurrent.{index}.recurrent"] = (layer.units, layer.gates * layer.units)
            shapes[f"recurrent.{index}.bias"] = (layer.gates * layer.units,)
            width = layer.units
        for name, units in self._dense():
            shapes[f"{name}.kernel"] = (width, units)
            shapes[f"{name}.bias"] = (units,)
            # Both heads read the same features; only hidden layers feed one another.
            width = units if name.startswith("hidden.") else width
        return shapes

    def parameters(self) -> int:
        """Return how many trainable numbers the network has."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def layers(self) -> list[str]:
        """Return a line a layer, for people to read."""
        embedding = f"Embedding({self.embedding.vocabulary}→{self.embedding.dimension})"
        lines = [embedding, *_dropout(self.embedding.dropout)]
        for index, layer in enumerate(self.recurrent):
            pooled = [] if self.pooling == "last" or index + 1 < len(self.recurrent) else ["GlobalMaxPooling1D"]
            lines += [_recurrent(layer), *pooled, *_dropout(layer.dropout)]
        for dense in self.hidden:
            lines += [f"Dense({dense.units}, {dense.activation})", *_dropout(dense.dropout)]
        kinds = [f"Dense({self.kinds}, softmax) for the kind"] if self.kinds else []
        return [*lines, "Dense(1, sigmoid)", *kinds]

    def with_sizes(self, *, vocabulary: int, kinds: int | None = None) -> Network:
        """Return the same network for another vocabulary (the pad counted) and, where given, number of kinds."""
        embedding = msgspec.structs.replace(self.embedding, vocabulary=vocabulary)
        return msgspec.structs.replace(self, embedding=embedding, kinds=self.kinds if kinds is None else kinds)

    def _dense(self) -> list[tuple[str, int]]:
        hidden = [(f"hidden.{index}", layer.units) for index, layer in enumerate(self.hidden)]
        return [*hidden, ("verdict", 1), *([("kinds", self.kinds)] if self.kinds else [])]


def _dropout(rate: float) -> list[str]:
    return [f"Dropout({rate:g})"] if rate else []


def _recurrent(layer: Recurrent) -> str:
    name = "LSTM" if isinstance(layer, Lstm) else "SimpleRNN"
    settings = [str(layer.units)]
    if layer.activation != "tanh":
        settings.append(layer.activation)
    if isinstance(layer, Lstm) and layer.recurrent_activation != "sigmoid":
        settings.append(f"recurrent {layer.recurrent_activation}")
    if layer.recurrent_dropout:
        settings.append(f"recurrent dropout {layer.recurrent_dropout:g}")
    return f"{name}({', '.join(settings)})"
