"""From Qiskit Aer's instructions that save and set states to LRET's, and to what results show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.quantum_info import DensityMatrix, Statevector
from qiskit.result import ProbDistribution

from lret_dist import (
    LowRankState,
    SaveAmplitudesSquared,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveFactor,
    SaveProbabilities,
    SaveStateVector,
    SaveVariance,
    SetState,
    UnsupportedOperationError,
)
from lret_dist.circuits.states import as_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.circuits.saves import Save

__all__ = ["shown", "translate_save", "translate_set"]

#: Probabilities up to this are left out of dictionaries, as in Qiskit Aer.
_ZERO = 1e-10


def translate_save(operation: Any, qubits: tuple[int, ...]) -> Save:
    """Translate a save instruction of Qiskit Aer.

    Raises:
        UnsupportedOperationError: for a kind of save that LRET has not.
    """
    make = _SAVES.get(operation.name)
    if make is None:
        raise UnsupportedOperationError(
            f"operation {operation.name!r} is not supported; LRET saves with {', '.join(_SAVES)}"
        )
    return make(operation, qubits)


def translate_set(operation: Any, qubits: tuple[int, ...], num_qubits: int) -> SetState:
    """Translate an instruction of Qiskit Aer that sets the state of all qubits.

    Raises:
        ValueError: where it acts on some qubits only, or the state is none.
    """
    if len(qubits) != num_qubits:
        raise ValueError(
            f"{operation.name!r} acts on {len(qubits)} of {num_qubits} qubits; it must act on all"
        )
    state = np.asarray(operation.params[0], np.complex128)
    return SetState(qubits, as_columns(state, num_qubits), operation.name)


def shown(save: Save, value: Any, num_clbits: int) -> Any:
    """A saved value as a result of Qiskit Aer shows it, for every register and shot it has."""
    if save.subtype.startswith("c_"):
        # A circuit without classical bits has the register ''.
        return {
            hex(register) if num_clbits else "": _listed(save, each)
            for register, each in value.items()
        }
    return _listed(save, value)


def _listed(save: Save, value: Any) -> Any:
    if save.subtype.endswith("list"):
        # Shots of one history share what they save.
        made = {id(each): _one(save, each) for each in value}
        return [made[id(each)] for each in value]
    return _one(save, value)


def _one(save: Save, value: Any) -> Any:
    match save:
        case SaveDensityMatrix():
            return DensityMatrix(value)
        case SaveStateVector():
            return Statevector(value)
        case SaveFactor(distributed=False):
            return LowRankState(value)
        case SaveProbabilities(name="save_probabilities_dict"):
            kept = np.flatnonzero(value > _ZERO)
            return ProbDistribution({int(state): float(value[state]) for state in kept})
    return value


# Qiskit Aer has no public name for the way a value is averaged: it is read from _subtype here.
def _expectation_value(operation: Any, qubits: tuple[int, ...]) -> Save:
    # Each parameter is (Pauli string, (coefficient, coefficient in the operator's square)).
    paulis = tuple((str(pauli), float(coeffs[0])) for pauli, coeffs in operation.params)
    return SaveExpectationValue(
        operation.label, qubits, paulis, operation.name, subtype=operation._subtype
    )


def _variance(operation: Any, qubits: tuple[int, ...]) -> Save:
    mean, square = (
        tuple((str(pauli), float(coeffs[place])) for pauli, coeffs in operation.params)
        for place in (0, 1)
    )
    return SaveVariance(
        operation.label, qubits, mean, square, operation.name, subtype=operation._subtype
    )


def _amplitudes_squared(operation: Any, qubits: tuple[int, ...]) -> Save:
    states = tuple(int(state) for state in operation.params)
    return SaveAmplitudesSquared(
        operation.label, qubits, states, operation.name, subtype=operation._subtype
    )


def _factor(operation: Any, qubits: tuple[int, ...]) -> Save:
    distributed = bool(operation.distributed)
    return SaveFactor(operation.label, qubits, subtype=operation._subtype, distributed=distributed)


def _plain(kind: Any) -> Callable[[Any, tuple[int, ...]], Save]:
    def make(operation: Any, qubits: tuple[int, ...]) -> Save:
        label = operation.label
        if label == "_method_":
            label = "density_matrix"
        save: Save = kind(label, qubits, operation.name, subtype=operation._subtype)
        return save

    return make


def _state(operation: Any, qubits: tuple[int, ...]) -> Save:
    """As Qiskit Aer's density matrix saves it: averaged, where it is not asked for shot by shot."""
    save = _plain(SaveDensityMatrix)(operation, qubits)
    return replace(save, subtype=save.subtype.replace("single", "average"))


_SAVES: dict[str, Callable[[Any, tuple[int, ...]], Save]] = {
    "save_amplitudes_sq": _amplitudes_squared,
    "save_density_matrix": _plain(SaveDensityMatrix),
    "save_expval": _expectation_value,
    "save_expval_var": _variance,
    "save_lret_factor": _factor,
    "save_probabilities": _plain(SaveProbabilities),
    "save_probabilities_dict": _plain(SaveProbabilities),
    "save_state": _state,
    "save_statevector": _plain(SaveStateVector),
}
