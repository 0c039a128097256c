"""The state of an interrupted training on disk, taken up again only by a training that is the same in everything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from weirlog.models.epochs import Epoch, State
from weirlog.models.errors import ArtifactError
from weirlog.models.request import JSON

FORMAT: Final = "2"
STATE: Final = "state.safetensors"
_BEST: Final = "best/"
_VARIABLES: Final = "variables/"
_OPTIMIZER: Final = "optimizer/"


class Checkpoint:
    """One training's state in a folder of its own: a single file, replaced whole after every epoch.

    Args:
        folder: where the file goes; made with the first state.
        fingerprint: all that decides what the training gives. A state is taken up only under an equal one.
        resume: whether a state that lies there is taken up; without, one that lies there is an error.
    """

    def __init__(self, folder: Path, fingerprint: Mapping[str, JSON], *, resume: bool) -> None:
        self._folder = folder
        # As JSON gives it back: tuples are lists, keys are text.
        self._fingerprint: dict[str, JSON] = json.loads(json.dumps(fingerprint))
        self._resume = resume

    def load(self) -> State | None:
        """Return the state to go on from; None where there is none yet.

        Raises:
            ArtifactError: it is of a training with other data or settings, or cannot be read, or was not asked for.
        """
        path = self._folder / STATE
        if not path.is_file():
            return None
        if not self._resume:
            raise ArtifactError(f"{self._folder} holds an interrupted training: resume it, or remove the folder first")
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                told = dict(file.metadata() or {})
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            if told.get("format") != FORMAT:
                raise ArtifactError(f"{path}: written by another release; remove {self._folder} and begin anew")
            fingerprint: dict[str, JSON] = json.loads(told["fingerprint"])
            history = tuple(Epoch(**entry) for entry in json.loads(told["history"]))
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path}: cannot be read ({error}); remove {self._folder} and begin anew") from error
        changed = list(_differences(fingerprint, self._fingerprint))
        if changed:
            raise ArtifactError(
                f"{self._folder} holds a training that differs from this one: {'; '.join(changed)}. "
                "Resume it with its own data and settings, or remove the folder"
            )
        best = {name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)}
        return State(history, best, _numbered(arrays, _VARIABLES), _numbered(arrays, _OPTIMIZER))

    def save(self, state: State) -> None:
        """Replace the state that lies there; blocks until the disk has it.

        Raises:
            OSError: it cannot be written; the last one is whole still.
        """
        arrays: dict[str, npt.NDArray[Any]] = {f"{_BEST}{name}": array for name, array in state.best.items()}
        for prefix, values in ((_VARIABLES, state.variables), (_OPTIMIZER, state.optimizer)):
            arrays.update({f"{prefix}{number:04}": np.array(value, order="C") for number, value in enumerate(values)})
        told = {
            "format": FORMAT,
            "fingerprint": json.dumps(self._fingerprint),
            "history": json.dumps([asdict(epoch) for epoch in state.history]),
        }
        content = safetensors.numpy.save(arrays, told)
        self._folder.mkdir(parents=True, exist_ok=True)
        building = self._folder / f"{STATE}.new"
        with building.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        building.replace(self._folder / STATE)
        for directory in (self._folder, self._folder.absolute().parent):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _numbered(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> tuple[npt.NDArray[Any], ...]:
    return tuple(arrays[name] for name in sorted(arrays) if name.startswith(prefix))


def _differences(before: Mapping[str, JSON], now: Mapping[str, JSON], where: str = "") -> Iterator[str]:
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{where}{key}.")
        elif old != new:
            yield f"{where}{key} was {_short(old)}, is {_short(new)}"


def _short(value: JSON) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
