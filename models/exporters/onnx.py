"""An artifact as an ONNX file, written operator by operator from the network's description; TensorFlow is not needed.

    ids (n, length) → [masked: lengths, pads moved to the end] → Gather → LSTM or RNN … → last step or maximum
                    → Gemm … → "verdict" (n, 1) [, "kinds" (n, K)]

ONNX counts steps on the first axis and keeps an LSTM's gates in the order i, o, f, c, Keras in i, f, c, o.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weirlog.models.artifact import Artifact
from weirlog.models.engines import FloatArray
from weirlog.models.errors import MissingExtraError
from weirlog.models.exporters.output import appearing, description
from weirlog.models.network import Activation, Lstm, Recurrent

OPSET: Final = 17
IR_VERSION: Final = 8
"""Both of 2022: old enough for the runtimes in use, new enough for every operator here."""

_HARD: Final = {"hard_sigmoid": 1.0 / 6.0, "hard_sigmoid_keras2": 0.2}
_OPERATORS: Final = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def export_onnx(artifact: Artifact, path: Path) -> None:
    """Write a file that gives our scores for `ids` (n, length) int32, padded with 0 as its metadata says.

    The metadata holds tokenizer, text preparation, threshold and kinds.

    Raises:
        ArtifactError: something stands at `path` already.
        MissingExtraError: `onnx` is not installed.
        OSError: it cannot be written.
    """
    onnx = _import_onnx()
    graph = _Graph(onnx.helper, artifact)
    model = onnx.helper.make_model(
        graph.build(),
        producer_name="weirlog",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    onnx.helper.set_model_props(model, description(artifact))
    onnx.checker.check_model(model)
    with appearing(path) as building:
        building.write_bytes(model.SerializeToString())


def _import_onnx() -> Any:
    try:
        import onnx  # noqa: PLC0415 - an extra
        import onnx.helper  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("an ONNX file needs the package onnx: pip install 'weirlog[train]'") from error
    return onnx


class _Graph:
    """Nodes and constants of one graph; each method adds some and returns the name of what they give."""

    def __init__(self, helper: Any, artifact: Artifact) -> None:
        self._helper = helper
        self._network = artifact.network
        self._weights = artifact.weights
        self._name = artifact.name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def build(self) -> Any:
        network, helper = self._network, self._helper
        lengths = ""  # an input that is left out: ONNX then runs every step
        ids = "ids"
        if network.sequence.masked:
            ids, lengths = self._unpadded()
        steps = self._node("Transpose", ids, perm=[1, 0])
        x = self._node("Gather", self._constant("embedding.weight", self._weights["embedding.weight"]), steps)
        for index, layer in enumerate(network.recurrent):
            last_only = index + 1 == len(network.recurrent) and network.pooling == "last"
            x = self._recurrent(f"recurrent.{index}", layer, x, lengths, last_only=last_only)
        if network.pooling == "max":
            x = self._node("ReduceMax", x, axes=[0], keepdims=0)
            if network.sequence.masked:
                x = self._node("Relu", x)
        for index, dense in enumerate(network.hidden):
            x = self._activate(self._dense(f"hidden.{index}", x), dense.activation)
        heads = [("verdict", "Sigmoid", 1), *([("kinds", "Softmax", network.kinds)] if network.kinds else [])]
        for name, operator, _ in heads:
            self._nodes.append(helper.make_node(operator, [self._dense(name, x)], [name]))
        types = self._helper.np_dtype_to_tensor_dtype
        integer, real = types(np.dtype(np.int32)), types(np.dtype(np.float32))
        return helper.make_graph(
            self._nodes,
            self._name,
            [helper.make_tensor_value_info("ids", integer, ["rows", network.sequence.length])],
            [helper.make_tensor_value_info(name, real, ["rows", width]) for name, _, width in heads],
            self._constants,
        )

    def _unpadded(self) -> tuple[str, str]:
        """Return the ids with pads at the end, and how many ids are before them: (n, length), (n,)."""
        length = self._network.sequence.length
        real = self._node("Not", self._node("Equal", "ids", self._constant("pad", _integers(0, np.int32))))
        axis = self._constant("axis", _integers([1]))
        counted = self._node("ReduceSum", self._node("Cast", real, to=self._type(np.int32)), axis, keepdims=1)
        lengths = self._node("Squeeze", counted, axis)
        if self._network.sequence.padding == "post":
            return "ids", lengths
        # Roll each row to the left by its pads.
        whole = self._constant("length", _integers(length, np.int32))
        pads = self._node("Sub", whole, counted)
        positions = self._constant("positions", np.arange(length, dtype=np.int32)[None])
        moved = self._node("Mod", self._node("Add", positions, pads), whole)
        return self._node("GatherElements", "ids", moved, axis=1), lengths

    def _recurrent(self, name: str, layer: Recurrent, x: str, lengths: str, *, last_only: bool) -> str:
        """Return a layer's outputs (steps, n, units), or the last ones (n, units)."""
        kernel, recurrent, bias = (self._weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias"))
        if isinstance(layer, Lstm):
            operator = "LSTM"
            kernel, recurrent, bias = (_gates(array) for array in (kernel, recurrent, bias))
            activations: list[Activation] = [layer.recurrent_activation, layer.activation, layer.activation]
        else:
            operator, activations = "RNN", [layer.activation]
        names, alphas, betas = _activations(activations)
        inputs = [
            x,
            self._constant(f"{name}.kernel", np.ascontiguousarray(kernel.T)[None]),
            self._constant(f"{name}.recurrent", np.ascontiguousarray(recurrent.T)[None]),
            self._constant(f"{name}.bias", np.concatenate((bias, np.zeros_like(bias)))[None]),
            lengths,
        ]
        # ONNX has an axis for the direction: (steps, 1, n, units) and (1, n, units).
        outputs, axis = (["", f"{name}.last"], 0) if last_only else ([f"{name}.outputs"], 1)
        settings: dict[str, Any] = {"hidden_size": layer.units, "activations": names}
        if alphas:
            settings.update(activation_alpha=alphas, activation_beta=betas)
        self._nodes.append(self._helper.make_node(operator, inputs, outputs, name=name, **settings))
        return self._node("Squeeze", outputs[-1], self._constant(f"{name}.direction", _integers([axis])))

    def _dense(self, name: str, x: str) -> str:
        parts = [self._constant(f"{name}.{part}", self._weights[f"{name}.{part}"]) for part in ("kernel", "bias")]
        return self._node("Gemm", x, *parts)

    def _activate(self, x: str, activation: Activation) -> str:
        if activation == "linear":
            return x
        if activation in _HARD:
            return self._node("HardSigmoid", x, alpha=_HARD[activation], beta=0.5)
        return self._node(_OPERATORS[activation], x)

    def _node(self, operator: str, *inputs: str, **settings: Any) -> str:
        name = f"{operator.lower()}.{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(operator, inputs, [name], name=name, **settings))
        return name

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        kind = self._type(values.dtype)
        self._constants.append(self._helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True))
        return name

    def _type(self, dtype: npt.DTypeLike) -> int:
        return int(self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _gates(array: FloatArray) -> FloatArray:
    i, f, c, o = np.split(array, 4, axis=-1)
    return np.concatenate((i, o, f, c), axis=-1)


def _activations(activations: list[Activation]) -> tuple[list[str], list[float], list[float]]:
    """Return their names in ONNX, and the alphas and betas of those that have any, in their order."""
    names, alphas, betas = [], [], []
    for activation in activations:
        if activation in _HARD:
            names.append("HardSigmoid")
            alphas.append(_HARD[activation])
            betas.append(0.5)
        elif activation == "linear":
            names.append("Affine")
            alphas.append(1.0)
            betas.append(0.0)
        else:
            names.append(_OPERATORS[activation])
    return names, alphas, betas


def _integers(values: list[int] | int, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    return np.array(values, dtype)
