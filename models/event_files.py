"""A training's figures as TensorBoard event files, with what TensorFlow itself brings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class EventFiles:
    """Writes to `folder`, or nothing without one. TensorFlow is imported when one with a folder is made."""

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            import tensorflow as tf  # noqa: PLC0415 - the event files are TensorFlow's own format

            self._summary = tf.compat.v1.Summary
            with tf.Graph().as_default():  # the writer refuses to be made under eager execution; it adds no nodes
                self._writer = tf.compat.v1.summary.FileWriter(str(folder))

    def write(self, values: Mapping[str, float], epoch: int) -> None:
        if self._writer is None:
            return
        scalars = [self._summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_summary(self._summary(value=scalars), epoch)
        self._writer.flush()
