"""Exact density matrices by plain NumPy, to judge results by: every clbit value has its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lret_dist import (
    Barrier,
    Channel,
    Gate,
    Measure,
    Reset,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveProbabilities,
)

if TYPE_CHECKING:
    from lret_dist import Circuit, NoiseModel

Matrix = NDArray[np.complex128]

_UP, _DOWN = np.diag([1.0, 0]), np.diag([0, 1.0])
_LOWER = np.array([[0.0, 1], [0, 0]])
_PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


@dataclass
class DenseState:
    """Unnormalised density matrices by the value of the classical register."""

    num_qubits: int
    branches: dict[int, Matrix]
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def rho(self) -> Matrix:
        return sum(self.branches.values())

    @property
    def probabilities(self) -> dict[int, float]:
        return {bits: float(np.trace(rho).real) for bits, rho in self.branches.items()}


def evolve(
    circuit: Circuit, noise: NoiseModel | None = None, columns: Matrix | None = None
) -> DenseState:
    bound = circuit if noise is None else noise.bind(circuit)
    if columns is None:
        columns = np.eye(1 << circuit.num_qubits, 1, dtype=complex)
    rho = columns @ columns.conj().T
    state = DenseState(circuit.num_qubits, {0: rho})
    for operation in bound:
        _apply(state, operation, noise)
    return state


def embedded(matrix: Matrix, qubits: tuple[int, ...], num_qubits: int) -> Matrix:
    """Entry (r, c) of the whole matrix: the small one's where the other bits agree."""
    dimension = 1 << num_qubits
    full = np.zeros((dimension, dimension), dtype=complex)
    others = ~sum(1 << q for q in qubits)
    small = [sum(((i >> q) & 1) << k for k, q in enumerate(qubits)) for i in range(dimension)]
    for row in range(dimension):
        for column in range(dimension):
            if row & others == column & others:
                full[row, column] = matrix[small[row], small[column]]
    return full


def reduced(rho: Matrix, qubits: tuple[int, ...], num_qubits: int) -> Matrix:
    dimension = 1 << len(qubits)
    out = np.zeros((dimension, dimension), dtype=complex)
    others = ~sum(1 << q for q in qubits)
    small = [sum(((i >> q) & 1) << k for k, q in enumerate(qubits)) for i in range(len(rho))]
    for row in range(len(rho)):
        for column in range(len(rho)):
            if row & others == column & others:
                out[small[row], small[column]] += rho[row, column]
    return out


def _apply(state: DenseState, operation: Any, noise: NoiseModel | None) -> None:
    match operation:
        case Gate():
            _channel(state, [operation.matrix], operation.qubits)
        case Channel():
            _channel(state, operation.kraus, operation.qubits)
        case Reset():
            _channel(state, [_UP, _LOWER], operation.qubits)
        case Measure():
            _measure(state, operation, noise)
        case Barrier():
            pass
        case _:
            state.data[operation.key] = _saved(state, operation)


def _channel(state: DenseState, kraus: Any, qubits: tuple[int, ...]) -> None:
    operators = [embedded(np.asarray(k), qubits, state.num_qubits) for k in kraus]
    for bits, rho in state.branches.items():
        state.branches[bits] = sum(k @ rho @ k.conj().T for k in operators)


def _measure(state: DenseState, operation: Measure, noise: NoiseModel | None) -> None:
    readout = None if noise is None else noise.readout_for(operation.qubit)
    table = np.eye(2) if readout is None else readout
    branches: dict[int, Any] = defaultdict(lambda: 0)
    for bits, rho in state.branches.items():
        cleared = bits & ~(1 << operation.clbit)
        for prepared, projector in enumerate((_UP, _DOWN)):
            operator = embedded(projector, operation.qubits, state.num_qubits)
            for read in (0, 1):
                if table[prepared, read]:
                    branches[cleared | read << operation.clbit] = (
                        branches[cleared | read << operation.clbit]
                        + table[prepared, read] * operator @ rho @ operator
                    )
    state.branches = dict(branches)


def _saved(state: DenseState, operation: Any) -> Any:
    rho = reduced(state.rho, operation.qubits, state.num_qubits)
    match operation:
        case SaveDensityMatrix():
            return rho
        case SaveProbabilities():
            return np.diag(rho).real.copy()
    assert isinstance(operation, SaveExpectationValue)
    return float(sum(c * np.trace(_string(p) @ rho).real for p, c in operation.paulis))


def _string(paulis: str) -> Matrix:
    matrix = np.eye(1)
    for letter in paulis:
        matrix = np.kron(matrix, _PAULIS[letter])
    return matrix
