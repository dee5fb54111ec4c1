"""Sampled counts agree with exact probabilities; a test at 1e-6 fails once in a million runs."""

from __future__ import annotations

import numpy as np
import pytest
from aer_reference import one_qubit_errors, simulator, two_qubit_errors
from dense_reference import evolve
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error, reset_error
from scipy.stats import chi2, chi2_contingency

from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.translators import translate_circuit

SHOTS = 20_000


def assert_sampled_from(counts: dict[int, int], probabilities: dict[int, float]) -> None:
    """Pearson's chi-square; rare outcomes are put together into one."""
    bits = set(counts) | set(probabilities)
    seen = np.array([counts.get(b, 0) for b in bits], dtype=float)
    expected = np.array([probabilities.get(b, 0.0) for b in bits]) * sum(counts.values())
    assert not seen[expected < 1e-9].any()
    rare = expected < 10
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 1:
        seen, expected = seen[:-1], expected[:-1]
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < chi2.isf(1e-6, max(1, len(expected) - 1))


def assert_counts_agree(circuit: QuantumCircuit, model: NoiseModel | None = None) -> None:
    result = (
        LRETBackend(epsilon=0)
        .run(circuit, noise_model=model, shots=SHOTS, seed_simulator=11)
        .result()
    )
    noise = None if model is None else NoiseModelImporter.import_noise_model(model)
    exact = evolve(translate_circuit(circuit), noise).probabilities
    counts = {int(bits, 16): times for bits, times in result.data(0)["counts"].items()}
    assert_sampled_from(counts, exact)


def assert_counts_agree_with_aer(circuit: QuantumCircuit, model: NoiseModel) -> None:
    """Two samples of one distribution: chi-square of the contingency table."""
    ours = LRETBackend(epsilon=0).run(circuit, noise_model=model, shots=SHOTS, seed=12)
    theirs = simulator().run(circuit, noise_model=model, shots=SHOTS, seed_simulator=13)
    samples = [job.result().get_counts() for job in (ours, theirs)]
    outcomes = sorted(set(samples[0]) | set(samples[1]))
    table = np.array([[sample.get(bits, 0) for bits in outcomes] for sample in samples])
    table = table[:, table.sum(axis=0) >= 20]
    assert chi2_contingency(table).pvalue > 1e-6


def readout_model() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.25, 0.75]])
    model.add_readout_error([[0.7, 0.3], [0.05, 0.95]], [1])
    return model


def test_noisy_circuit() -> None:
    rng = np.random.default_rng(1)
    model = readout_model()
    model.add_all_qubit_quantum_error(one_qubit_errors(rng)[5], ["h", "ry"])
    model.add_all_qubit_quantum_error(two_qubit_errors(rng)[4], "cx")
    circuit = QuantumCircuit(4, 4)
    for layer in range(3):
        for qubit in range(4):
            circuit.ry(0.3 + layer + qubit, qubit)
        circuit.cx(layer, layer + 1)
    circuit.h(0)
    circuit.measure(range(4), [2, 0, 3, 1])
    assert_counts_agree(circuit, model)


def test_readout_error_is_read_as_prepared_by_read() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.x([1, 2])
    circuit.measure(range(3), range(3))
    assert_counts_agree(circuit, readout_model())


def test_one_qubit_measured_into_several_bits() -> None:
    circuit = QuantumCircuit(2, 4)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.measure(0, 3)
    circuit.measure(1, 1)
    assert_counts_agree(circuit, readout_model())


def test_measurements_in_the_middle() -> None:
    model = readout_model()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "measure")
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    circuit.reset(1)
    circuit.measure([0, 1], [2, 1])
    assert_counts_agree(circuit, model)


def test_readout_error_of_two_qubits_acts_nowhere_as_in_aer() -> None:
    model = readout_model()
    model.add_readout_error(ReadoutError(np.eye(4)[::-1]), [0, 1])
    circuit = QuantumCircuit(2, 2)
    circuit.ry(0.7, [0, 1])
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    with pytest.warns(UserWarning, match=r"readout error on qubits \(0, 1\) acts nowhere"):
        assert_counts_agree_with_aer(circuit, model)


def test_readout_and_measurement_errors_agree_with_aer() -> None:
    model = readout_model()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.3), ("I", 0.7)]), "measure")
    model.add_quantum_error(reset_error(0.2), "measure", [2])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "h")
    circuit = QuantumCircuit(3, 4)
    circuit.x(1)
    circuit.h(2)
    circuit.measure([0, 1, 2], [2, 0, 3])
    circuit.h(0)
    circuit.measure(0, 1)
    assert_counts_agree_with_aer(circuit, model)


@pytest.mark.parametrize("shots", [0, 1, 100])
def test_saves_are_exact_averages_over_all_outcomes(shots: int) -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(0.7, 0)
    circuit.save_probabilities([0], label="before")
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_density_matrix()
    result = LRETBackend(epsilon=0).run(circuit, shots=shots).result()
    exact = evolve(translate_circuit(circuit))
    np.testing.assert_allclose(result.data(0)["density_matrix"].data, exact.rho, atol=1e-10)
    np.testing.assert_allclose(result.data(0)["before"], exact.data["before"], atol=1e-10)
    assert sum(result.data(0).get("counts", {}).values()) == shots
