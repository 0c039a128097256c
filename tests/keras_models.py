"""Keras models of the kinds that an import meets, saved to files. Skips whoever imports it where there is no Keras."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.engine import ragged, random_sequences

from weirlog.models.artifact import Artifact
from weirlog.models.engines import engine
from weirlog.models.importers.keras_file import import_keras_file
from weirlog.models.tokenizer import pad

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
L = keras.layers

MARKS = [
    pytest.mark.tensorflow,
    # Keras under NumPy 2, when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Layer 'global_max_pooling1d:UserWarning"),  # the case that is refused
]
"""Of every test that saves a Keras model."""
LENGTH = 15
ENTRIES = 9
Layers = list[Any]


def lstm() -> Layers:
    return [L.LSTM(5, recurrent_dropout=0.2), L.Dropout(0.5), L.Dense(1, "sigmoid")]


def stacked() -> Layers:
    recurrent = [
        L.LSTM(5, return_sequences=True, dropout=0.1),
        L.SpatialDropout1D(0.2),
        L.SimpleRNN(4, name="odd-name"),
    ]
    return [
        *recurrent,
        L.Dense(3, "tanh", use_bias=False),
        L.Dense(2, "hard_sigmoid"),
        L.Dense(1),
        L.Activation("sigmoid"),
    ]


def pooled() -> Layers:
    return [L.LSTM(4, return_sequences=True), L.LSTM(3, return_sequences=True), L.GlobalMaxPooling1D(), *lstm()[2:]]


def hard() -> Layers:
    return [L.LSTM(5, recurrent_activation="hard_sigmoid", use_bias=False), L.Dense(1, "sigmoid")]


def sequential(layers: Layers, *, masked: bool = False, length: int | None = LENGTH) -> Any:
    return keras.Sequential([keras.Input((length,), dtype="int32"), L.Embedding(ENTRIES, 4, mask_zero=masked), *layers])


def functional(layers: Layers, *, masked: bool = False, length: int | None = LENGTH) -> Any:
    ids = keras.Input((length,), dtype="int32", name="ids")
    x = L.Embedding(ENTRIES, 4, mask_zero=masked)(ids)
    for layer in layers:
        x = layer(x)
    return keras.Model(ids, x)


def randomised(model: Any) -> Any:
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 1.3, array.shape) for array in model.get_weights()])
    return model


def saved(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of .h5, which is the point here
        model.save(path)
    return path


def imported(path: Path, vocabulary: Path, **options: Any) -> Artifact:
    return import_keras_file(path, vocabulary, name="imported", created="2026-11-21T00:00:00Z", **options)


def assert_same_scores(model: Any, artifact: Artifact) -> None:
    sequences = random_sequences([0, 1, 2, 9, LENGTH - 1, LENGTH, LENGTH + 7], ENTRIES)
    batch = ragged(sequences)
    reading = artifact.network.sequence
    expected = model.predict(pad(batch, reading.length, padding=reading.padding), verbose=0)[:, 0]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(engine("numpy", artifact).score(batch).probability, expected, atol=1e-5)
