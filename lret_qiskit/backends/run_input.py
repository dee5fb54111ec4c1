"""Circuits as ``run`` takes them, and how large they may be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit

if TYPE_CHECKING:
    from qiskit.circuit import Qubit

__all__ = ["as_circuits", "check_size", "written_names"]

#: Instructions that show nothing by themselves, as standard gates do not.
_SILENT = frozenset({"delay", "reset"})


def as_circuits(run_input: Any) -> list[QuantumCircuit]:
    """One circuit, or several, as a list.

    Raises:
        TypeError: for anything that is not a circuit.
        ValueError: when there is none.
    """
    circuits = [run_input] if isinstance(run_input, QuantumCircuit) else _listed(run_input)
    if not circuits:
        raise ValueError("there is no circuit to run")
    for circuit in circuits:
        if not isinstance(circuit, QuantumCircuit):
            raise TypeError(f"expected a QuantumCircuit, got {type(circuit).__name__}")
    return circuits


def check_size(circuit: QuantumCircuit, num_qubits: int, looked_at: Collection[int] = ()) -> None:
    """Check that a circuit uses so many qubits at most.

    Idle ones do not count, and neither do those that nothing measured or saved depends on.

    Args:
        circuit: the circuit.
        num_qubits: how many it may use.
        looked_at: numbers of qubits that are looked at behind its end.

    Raises:
        ValueError: when it uses more.
    """
    if circuit.num_qubits <= num_qubits:
        return
    used = _used_qubits(circuit, {circuit.qubits[number] for number in looked_at})
    if used > num_qubits:
        raise ValueError(
            f"circuit {circuit.name!r} uses {used} qubits, the backend has {num_qubits}; "
            f"LRETBackend(num_qubits={used}) takes it"
        )


def written_names(circuits: Iterable[QuantumCircuit]) -> set[str]:
    """Names under which noise is given for instructions, before any is taken apart."""
    found = set()
    for each in chain.from_iterable(circuit.data for circuit in circuits):
        found.add(each.label or each.name)
        if each.is_control_flow():
            found |= written_names(each.operation.blocks)
    return found


def _used_qubits(circuit: QuantumCircuit, seen: set[Qubit]) -> int:
    """Number of qubits that what is seen depends on, or of all that are acted on."""
    used: set[Qubit] = set()
    straight = True
    for each in reversed(circuit.data):
        if each.name == "barrier":
            continue
        straight &= not each.is_control_flow()
        silent = each.is_standard_gate() or each.name in _SILENT
        if not silent or not seen.isdisjoint(each.qubits):
            seen.update(each.qubits)
        used.update(each.qubits)
    return len(seen) if straight and seen else len(used)


def _listed(run_input: Any) -> list[Any]:
    if isinstance(run_input, str) or not isinstance(run_input, Iterable):
        raise TypeError(f"expected a QuantumCircuit or several, got {type(run_input).__name__}")
    return list(run_input)
