"""An artifact as a TensorFlow SavedModel, for TensorFlow Serving and the like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from weirlog.models import keras_network
from weirlog.models.artifact import Artifact
from weirlog.models.errors import MissingExtraError
from weirlog.models.exporters.output import appearing, description


def export_saved_model(artifact: Artifact, directory: Path) -> None:
    """Write a SavedModel whose `serve` (and default signature) takes padded ids and gives our scores.

    It takes `ids` (n, length) int32, padded with 0 on the side that `assets.extra/weirlog.json` names beside tokenizer
    and threshold, and gives "verdict" (n, 1) and, where there are kinds, "kinds" (n, K).

    Raises:
        ArtifactError: something stands at `directory` already.
        MissingExtraError: TensorFlow is not installed, or Keras runs on another backend.
        OSError: it cannot be written.
    """
    keras = keras_network.import_keras()
    if keras.backend.backend() != "tensorflow":
        raise MissingExtraError("a SavedModel needs Keras on TensorFlow: unset KERAS_BACKEND")
    import tensorflow as tf  # noqa: PLC0415 - Keras has just loaded it

    model = keras_network.build(artifact.network)
    keras_network.load_weights(model, artifact.weights)

    def serve(ids: Any) -> Any:
        return model(ids, training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = tf.TensorSpec((None, artifact.network.sequence.length), tf.int32, name="ids")
    archive.add_endpoint("serve", serve, input_signature=[signature])
    with appearing(directory) as building:
        archive.write_out(str(building), verbose=False)
        extra = building / "assets.extra"  # TensorFlow keeps this folder for what is not its own
        extra.mkdir()
        (extra / "weirlog.json").write_text(json.dumps(description(artifact), indent=1) + "\n")
