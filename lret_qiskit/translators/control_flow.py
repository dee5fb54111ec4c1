"""From Qiskit's control flow to marks and jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import (
    CASE_DEFAULT,
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Operation,
    Parameter,
    SwitchCaseOp,
    WhileLoopOp,
)

from lret_dist import Constant, Jump, Mark, Store, UnsupportedOperationError
from lret_qiskit.translators.expressions import boolean_not, equals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit
    from qiskit.circuit.classical import expr

    from lret_dist.circuits.classical import Expression
    from lret_qiskit.translators.circuits import Translation

__all__ = ["append_control_flow"]


def append_control_flow(
    operation: Operation, out: Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    """Append an operation of control flow and its blocks.

    Raises:
        ValueError: for a break or continue outside of a loop.
        UnsupportedOperationError: for an operation that Qiskit has added since.
    """
    flow = _Flow(out, wires, clbits)
    match operation:
        case IfElseOp():
            flow.if_else(operation)
        case WhileLoopOp():
            flow.while_loop(operation)
        case ForLoopOp():
            flow.for_loop(operation)
        case SwitchCaseOp():
            flow.switch(operation)
        case BreakLoopOp():
            flow.jump(flow.loop(operation).end)
        case ContinueLoopOp():
            flow.jump(flow.loop(operation).next)
        case BoxOp():
            flow.block(operation.blocks[0])
        case _:
            raise UnsupportedOperationError(f"operation {operation.name!r} is not supported")


class Loop:
    """The marks of a loop: where ``continue`` and ``break`` go on."""

    def __init__(self, name: str) -> None:
        self.next, self.end = f"{name} next", f"{name} end"


class _Flow:
    """One operation of control flow on the given bits of the whole circuit."""

    def __init__(self, out: Translation, wires: tuple[int, ...], clbits: Sequence[int]) -> None:
        self._out = out
        self._wires = wires
        self._clbits = clbits
        self._operations = out.circuit.operations
        self._scope = out.clbit_of

    def block(self, body: QuantumCircuit) -> None:
        self._out.append_inner(body, self._wires, self._clbits)

    def loop(self, operation: Operation) -> Loop:
        """The loop that an operation leaves or goes on with."""
        if not self._out.loops:
            raise ValueError(f"{operation.name!r} stands outside of a loop")
        return self._out.loops[-1]

    def jump(self, mark: str, condition: Expression | None = None) -> None:
        self._operations.append(Jump(mark, condition))

    def mark(self, mark: str) -> None:
        self._operations.append(Mark(mark))

    def if_else(self, operation: IfElseOp) -> None:
        name = self._out.fresh_name("if")
        condition = self._out.memory.condition(operation.condition, self._scope)
        body, orelse = operation.params
        self.jump(f"{name} else", boolean_not(condition))
        self.block(body)
        if orelse is not None:
            self.jump(f"{name} end")
        self.mark(f"{name} else")
        if orelse is not None:
            self.block(orelse)
            self.mark(f"{name} end")

    def while_loop(self, operation: WhileLoopOp) -> None:
        loop = Loop(self._out.fresh_name("while"))
        condition = self._out.memory.condition(operation.condition, self._scope)
        self.mark(loop.next)
        self.jump(loop.end, boolean_not(condition))
        self._out.loops.append(loop)
        self.block(operation.blocks[0])
        self._out.loops.pop()
        self.jump(loop.next)
        self.mark(loop.end)

    def for_loop(self, operation: ForLoopOp) -> None:
        """Write the body once for each index; marks only where something jumps to them."""
        values, parameter, body = operation.params
        name, ends = self._out.fresh_name("for"), False
        for number, value in enumerate(values):
            loop = Loop(f"{name} {number}")
            loop.end = f"{name} end"
            first = len(self._operations)
            self._out.loops.append(loop)
            self.block(self._with_index(body, parameter, int(value)))
            self._out.loops.pop()
            added = self._operations[first:]
            if _jumps_to(loop.next, added):
                self.mark(loop.next)
            ends |= _jumps_to(loop.end, added)
        if ends:
            self.mark(f"{name} end")

    def _with_index(
        self, body: QuantumCircuit, parameter: Parameter | expr.Var | None, value: int
    ) -> QuantumCircuit:
        if isinstance(parameter, Parameter):
            used = parameter in body.parameters
            return body.assign_parameters({parameter: value}) if used else body
        if parameter is not None:
            target = self._out.memory.variable(parameter)
            self._operations.append(Store(target, Constant(value)))
        return body

    def switch(self, operation: SwitchCaseOp) -> None:
        name = self._out.fresh_name("switch")
        target = self._out.memory.target(operation.target, self._scope)
        cases = list(operation.cases_specifier())
        default = f"{name} end"
        for number, (values, _) in enumerate(cases):
            for value in values:
                if value is CASE_DEFAULT:
                    default = f"{name} {number}"
                else:
                    self.jump(f"{name} {number}", equals(target, int(value)))
        self.jump(default)
        for number, (_, body) in enumerate(cases):
            self.mark(f"{name} {number}")
            self.block(body)
            self.jump(f"{name} end")
        self.mark(f"{name} end")


def _jumps_to(mark: str, operations: Sequence[Any]) -> bool:
    return any(isinstance(each, Jump) and each.mark == mark for each in operations)
