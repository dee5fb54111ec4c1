"""From Qiskit's classical expressions to LRET's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from qiskit.circuit import ClassicalRegister, Clbit, Duration
from qiskit.circuit.classical import expr, types

from lret_dist import Apply, Bits, Constant, UnsupportedOperationError
from lret_dist.circuits.classical import FLOAT_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lret_dist.circuits.classical import Expression

__all__ = ["Condition", "Memory", "boolean_not", "equals"]

#: What Qiskit's control flow takes as a condition.
Condition: TypeAlias = "expr.Expr | tuple[Clbit | ClassicalRegister | expr.Var, int]"

#: Seconds of the units of durations.
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_BITWISE = frozenset({"bit_not", "bit_and", "bit_or", "bit_xor"})


@dataclass
class Memory:
    """Where a circuit's classical values lie: its bits, then those of its variables.

    Attributes:
        num_clbits: number of classical bits.
        num_variable_bits: number of bits of the variables so far.
    """

    num_clbits: int
    num_variable_bits: int = 0
    _variables: dict[expr.Var, Bits] = field(default_factory=dict)

    def variable(self, var: expr.Var) -> Bits:
        """The bits of a variable, which it gets when it is first asked for."""
        if var not in self._variables:
            kind, width = _form(var)
            first = self.num_clbits + self.num_variable_bits
            self.num_variable_bits += width
            self._variables[var] = Bits(tuple(range(first, first + width)), kind)
        return self._variables[var]

    def condition(self, condition: Condition, clbits: Mapping[Clbit, int]) -> Expression:
        """Translate a condition of control flow, whose bits are numbered by ``clbits``."""
        if isinstance(condition, expr.Expr):
            return self.expression(condition, clbits)
        target, value = condition
        return equals(self.target(target, clbits), int(value))

    def target(self, target: Any, clbits: Mapping[Clbit, int]) -> Expression:
        """Translate a bit, a register or an expression."""
        if isinstance(target, Clbit):
            return Bits((clbits[target],))
        if isinstance(target, ClassicalRegister):
            return Bits(tuple(clbits[bit] for bit in target))
        return self.expression(target, clbits)

    def expression(self, node: expr.Expr, clbits: Mapping[Clbit, int]) -> Expression:
        """Translate an expression.

        Raises:
            UnsupportedOperationError: for a stretch, or durations in units of dt.
        """
        match node:
            case expr.Value():
                return Constant(_number(node.value))
            case expr.Var():
                return self.place(node, clbits)
            case expr.Cast():
                return _cast(self.expression(node.operand, clbits), node.type)
            case expr.Index():
                place = self.expression(node.index, clbits)
                return Apply("index", (self.expression(node.target, clbits), place))
            case expr.Unary():
                return self._applied(node, (node.operand,), clbits)
            case expr.Binary():
                return self._applied(node, (node.left, node.right), clbits)
        raise UnsupportedOperationError(
            f"a classical expression with a {type(node).__name__.lower()} is not supported"
        )

    def _applied(
        self,
        node: expr.Unary | expr.Binary,
        operands: tuple[expr.Expr, ...],
        clbits: Mapping[Clbit, int],
    ) -> Expression:
        name = node.op.name.lower()
        translated = tuple(self.expression(operand, clbits) for operand in operands)
        return Apply(name, translated, _width(name, node.type))

    def place(self, var: expr.Var, clbits: Mapping[Clbit, int]) -> Bits:
        """The bits that a variable stands for."""
        if isinstance(var.var, Clbit):
            return Bits((clbits[var.var],))
        if isinstance(var.var, ClassicalRegister):
            return Bits(tuple(clbits[bit] for bit in var.var))
        return self.variable(var)

    def stored(
        self, target: expr.Expr, value: expr.Expr, clbits: Mapping[Clbit, int]
    ) -> tuple[Bits, Expression]:
        """The bits that a store writes, and what it writes there."""
        written = self.expression(value, clbits)
        if isinstance(target, expr.Var):
            return self.place(target, clbits), written
        assert isinstance(target, expr.Index)
        assert isinstance(target.target, expr.Var)
        whole = self.place(target.target, clbits)
        place = self.expression(target.index, clbits)
        if isinstance(place, Constant) and 0 <= int(place.value) < len(whole.bits):
            return Bits((whole.bits[int(place.value)],)), written
        width = len(whole.bits)
        hole = Apply("bit_not", (Apply("shift_left", (Constant(1), place)),), width)
        bit = Apply("shift_left", (Apply("uint", (written,)), place))
        kept = Apply("bit_and", (whole, hole))
        return whole, Apply("bit_or", (kept, bit), width)


def equals(target: Expression, value: int) -> Expression:
    """Whether a number has a value."""
    return Apply("equal", (target, Constant(value)))


def boolean_not(expression: Expression) -> Expression:
    """The opposite of a condition."""
    return Apply("logic_not", (expression,))


def _form(var: expr.Var) -> tuple[Any, int]:
    """How a variable is kept: the kind of number, and its bits."""
    match var.type:
        case types.Bool():
            return "uint", 1
        case types.Uint(width=width):
            return "uint", width
        case types.Float() | types.Duration():
            return "float", FLOAT_BITS
    raise UnsupportedOperationError(f"a variable of type {var.type} is not supported")


def _cast(operand: Expression, kind: types.Type) -> Expression:
    match kind:
        case types.Bool():
            return Apply("bool", (operand,))
        case types.Uint(width=width):
            return Apply("uint", (operand,), width)
        case types.Float():
            return Apply("float", (operand,))
    raise UnsupportedOperationError(f"a cast to {kind} is not supported")


def _width(name: str, kind: types.Type) -> int | None:
    if isinstance(kind, types.Uint):
        return int(kind.width)
    return 1 if isinstance(kind, types.Bool) and name in _BITWISE else None


def _number(value: Any) -> bool | int | float:
    if not isinstance(value, Duration):
        return value  # type: ignore[no-any-return]
    if value.unit() not in _SECONDS:
        raise UnsupportedOperationError(
            f"durations in {value.unit()!r} are not supported in classical expressions: "
            f"give them in seconds"
        )
    return float(value.value()) * _SECONDS[value.unit()]
