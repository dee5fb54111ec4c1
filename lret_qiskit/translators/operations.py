"""Matrices and definitions of Qiskit's operations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlledGate, Operation
from qiskit.circuit.exceptions import CircuitError
from qiskit.transpiler import TranspilerError
from qiskit.transpiler.passes import HighLevelSynthesis

from lret_dist import UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.numerics.channels import ComplexArray

__all__ = [
    "checked",
    "controlled_matrix",
    "has_open_control",
    "matrix_of",
    "synthesised",
    "unsupported",
]


def has_open_control(operation: Operation) -> bool:
    """Whether a control acts on 0: the definition then holds the gate with closed controls."""
    if not isinstance(operation, ControlledGate):
        return False
    return bool(operation.ctrl_state + 1 != 1 << operation.num_ctrl_qubits)


def controlled_matrix(gate: ControlledGate) -> ComplexArray:
    """The base gate's matrix in the rows and columns whose lowest bits, the controls, are 1."""
    matrix = np.eye(1 << gate.num_qubits, dtype=np.complex128)
    controls = 1 << gate.num_ctrl_qubits
    matrix[controls - 1 :: controls, controls - 1 :: controls] = gate.base_gate.to_matrix()
    return matrix


def synthesised(operation: Operation) -> QuantumCircuit:
    """A circuit of an operation without definition or matrix, such as a wide permutation."""
    bits = range(operation.num_qubits), range(operation.num_clbits)
    circuit = whole = QuantumCircuit(*map(len, bits))
    whole.append(operation, *bits)
    with suppress(TranspilerError):
        circuit = HighLevelSynthesis()(whole)
    if operation.name in circuit.count_ops():
        reason = "it has neither a definition nor a matrix, and Qiskit no synthesis for it"
        raise unsupported(operation, reason)
    return circuit


def checked(
    check: Callable[[Any], ComplexArray], value: Any, operation: Operation, wires: tuple[int, ...]
) -> ComplexArray:
    """What a check makes of a matrix or of Kraus operators; its message names the instruction."""
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{operation.name!r} on qubits {wires}: {error}") from None


def matrix_of(operation: Operation) -> ComplexArray | None:
    """An operation's own matrix, or None where it has none."""
    try:
        matrix: ComplexArray = operation.to_matrix()
    except (AttributeError, CircuitError):
        return None
    return matrix


def unsupported(operation: Operation, reason: str) -> UnsupportedOperationError:
    """The error for an operation that cannot be simulated."""
    return UnsupportedOperationError(f"operation {operation.name!r} is not supported: {reason}")
