"""Machine code of the numba engine's kernels: compiled once by a child process, kept on disk, loaded in 40 MB.

Loading needs llvmlite alone, the library under Numba. Compiling takes some seconds and 250 MB, which end with the child.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm
import msgspec
import structlog

from weirlog.models.errors import UnsupportedError

log = structlog.get_logger(__name__)

SOURCES: Final = ("numba_layout.py", "numba_tile.py", "numba_sharing.py", "numba_kernel.py", "numba_build.py")
COMPILE_LIMIT_S: Final = 300.0


class Unit(msgspec.Struct, frozen=True):
    """One function, compiled.

    Attributes:
        name: what the engine calls it.
        symbol: what the object file calls it.
        code: a relocatable object file.
    """

    name: str
    symbol: str
    code: bytes


@dataclass(frozen=True, slots=True)
class Processor:
    """What to compile for, in LLVM's words."""

    name: str
    features: str

    @classmethod
    def this(cls) -> Processor:
        return cls(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())

    def has(self, feature: str) -> bool:
        return f"+{feature}" in self.features.split(",")

    def runs(self, other: Processor) -> bool:
        """Whether this processor can run what is compiled for `other`."""
        return all(self.has(feature.removeprefix("+")) for feature in other.features.split(",") if feature)


AVX2: Final = Processor("x86-64", "+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma")
"""For processors without AVX-512, and to see on others how fast those would be."""
BASELINE: Final = Processor("x86-64", "")
"""For any processor of 64 bits from Intel or AMD."""


class Library:
    """Compiled functions, which live as long as this does.

    Args:
        units: what to load.
        processor: what they were compiled for.
    """

    def __init__(self, units: Sequence[Unit], processor: Processor) -> None:
        # One engine a unit: inner functions of the same name in two object files would be taken for one another.
        self._engines = [_engine(unit, processor) for unit in units]
        self.functions: Mapping[str, Callable[..., int]] = {
            unit.name: partial(_call, ctypes.CFUNCTYPE(ctypes.c_int32)(_address(unit, engine)))
            for unit, engine in zip(units, self._engines, strict=True)
        }


def _engine(unit: Unit, processor: Processor) -> llvm.ExecutionEngine:
    machine = target_machine(processor.name, processor.features)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(unit.code))
    engine.finalize_object()
    return engine


def _address(unit: Unit, engine: llvm.ExecutionEngine) -> int:
    address = engine.get_function_address(unit.symbol)
    if not address:
        raise UnsupportedError(f"compiled kernels have no {unit.symbol}; remove the cache in {cache_folder()}")
    return int(address)


def target_machine(name: str | None, features: str | None) -> llvm.TargetMachine:
    """Return LLVM's code generator for a processor; None for this one's name or features."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    here = Processor.this()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=name or here.name,
        features=here.features if features is None else features,
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


def _call(function: Any, *arguments: Any) -> int:
    """Call by Numba's convention: the result and an exception come through two pointers in front.

    ctypes gives up the GIL while it runs.
    """
    result, error = ctypes.c_int64(), ctypes.c_void_p()
    function(
        ctypes.byref(result),
        ctypes.byref(error),
        *(ctypes.c_int64(value) if isinstance(value, int) else value.ctypes for value in arguments),
    )
    return result.value


def library(cell: str, tiles: Sequence[tuple[int, int]], processor: Processor) -> Library:
    """Return the kernels for one kind of cell, from the disk where they were compiled before.

    Raises:
        UnsupportedError: they cannot be compiled.

    Blocks for some seconds the first time, for some milliseconds later.
    """
    path = _path(cell, tiles, processor)
    units = _stored(path)
    if units is None:
        log.info("kernels are being compiled; this is done once", cell=cell, processor=processor.name)
        content = compile_kernels(cell, tiles, processor)
        units = msgspec.msgpack.decode(content, type=list[Unit])
        _store(path, content)
    return Library(units, processor)


def is_kept(cell: str, tiles: Sequence[tuple[int, int]], processor: Processor) -> bool:
    """Return whether `library` would find the kernels on disk."""
    return _stored(_path(cell, tiles, processor)) is not None


def cache_folder() -> Path:
    """Return where compiled kernels are kept: systemd's cache directory, else the user's."""
    given = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weirlog"


def _path(cell: str, tiles: Sequence[tuple[int, int]], processor: Processor) -> Path:
    return cache_folder() / f"{_key(cell, tiles, processor)}.kernels"


def _key(cell: str, tiles: Sequence[tuple[int, int]], processor: Processor) -> str:
    """Return a name for everything that the machine code depends on."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    facts = (version("numba"), version("llvmlite"), processor.name, processor.features, cell, repr(tiles))
    digest.update("\0".join(facts).encode())
    return digest.hexdigest()[:32]


def compile_kernels(cell: str, tiles: Sequence[tuple[int, int]], processor: Processor) -> bytes:
    command = [sys.executable, "-m", "weirlog.models.engines.numba_build", cell]
    command += [f"{width},{rows}" for width, rows in tiles]
    environment = os.environ | {
        "NUMBA_CPU_NAME": processor.name,
        "NUMBA_CPU_FEATURES": processor.features,
        "PYTHONWARNINGS": "ignore",
    }
    try:
        ended = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, capture_output=True, check=True, timeout=COMPILE_LIMIT_S
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UnsupportedError(
            f"the numba engine's kernels cannot be compiled: {reason}; use the engine `numpy`"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnsupportedError(
            f"the numba engine's kernels cannot be compiled: {error}; use the engine `numpy`"
        ) from error
    return ended.stdout


def _stored(path: Path) -> list[Unit] | None:
    """Return what `_store` wrote, or None where there is nothing that can be trusted: it is code, and will be run."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                log.warning("compiled kernels are left alone: others can write to them", path=str(path))
                return None
            digest, content = stream.read(32), stream.read()
    except OSError:
        return None  # not compiled yet
    if hashlib.sha256(content).digest() != digest:
        log.warning("compiled kernels are damaged and are made again", path=str(path))
        return None
    return msgspec.msgpack.decode(content, type=list[Unit])


def _store(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
            stream.write(hashlib.sha256(content).digest() + content)
        Path(stream.name).replace(path)
    except OSError as error:
        log.warning(
            "compiled kernels cannot be kept; every start compiles them anew", path=str(path), reason=str(error)
        )
