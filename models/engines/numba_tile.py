"""One step of a recurrent layer for a tile of rows × units, written in vector instructions.

A tile holds the pre-activations of `rows` requests × `width` units × all gates in registers while it multiplies, and
applies the activations there too, so that nothing but the state goes back to memory. What LLVM makes of plain loops
reaches half of this; the tile reaches nine tenths of the machine's own matrix product.

The gates of a unit stand side by side (i, f, o, c), so one tile has everything that the unit's new state needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

CellName = Literal["lstm", "lstm-hard", "rnn-tanh", "rnn-relu"]
GATES: Final = {"lstm": 4, "lstm-hard": 4, "rnn-tanh": 1, "rnn-relu": 1}

# tanh(x) = x P(x²) / Q(x²) for |x| ≤ 8, the minimax rational function of these degrees by Lawson's iteration; the error
# is 1.9e-7, in float32 with its rounding 5.7e-7. Beyond 8 tanh is 1 within 2.3e-7.
TANH_LIMIT: Final = 8.0
TANH_P: Final = (
    0.9999990649555628,
    0.12699781385132525,
    0.0026844948645497035,
    7.0834469217038565e-06,
    -6.019988336424314e-09,
)
TANH_Q: Final = (1.0, 0.46032774099734075, 0.022797388904810527, 0.00019529903011934752)

FLOAT = ir.FloatType()
INTEGER = ir.IntType(64)
INDEX = ir.IntType(32)


@dataclass(frozen=True, slots=True)
class _Emitter:
    """Emits instructions on vectors of `width` floats at the builder's place."""

    builder: ir.IRBuilder
    width: int

    @property
    def vector(self) -> ir.VectorType:
        return ir.VectorType(FLOAT, self.width)

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.vector, [value] * self.width)

    def load(self, address: Any) -> Any:
        value = self.builder.load(self.builder.bitcast(address, self.vector.as_pointer()))
        value.align = 4  # rows may begin anywhere; aligned loads are no faster on any processor with AVX
        return value

    def store(self, value: Any, address: Any) -> None:
        self.builder.store(value, self.builder.bitcast(address, self.vector.as_pointer())).align = 4

    def everywhere(self, scalar: Any) -> Any:
        none = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(none, scalar, ir.Constant(INDEX, 0))
        return self.builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(INDEX, self.width), [0] * self.width))

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """A × b + c: one instruction where the processor has it, two where it has not."""
        declared = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.width}f32"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, declared, name), [a, b, c])

    def at_most(self, value: Any, limit: float) -> Any:
        limits = self.constant(limit)
        return self.builder.select(self.builder.fcmp_ordered("<", value, limits), value, limits)

    def at_least(self, value: Any, limit: float) -> Any:
        """max(value, limit); what is no number stays so, for the detector to see."""
        limits = self.constant(limit)
        return self.builder.select(self.builder.fcmp_ordered("<", value, limits), limits, value)

    def polynomial(self, coefficients: Sequence[float], x: Any) -> Any:
        value = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            value = self.fused(value, x, self.constant(coefficient))
        return value

    def tanh(self, x: Any) -> tuple[Any, Any]:
        """Return tanh as numerator and denominator: a cell puts several over one, and divides twice instead of five times."""
        x = self.at_most(self.at_least(x, -TANH_LIMIT), TANH_LIMIT)
        square = self.builder.fmul(x, x)
        return self.builder.fmul(x, self.polynomial(TANH_P, square)), self.polynomial(TANH_Q, square)


def _lstm(emit: _Emitter, gates: Sequence[Any], carry: Any) -> tuple[Any, Any]:
    """Return (hidden, carry). The sigmoids' ½ is in the weights: σ(2x) = (tanh(x) + 1) / 2 = (p + q) / 2q."""
    b = emit.builder
    (pi, qi), (pf, qf), (po, qo), (pg, qg) = (emit.tanh(gate) for gate in gates)
    product = b.fmul(qi, qg)
    kept = b.fmul(b.fmul(b.fadd(pf, qf), carry), product)
    numerator = emit.fused(b.fmul(b.fadd(pi, qi), pg), qf, kept)
    carry = b.fmul(b.fdiv(numerator, b.fmul(qf, product)), emit.constant(0.5))
    pc, qc = emit.tanh(carry)
    hidden = b.fmul(b.fdiv(b.fmul(b.fadd(po, qo), pc), b.fmul(qo, qc)), emit.constant(0.5))
    return hidden, carry


def _lstm_hard(emit: _Emitter, gates: Sequence[Any], carry: Any) -> tuple[Any, Any]:
    """As `_lstm` with clip(x + ½, 0, 1) for σ; the slope is in the weights."""
    b = emit.builder
    i, f, o = (emit.at_most(emit.at_least(b.fadd(gate, emit.constant(0.5)), 0.0), 1.0) for gate in gates[:3])
    pg, qg = emit.tanh(gates[3])
    carry = emit.fused(f, carry, b.fdiv(b.fmul(i, pg), qg))
    pc, qc = emit.tanh(carry)
    return b.fdiv(b.fmul(o, pc), qc), carry


