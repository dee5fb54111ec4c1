"""Initial states as columns of a factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_columns", "columns_in_order"]

ComplexArray = NDArray[np.complex128]

#: Largest deviation from trace one, or from a Hermitian or positive matrix, taken for rounding.
_TOLERANCE = 1e-8


def as_columns(state: ComplexArray, num_qubits: int, name: str = "initial_state") -> ComplexArray:
    """Columns L, (2**n, r), with rho = L L^dagger and trace one.

    Args:
        state: a state vector (2**n,), a density matrix (2**n, 2**n) or a factor (2**n, r). A
            square matrix with trace one is a density matrix; where both readings are possible
            the matrix is a projector, and they mean the same.
        num_qubits: n.
        name: what errors call the state.

    Raises:
        ValueError: saying what is wrong with the state.
    """
    size = 1 << num_qubits
    if len(state) != size:
        raise ValueError(
            f"{name} of {num_qubits} qubits needs {size} rows, got shape {state.shape}"
        )
    if state.ndim == 1:
        return _normalised(state[:, np.newaxis], name, "state vector")
    if state.shape == (size, size) and abs(np.trace(state) - 1) <= _TOLERANCE:
        return _square_root(state, name)
    return _normalised(state, name, "factor")


def columns_in_order(columns: ComplexArray, qubits: tuple[int, ...]) -> ComplexArray:
    """Columns (2**n, r) whose lowest row bits are ``qubits``, all there are, in qubit order."""
    n = len(qubits)
    if qubits == tuple(range(n)):
        return columns
    axes = [n - 1 - qubits.index(qubit) for qubit in reversed(range(n))]
    tensor = columns.reshape((2,) * n + (-1,)).transpose([*axes, n])
    return np.ascontiguousarray(tensor.reshape(columns.shape))


def _normalised(columns: ComplexArray, name: str, what: str) -> ComplexArray:
    trace = float(np.vdot(columns, columns).real)
    if abs(trace - 1) > _TOLERANCE:
        raise ValueError(
            f"{name}, read as a {what}, must have trace one (the sum of the squared "
            f"absolute values of its entries), got {trace:.12g}"
        )
    return np.ascontiguousarray(columns / np.sqrt(trace))


def _square_root(rho: ComplexArray, name: str) -> ComplexArray:
    if np.abs(rho - rho.conj().T).max() > _TOLERANCE:
        raise ValueError(f"{name}, read as a density matrix, must be Hermitian")
    weights, vectors = np.linalg.eigh(rho)
    if weights[0] < -_TOLERANCE:
        raise ValueError(
            f"{name}, read as a density matrix, must be positive; its smallest eigenvalue "
            f"is {weights[0]:.3g}"
        )
    kept = np.flatnonzero(weights > 1e-15)[::-1]
    columns = vectors[:, kept] * np.sqrt(weights[kept])
    return np.ascontiguousarray(columns / np.linalg.norm(columns))
