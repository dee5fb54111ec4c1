"""From Qiskit to LRET's plain data and back."""

from lret_qiskit.translators.circuits import translate_circuit
from lret_qiskit.translators.quantum_errors import error_kraus, error_width
from lret_qiskit.translators.results import Experiment, LRETResult, build_result

__all__ = [
    "Experiment",
    "LRETResult",
    "build_result",
    "error_kraus",
    "error_width",
    "translate_circuit",
]
