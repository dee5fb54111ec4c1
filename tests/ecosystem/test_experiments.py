"""qiskit-experiments measures the noise that was put in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETBackend

library = pytest.importorskip("qiskit_experiments.library")

pytestmark = pytest.mark.filterwarnings(
    "ignore:The SamplerV2 class is deprecated:DeprecationWarning"
)


def run(experiment: Any, **options: Any) -> dict[str, Any]:
    """What an experiment's analysis finds, by name."""
    experiment.set_run_options(**options)
    data = experiment.run()
    data.block_for_results()
    assert not data.errors()
    return {row.name: row for row in data.analysis_results(dataframe=True).itertuples()}


def gates_with_noise(qubits: int, width: int, error: float, names: list[str]) -> LRETBackend:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(error, width), names)
    basis = ["rz", "sx", "x", "cx"][: 3 if qubits == 1 else 4]
    return LRETBackend(num_qubits=qubits, basis_gates=basis, noise_model=noise)


def test_randomized_benchmarking_finds_the_error_per_gate() -> None:
    """A depolarizing probability p loses p / 2 of the fidelity of a gate on one qubit."""
    error = 0.005
    backend = gates_with_noise(1, 1, error, ["sx", "x"])
    lengths = [1, 20, 60, 120, 200, 300]
    experiment = library.StandardRB([0], lengths, num_samples=5, seed=1, backend=backend)
    results = run(experiment, shots=2000, seed_simulator=5)
    for gate in ("sx", "x"):
        found = results[f"EPG_{gate}"].value
        assert found.std_dev < 0.1 * found.nominal_value
        assert found.nominal_value == pytest.approx(error / 2, abs=4 * found.std_dev)
    compiled = experiment._transpiled_circuits()
    noisy = sum(each.count_ops().get(name, 0) for each in compiled for name in ("sx", "x"))
    cliffords = sum(each.metadata["xval"] + 1 for each in compiled)
    found = results["EPC"].value
    wanted = error / 2 * noisy / cliffords
    assert found.nominal_value == pytest.approx(wanted, abs=4 * found.std_dev)


@pytest.mark.parametrize("qubit", [0, 1])
def test_relaxation_finds_the_time_of_the_device(qubit: int) -> None:
    device = GenericBackendV2(2, noise_info=True, seed=3)
    time = device.target.qubit_properties[qubit].t1
    backend = LRETBackend.from_backend(device)
    experiment = library.T1([qubit], np.linspace(0, 3 * time, 12), backend=backend)
    found = run(experiment, shots=4000, seed_simulator=1)["T1"].value
    assert found.std_dev < 0.04 * time
    assert found.nominal_value == pytest.approx(time, abs=4 * found.std_dev)


@pytest.mark.parametrize(("error", "volume"), [(0.001, 16), (0.1, 1)])
def test_quantum_volume_of_a_good_and_of_a_bad_device(error: float, volume: int) -> None:
    """Four qubits: on an odd number the analysis counts circuits with an idle qubit as failed."""
    backend = gates_with_noise(4, 2, error, ["cx"])
    experiment = library.QuantumVolume(range(4), trials=100, seed=1, backend=backend)
    results = run(experiment, shots=200, seed_simulator=5)
    assert results["quantum_volume"].value == volume
    spread = 0.5 / np.sqrt(100 * 200)
    wanted = heavy_outputs(experiment, backend.options.noise_model)
    assert results["mean_HOP"].value.nominal_value == pytest.approx(wanted, abs=4 * spread)


def heavy_outputs(experiment: Any, noise: NoiseModel) -> float:
    """The share of heavy outputs in Aer's density matrices of the same compiled circuits."""
    shares, circuits = [], experiment._transpiled_circuits()
    for circuit in circuits:
        circuit.remove_final_measurements()
        circuit.save_probabilities()
    aer = AerSimulator(method="density_matrix", noise_model=noise)
    result = aer.run(circuits, shots=1).result()
    for number, circuit in enumerate(circuits):
        ideal = np.asarray(circuit.metadata["ideal_probabilities"])
        shares.append(result.data(number)["probabilities"][ideal > np.median(ideal)].sum())
    return float(np.mean(shares))
