"""Qiskit's circuits, rewritten so that noise passes see every delay, and how long it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import (
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    Delay,
    ForLoopOp,
    IfElseOp,
    Parameter,
    ParameterExpression,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    Isometry,
    StatePreparation,
    UCGate,
    UnitaryGate,
)

from lret_dist import UnsupportedOperationError
from lret_qiskit.translators.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction

__all__ = [
    "blocks_of",
    "check_durations",
    "has_delay",
    "is_control_flow",
    "with_visible_delays",
    "without_loop_parameters",
]


#: What is made of gates alone, which may take long to find.
_SYNTHESISED = (DiagonalGate, Initialize, Isometry, StatePreparation, UCGate, UnitaryGate)


def has_delay(circuit: QuantumCircuit, opened: Opened | None = None) -> bool:
    """Whether a delay is in a circuit, in its blocks, or in what its instructions stand for.

    Raises:
        UnsupportedOperationError: for what is too large to be taken apart.
    """
    if opened is None:
        try:
            return has_delay(circuit, Opened())
        except RecursionError:
            raise UnsupportedOperationError(
                f"circuit {circuit.name!r}: its definitions are nested too deeply"
            ) from None
    opened.note(circuit)
    return any(_reaches_delay(each, opened) for each in circuit.data)


def is_control_flow(instruction: CircuitInstruction) -> bool:
    """Whether an instruction is a block, a loop, a choice or a jump."""
    # Jumps are of no common class with the rest.
    kinds = ControlFlowOp | BreakLoopOp | ContinueLoopOp
    return not instruction.is_standard_gate() and isinstance(instruction.operation, kinds)


def blocks_of(instruction: CircuitInstruction) -> tuple[QuantumCircuit, ...]:
    """The blocks of an operation of control flow; none for any other."""
    if instruction.is_standard_gate() or not isinstance(instruction.operation, ControlFlowOp):
        return ()
    return tuple(instruction.operation.blocks)


def with_visible_delays(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with those instructions replaced by their definitions that hold delays."""
    if not has_delay(circuit):
        return circuit
    opened = circuit.copy_empty_like()
    for each in circuit.data:
        if is_control_flow(each):
            _append_changed(opened, each, with_visible_delays)
        elif isinstance(each.operation, Delay) or not _reaches_delay(each):
            opened.append(each)
        else:
            inner = with_visible_delays(each.operation.definition)
            opened.compose(inner, each.qubits, each.clbits, inplace=True)
    return opened


def without_loop_parameters(circuit: QuantumCircuit, *, of_delays_alone: bool) -> QuantumCircuit:
    """The circuit with those loops written out whose parameter a noise pass may ask for.

    Args:
        circuit: the circuit.
        of_delays_alone: whether passes ask for the parameters of delays only, not of gates.

    Raises:
        UnsupportedOperationError: for such a loop that has both a break and a continue.
    """

    def changed(block: QuantumCircuit) -> QuantumCircuit:
        return without_loop_parameters(block, of_delays_alone=of_delays_alone)

    if not any(map(is_control_flow, circuit.data)):
        return circuit
    written = circuit.copy_empty_like()
    for each in circuit.data:
        if _is_asked_for(each, of_delays_alone):
            for part in _written_out(each, circuit.name):
                _append_changed(written, part, changed)
        else:
            _append_changed(written, each, changed)
    return written


def check_durations(circuit: QuantumCircuit, name: str) -> None:
    """Check that the duration of every delay of a circuit of that name is a number.

    Raises:
        UnsupportedOperationError: for a stretch or another expression.
        ValueError: for a parameter without a value.
    """
    for each in circuit.data:
        for block in blocks_of(each):
            check_durations(block, name)
        if each.is_standard_gate() or not isinstance(each.operation, Delay):
            continue
        duration = each.operation.duration
        if isinstance(duration, expr.Expr):
            raise UnsupportedOperationError(
                f"circuit {name!r}: the noise model acts during delays, and the duration of a "
                f"delay is an expression, {duration}; give it as a number"
            )
        if isinstance(duration, ParameterExpression) and duration.parameters:
            raise ValueError(
                f"circuit {name!r}: the duration of a delay is the parameter {duration}, which "
                f"has no value; bind it"
            )


