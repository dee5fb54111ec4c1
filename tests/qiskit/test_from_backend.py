"""Simulators of devices, beside those of Qiskit Aer."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeSherbrooke

from lret_qiskit import LRETBackend, LRETSampler


@pytest.fixture(scope="module")
def manila() -> FakeManilaV2:
    return FakeManilaV2()


def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(0, 2)
    return circuit


@pytest.mark.parametrize(
    "device", [FakeManilaV2(), GenericBackendV2(4, coupling_map=[[0, 1], [1, 2], [2, 3]], seed=1)]
)
def test_same_state_as_aer(device) -> None:
    """Gates, durations, coupling map and noise are the device's."""
    backend = LRETBackend.from_backend(device, epsilon=0)
    aer = AerSimulator.from_backend(device, method="density_matrix")
    assert backend.name == f"lret_simulator_from({device.name})"
    assert (backend.num_qubits, backend.dt) == (device.num_qubits, device.dt)
    assert set(backend.coupling_map) == set(device.coupling_map)
    circuit = transpile(ghz(), backend, seed_transpiler=1, scheduling_method="alap")
    assert circuit.layout is not None
    circuit.save_density_matrix()
    wanted, found = (
        np.asarray(each.run(circuit, shots=1).result().data(0)["density_matrix"])
        for each in (aer, backend)
    )
    np.testing.assert_allclose(found, wanted, atol=1e-7)
    assert np.abs(found - np.asarray(_pure(circuit))).max() > 1e-3


def _pure(circuit: QuantumCircuit):
    backend = LRETBackend(num_qubits=circuit.num_qubits)
    return backend.run(circuit).result().data(0)["density_matrix"]


@pytest.mark.parametrize("level", range(4))
def test_transpiling_keeps_to_the_device(manila: FakeManilaV2, level: int) -> None:
    backend = LRETBackend.from_backend(manila)
    circuit = ghz()
    circuit.initialize([0, 1], 2)
    circuit.save_density_matrix()
    circuit.measure_all()
    with circuit.while_loop((circuit.clbits[0], 1)), circuit.box():
        circuit.cx(0, 2)
        circuit.measure(0, 0)
    kept = transpile(circuit, backend, optimization_level=level, seed_transpiler=1)
    added = {"save_density_matrix", "while_loop", "barrier"}
    assert set(kept.count_ops()) <= set(manila.operation_names) | added
    edges = set(manila.coupling_map)
    pairs = [tuple(kept.find_bit(q).index for q in each.qubits) for each in kept.data]
    assert {pair for pair in pairs if len(pair) == 2} <= edges


def test_a_noise_model_takes_the_place_of_the_devices(manila: FakeManilaV2) -> None:
    backend = LRETBackend.from_backend(manila, noise_model=None, shots=100)
    circuit = ghz()
    circuit.measure_all()
    counts = backend.run(transpile(circuit, backend)).result().get_counts()
    assert set(counts) <= {"000", "111"}
    assert sum(counts.values()) == 100


@pytest.mark.filterwarnings("ignore:.*(QubitProperties|properties of its qubits)")
def test_a_device_without_errors_has_no_noise() -> None:
    device = GenericBackendV2(3, noise_info=False)
    assert AerSimulator.from_backend(device).options.noise_model is None
    assert LRETBackend.from_backend(device).options.noise_model is None


def test_what_older_tools_ask_for(manila: FakeManilaV2) -> None:
    backend, aer = LRETBackend.from_backend(manila), AerSimulator.from_backend(manila)
    for qubit in range(5):
        wanted = aer.properties().readout_error(qubit)
        assert backend.properties().readout_error(qubit) == wanted
    assert backend.properties().gate_error("cx", [0, 1]) == aer.properties().gate_error(
        "cx", [0, 1]
    )
    assert backend.configuration().coupling_map == aer.configuration().coupling_map
    assert backend.configuration().n_qubits == 5
    backend.set_max_qubits(3)
    assert backend.num_qubits == 5


def test_large_devices_cost_what_is_used() -> None:
    backend = LRETBackend.from_backend(FakeSherbrooke(), seed_simulator=1)
    circuit = ghz()
    circuit.measure_all()
    kept = transpile(circuit, backend, seed_transpiler=1)
    assert kept.num_qubits == 127
    result = backend.run(kept, shots=200).result()
    assert result.results[0].metadata["num_qubits"] == 3
    counts = result.get_counts()
    assert counts["000"] + counts["111"] > 150


def test_options_go_to_the_simulator(manila: FakeManilaV2) -> None:
    assert LRETBackend.from_backend(manila, shots=7).options.shots == 7
    with pytest.raises(AttributeError, match="shoots"):
        LRETBackend.from_backend(manila, shoots=7)


def flips() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1)]), "x")
    return model


@pytest.mark.parametrize("simulator", [AerSimulator, LRETBackend])
@pytest.mark.parametrize("made", [LRETBackend.from_backend, lambda b: LRETSampler(b).backend])
def test_noise_and_options_of_a_simulator(simulator, made) -> None:
    """Without a word: the gates of its target have no calibration to warn of."""
    noise = flips()
    settings = {"method": "density_matrix", "precision": "single", "seed_simulator": 7}
    backend = made(simulator(noise_model=noise, shots=50, **settings))
    assert backend.options.noise_model is noise
    assert settings.items() <= dict(backend.options.items()).items()
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    assert backend.run(circuit).result().get_counts() == {"0": 50}


def test_options_of_a_simulator_that_mean_something_else() -> None:
    aer = AerSimulator(method="statevector", fusion_enable=False, max_parallel_threads=1)
    for backend in (LRETBackend.from_backend(aer), LRETSampler(aer).backend):
        assert dict(backend.options.items()) == dict(LRETBackend().options.items())


@pytest.mark.parametrize("simulator", [AerSimulator, LRETBackend])
def test_options_that_are_given_go_before_those_of_a_simulator(simulator) -> None:
    other = simulator(noise_model=flips(), seed_simulator=7, shots=50)
    backend = LRETBackend.from_backend(other, seed=3, noise_model=None)
    options = backend.options
    assert (options.seed_simulator, options.shots, options.noise_model) == (3, 50, None)


def test_options_of_lret_alone() -> None:
    backend = LRETBackend.from_backend(LRETBackend(epsilon=1e-3, max_rank=4), max_rank=None)
    assert (backend.options.epsilon, backend.options.max_rank) == (1e-3, None)


def test_a_noise_model_that_is_set_on_a_device() -> None:
    device = FakeManilaV2()
    noise = flips()
    device.set_options(noise_model=noise)
    assert LRETBackend.from_backend(device).options.noise_model is noise


@pytest.mark.parametrize("wrong", [None, "fake_manila", FakeManilaV2])
def test_what_is_no_backend(wrong) -> None:
    with pytest.raises(TypeError, match="expected a BackendV2, got "):
        LRETBackend.from_backend(wrong)
