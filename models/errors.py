"""The errors of the models room, classed by what the caller does with them.

ModelError
├── UnparsableError      this line is no request log: dead-letter it, go on
├── ArtifactError        this model cannot be used: refuse to start
│   └── UnsupportedError     it uses a layer, setting or version that cannot be served exactly
├── VocabularyError      these token ids are not the model's
├── DatasetError         this training data cannot be read
└── MissingExtraError    TensorFlow is needed here and is not installed
"""

from __future__ import annotations


class ModelError(Exception):
    """Base of every error that this room raises on purpose."""


class UnparsableError(ModelError):
    """A line that cannot be read as a request log; the message is the reason, and never quotes the line."""


class ArtifactError(ModelError):
    """A model on disk that is missing, changed, or not to be trusted."""


class UnsupportedError(ArtifactError):
    """A model that uses what cannot be served exactly; names the layer, setting or version."""


class VocabularyError(ModelError):
    """A token id that is not below the vocabulary's size."""


class DatasetError(ModelError):
    """Training or evaluation data that cannot be read; names the file, the row and what was expected."""


class MissingExtraError(ModelError):
    """A command that needs TensorFlow where it is not installed; names the extra to install."""
