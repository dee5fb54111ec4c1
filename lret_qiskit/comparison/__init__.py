"""Comparison of LRET with Qiskit Aer on a circuit of the user's own.

Example:
    >>> from qiskit import QuantumCircuit
    >>> from lret_qiskit.comparison import compare_with_aer
    >>> bell = QuantumCircuit(2)
    >>> _ = bell.h(0), bell.cx(0, 1)
    >>> found = compare_with_aer(bell, repeats=1)
    >>> found.trace_distance < 1e-6
    True
"""

from lret_qiskit.comparison.compare import MOST_MATRIX_QUBITS, compare_with_aer
from lret_qiskit.comparison.records import (
    Comparison,
    CountsDistance,
    RunEndedError,
    RunFailedError,
    SimulatorRuns,
)

__all__ = [
    "MOST_MATRIX_QUBITS",
    "Comparison",
    "CountsDistance",
    "RunEndedError",
    "RunFailedError",
    "SimulatorRuns",
    "compare_with_aer",
]
