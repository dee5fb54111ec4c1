"""The ground state of the hydrogen molecule, by a variational eigensolver with a noisy estimator.

    python examples/vqe.py
    mpirun -n 2 python examples/vqe.py

Two atoms at their equilibrium distance of 0.735 Å, on two qubits. The estimator gives energies with
a certified error and no sampling noise, so a plain optimizer finds the minimum. Prints the exact
energy, the one that is found without noise, and the one that is found when every CX has an error:
how far a device of that quality stays from chemical accuracy, 1.6 mHa.
"""

from __future__ import annotations

import numpy as np
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error
from scipy.optimize import minimize

from lret_qiskit import LRETEstimator

#: Electrons of H2 in Hartree: STO-3G orbitals, parity mapping, and two qubits saved by symmetry, as
#: in A. Kandala et al., Nature 549, 242 (2017). The numbers are those of PySCF and Qiskit Nature.
ELECTRONS = SparsePauliOp.from_list(
    [
        ("II", -1.052373245772859),
        ("IZ", 0.39793742484318045),
        ("ZI", -0.39793742484318045),
        ("ZZ", -0.01128010425623538),
        ("XX", 0.18093119978423156),
    ]
)
BOHR = 0.529177210903  # Å
#: Repulsion of the two nuclei in Hartree.
NUCLEI = BOHR / 0.735
CX_ERROR = 0.01
START = [0.1, -3.0, 0.2, 0.1]


def main() -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(CX_ERROR, 2), ["cx"])
    # From here on the other MPI ranks, if there are any, work for MPI rank 0.
    estimators = {
        "no noise": LRETEstimator(),
        f"{CX_ERROR:.0%} noise on CX": LRETEstimator(noise_model=noise),
    }
    exact = np.linalg.eigvalsh(ELECTRONS.to_matrix())[0] + NUCLEI
    print(f"exact                {exact:.6f} Ha")
    for name, estimator in estimators.items():
        energy, estimates = ground_state(estimator)
        print(
            f"{name:<20} {energy:.6f} Ha, {1000 * (energy - exact):.2f} mHa above, "
            f"after {estimates} estimates",
            flush=True,
        )


def ground_state(estimator: LRETEstimator) -> tuple[float, int]:
    """The least energy found, and how many were estimated."""
    circuit = real_amplitudes(2, reps=1)

    def energy(angles: np.ndarray) -> float:
        result = estimator.run([(circuit, ELECTRONS, angles)]).result()
        return float(result[0].data.evs) + NUCLEI

    found = minimize(energy, START, method="COBYLA", options={"maxiter": 200})
    return float(found.fun), int(found.nfev)


if __name__ == "__main__":
    main()
