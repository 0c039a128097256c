"""The network as Keras runs it under TensorFlow, padded to its full length: the reference that others are held to."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from weirlog.models import keras_network
from weirlog.models.artifact import Artifact
from weirlog.models.engines import FloatArray, Scores, TokenBatch
from weirlog.models.errors import MissingExtraError, VocabularyError
from weirlog.models.tokenizer import pad

ROWS: Final = 128
"""Rows of one forward pass, which bounds its memory: 1024 steps × 128 rows × 64 units are 32 MiB an output."""


class TensorFlowEngine:
    """Scores with Keras under one `tf.function`, traced once for any number of rows.

    Args:
        artifact: the model.

    Raises:
        MissingExtraError: TensorFlow is not installed, or Keras runs on another backend.
    """

    name = "tensorflow"
    reuse = None

    def __init__(self, artifact: Artifact) -> None:
        backend = keras_network.import_keras().backend.backend()
        if backend != "tensorflow":
            raise MissingExtraError(
                f"the engine `tensorflow` needs Keras on TensorFlow, and it runs on {backend}: unset KERAS_BACKEND"
            )
        import tensorflow as tf  # noqa: PLC0415 - Keras has just loaded it

        self._sequence = artifact.network.sequence
        self._vocabulary = artifact.network.embedding.vocabulary
        model = keras_network.build(artifact.network)
        keras_network.load_weights(model, artifact.weights)

        def forward(ids: Any) -> Any:
            return model(ids, training=False)

        signature = tf.TensorSpec((None, self._sequence.length), tf.int32)
        self._forward = tf.function(forward, input_signature=[signature])

    def score(self, batch: TokenBatch) -> Scores:
        """Score sequences, in the order given.

        Raises:
            VocabularyError: an id is not from 1 to the artifact's vocabulary size, exclusive.

        Blocks for a forward pass over the full length for every 128 sequences.
        """
        if batch.ids.size and not (batch.ids.min() >= 1 and batch.ids.max() < self._vocabulary):
            raise VocabularyError(
                f"token ids from {batch.ids.min()} to {batch.ids.max()}: this model's are from 1 to "
                f"{self._vocabulary - 1}; tokenize with the artifact's own tokenizer"
            )
        ends = np.concatenate(([0], np.cumsum(batch.lengths, dtype=np.int64)))
        outputs: dict[str, list[FloatArray]] = {}
        # An empty batch makes one pass of no rows: the outputs have their shapes then, too.
        for start in range(0, max(1, len(batch)), ROWS):
            lengths = batch.lengths[start : start + ROWS]
            part = TokenBatch(batch.ids[ends[start] : ends[start + len(lengths)]], lengths)
            padded = pad(part, self._sequence.length, padding=self._sequence.padding)
            for head, values in self._forward(padded).items():
                outputs.setdefault(head, []).append(values.numpy())
        merged = {head: np.concatenate(parts) for head, parts in outputs.items()}
        return Scores(merged["verdict"][:, 0], merged.get("kinds"))
