"""From Qiskit Aer's save instructions to LRET's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lret_dist import (
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveProbabilities,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.circuit import Save

__all__ = ["translate_save"]


def translate_save(operation: Any, qubits: tuple[int, ...]) -> Save:
    """Translate a save instruction of Qiskit Aer.

    Raises:
        UnsupportedOperationError: for a kind of save, or a way of averaging, that LRET has not.
    """
    make = _SAVES.get(operation.name)
    if make is None:
        raise UnsupportedOperationError(
            f"operation {operation.name!r} is not supported; LRET saves with {', '.join(_SAVES)}"
        )
    # Qiskit Aer has no public name for the way a value is averaged.
    averaging = operation._subtype
    if averaging != "average":
        raise UnsupportedOperationError(
            f"operation {operation.name!r} is supported without pershot, conditional and "
            f"unnormalized only"
        )
    return make(operation, qubits)


def _expectation_value(operation: Any, qubits: tuple[int, ...]) -> Save:
    # Each parameter is (Pauli string, (coefficient, coefficient in the operator's square)).
    paulis = tuple((str(pauli), float(coeffs[0])) for pauli, coeffs in operation.params)
    return SaveExpectationValue(operation.label, qubits, paulis)


_SAVES: dict[str, Callable[[Any, tuple[int, ...]], Save]] = {
    "save_density_matrix": lambda save, qubits: SaveDensityMatrix(save.label, qubits),
    "save_expval": _expectation_value,
    "save_probabilities": lambda save, qubits: SaveProbabilities(save.label, qubits),
}
