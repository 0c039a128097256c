"""A Network as a Keras model, and its weights under our names. Keras is imported when a function is called.

Backend-neutral: what is built here trains and scores the same under TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError, MissingExtraError
from weirlog.models.initialisation import Initialisation
from weirlog.models.network import Lstm, Network, Recurrent

_SINGLE: Final = "characters"
"""The layer that holds the numbers of pairs' second characters."""


def import_keras() -> Any:
    """Return the module `keras`.

    Raises:
        MissingExtraError: neither it nor a backend for it is installed.
    """
    # The backend's start-up notes go to stderr, where ours are JSON; its errors stay.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # noqa: PLC0415 - seconds and hundreds of MB that only training and the reference engine need
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this needs TensorFlow, and {error.name} is not installed: pip install 'weirlog[train]'"
        ) from error
    return keras


def build(network: Network, *, started: bool = False, in_training: bool = False) -> Any:
    """Return an uncompiled `keras.Model` with random weights.

    Its input is (n, steps) token ids, padded: training takes as few steps as its batch needs. Its outputs are a dictionary: "verdict" (n, 1), and "kinds" (n, K)
    where the network has that head.

    With `started` it takes the state to begin with as well: a list of the ids and of every part of the state, (n, units)
    each, as `weirlog.models.pad_states` orders them.

    `in_training`, what it reads for a pair of characters is the sum of two embeddings: the pair's and its second
    character's. `weights_of` and `load_weights` know one embedding all the same.
    """
    keras = import_keras()
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    in_two = in_training and network.embedding.pairs
    x = layers.Embedding(
        network.embedding.vocabulary,
        network.embedding.dimension,
        embeddings_initializer="zeros" if in_two else "uniform",
        mask_zero=network.sequence.masked and network.pooling == "last",
        name="embedding",
    )(ids)
    if in_two:
        characters = math.isqrt(network.embedding.vocabulary)
        single = layers.Embedding(characters, network.embedding.dimension, name=_SINGLE)
        x = layers.Add(name="embedded")([x, single(keras.ops.mod(ids, characters))])
    if network.embedding.dropout:
        x = layers.Dropout(network.embedding.dropout, name="embedding_dropout")(x)
    states: list[Any] = []
    for index, layer in enumerate(network.recurrent):
        last = index + 1 == len(network.recurrent)
        made = _recurrent(keras, layer, f"recurrent_{index}", sequences=not last or network.pooling == "max")
        parts = [keras.Input((layer.units,), name=f"state_{index}_{part}") for part in _state(layer)] if started else []
        states += parts
        x = made(x, initial_state=parts) if started else made(x)
        if last and network.pooling == "max":
            if network.sequence.masked:
                # Pads stand behind: they change no output before them, and become zeros here.
                real = keras.ops.cast(keras.ops.not_equal(ids, 0), x.dtype)
                x = keras.ops.multiply(x, keras.ops.expand_dims(real, -1))
            x = layers.GlobalMaxPooling1D(name="pooling")(x)
            if network.sequence.masked:
                x = keras.ops.relu(x)
        if layer.dropout:
            x = layers.Dropout(layer.dropout, name=f"recurrent_{index}_dropout")(x)
    for index, dense in enumerate(network.hidden):
        x = layers.Dense(dense.units, _activation(keras, dense.activation), name=f"hidden_{index}")(x)
        if dense.dropout:
            x = layers.Dropout(dense.dropout, name=f"hidden_{index}_dropout")(x)
    outputs = {"verdict": layers.Dense(1, "sigmoid", name="verdict")(x)}
    if network.kinds:
        outputs["kinds"] = layers.Dense(network.kinds, "softmax", name="kinds")(x)
    return keras.Model([ids, *states] if started else ids, outputs)


def weights_of(model: Any) -> dict[str, FloatArray]:
    """Return the weights of a model made by `build`, float32, by the names of `Network.shapes`."""
    weights = {
        f"{name}.{part}": np.asarray(value, np.float32)
        for layer in model.layers
        if layer.weights
        for name in (layer.name.replace("_", "."),)
        for part, value in zip(_parts(layer.name), layer.get_weights(), strict=True)
    }
    single = weights.pop(f"{_SINGLE}.weight", None)
    if single is not None:
        weights["embedding.weight"] += np.tile(single, (len(single), 1))
    return weights


def load_weights(model: Any, weights: Mapping[str, FloatArray]) -> None:
    """Put weights by our names into a model made by `build`.

    Raises:
        ArtifactError: a weight is missing, left over or of another shape.
    """
    expected = {name: array.shape for name, array in weights_of(model).items()}
    given = {name: array.shape for name, array in weights.items()}
    if expected != given:
        raise ArtifactError(f"weights {given} do not fit the network, which has {expected}")
    weights = dict(weights)
    if any(layer.name == _SINGLE for layer in model.layers):
        whole = weights["embedding.weight"]
        single = weights[f"{_SINGLE}.weight"] = whole[: math.isqrt(len(whole))]
        weights["embedding.weight"] = whole - np.tile(single, (len(single), 1))
    for layer in model.layers:
        if layer.weights:
            name = layer.name.replace("_", ".")
            layer.set_weights([weights[f"{name}.{part}"] for part in _parts(layer.name)])


def initialise(model: Any, network: Network, initial: Initialisation, seed: int) -> None:
    """Set the weights of a model made by `build` that `initial` speaks of."""
    random = np.random.default_rng((seed, 2))
    weights = dict(weights_of(model))
    if initial.embedding is not None:
        shape = weights["embedding.weight"].shape
        weights["embedding.weight"] = random.normal(0.0, initial.embedding, shape).astype(np.float32)
        # Pads begin as nothing: a state of zeros stays zeros over a thousand of them.
        weights["embedding.weight"][0] = 0.0
    for index, layer in enumerate(network.recurrent):
        name = f"recurrent.{index}"
        if isinstance(layer, Lstm) and initial.memory_steps is not None:
            bias = weights[f"{name}.bias"].copy()
            forget = np.log(random.uniform(1.0, max(initial.memory_steps - 1, 1), layer.units))
            bias[: layer.units], bias[layer.units : 2 * layer.units] = -forget, forget
            weights[f"{name}.bias"] = bias
        elif not isinstance(layer, Lstm) and initial.identity is not None:
            weights[f"{name}.recurrent"] = np.eye(layer.units, dtype=np.float32) * np.float32(initial.identity)
    load_weights(model, weights)


def _parts(layer: str) -> tuple[str, ...]:
    if layer in {"embedding", _SINGLE}:
        return ("weight",)
    return ("kernel", "recurrent", "bias") if layer.startswith("recurrent_") else ("kernel", "bias")


def _recurrent(keras: Any, layer: Recurrent, name: str, *, sequences: bool) -> Any:
    settings = {
        "activation": _activation(keras, layer.activation),
        "recurrent_dropout": layer.recurrent_dropout,
        "return_sequences": sequences,
        "name": name,
    }
    if isinstance(layer, Lstm):
        recurrent_activation = _activation(keras, layer.recurrent_activation)
        return keras.layers.LSTM(layer.units, recurrent_activation=recurrent_activation, **settings)
    return keras.layers.SimpleRNN(layer.units, **settings)


def _state(layer: Recurrent) -> str:
    return "hc" if isinstance(layer, Lstm) else "h"


def _activation(keras: Any, name: str) -> str | Callable[[Any], Any]:
    if name != "hard_sigmoid_keras2":
        return name
    return lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
