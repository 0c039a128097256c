"""A Network as a Keras model, and its weights under our names. Keras is imported when a function is called.

Backend-neutral: what is built here trains and scores the same under TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from weirlog.models.engines import FloatArray
from weirlog.models.errors import ArtifactError, MissingExtraError
from weirlog.models.network import Lstm, Network, Recurrent


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


def build(network: Network) -> Any:
    """Return an uncompiled `keras.Model` with random weights.

    Its input is (n, steps) token ids, padded: training takes as few steps as its batch needs. Its outputs are a dictionary: "verdict" (n, 1), and "kinds" (n, K)
    where the network has that head.
    """
    keras = import_keras()
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(
        network.embedding.vocabulary,
        network.embedding.dimension,
        mask_zero=network.sequence.masked,
        name="embedding",
    )(ids)
    if network.embedding.dropout:
        x = layers.Dropout(network.embedding.dropout, name="embedding_dropout")(x)
    for index, layer in enumerate(network.recurrent):
        last = index + 1 == len(network.recurrent)
        x = _recurrent(keras, layer, f"recurrent_{index}", sequences=not last or network.pooling == "max")(x)
        if last and network.pooling == "max":
            x = layers.GlobalMaxPooling1D(name="pooling")(x)
        if layer.dropout:
            x = layers.Dropout(layer.dropout, name=f"recurrent_{index}_dropout")(x)
    for index, dense in enumerate(network.hidden):
        x = layers.Dense(dense.units, _activation(keras, dense.activation), name=f"hidden_{index}")(x)
        if dense.dropout:
            x = layers.Dropout(dense.dropout, name=f"hidden_{index}_dropout")(x)
    outputs = {"verdict": layers.Dense(1, "sigmoid", name="verdict")(x)}
    if network.kinds:
        outputs["kinds"] = layers.Dense(network.kinds, "softmax", name="kinds")(x)
    return keras.Model(ids, outputs)


def weights_of(model: Any) -> dict[str, FloatArray]:
    """Return the weights of a model made by `build`, float32, by the names of `Network.shapes`."""
    return {
        f"{name}.{part}": np.asarray(value, np.float32)
        for layer in model.layers
        if layer.weights
        for name in (layer.name.replace("_", "."),)
        for part, value in zip(_parts(layer.name), layer.get_weights(), strict=True)
    }


def load_weights(model: Any, weights: Mapping[str, FloatArray]) -> None:
    """Put weights by our names into a model made by `build`.

    Raises:
        ArtifactError: a weight is missing, left over or of another shape.
    """
    expected = {name: array.shape for name, array in weights_of(model).items()}
    given = {name: array.shape for name, array in weights.items()}
    if expected != given:
        raise ArtifactError(f"weights {given} do not fit the network, which has {expected}")
    for layer in model.layers:
        if layer.weights:
            name = layer.name.replace("_", ".")
            layer.set_weights([weights[f"{name}.{part}"] for part in _parts(layer.name)])


def _parts(layer: str) -> tuple[str, ...]:
    if layer == "embedding":
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


def _activation(keras: Any, name: str) -> str | Callable[[Any], Any]:
    if name != "hard_sigmoid_keras2":
        return name
    return lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
