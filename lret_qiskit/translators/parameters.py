"""Parameters of a circuit that need a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import ControlFlowOp, ForLoopOp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

__all__ = ["free_parameters"]


def free_parameters(circuit: QuantumCircuit) -> list[Parameter]:
    """Parameters that need a value, in Qiskit's order.

    Qiskit before 2.4 also counts those that a loop of the circuit runs over.
    """
    if not circuit.num_parameters:
        return []
    of_loops = set(_loop_parameters(circuit))
    return [each for each in circuit.parameters if each not in of_loops]


def _loop_parameters(circuit: QuantumCircuit) -> Iterator[Any]:
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ForLoopOp):
            yield operation.params[1]
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                yield from _loop_parameters(block)
