"""Kraus operators of a quantum error, from the dictionary that Qiskit Aer gives of it.

An error is a list of branches, each with a probability p and a sequence of operations. Branch by
branch, the products of the operations' Kraus operators, times sqrt(p), are Kraus operators of the
error. Where they are more than d^2, in a branch so far or in all, for dimension d, a singular value
decomposition of the operators, flattened to the rows of one matrix, gives as many as are needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import PauliGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Kraus, SuperOp

from lret_dist import UnsupportedOperationError
from lret_dist.circuits.circuit import MAX_GATE_QUBITS
from lret_dist.numerics.channels import RESET, embed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qiskit_aer.noise import PauliLindbladError

__all__ = [
    "as_matrix",
    "error_kraus",
    "error_width",
    "known_gate",
    "lindblad_terms",
    "part_kraus",
    "pauli_kraus",
]

ComplexArray = NDArray[np.complex128]

#: Kraus operators whose norm is below this part of the largest are rounding.
_NEGLIGIBLE = 1e-13

#: Largest deviation from probabilities that is taken for rounding.
_TOLERANCE = 1e-8


def error_width(error: Mapping[str, Any]) -> int:
    """Number of qubits that an error's dictionary speaks of."""
    parts = (part for branch in error["instructions"] for part in branch)
    return 1 + max(int(qubit) for part in parts for qubit in part["qubits"])


def error_kraus(error: Mapping[str, Any], width: int | None = None) -> ComplexArray:
    """(K, 2**n, 2**n) Kraus operators of a ``qerror`` dictionary.

    Args:
        error: what ``to_dict`` of an error gives.
        width: number n of qubits; default: those that the dictionary speaks of.

    Raises:
        ValueError: for probabilities that are negative or do not sum to one.
        UnsupportedOperationError: for an operation that is not known by its name, or more than
            six qubits.
    """
    width = error_width(error) if width is None else width
    if width > MAX_GATE_QUBITS:
        raise UnsupportedOperationError(
            f"the error on {', '.join(error['operations'])} acts on {width} qubits; "
            f"at most {MAX_GATE_QUBITS} are supported"
        )
    probabilities = np.asarray(error["probabilities"], dtype=np.float64)
    if not (probabilities >= -_TOLERANCE).all() or not abs(probabilities.sum() - 1) <= _TOLERANCE:
        raise ValueError(
            f"the error on {', '.join(error['operations'])} is no channel: its probabilities must "
            f"not be negative and sum to 1, got {probabilities.tolist()}"
        )
    branches = [
        np.sqrt(max(probability, 0.0)) * _branch_kraus(branch, width)
        for branch, probability in zip(error["instructions"], probabilities, strict=True)
    ]
    return _at_most_d_squared(np.concatenate(branches))


def pauli_kraus(string: str, rate: float) -> ComplexArray:
    """Kraus operators of exp(rate (P rho P - rho)) for a Pauli string P.

    Raises:
        ValueError: for a negative rate, which is no channel.
        UnsupportedOperationError: for more than six qubits.
    """
    if rate < 0:
        raise ValueError(f"a Pauli-Lindblad rate must not be negative, got {rate} for {string}")
    if len(string) > MAX_GATE_QUBITS:
        raise UnsupportedOperationError(
            f"a Pauli-Lindblad generator acts on {len(string)} qubits; at most {MAX_GATE_QUBITS} "
            f"are supported"
        )
    flip = -np.expm1(-2 * rate) / 2
    pauli = PauliGate(string).to_matrix()
    return np.stack([np.sqrt(1 - flip) * np.eye(len(pauli)), np.sqrt(flip) * pauli])


def lindblad_terms(error: PauliLindbladError) -> Iterator[tuple[ComplexArray, tuple[int, ...]]]:
    """Kraus operators of each generator, and the error's qubits that it acts on.

    They commute, so the error is their product, and may be wider than any matrix.
    """
    for pauli, rate in zip(error.generators, error.rates, strict=True):
        positions = tuple(np.flatnonzero(pauli.x | pauli.z).tolist())
        if positions:
            letters = pauli[list(positions)].to_label().lstrip("-i")
            yield pauli_kraus(letters, float(rate)), positions


def _branch_kraus(branch: Sequence[Mapping[str, Any]], width: int) -> ComplexArray:
    products = np.eye(1 << width, dtype=np.complex128)[np.newaxis]
    for part in branch:
        if part["name"] != "id":
            factors = embed(part_kraus(part), part["qubits"], width)
            products = (factors[:, np.newaxis] @ products).reshape(-1, *products.shape[1:])
            # Now, and not at the end: the products of n parts grow in number exponentially.
            products = _at_most_d_squared(products)
    return products


def part_kraus(part: Mapping[str, Any]) -> ComplexArray:
    """(K, 2**k, 2**k) Kraus operators of one operation on its own qubits.

    Raises:
        UnsupportedOperationError: for an operation that is not known by its name.
    """
    name, params = part["name"], part.get("params", [])
    if name == "reset":
        return RESET
    if name == "kraus":
        return np.stack([as_matrix(matrix) for matrix in params])
    if name == "superop":
        return np.stack(Kraus(SuperOp(as_matrix(params[0]))).data).astype(np.complex128)
    if name == "unitary":
        return as_matrix(params[0])[np.newaxis]
    return _gate_matrix(name, tuple(params))[np.newaxis]


def as_matrix(value: Any) -> ComplexArray:
    """A matrix as complex128, from numbers or, as in JSON, [real part, imaginary part] pairs."""
    array = np.asarray(value)
    if array.ndim == 3 and array.dtype.kind in "fi":
        pairs = np.ascontiguousarray(array, dtype=np.float64)
        if pairs.shape[-1] != 2:
            raise ValueError("a complex number is written [real part, imaginary part]")
        return pairs.view(np.complex128)[..., 0]
    return array.astype(np.complex128)


def known_gate(name: str) -> Any:
    """Qiskit's standard gate of a name.

    Raises:
        UnsupportedOperationError: if there is none.
    """
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None or not hasattr(gate, "to_matrix"):
        raise UnsupportedOperationError(f"noise made of operation {name!r} is not supported")
    return gate


@lru_cache(maxsize=1024)
def _gate_matrix(name: str, params: tuple[Any, ...]) -> ComplexArray:
    if name == "pauli":
        return np.asarray(PauliGate(*params).to_matrix(), dtype=np.complex128)
    gate = known_gate(name)
    return np.asarray(gate.base_class(*params).to_matrix(), dtype=np.complex128)


def _at_most_d_squared(kraus: ComplexArray) -> ComplexArray:
    dimension = kraus.shape[-1]
    if len(kraus) <= dimension**2:
        return kraus
    _, sizes, rows = np.linalg.svd(kraus.reshape(len(kraus), -1), full_matrices=False)
    kept = sizes > _NEGLIGIBLE * sizes[0]
    needed: ComplexArray = sizes[kept, np.newaxis] * rows[kept]
    return needed.reshape(-1, dimension, dimension)
