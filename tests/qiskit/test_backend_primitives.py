"""Qiskit's own primitives for backends, on LRET's backend."""

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from lret_qiskit import LRETBackend

SHOTS = 10_000
FLIPS = 0.04


@pytest.fixture
def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return model


def rotations() -> QuantumCircuit:
    """Three qubits with an angle each, without measurements."""
    angles = ParameterVector("t", 3)
    circuit = QuantumCircuit(QuantumRegister(3, "q"))
    for qubit in range(3):
        circuit.ry(angles[qubit], qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    return circuit


VALUES = np.random.default_rng(8).uniform(-3, 3, (2, 3))


def test_sampler_with_registers_parameters_and_noise(noise: NoiseModel) -> None:
    noise.add_all_qubit_readout_error(ReadoutError([[1 - FLIPS, FLIPS], [FLIPS, 1 - FLIPS]]))
    circuit = rotations()
    low, high = ClassicalRegister(2, "low"), ClassicalRegister(1, "high")
    circuit.add_register(low, high)
    circuit.measure([0, 1, 2], [high[0], low[0], low[1]])
    sampler = BackendSamplerV2(
        backend=LRETBackend(noise_model=noise), options={"seed_simulator": 3}
    )
    data = sampler.run([(circuit, VALUES)], shots=SHOTS).result()[0].data
    assert (data.low.shape, data.low.num_bits, data.high.num_bits) == ((2,), 2, 1)
    for number, values in enumerate(VALUES):
        state = rotations().assign_parameters(values)
        for name, qubit in (("IIZ", 0), ("IZI", 1), ("ZII", 2)):
            state.save_expectation_value(SparsePauliOp("Z"), [qubit], label=name)
        expected = aer_data(state, noise)
        means = np.array([expected["IIZ"], expected["IZI"], expected["ZII"]]) * (1 - 2 * FLIPS)
        lows = data.low[number].to_bool_array()[:, ::-1]
        bits = np.column_stack([data.high[number].to_bool_array(), lows])
        spread = np.sqrt((1 - means**2) / SHOTS)
        assert (np.abs(1 - 2 * bits.mean(axis=0) - means) <= 5 * spread).all()


def test_estimator_with_parameters_and_noise(noise: NoiseModel) -> None:
    observables = [[SparsePauliOp(["ZZI", "IXX"], [1.0, 0.5])], ["IYY"], ["ZII"]]
    estimator = BackendEstimatorV2(
        backend=LRETBackend(noise_model=noise), options={"seed_simulator": 5}
    )
    result = estimator.run([(rotations(), observables, VALUES)], precision=0.02).result()[0]
    assert result.data.evs.shape == (3, 2)
    for number, values in enumerate(VALUES):
        state = rotations().assign_parameters(values)
        for row, (observable,) in enumerate(observables):
            state.save_expectation_value(SparsePauliOp(observable), range(3), label=str(row))
        expected = aer_data(state, noise)
        for row in range(3):
            error = abs(result.data.evs[row, number] - expected[str(row)])
            # Turning the basis takes gates, which have no noise here.
            assert error <= 5 * result.data.stds[row, number] + 1e-3


def test_more_circuits_than_a_job_used_to_take() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.ry(ParameterVector("t", 1)[0], 0)
    circuit.measure(0, 0)
    values = np.pi * (np.arange(310) % 2)[:, None]
    data = (
        BackendSamplerV2(backend=LRETBackend()).run([(circuit, values)], shots=1).result()[0].data
    )
    np.testing.assert_array_equal(data.c.array[:, 0, 0], np.arange(310) % 2)
