"""Circuits as ``run`` takes them, and how large they may be."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from qiskit import QuantumCircuit

__all__ = ["as_circuits", "check_size", "written_names"]


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


def check_size(circuit: QuantumCircuit, num_qubits: int) -> None:
    """Check that a circuit uses so many qubits at most; idle ones do not count.

    Raises:
        ValueError: when it uses more.
    """
    if circuit.num_qubits <= num_qubits:
        return
    used = _used_qubits(circuit)
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


def _used_qubits(circuit: QuantumCircuit) -> int:
    """Number of qubits that an instruction other than a barrier acts on."""
    return len({q for each in circuit.data if each.name != "barrier" for q in each.qubits})


def _listed(run_input: Any) -> list[Any]:
    if isinstance(run_input, str) or not isinstance(run_input, Iterable):
        raise TypeError(f"expected a QuantumCircuit or several, got {type(run_input).__name__}")
    return list(run_input)
