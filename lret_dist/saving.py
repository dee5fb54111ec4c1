"""Saved quantities of the normalised state: density matrices, probabilities, expectation values."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lret_dist.circuit import Save, SaveDensityMatrix, SaveProbabilities

if TYPE_CHECKING:
    from lret_dist.density import DensityState
    from lret_dist.state import State

__all__ = ["pauli_masks", "save_value", "saved_bytes", "saved_shape"]


def saved_shape(save: Save) -> tuple[int, ...]:
    """Shape of the saved quantity."""
    if isinstance(save, SaveDensityMatrix):
        return (1 << len(save.qubits),) * 2
    return (1 << len(save.qubits),) if isinstance(save, SaveProbabilities) else ()


def saved_bytes(save: Save) -> int:
    """Bytes that the saved quantity takes on the driver."""
    each = 16 if isinstance(save, SaveDensityMatrix) else 8
    return each * math.prod(saved_shape(save))


def save_value(state: State | DensityState, save: Save, *, normalised: bool = True) -> Any:
    """The saved quantity of the state, normalised or as it is; collective.

    On the driver; elsewhere it is None or must not be looked at.
    """
    if isinstance(save, SaveDensityMatrix):
        rho = state.density_matrix(save.qubits)
        return rho / rho.trace().real if normalised and rho is not None else rho
    if isinstance(save, SaveProbabilities):
        weights = state.marginal(save.qubits)
        return weights / weights.sum() if normalised and weights is not None else weights
    values = [c * state.pauli(*pauli_masks(save.qubits, text)) for text, c in save.paulis]
    return float(sum(values)) / (state.trace() if normalised else 1.0)


@lru_cache(maxsize=1 << 16)
def pauli_masks(qubits: tuple[int, ...], string: str) -> tuple[int, int]:
    """Qubits with a letter X or Y, and those with Z or Y, as bits."""
    x_mask = z_mask = 0
    for qubit, letter in zip(qubits, reversed(string), strict=True):
        x_mask |= (letter in "XY") << qubit
        z_mask |= (letter in "ZY") << qubit
    return x_mask, z_mask
