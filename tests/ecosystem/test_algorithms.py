"""qiskit-algorithms on LRET's primitives."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETEstimator, LRETSampler

algorithms = pytest.importorskip("qiskit_algorithms")

# It makes circuits of Qiskit's classes that are deprecated since 2.1.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:The (class|method) ``qiskit\.circuit\.library:DeprecationWarning",
    r"ignore:``qiskit\.circuit\.quantumcircuit\.QuantumCircuit\.mcx:DeprecationWarning",
)

HYDROGEN = SparsePauliOp.from_list(
    [("II", -1.052373), ("IZ", 0.397937), ("ZI", -0.397937), ("ZZ", -0.01128), ("XX", 0.180931)]
)
CX_ERROR = 0.01


def noise_model() -> NoiseModel:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(CX_ERROR, 2), ["cx"])
    return noise


def test_vqe_finds_the_least_energy() -> None:
    """Noise on the only CX mixes the state with the maximally mixed one, whose energy is II's."""
    exact = np.linalg.eigvalsh(HYDROGEN.to_matrix())[0]
    mixed = HYDROGEN.coeffs[0].real
    for noise, least in (
        (None, exact),
        (noise_model(), (1 - CX_ERROR) * exact + CX_ERROR * mixed),
    ):
        vqe = algorithms.VQE(
            LRETEstimator(noise_model=noise),
            real_amplitudes(2, reps=1),
            algorithms.optimizers.SLSQP(maxiter=100),
            initial_point=[0.1, -3.0, 0.2, 0.1],
        )
        assert vqe.compute_minimum_eigenvalue(HYDROGEN).eigenvalue == pytest.approx(least, abs=1e-5)


def test_gradients_of_a_noisy_state() -> None:
    """⟨Z⟩ of RY(x) and a CX is (1 - p) cos x."""
    from qiskit.circuit import Parameter
    from qiskit_algorithms.gradients import ParamShiftEstimatorGradient

    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("x"), 0)
    circuit.cx(0, 1)
    gradient = ParamShiftEstimatorGradient(LRETEstimator(noise_model=noise_model()))
    found = gradient.run([circuit] * 3, [SparsePauliOp("IZ")] * 3, [[0.1], [0.7], [2.0]]).result()
    wanted = -(1 - CX_ERROR) * np.sin([0.1, 0.7, 2.0])
    np.testing.assert_allclose(np.ravel(found.gradients), wanted, atol=1e-9)


def test_qaoa_finds_the_largest_cut() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    cost = SparsePauliOp.from_sparse_list([("ZZ", e, 0.5) for e in edges], num_qubits=4)
    qaoa = algorithms.QAOA(
        LRETSampler(seed=1, default_shots=1000, noise_model=noise_model()),
        algorithms.optimizers.COBYLA(maxiter=25),
        reps=1,
        initial_point=[0.5, 0.5],
    )
    with pytest.warns(UserWarning, match="noise on 'cx' acts nowhere"):
        found = qaoa.compute_minimum_eigenvalue(cost)
    # Four of the five edges are cut by {0, 2} against {1, 3}.
    assert found.best_measurement["bitstring"] in ("0101", "1010")
    assert found.eigenvalue < -0.5


def test_grover_finds_what_the_oracle_marks() -> None:
    """Two iterations on three qubits find it with sin²(5 asin(8^-1/2)) = 0.9453."""
    oracle = QuantumCircuit(3)
    oracle.ccz(0, 1, 2)
    problem = algorithms.AmplificationProblem(oracle, is_good_state=["111"])
    shots = 4000
    sampler = LRETSampler(seed=1, default_shots=shots)
    found = algorithms.Grover(sampler=sampler, iterations=2).amplify(problem)
    assert found.top_measurement == "111"
    wanted = np.sin(5 * np.arcsin(8**-0.5)) ** 2
    spread = np.sqrt(wanted * (1 - wanted) / shots)
    assert found.max_probability == pytest.approx(wanted, abs=4 * spread)