def _reaches_delay(instruction: CircuitInstruction, opened: Opened | None = None) -> bool:
    if instruction.is_standard_gate() or instruction.is_directive():
        return False
    if isinstance(instruction.operation, Delay):
        return True
    return any(has_delay(each, opened) for each in _inside(instruction))


def _inside(instruction: CircuitInstruction) -> tuple[QuantumCircuit, ...]:
    """What an instruction is made of: its blocks, or its definition."""
    if is_control_flow(instruction):
        return blocks_of(instruction)
    if isinstance(instruction.operation, _SYNTHESISED):
        return ()
    definition = getattr(instruction.operation, "definition", None)
    return () if definition is None else (definition,)


def _append_changed(
    circuit: QuantumCircuit,
    instruction: CircuitInstruction,
    change: Callable[[QuantumCircuit], QuantumCircuit],
) -> None:
    """Append an instruction, with its blocks changed if it has any."""
    if blocks := blocks_of(instruction):
        operation = instruction.operation.replace_blocks(map(change, blocks))
        instruction = instruction.replace(operation=operation)
    circuit.append(instruction)


def _is_asked_for(instruction: CircuitInstruction, of_delays_alone: bool) -> bool:
    """Whether this is a loop with a parameter that a noise pass may ask for."""
    if instruction.is_standard_gate() or not isinstance(instruction.operation, ForLoopOp):
        return False
    _, parameter, body = instruction.operation.params
    return isinstance(parameter, Parameter) and any(
        _has_parameter(parameter, each.operation.params)
        for each in _instructions(body)
        if isinstance(each.operation, Delay) or not of_delays_alone
    )


def _instructions(circuit: QuantumCircuit) -> Iterator[CircuitInstruction]:
    """All instructions, also those in blocks, but for control flow itself."""
    for each in circuit.data:
        if is_control_flow(each):
            for block in blocks_of(each):
                yield from _instructions(block)
        else:
            yield each


def _has_parameter(parameter: Parameter, values: list[Any]) -> bool:
    return any(
        isinstance(value, ParameterExpression) and parameter in value.parameters for value in values
    )


def _written_out(loop: CircuitInstruction, name: str) -> list[CircuitInstruction]:
    """Operations that do what a loop does, one for each index, each a scope of its own.

    A loop of one turn is what a ``continue`` leaves. A ``break`` leaves all of them: there is then
    one such loop around them, and they are no loops themselves.
    """
    values, parameter, body = loop.operation.params
    turns = [body.assign_parameters({parameter: value}) for value in values]
    if not _jumps(body, BreakLoopOp):
        return [loop.replace(operation=ForLoopOp((0,), None, turn)) for turn in turns]
    if _jumps(body, ContinueLoopOp):
        raise UnsupportedOperationError(
            f"circuit {name!r}: a loop has a break, a continue, and what noise depends on by the "
            f"loop's parameter {parameter.name!r}; write out the loop"
        )
    around = body.copy_empty_like()
    around.global_phase = 0
    for turn in turns:
        around.append(IfElseOp(expr.lift(True), turn), around.qubits, around.clbits)
    return [loop.replace(operation=ForLoopOp((0,), None, around))]


def _jumps(body: QuantumCircuit, kind: type) -> bool:
    """Whether a loop's body has a jump of a kind that is this loop's."""
    return any(
        isinstance(each.operation, kind) or any(_jumps(block, kind) for block in blocks_of(each))
        for each in body.data
        if is_control_flow(each) and not isinstance(each.operation, ForLoopOp | WhileLoopOp)
    )
