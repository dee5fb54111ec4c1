"""QAOA for the largest cut of a graph, with errors mitigated by zero-noise extrapolation (mitiq).

    pip install "mitiq>=1.1" ply
    python examples/qaoa_mitiq.py
    mpirun -n 2 python examples/qaoa_mitiq.py

The angles are found on a noisy simulator of a device. Then mitiq stretches the noise, by gates that
undo each other, and extrapolates the cut to no noise; all stretched circuits are one job of LRET.
Prints the largest cut, and the average cut without noise, with noise, and mitigated.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from mitiq import Executor
from mitiq.zne import execute_with_zne
from mitiq.zne.inference import RichardsonFactory
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error
from scipy.optimize import minimize

from lret_qiskit import LRETEstimator

#: A prism: two triangles, and an edge from each corner of one to the other.
EDGES = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)]
QUBITS = 6
START = [0.6, 0.4]
CX_ERROR = 0.01
#: Each gate becomes so many that do the same: odd numbers, so that all noise is stretched alike.
SCALES = [1, 3, 5]


def main() -> None:
    # From here on the other MPI ranks, if there are any, work for MPI rank 0.
    pure, noisy = LRETEstimator(), LRETEstimator(noise_model=noise_model())
    circuit = qaoa(best_angles(noisy))

    # The type of what it returns tells mitiq that it takes many circuits at once.
    def noisy_cuts(circuits: list[QuantumCircuit]) -> list[float]:
        return cuts(noisy, circuits)

    mitigated = execute_with_zne(circuit, Executor(noisy_cuts), factory=RichardsonFactory(SCALES))
    print(f"largest cut     {largest_cut()}")
    print(f"without noise   {cuts(pure, [circuit])[0]:.4f}")
    print(f"with noise      {cuts(noisy, [circuit])[0]:.4f}")
    print(f"mitigated       {mitigated:.4f}")


def best_angles(estimator: LRETEstimator) -> np.ndarray:
    """The angles of the largest average cut."""

    def cost(angles: np.ndarray) -> float:
        return -cuts(estimator, [qaoa(angles)])[0]

    return minimize(cost, START, method="COBYLA", options={"maxiter": 40, "tol": 1e-3}).x


def qaoa(angles: np.ndarray) -> QuantumCircuit:
    """One layer: a phase for each edge that is cut, then a turn of every qubit."""
    gamma, beta = map(float, angles)
    circuit = QuantumCircuit(QUBITS)
    circuit.h(range(QUBITS))
    for one, other in EDGES:
        circuit.cx(one, other)
        circuit.rz(-gamma, other)
        circuit.cx(one, other)
    circuit.rx(2 * beta, range(QUBITS))
    return circuit


def cuts(estimator: LRETEstimator, circuits: list[QuantumCircuit]) -> list[float]:
    """The average number of edges that are cut, for each circuit."""
    pairs = [("ZZ", edge, -0.5) for edge in EDGES]
    cut = SparsePauliOp.from_sparse_list([*pairs, ("", [], len(EDGES) / 2)], num_qubits=QUBITS)
    result = estimator.run([(circuit, cut) for circuit in circuits]).result()
    return [float(each.data.evs) for each in result]


def largest_cut() -> int:
    """The largest cut, by trying them all."""
    sides = product((0, 1), repeat=QUBITS)
    return max(sum(side[one] != side[other] for one, other in EDGES) for side in sides)


def noise_model() -> NoiseModel:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(CX_ERROR, 2), ["cx"])
    return noise


if __name__ == "__main__":
    main()
