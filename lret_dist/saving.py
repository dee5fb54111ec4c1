"""Saved quantities of the normalised state: density matrices, probabilities, expectation values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuit import Save, SaveDensityMatrix, SaveProbabilities
from lret_dist.communicator import BUFFER_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lret_dist.state import State

__all__ = ["save_value", "saved_bytes"]


def saved_bytes(save: Save) -> int:
    """Bytes that the saved quantity takes on the driver."""
    if isinstance(save, SaveDensityMatrix):
        return 16 << 2 * len(save.qubits)
    return 8 << len(save.qubits) if isinstance(save, SaveProbabilities) else 8


def save_value(state: State, save: Save) -> Any:
    """The saved quantity, on the driver (undefined elsewhere); collective."""
    if isinstance(save, SaveDensityMatrix):
        return _density_matrix(state, save.qubits)
    if isinstance(save, SaveProbabilities):
        return _probabilities(state, save.qubits)
    values = [coefficient * _pauli(state, save.qubits, text) for text, coefficient in save.paulis]
    return float(sum(values)) / state.trace()


def _pauli(state: State, qubits: Sequence[int], string: str) -> float:
    """Tr(P rho), unnormalised. Y = i X Z."""
    x_mask = z_mask = 0
    for qubit, letter in zip(qubits, reversed(string), strict=True):
        x_mask |= (letter in "XY") << qubit
        z_mask |= (letter in "ZY") << qubit
    phase: complex = 1j ** (x_mask & z_mask).bit_count()
    return (phase * state.pauli_sum(x_mask, z_mask)).real


def _probabilities(state: State, qubits: Sequence[int]) -> NDArray[np.float64] | None:
    """Probabilities of the outcomes of ``qubits``, (2**k,), the first qubit the lowest bit."""
    state.restore_order()
    whole = state.comm.gather_rows(state.probabilities())
    if whole is None or not state.comm.is_driver:
        return None
    n = state.layout.num_qubits
    rest = tuple(axis for axis in range(n) if n - 1 - axis not in qubits)
    marginal = whole.reshape((2,) * n).sum(axis=rest)
    left = sorted(qubits, reverse=True)
    ordered = marginal.transpose([left.index(q) for q in reversed(qubits)]).reshape(-1)
    return np.asarray(ordered / ordered.sum())


def _density_matrix(state: State, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
    """Reduced density matrix of ``qubits``, (2**k, 2**k), from whole columns chunk by chunk."""
    state.restore_order()
    comm, block = state.comm, state.factor.block
    n, size = state.layout.num_qubits, 1 << len(qubits)
    rho = np.zeros((size, size), np.complex128)
    most = max(1, BUFFER_BYTES // (16 << n))
    axes = [n - 1 - q for q in reversed(qubits)]
    axes += [axis for axis in range(n + 1) if axis not in axes]
    for start in range(0, block.shape[1], most):
        part = np.ascontiguousarray(block[:, start : start + most])
        whole = comm.gather_rows(part)
        if whole is not None:
            tensor = whole.astype(np.complex128, copy=False).reshape((2,) * n + (-1,))
            flat = tensor.transpose(axes).reshape(size, -1)
            rho += flat @ flat.conj().T
    comm.sum_columns_on_driver(rho)
    return np.asarray(rho / rho.trace().real) if comm.is_driver else None
