"""The ground state of a hydrogen molecule, found by a noisy variational eigensolver.

The estimator gives energies with a certified error and no sampling noise, so a plain optimizer
works. Run it alone or under ``mpirun -n 2``.
"""

from __future__ import annotations

import numpy as np
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error
from scipy.optimize import minimize

from lret_qiskit import LRETEstimator

#: H2 at its equilibrium distance, on two qubits.
HYDROGEN = SparsePauliOp.from_list(
    [("II", -1.052373), ("IZ", 0.397937), ("ZI", -0.397937), ("ZZ", -0.01128), ("XX", 0.180931)]
)
START = [0.1, -3.0, 0.2, 0.1]


def main() -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    exact = np.linalg.eigvalsh(HYDROGEN.to_matrix())[0]
    print(f"exact ground state energy {exact:.6f}")
    for name, model in (("no noise", None), ("noise of 1 % on each CX", noise)):
        energy, calls = ground_state(LRETEstimator(noise_model=model))
        print(f"{name}: {energy:.6f} after {calls} estimates", flush=True)


def ground_state(estimator: LRETEstimator) -> tuple[float, int]:
    """The least energy found, and how many were estimated."""
    circuit = real_amplitudes(2, reps=1)

    def energy(angles: np.ndarray) -> float:
        result = estimator.run([(circuit, HYDROGEN, angles)]).result()
        return float(result[0].data.evs)

    found = minimize(energy, START, method="COBYLA", options={"maxiter": 200})
    return float(found.fun), int(found.nfev)


if __name__ == "__main__":
    main()
