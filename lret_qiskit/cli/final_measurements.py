"""Instructions put in front of the last measurements of a circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction

__all__ = ["before_final_measurements"]


def before_final_measurements(
    circuit: QuantumCircuit, instructions: Iterable[tuple[Any, Sequence[int]]]
) -> QuantumCircuit:
    """A circuit that does some instructions before its last measurements, and no later ones.

    Args:
        circuit: the circuit, which is left as it is.
        instructions: instructions, and the numbers of their qubits.
    """
    earlier, final = _parted(circuit)
    made = circuit.copy_empty_like()
    for each in earlier:
        made.append(each)
    for operation, qubits in instructions:
        made.append(operation, qubits)
    for each in final:
        made.append(each)
    return made


def _parted(
    circuit: QuantumCircuit,
) -> tuple[list[CircuitInstruction], list[CircuitInstruction]]:
    """The measurements that nothing follows, with barriers between them, and all else before."""
    earlier: list[CircuitInstruction] = []
    final: list[CircuitInstruction] = []
    # Bits that something other than a last measurement needs later on.
    needed: set[Any] = set()
    for each in reversed(circuit.data):
        is_last = each.name in ("measure", "barrier") and needed.isdisjoint(
            [*each.qubits, *each.clbits]
        )
        (final if is_last else earlier).append(each)
        if not is_last and each.name != "barrier":
            # An expression that is stored names its bits nowhere else.
            needed.update(each.qubits, circuit.clbits if each.name == "store" else each.clbits)
    return earlier[::-1], final[::-1]
