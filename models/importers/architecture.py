"""Keras layers → our Network, and where each of its weights comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from weirlog.models.artifact import WEIGHTS_LIMIT_BYTES
from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.importers.chain import Chain, Layer
from weirlog.models.importers.settings import Generation, LayerSettings
from weirlog.models.network import Dense, Embedding, Lstm, Network, Recurrent, Sequence, Shapes, SimpleRnn

DROPOUTS: Final = ("Dropout", "SpatialDropout1D")
SERVED: Final = ("InputLayer", "Embedding", "LSTM", "SimpleRNN", "GlobalMaxPooling1D", "Dense", "Activation", *DROPOUTS)
ID_TYPES: Final = ("int32", "int64", "float32")


@dataclass(frozen=True, slots=True)
class Slot:
    """A layer that has weights.

    Attributes:
        weights: our name of each by Keras' name of it, in Keras' order.
    """

    layer: Layer
    weights: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Architecture:
    """What to read, and what to make of it.

    Attributes:
        slots: in the order of the layers.
        shapes: of every weight by our name; what no slot names is zero: the bias of a layer without one.
    """

    network: Network
    slots: tuple[Slot, ...]
    shapes: Shapes


def keras_generation(version: object, where: str) -> Generation:
    """Return which Keras wrote a file.

    Raises:
        UnsupportedError: it does not say, or it was neither 2 nor 3.
    """
    match version.partition(".")[0] if isinstance(version, str) else "":
        case "2":
            return 2
        case "3":
            return 3
    raise UnsupportedError(f"{where}: keras_version is {version!r:.40}; only what Keras 2 and 3 wrote can be served")


def read_architecture(
    chain: Chain,
    where: str,
    *,
    generation: Generation,
    length: int | None = None,
    padding: Literal["pre", "post"] = "pre",
) -> Architecture:
    """Return the network that a chain of layers is.

    Args:
        chain: the layers.
        where: what errors call the file.
        generation: which Keras wrote it.
        length: how many ids the network reads at once, for a model that does not say.
        padding: the side on which its training padded; no file tells.

    Raises:
        UnsupportedError: a layer or a setting cannot be served exactly.
        ArtifactError: a setting is missing, contradicts another or is out of bounds.
    """
    builder = _Builder(where, generation)
    for layer in chain.layers:
        builder.add(layer)
    network = builder.network(Sequence(_length(chain, length, where), padding=padding, masked=builder.masked))
    if network.parameters() * 4 > WEIGHTS_LIMIT_BYTES:
        raise ArtifactError(f"{where}: {network.parameters():,} parameters are more than weirlog reads")
    return Architecture(network, builder.slots(), network.shapes())


class _Builder:
    """Takes layers one by one, and refuses the first that cannot stand where it stands."""

    def __init__(self, where: str, generation: Generation) -> None:
        self._where = where
        self._generation = generation
        self._embedding: Embedding | None = None
        self._recurrent: list[Recurrent] = []
        self._dense: list[Dense] = []
        self._weighted: list[tuple[Layer, bool]] = []  # with a bias?
        self._before = ""
        self._sequence = True  # whether the last layer hands on an output for every step
        self._pooled = False
        self.masked = False

    def add(self, layer: Layer) -> None:
        if layer.kind not in SERVED:
            raise UnsupportedError(
                f"{self._where}: layer {layer.name!r} is of class {layer.kind!r}, which cannot be served; "
                f"only {', '.join(SERVED)} can"
            )
        settings = LayerSettings(layer, self._where, self._generation)
        settings.check_type(self._types(layer.kind))
        match layer.kind:
            case "InputLayer" if not self._before:
                pass
            case "Embedding" if self._before in {"", "InputLayer"}:
                self.masked = settings.flag("mask_zero")
                self._embedding = Embedding(settings.size("input_dim"), settings.size("output_dim"))
                self._weighted.append((layer, False))
            case "LSTM" | "SimpleRNN" if self._embedding is not None and self._sequence:
                self._recurrent.append(_recurrent(layer.kind, settings))
                self._sequence = settings.flag("return_sequences")
                self._weighted.append((layer, settings.flag("use_bias")))
            case "GlobalMaxPooling1D" if self._recurrent and self._sequence:
                self._pooled, self._sequence = True, False
            case "Dense" if not self._sequence:
                self._dense.append(Dense(settings.size("units"), settings.activation("activation")))
                self._weighted.append((layer, settings.flag("use_bias")))
            case "Activation" if self._before == "Dense" and self._dense[-1].activation == "linear":
                self._dense[-1] = _changed(self._dense[-1], activation=settings.activation("activation"))
            case "Dropout" | "SpatialDropout1D" if self._embedding is not None:
                self._drop(settings.rate("rate"))
            case _:
                raise UnsupportedError(
                    f"{self._where}: layer {layer.name!r} ({layer.kind}) cannot be served where it stands; the order "
                    "is Embedding, recurrent layers, GlobalMaxPooling1D or none, Dense layers"
                )
        settings.finish()
        self._before = layer.kind

    def network(self, sequence: Sequence) -> Network:
        if self._embedding is None or not self._dense:
            raise UnsupportedError(f"{self._where}: a model needs Embedding, recurrent layer and Dense to be served")
        *hidden, verdict = self._dense
        if verdict.units != 1 or verdict.activation != "sigmoid":
            raise UnsupportedError(
                f"{self._where}: the last layer is Dense({verdict.units}, {verdict.activation}); "
                "only one with one unit and sigmoid can be served"
            )
        parts = {
            "embedding": self._embedding,
            "recurrent": self._recurrent,
            "sequence": sequence,
            "pooling": "max" if self._pooled else "last",
            "hidden": hidden,
        }
        try:
            return msgspec.convert(msgspec.to_builtins(parts), Network)  # constructors do not look at bounds
        except msgspec.ValidationError as error:
            raise UnsupportedError(f"{self._where}: this network cannot be served: {error}") from error

    def slots(self) -> tuple[Slot, ...]:
        names = [
            "embedding",
            *(f"recurrent.{index}" for index in range(len(self._recurrent))),
            *(f"hidden.{index}" for index in range(len(self._dense) - 1)),
            "verdict",
        ]
        return tuple(
            Slot(layer, _weights(layer.kind, name, biased=biased))
            for (layer, biased), name in zip(self._weighted, names, strict=True)
        )

    def _types(self, kind: str) -> tuple[str, ...]:
        if kind == "InputLayer":
            return ID_TYPES
        # In Keras 2.0 an embedding's type is that of the ids it reads.
        return ("float32", "int32") if kind == "Embedding" and self._generation == 2 else ("float32",)

    def _drop(self, rate: float) -> None:
        if self._dense:
            self._dense[-1] = _changed(self._dense[-1], dropout=rate)
        elif self._recurrent:
            self._recurrent[-1] = _changed(self._recurrent[-1], dropout=rate)
        elif self._embedding is not None:
            self._embedding = _changed(self._embedding, dropout=rate)


def _recurrent(kind: str, settings: LayerSettings) -> Recurrent:
    settings.rate("dropout")  # on its input, in training: nothing of ours to keep it in
    units, activation = settings.size("units"), settings.activation("activation")
    rate = settings.rate("recurrent_dropout")
    if kind == "SimpleRNN":
        return SimpleRnn(units, activation, recurrent_dropout=rate)
    return Lstm(units, activation, settings.activation("recurrent_activation"), recurrent_dropout=rate)


def _weights(kind: str, name: str, *, biased: bool) -> dict[str, str]:
    if kind == "Embedding":
        return {"embeddings": f"{name}.weight"}
    recurrent = {} if kind == "Dense" else {"recurrent_kernel": f"{name}.recurrent"}
    return {"kernel": f"{name}.kernel", **recurrent, **({"bias": f"{name}.bias"} if biased else {})}


def _length(chain: Chain, given: int | None, where: str) -> int:
    """Return how many ids the network reads at once; all that tell it must agree."""
    found = {} if given is None else {"--length": given}
    shapes = {"the model's input": chain.input_shape}
    for layer in chain.layers:
        for key in ("batch_shape", "batch_input_shape"):
            shapes[f"layer {layer.name!r}, {key}"] = layer.config.get(key)
        if layer.config.get("input_length") is not None:
            shapes[f"layer {layer.name!r}, input_length"] = [None, layer.config["input_length"]]
    for name, shape in shapes.items():
        match shape:
            case None | [_, None]:
                continue
            case [_, int() as steps]:
                found[name] = steps
            case _:
                raise UnsupportedError(f"{where}: {name} is {shape!r:.100}; only [rows, ids] can be served")
    lengths = set(found.values())
    if not lengths:
        raise ArtifactError(f"{where}: the model has no fixed length; say with --length how many ids it was trained on")
    if len(lengths) > 1:
        told = ", ".join(f"{name}: {steps}" for name, steps in found.items())
        raise ArtifactError(
            f"{where}: lengths that contradict each other ({told}); leave --length out, or save it again"
        )
    return lengths.pop()


def _changed(part: Any, **values: Any) -> Any:
    return msgspec.structs.replace(part, **values)
