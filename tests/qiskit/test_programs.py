"""Programs that users write, from the first line to the counts."""

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import QFT, EfficientSU2, efficient_su2
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETBackend, LRETProvider, NoiseModelImporter


def test_bell_pair(bell: QuantumCircuit) -> None:
    backend = LRETProvider().get_backend("lret_simulator")
    counts = backend.run(bell, shots=1000).result().get_counts()
    assert counts.keys() == {"00", "11"}
    assert sum(counts.values()) == 1000
    assert 380 < counts["00"] < 620


def test_three_circuits_in_one_job(bell: QuantumCircuit) -> None:
    backend = LRETProvider().get_backend()
    zero, one = QuantumCircuit(1, 1, name="zero"), QuantumCircuit(1, 1, name="one")
    zero.measure(0, 0)
    one.x(0)
    one.measure(0, 0)
    result = backend.run(transpile([zero, one, bell], backend), shots=10).result()
    assert len(result.results) == 3
    assert result.get_counts("zero") == {"0": 10}
    assert result.get_counts("one") == {"1": 10}


def test_parameterized_circuit() -> None:
    backend = LRETProvider().get_backend("lret_simulator_accurate")
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.save_expectation_value(SparsePauliOp(["Z"]), [0])
    angles = np.linspace(0, np.pi, 5)
    result = backend.run([circuit.assign_parameters([a]) for a in angles], shots=0).result()
    values = [result.data(i)["expectation_value"] for i in range(5)]
    np.testing.assert_allclose(values, np.cos(angles), atol=1e-10)


@pytest.mark.filterwarnings("ignore:The class")
@pytest.mark.parametrize("transpiled", [False, True])
def test_fourier_transform(backend: LRETBackend, transpiled: bool) -> None:
    circuit = QuantumCircuit(4)
    circuit.x([0, 2])
    circuit.append(QFT(4), range(4))
    expected = Statevector(circuit).probabilities()
    circuit.save_probabilities()
    if transpiled:
        circuit = transpile(circuit, backend)
    data = backend.run(circuit, shots=0).result().data(0)
    np.testing.assert_allclose(data["probabilities"], expected, atol=1e-10)


@pytest.mark.filterwarnings("ignore:The class")
@pytest.mark.parametrize("make", [EfficientSU2, efficient_su2])
def test_efficient_su2(backend: LRETBackend, make) -> None:
    ansatz = make(4, reps=2)
    circuit = ansatz.assign_parameters(np.linspace(0, 3, ansatz.num_parameters))
    expected = Operator(circuit).data[:, 0]
    circuit.save_density_matrix()
    rho = backend.run(circuit, shots=0).result().data(0)["density_matrix"].data
    np.testing.assert_allclose(rho, np.outer(expected, expected.conj()), atol=1e-10)


def ghz(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def test_ghz_without_noise() -> None:
    circuit = ghz(10)
    circuit.measure_all()
    result = LRETProvider().get_backend().run(circuit, shots=500).result()
    assert result.get_counts().keys() == {"0" * 10, "1" * 10}
    metadata = result.results[0].metadata
    assert metadata["final_rank"] == 1
    assert metadata["truncation_error"] <= 1e-4


@pytest.mark.parametrize("imported", [False, True])
def test_ghz_with_noise(imported: bool) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-3, 1), "h")
    model.add_all_qubit_quantum_error(depolarizing_error(1e-2, 2), "cx")
    circuit = ghz(5)
    circuit.save_probabilities()
    noise = NoiseModelImporter.import_noise_model(model) if imported else model
    backend = LRETProvider().get_backend("lret_simulator_accurate")
    result = backend.run(circuit, noise_model=noise, shots=0).result()
    expected = aer_data(circuit, model)["probabilities"]
    np.testing.assert_allclose(result.data(0)["probabilities"], expected, atol=1e-6)
    assert result.results[0].metadata["final_rank"] > 1


def test_primitives_of_qiskit(bell: QuantumCircuit) -> None:
    backend = LRETProvider().get_backend()
    (sampled,) = BackendSamplerV2(backend=backend).run([bell], shots=100).result()
    assert sampled.data.meas.get_counts().keys() == {"00", "11"}
    estimator = BackendEstimatorV2(backend=backend)
    (estimated,) = estimator.run([(ghz(2), SparsePauliOp(["ZZ", "XX"]))]).result()
    assert estimated.data.evs == pytest.approx(2)
