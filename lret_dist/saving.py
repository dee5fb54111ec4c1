"""Saved quantities of the normalised state: density matrices, probabilities, expectation values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuit import Save, SaveDensityMatrix, SaveProbabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lret_dist.density import DensityState
    from lret_dist.state import State

__all__ = ["save_value", "saved_bytes"]


def saved_bytes(save: Save) -> int:
    """Bytes that the saved quantity takes on the driver."""
    if isinstance(save, SaveDensityMatrix):
        return 16 << 2 * len(save.qubits)
    return 8 << len(save.qubits) if isinstance(save, SaveProbabilities) else 8


def save_value(state: State | DensityState, save: Save) -> Any:
    """The saved quantity, on the driver (undefined elsewhere); collective."""
    if isinstance(save, SaveDensityMatrix):
        rho = state.density_matrix(save.qubits)
        return None if rho is None else np.asarray(rho / rho.trace().real)
    if isinstance(save, SaveProbabilities):
        weights = state.marginal(save.qubits)
        return None if weights is None else np.asarray(weights / weights.sum())
    values = [c * state.pauli(*_masks(save.qubits, text)) for text, c in save.paulis]
    return float(sum(values)) / state.trace()


def _masks(qubits: Sequence[int], string: str) -> tuple[int, int]:
    """Qubits with a letter X or Y, and those with Z or Y, as bits."""
    x_mask = z_mask = 0
    for qubit, letter in zip(qubits, reversed(string), strict=True):
        x_mask |= (letter in "XY") << qubit
        z_mask |= (letter in "ZY") << qubit
    return x_mask, z_mask
