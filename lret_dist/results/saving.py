"""Saved quantities of the normalised state, computed where it lies."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lret_dist.circuits.saves import (
    Save,
    SaveAmplitudesSquared,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveFactor,
    SaveProbabilities,
    SaveStateVector,
    SaveVariance,
)
from lret_dist.density.density_state import DensityState
from lret_dist.errors import StateNotPureError
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.state import State
from lret_dist.results.kept_factors import keep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["pauli_masks", "save_value"]

AnyState: TypeAlias = State | DensityState

#: Part of the weight outside the largest eigenvector up to which a state counts as pure.
_PURE = 1e-9
#: Columns up to which a factor is looked at as it is: a compression turns their phases.
_FEW_COLUMNS = 32


def save_value(state: AnyState, save: Save, *, normalised: bool = True) -> Any:
    """The saved quantity of the state, normalised or as it is; collective.

    On the driver; elsewhere it is None or must not be looked at.

    Raises:
        StateNotPureError: on every MPI rank, when a state vector is to be saved of a mixed state.
    """
    match save:
        case SaveDensityMatrix():
            rho = state.density_matrix(save.qubits)
            return rho / rho.trace().real if normalised and rho is not None else rho
        case SaveProbabilities():
            weights = state.marginal(save.qubits)
            return weights / weights.sum() if normalised and weights is not None else weights
        case SaveAmplitudesSquared():
            found = _probabilities_of(state, save)
            return found / state.trace() if normalised else found
        case SaveExpectationValue():
            value = _pauli_sum(state, save.qubits, save.paulis)
            return value / state.trace() if normalised else value
        case SaveVariance():
            mean, square = (
                _pauli_sum(state, save.qubits, paulis) / state.trace()
                for paulis in (save.paulis, save.square)
            )
            return np.array([mean, square - mean**2])
        case SaveStateVector():
            return _state_vector(state, save)
        case SaveFactor(distributed=True):
            return keep(state, save.qubits)
        case SaveFactor():
            columns = _columns(state, save.qubits)
            return None if columns is None else _normalised(columns)


def _normalised(columns: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Columns of trace one, in the same memory."""
    columns /= np.linalg.norm(columns)
    return columns


def _pauli_sum(
    state: AnyState, qubits: tuple[int, ...], paulis: Iterable[tuple[str, float]]
) -> float:
    return float(sum(c * state.pauli(*pauli_masks(qubits, text)) for text, c in paulis))


def _probabilities_of(state: AnyState, save: SaveAmplitudesSquared) -> NDArray[np.float64]:
    """Weights of some basis states of all qubits or of some; unnormalised."""
    weights = state.marginal(save.qubits)
    chosen = np.zeros(len(save.states))
    return chosen if weights is None else weights[list(save.states)]


def _state_vector(state: AnyState, save: SaveStateVector) -> NDArray[np.complex128] | None:
    """The state vector of some or all qubits, on the driver."""
    if isinstance(state, State) and state.rank() > _FEW_COLUMNS:
        state, n = state.copy(), state.layout.num_qubits
        compress(state.factor, state.comm, Cut(_PURE, 1 << n, 0.0), n)
    vectors = _vectors(state, save.qubits)
    part, vector = np.zeros(1), None
    if vectors is not None:
        # All are multiples of the one vector; the largest is the least rounded.
        sizes = np.linalg.norm(vectors, axis=1)
        first = np.argmax(sizes > (1 - 1e-6) * sizes.max())
        vector = vectors[first] / sizes[first]
        part[0] = (np.linalg.norm(vectors @ vector.conj()) / np.linalg.norm(vectors)) ** 2
    state.comm.broadcast(part)
    if part[0] < 1 - _PURE:
        raise StateNotPureError(
            f"{save.key!r} asks for a state vector, but the state is mixed (a part of "
            f"{part[0]:.6g} is in one vector); save the density matrix instead"
        )
    return vector


def _vectors(state: AnyState, qubits: tuple[int, ...]) -> NDArray[np.complex128] | None:
    """Vectors (m, 2**k) of some qubits whose projectors add up to their state, on the driver."""
    if not isinstance(state, State):
        columns = _columns(state, qubits)
        return None if columns is None else columns.T
    others = [q for q in range(state.layout.num_qubits) if q not in qubits]
    columns = state.gathered((*qubits, *others))
    if columns is None:
        return None
    tensor = columns.reshape(1 << len(others), 1 << len(qubits), -1)
    return np.asarray(tensor.transpose(0, 2, 1).reshape(-1, 1 << len(qubits)))


def _columns(state: AnyState, qubits: tuple[int, ...]) -> NDArray[np.complex128] | None:
    """Columns L of the state of ``qubits``, (2**k, rank), on the driver; the first is lowest."""
    return state.gathered(qubits) if isinstance(state, State) else state.columns(qubits)


@lru_cache(maxsize=1 << 16)
def pauli_masks(qubits: tuple[int, ...], string: str) -> tuple[int, int]:
    """Qubits with a letter X or Y, and those with Z or Y, as bits."""
    x_mask = z_mask = 0
    for qubit, letter in zip(qubits, reversed(string), strict=True):
        x_mask |= (letter in "XY") << qubit
        z_mask |= (letter in "ZY") << qubit
    return x_mask, z_mask
