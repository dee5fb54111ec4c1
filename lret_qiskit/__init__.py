"""LRET as a Qiskit provider: backends, jobs and noise models of Qiskit Aer.

Example:
    >>> from qiskit import QuantumCircuit
    >>> from lret_qiskit import LRETProvider
    >>> backend = LRETProvider().get_backend("lret_simulator")
    >>> bell = QuantumCircuit(2)
    >>> _ = bell.h(0), bell.cx(0, 1)
    >>> bell.measure_all()
    >>> sorted(backend.run(bell, shots=1000).result().get_counts())
    ['00', '11']
"""

from lret_dist import FactorHandle, LowRankState
from lret_qiskit.backends import LRETBackend
from lret_qiskit.job import LRETJob
from lret_qiskit.library import SaveLRETFactor, to_density_matrix
from lret_qiskit.noise_model_importer import NoiseModelImporter
from lret_qiskit.primitives import LRETEstimator, LRETSampler
from lret_qiskit.provider import LRETProvider

__all__ = [
    "FactorHandle",
    "LRETBackend",
    "LRETEstimator",
    "LRETJob",
    "LRETProvider",
    "LRETSampler",
    "LowRankState",
    "NoiseModelImporter",
    "SaveLRETFactor",
    "to_density_matrix",
]
