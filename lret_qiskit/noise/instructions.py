"""Checks of the instructions that an error of Qiskit Aer's dictionary form is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lret_dist.circuits.circuit import MAX_GATE_QUBITS
from lret_dist.circuits.noise_document import MAX_ENTRIES, MAX_QUBITS
from lret_dist.numerics.channels import as_kraus, as_unitary
from lret_qiskit.translators.quantum_errors import as_matrix, known_gate, part_kraus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist.files.plain_data import Node

__all__ = ["check_branches", "check_probabilities"]

_TOLERANCE = 1e-8
_MAX_PARTS = 1000


def check_probabilities(node: Node) -> None:
    """Check that numbers are probabilities with sum one.

    Raises:
        ValueError: if they are not.
    """
    values = [entry.number() for entry in node.items(most=MAX_ENTRIES)]
    if min(values) < 0:
        raise node.wrong(f"probabilities must not be negative, got {min(values)}")
    if abs(sum(values) - 1) > _TOLERANCE:
        raise node.wrong(f"probabilities must sum to 1, got {sum(values)}")


def check_branches(branches: Iterable[Node], *, only_paulis: bool) -> None:
    """Check the instructions of every branch of an error.

    Raises:
        ValueError: saying which instruction is wrong, and how.
        UnsupportedOperationError: for an unknown instruction.
    """
    for branch in branches:
        parts = branch.items(most=_MAX_PARTS, least=1)
        if only_paulis and len(parts) != 1:
            raise branch.wrong("a Pauli-Lindblad generator is one Pauli string")
        for part in parts:
            _check_part(part, only_paulis=only_paulis)


def _check_part(node: Node, *, only_paulis: bool) -> None:
    fields = node.fields(("name", "qubits"), ("params", "label"))
    name = fields["name"].text()
    qubits = fields["qubits"].distinct_qubits(most=MAX_QUBITS)
    if not qubits:
        raise fields["qubits"].wrong("expected at least one qubit")
    if only_paulis and name != "pauli":
        raise fields["name"].expected("'pauli'")
    if name in ("id", "reset"):
        width = 1
    elif name == "pauli":
        width = len(_checked_pauli(fields.get("params"), node))
    else:
        width = _checked_width(name, fields.get("params"), node)
    if width != len(qubits):
        raise fields["qubits"].wrong(f"{name!r} acts on {width} qubits, got {len(qubits)}")


def _checked_pauli(params: Node | None, node: Node) -> str:
    if params is None:
        raise node.wrong("'params' is missing")
    (string,) = params.items(most=1, least=1)
    letters = string.text()
    if set(letters) - set("IXYZ"):
        raise string.expected("a string of I, X, Y and Z")
    return letters


def _checked_width(name: str, params: Node | None, node: Node) -> int:
    """Number of qubits of an instruction given by matrices, or of a standard gate."""
    if name not in ("kraus", "superop", "unitary"):
        return _checked_gate(name, params, node)
    if params is None:
        raise node.wrong("'params' is missing")
    most = 4**MAX_GATE_QUBITS if name == "kraus" else 1
    matrices = [_matrix(entry) for entry in params.items(most=most, least=1)]
    try:
        if name == "kraus":
            checked = as_kraus(matrices)[0]
        elif name == "unitary":
            checked = as_unitary(matrices[0])
        else:
            _check_superoperator(matrices[0])
            checked = as_kraus(part_kraus({"name": name, "params": matrices}))[0]
    except ValueError as error:
        raise params.wrong(str(error)) from None
    return len(checked).bit_length() - 1


def _check_superoperator(matrix: np.ndarray) -> None:
    sizes = [4**width for width in range(1, MAX_GATE_QUBITS + 1)]
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) not in sizes:
        raise ValueError(
            f"a superoperator is a (4**k, 4**k) matrix, with k from 1 to {MAX_GATE_QUBITS}, got "
            f"shape {matrix.shape}"
        )


def _matrix(node: Node) -> np.ndarray:
    """A complex matrix: an array, or nested lists of numbers or of [real, imaginary] pairs."""
    if isinstance(node.value, np.ndarray):
        return node.value
    try:
        array = np.asarray(node.value)
    except ValueError:
        raise node.wrong("lists of one level must have one length") from None
    if array.dtype.kind == "c" and array.ndim == 2:
        return array
    if array.ndim not in (2, 3):
        raise node.wrong("expected a matrix of numbers, or of [real, imaginary] pairs")
    return as_matrix(node.numbers(array.ndim))


def _checked_gate(name: str, params: Node | None, node: Node) -> int:
    gate = known_gate(name)
    entries = [] if params is None else params.items(most=_MAX_PARTS)
    values = [entry.number() for entry in entries]
    if len(values) != len(gate.params):
        raise node.wrong(f"{name!r} has {len(gate.params)} parameters, got {len(values)}")
    width: int = gate.num_qubits
    return width
