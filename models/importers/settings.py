"""A Keras layer's settings, each looked at: what is neither served, nor only for training, nor known is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from weirlog.models.errors import ArtifactError, UnsupportedError
from weirlog.models.importers.chain import Layer
from weirlog.models.network import Activation

Generation = Literal[2, 3]
"""Which Keras wrote a file: `hard_sigmoid` is another function in each."""

ACTIVATIONS: Final = ("linear", "relu", "tanh", "sigmoid", "hard_sigmoid")

_UNHEEDED: Final = frozenset(
    {
        *("name", "trainable", "batch_shape", "batch_input_shape", "input_length"),  # the model reads its length itself
        *("seed", "noise_shape", "unit_forget_bias"),  # training alone
        *("unroll", "implementation"),  # the same steps, run otherwise
    }
)
_UNHEEDED_ENDINGS: Final = ("_initializer", "_regularizer", "_constraint")
_SERVED_VALUE: Final[Mapping[str, Any]] = {
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "time_major": False,
    "zero_output_for_mask": False,
    "sparse": False,
    "ragged": False,
    "optional": False,
    "keepdims": False,
    "data_format": "channels_last",
    "quantization_config": None,
}


class LayerSettings:
    """The settings of one layer, taken one by one; `finish` refuses those that nobody took.

    Args:
        where: what errors call the file.

    Every method raises ArtifactError for a setting that is missing or of the wrong type, and UnsupportedError for a
    value that cannot be served exactly.
    """

    def __init__(self, layer: Layer, where: str, generation: Generation) -> None:
        self._config = layer.config
        self._title = f"{where}: layer {layer.name!r} ({layer.kind})"
        self._generation = generation
        self._taken: set[str] = set()

    def size(self, key: str) -> int:
        return cast("int", self._take(key, int))

    def flag(self, key: str) -> bool:
        return cast("bool", self._take(key, bool))

    def rate(self, key: str) -> float:
        """Return a dropout rate, which only training heeds; 0 where it is left out or makes no sense."""
        self._taken.add(key)
        value = self._config.get(key)
        return float(value) if isinstance(value, (int, float)) and 0.0 <= value < 1.0 else 0.0

    def activation(self, key: str) -> Activation:
        value = self._config.get(key)
        self._taken.add(key)
        if value not in ACTIVATIONS:
            raise self._unsupported(key, value, f"only {', '.join(ACTIVATIONS)} can")
        if value == "hard_sigmoid" and self._generation == 2:
            return "hard_sigmoid_keras2"
        return cast("Activation", value)

    def check_type(self, accepted: Sequence[str]) -> None:
        """Refuse a layer that computes in another type than one of `accepted`."""
        self._taken.add("dtype")
        match self._config.get("dtype", accepted[0]):
            case str() as name if name in accepted:
                return
            case {"class_name": "DTypePolicy" | "Policy", "config": {"name": str() as name}} if name in accepted:
                return
            case other:
                raise self._unsupported("dtype", other, f"only {', '.join(accepted)} can")

    def finish(self) -> None:
        """Refuse every setting that nobody took and that would change scores."""
        for key, value in self._config.items():
            if key in self._taken or key in _UNHEEDED or key.endswith(_UNHEEDED_ENDINGS):
                continue
            if key not in _SERVED_VALUE:
                raise self._unsupported(key, value, "no setting of this name is known")
            served = _SERVED_VALUE[key]
            if type(value) is not type(served) or value != served:
                raise self._unsupported(key, value, f"only {served!r} can")

    def _take(self, key: str, kind: type) -> object:
        self._taken.add(key)
        value = self._config.get(key)
        if type(value) is not kind:
            raise ArtifactError(f"{self._title}: {key} is {value!r:.100}, expected {kind.__name__}; save it again")
        return value

    def _unsupported(self, key: str, value: object, reason: str) -> UnsupportedError:
        return UnsupportedError(f"{self._title}: {key} = {value!r:.200} cannot be served exactly; {reason}")
