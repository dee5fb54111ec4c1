"""Every family of MQT Bench, as it is made, against Aer."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETBackend

bench = pytest.importorskip("mqt.bench")
benchmarks = pytest.importorskip("mqt.bench.benchmarks")

SHOTS = 4000
#: Numbers of qubits to ask for, of which a family takes the first that suits it.
SIZES = (5, 4, 13, 17)
#: Families of which nothing so small is there.
TOO_LARGE = {"shor"}
NAMES = [name for name in benchmarks.get_available_benchmark_names() if name not in TOO_LARGE]
NOISY = ("ghz", "graphstate", "qft", "grover", "qaoa", "vqe_su2", "wstate", "dj", "randomcircuit")


def made(name: str) -> QuantumCircuit:
    for size in SIZES:
        # What does not suit a family is a ValueError; what Qiskit deprecates, a warning.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return bench.get_benchmark(
                    name, bench.BenchmarkLevel.ALG, size, random_parameters=True
                )
            except ValueError:
                continue
    raise AssertionError(f"{name} has no circuit of {SIZES} qubits")


@pytest.mark.parametrize("name", NAMES)
def test_untranspiled_circuits_have_the_counts_of_aer(name: str) -> None:
    circuit = made(name)
    if "measure" not in circuit.count_ops():
        circuit.measure_all()
    found = LRETBackend().run(circuit, shots=SHOTS, seed_simulator=1).result().get_counts()
    aer = AerSimulator()
    job = aer.run(transpile(circuit, aer, optimization_level=0), shots=SHOTS, seed_simulator=2)
    wanted = job.result().get_counts()
    for bits in set(found) | set(wanted):
        mean = (found.get(bits, 0) + wanted.get(bits, 0)) / 2
        difference = abs(found.get(bits, 0) - wanted.get(bits, 0))
        assert difference <= 5 * np.sqrt(2 * max(mean, 1)), bits


@pytest.mark.parametrize("name", NOISY)
def test_noisy_states_are_those_of_aer(name: str) -> None:
    circuit = made(name)
    circuit.remove_final_measurements()
    basis = ["rz", "sx", "x", "cx"]
    circuit = transpile(circuit, basis_gates=basis, optimization_level=1, seed_transpiler=1)
    circuit.save_density_matrix()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.001, 1), ["sx"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    lret, aer = LRETBackend(epsilon=0), AerSimulator(method="density_matrix")
    results = (each.run(circuit, noise_model=noise, shots=1).result() for each in (lret, aer))
    found, wanted = (np.asarray(each.data(0)["density_matrix"]) for each in results)
    np.testing.assert_allclose(found, wanted, atol=1e-8)
    assert np.trace(found @ found).real < 0.99
