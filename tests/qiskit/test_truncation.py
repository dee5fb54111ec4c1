"""Sampled runs through Qiskit, with the noise of real devices, against Qiskit Aer."""

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeTorino

from lret_qiskit import LRETBackend

QUBITS = 5


@pytest.fixture(scope="module", params=[FakeManilaV2, FakeTorino])
def device(request: pytest.FixtureRequest):
    return request.param()


def compiled(device) -> QuantumCircuit:
    """A variational circuit on the first qubits of a chain of the device."""
    circuit = efficient_su2(QUBITS, reps=3, entanglement="linear")
    rng = np.random.default_rng(2)
    circuit = circuit.assign_parameters(rng.uniform(-np.pi, np.pi, circuit.num_parameters))
    return transpile(circuit, device, optimization_level=1, seed_transpiler=3)


def with_values(circuit: QuantumCircuit) -> list[str]:
    """Save expectation values of the qubits in use."""
    qubits = sorted({circuit.find_bit(q).index for each in circuit.data for q in each.qubits})
    strings = ["ZIIII", "IZZII", "XYXYX", "IYZXI", "ZZZZZ", "IIIIX"]
    for string in strings:
        circuit.save_expectation_value(SparsePauliOp(string), qubits, label=string)
    circuit.save_probabilities(qubits[:3], label="p")
    return strings


def test_device_noise_within_the_standard_errors(device) -> None:
    circuit, noise = compiled(device), NoiseModel.from_backend(device)
    strings = with_values(circuit)
    backend = LRETBackend(num_qubits=133, noise_model=noise, shots=0)
    result = backend.run(circuit, standard_error=2e-3, seed_simulator=5).result()
    metadata, exact = result.results[0].metadata, aer_data(circuit, noise)
    assert metadata["truncation"] == "unbiased"
    assert metadata["truncation_error"] is None
    assert 0 < metadata["standard_error"] <= 2.6e-3
    errors = metadata["standard_errors"]
    for string in strings:
        assert abs(result.data(0)[string] - exact[string]) <= 5 * errors[string] + 1e-6
    assert (np.abs(result.data(0)["p"] - exact["p"]) <= 5 * errors["p"] + 1e-6).all()


def test_counts_of_a_device_circuit(device) -> None:
    circuit, noise = compiled(device), NoiseModel.from_backend(device)
    circuit.measure_active()
    shots = 100_000
    backend = LRETBackend(num_qubits=133, noise_model=noise, shots=shots, seed_simulator=1)
    sampled = backend.run(circuit, truncation="unbiased").result().get_counts()
    certified = backend.run(circuit, truncation="certified", epsilon=0).result().get_counts()
    assert sum(sampled.values()) == shots
    for bits in certified.keys() | sampled.keys():
        both = np.array([sampled.get(bits, 0), certified.get(bits, 0)])
        assert abs(both[0] - both[1]) <= 6 * np.sqrt(both.sum() + 1)


def test_rank_history_is_listed_on_request() -> None:
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.h(qubit)
        circuit.cx(qubit, (qubit + 1) % 3)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    backend = LRETBackend(noise_model=noise, shots=0, method="low_rank")
    assert "rank_history" not in backend.run(circuit).result().results[0].metadata
    metadata = backend.run(circuit, rank_history=True).result().results[0].metadata
    history = metadata["rank_history"]
    assert history["ranks"][-1] == metadata["final_rank"]
    assert {len(values) for values in history.values()} == {len(history["steps"])}
    with pytest.raises(TypeError, match="rank_history must be True or False"):
        backend.run(circuit, rank_history=3)


def test_method_of_aer_that_is_not_known() -> None:
    with pytest.raises(ValueError, match="method must be one of automatic, low_rank, density_mat"):
        LRETBackend().run(QuantumCircuit(1), method="matrix_product_state")
