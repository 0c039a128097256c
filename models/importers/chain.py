"""A Keras model's configuration → its layers, one after another from the input to the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from weirlog.models.errors import ArtifactError, UnsupportedError

LAYERS_LIMIT: Final = 64
"""More than any network that can be served has, with a dropout after each layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as a configuration tells it.

    Attributes:
        kind: Keras' name of its class.
        ordinal: how many layers of its class stand before it in the configuration.
    """

    name: str
    kind: str
    config: dict[str, Any]
    ordinal: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A model's layers in the order that they run.

    Attributes:
        input_shape: what the model itself says of its input, (rows, steps) with None for any number; or None.
    """

    layers: tuple[Layer, ...]
    input_shape: Any


def read_chain(model: Any, where: str) -> Chain:
    """Return the layers of a Sequential model, or of a Functional one that is a chain.

    Raises:
        UnsupportedError: the model branches, is a custom class, or has several inputs or outputs.
        ArtifactError: this is no model's configuration.
    """
    if not isinstance(model, dict) or not isinstance(model.get("class_name"), str):
        raise ArtifactError(f"{where}: no configuration of a Keras model; save the model again with its architecture")
    kind, config = model["class_name"], model.get("config")
    if kind == "Sequential":
        entries = config if isinstance(config, list) else _entry(config, where).get("layers")
        shape = config.get("build_input_shape") if isinstance(config, dict) else None
        return Chain(_layers(entries, where), shape)
    if kind in {"Functional", "Model"}:
        return Chain(_functional(_entry(config, where), where), None)
    raise UnsupportedError(f"{where}: a model of class {kind!r} cannot be served; only Sequential and Functional can")


def _layers(entries: Any, where: str) -> tuple[Layer, ...]:
    if not isinstance(entries, list) or not 1 <= len(entries) <= LAYERS_LIMIT:
        raise ArtifactError(f"{where}: expected a list of 1 to {LAYERS_LIMIT} layers")
    layers: list[Layer] = []
    for entry in entries:
        kind, config = _entry(entry, where).get("class_name"), _entry(entry.get("config"), where)
        name = entry.get("name", config.get("name"))
        if not isinstance(kind, str) or not isinstance(name, str):
            raise ArtifactError(f"{where}: a layer without class or name; save the model again")
        module = entry.get("module") or "keras"  # older formats do not tell
        if f"{module}."[:6] != "keras." or entry.get("registered_name") not in (None, kind):
            raise UnsupportedError(
                f"{where}: layer {name!r} is {kind} of {entry.get('module')!r}, a custom class: it cannot be served"
            )
        if any(name == layer.name for layer in layers):
            raise ArtifactError(f"{where}: two layers are named {name!r}; save the model again")
        layers.append(Layer(name, kind, config, sum(layer.kind == kind for layer in layers)))
    return tuple(layers)


def _functional(config: dict[str, Any], where: str) -> tuple[Layer, ...]:
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise ArtifactError(f"{where}: expected a list of layers")
    mask = _mask(entries)
    entries = [entry for entry in entries if entry is not mask]
    layers = {layer.name: layer for layer in _layers(entries, where)}
    source = _only(config.get("input_layers"), "input", where)
    target = _only(config.get("output_layers"), "output", where)
    follower: dict[str, str] = {}
    for name, entry in zip(layers, entries, strict=True):
        if name == source:
            continue
        before = _predecessor(entry, None if mask is None else mask["name"])
        if before not in layers or before in follower:
            raise UnsupportedError(
                f"{where}: layer {name!r} reads more than the one output before it; only a chain can be served"
            )
        follower[before] = name
    chain = [source]
    # Bounded: each layer has one predecessor and one follower, so that a ring never contains the input.
    while chain[-1] in follower:
        chain.append(follower[chain[-1]])
    if source not in layers or chain[-1] != target or len(chain) != len(layers):
        raise UnsupportedError(
            f"{where}: the layers are no chain from {source!r} to {target!r}; only one can be served"
        )
    return tuple(layers[name] for name in chain)


def _mask(entries: list[Any]) -> dict[str, Any] | None:
    """Return the entry that Keras 3 writes for an embedding's mask, ids ≠ 0; the embedding says `mask_zero` as well."""
    masked = [e for e in entries if isinstance(e, dict) and e.get("class_name") == "Embedding"]
    for entry in entries:
        if (
            isinstance(entry, dict)
            and entry.get("module") in (None, "keras.src.ops.numpy")
            and entry.get("class_name") == "NotEqual"
            and isinstance(entry.get("name"), str)
            and len(masked) == 1
            and isinstance(masked[0].get("config"), dict)
            and masked[0]["config"].get("mask_zero") is True
        ):
            match entry.get("inbound_nodes"):
                case [{"args": [ids, 0], "kwargs": {}}]:
                    same = _predecessor(masked[0], None)
                    return entry if same is not None and _history(ids) == same else None
    return None


def _predecessor(entry: dict[str, Any], mask: str | None) -> str | None:
    """Return the one layer whose one output this layer reads, once and with nothing beside it but the mask."""
    match entry.get("inbound_nodes"):
        case [{"args": [tensor], "kwargs": dict() as extra}]:  # Keras 3
            return _history(tensor) if all(_is_plain(*item, mask) for item in extra.items()) else None
        case [[[str() as name, 0, 0, dict() as extra]]]:  # Keras 2
            return name if extra in ({}, {"training": None}, {"training": False}) else None
    return None


def _is_plain(key: str, value: Any, mask: str | None) -> bool:
    """Return whether an argument of a call changes nothing: `training=True` would drop out while serving."""
    if value is None or (key == "training" and value is False):
        return True
    return key == "mask" and mask is not None and _history(value) == mask


def _history(tensor: Any) -> str | None:
    match tensor:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": [str() as name, 0, 0]}}:
            return name
    return None


def _only(value: Any, what: str, where: str) -> str:
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    match value:
        case [str() as name, 0, 0] | [[str() as name, 0, 0]]:
            return name
    count = len(value) if isinstance(value, (list, dict)) else 0
    raise UnsupportedError(f"{where}: the model has {count} {what}s; only a model with one can be served")


def _entry(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ArtifactError(f"{where}: expected an object, found {type(value).__name__}; save the model again")
    return value


def describe(layer: Layer) -> str:
    """Return what errors call a layer."""
    return f"layer {layer.name!r} ({layer.kind})"