def _rnn_tanh(emit: _Emitter, gates: Sequence[Any], carry: Any) -> tuple[Any, Any]:
    p, q = emit.tanh(gates[0])
    return emit.builder.fdiv(p, q), carry


def _rnn_relu(emit: _Emitter, gates: Sequence[Any], carry: Any) -> tuple[Any, Any]:
    return emit.at_least(gates[0], 0.0), carry


_CELLS: Final[dict[str, Callable[[_Emitter, Sequence[Any], Any], tuple[Any, Any]]]] = {
    "lstm": _lstm,
    "lstm-hard": _lstm_hard,
    "rnn-tanh": _rnn_tanh,
    "rnn-relu": _rnn_relu,
}


def tile(cell: CellName, width: int, rows: int) -> Any:
    """Return a function for Numba code that moves `rows` rows × `width` units one step on.

    Its arguments are addresses and strides in floats:
        weights, inputs: (inputs, gates, width) floats, how many inputs there are.
        x, x_stride: the first row's inputs.
        start, offsets: the pre-activations of row r before its inputs are added, gates × width floats, stand at
            `start + offsets[r]`; offsets are 64-bit integers.
        carry, carry_stride: the LSTM's c, updated in place; a simple RNN has none.
        hidden, hidden_stride: where the new h goes.
        above, above_stride: where else it goes, the next layer's inputs; 0 for nowhere.
        most, most_stride: the running maximum of h, updated in place; 0 for none.
    """
    gates = GATES[cell]

    @intrinsic
    def step(  # type: ignore[no-untyped-def]
        typing_context,  # noqa: ARG001
        weights, inputs, x, x_stride, start, offsets, carry, carry_stride,  # noqa: ARG001
        hidden, hidden_stride, above, above_stride, most, most_stride,  # noqa: ARG001
    ):  # fmt: skip
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ARG001
            _emit_step(_Emitter(builder, width), _CELLS[cell], gates, rows, arguments)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 14), generate

    return step


def _emit_step(
    emit: _Emitter,
    cell: Callable[[_Emitter, Sequence[Any], Any], tuple[Any, Any]],
    gates: int,
    rows: int,
    arguments: Sequence[Any],
) -> None:
    b = emit.builder
    weights, inputs, x, x_stride, start, offsets, carry, carry_stride = arguments[:8]
    hidden, hidden_stride, above, above_stride, most, most_stride = arguments[8:]

    def number(value: int) -> ir.Constant:
        return ir.Constant(INTEGER, value)

    def floats(address: Any, offset: Any) -> Any:
        return b.gep(b.inttoptr(address, FLOAT.as_pointer()), [offset])

    def row(address: Any, stride: Any, index: int) -> Any:
        return floats(address, b.mul(stride, number(index)))

    offset_of = b.inttoptr(offsets, INTEGER.as_pointer())
    starts = []
    for r in range(rows):
        base = floats(start, b.load(b.gep(offset_of, [number(r)])))
        starts.append([emit.load(b.gep(base, [number(g * emit.width)])) for g in range(gates)])
    x_rows = [row(x, x_stride, r) for r in range(rows)]

    before, loop, after = b.block, b.append_basic_block("inputs"), b.append_basic_block("activations")
    b.branch(loop)
    b.position_at_end(loop)
    index = b.phi(INTEGER)
    index.add_incoming(number(0), before)
    sums = [[b.phi(emit.vector) for _ in range(gates)] for _ in range(rows)]
    at = floats(weights, b.mul(index, number(gates * emit.width)))
    kernel = [emit.load(b.gep(at, [number(g * emit.width)])) for g in range(gates)]
    grown = []
    for r in range(rows):
        value = emit.everywhere(b.load(b.gep(x_rows[r], [index])))
        grown.append([emit.fused(value, kernel[g], sums[r][g]) for g in range(gates)])
    following = b.add(index, number(1))
    index.add_incoming(following, loop)
    for r in range(rows):
        for g in range(gates):
            sums[r][g].add_incoming(starts[r][g], before)
            sums[r][g].add_incoming(grown[r][g], loop)
    b.cbranch(b.icmp_signed("<", following, inputs), loop, after)
    b.position_at_end(after)

    goes_up, counts_most = (b.icmp_signed("!=", address, number(0)) for address in (above, most))
    for r in range(rows):
        carried = row(carry, carry_stride, r)
        output, kept = cell(emit, grown[r], emit.load(carried) if gates > 1 else None)
        if gates > 1:
            emit.store(kept, carried)
        emit.store(output, row(hidden, hidden_stride, r))
        with b.if_then(goes_up):
            emit.store(output, row(above, above_stride, r))
        with b.if_then(counts_most):
            place = row(most, most_stride, r)
            so_far = emit.load(place)
            emit.store(b.select(b.fcmp_unordered(">", output, so_far), output, so_far), place)
