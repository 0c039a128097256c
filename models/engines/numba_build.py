"""Compiles the numba engine's kernels to machine code, in a process of its own: `machine_code.py` runs and reads it.

    python -m weirlog.models.engines.numba_build CELL WIDTH,ROWS…

writes on standard output what `machine_code.Unit` describes, in MessagePack.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import msgspec
from numba import cfunc

from weirlog.models.engines import numba_kernel as kernel
from weirlog.models.engines import numba_sharing as sharing
from weirlog.models.engines.machine_code import Unit, target_machine


def unit(name: str, function: Callable[..., int], signature: Any) -> Unit:
    """Return the machine code of one function and all that it calls.

    Numba's wrapper for C callers reports exceptions to Python and so needs Python's symbols and Numba's. There are none to
    report: it is left out, and the function inside is called, with Numba's convention of two more pointers in front.
    """
    compiled = cfunc(signature, nopython=True, error_model="numpy")(function)
    module = llvm.parse_assembly(compiled.inspect_llvm())
    symbol = compiled.native_name.removeprefix("cfunc.")
    for defined in module.functions:
        if not defined.is_declaration and defined.name != symbol:
            defined.linkage = llvm.Linkage.internal
    machine = target_machine(os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES"))
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    needs = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    if needs:
        raise RuntimeError(f"kernel {name} needs {', '.join(needs)}: it must call nothing that is not its own")
    return Unit(name=name, symbol=symbol, code=machine.emit_object(module))


def main() -> None:
    cell, *tiles = sys.argv[1:]
    units = [
        unit("share", sharing.share, sharing.SHARE_SIGNATURE),
        unit("settle", sharing.settle, sharing.SETTLE_SIGNATURE),
    ]
    for text in tiles:
        width, rows = map(int, text.split(","))
        units.append(unit(f"run {text}", kernel.run_function(cell, width, rows), kernel.RUN_SIGNATURE))  # type: ignore[arg-type] # a wrong name raises KeyError
    sys.stdout.buffer.write(msgspec.msgpack.encode(units))


if __name__ == "__main__":
    main()
