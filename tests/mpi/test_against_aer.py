"""Qiskit circuits with Aer's noise on every process grid, against Aer's density matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from aer_reference import aer_data, noise_on, one_qubit_errors, two_qubit_errors, widths_of
from mpi4py import MPI
from qiskit import QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_aer.noise import NoiseModel

from lret_dist import simulate_collectively
from lret_qiskit import NoiseModelImporter
from lret_qiskit.translators import translate_circuit

if TYPE_CHECKING:
    from lret_dist.options import Parallelization

WORLD = MPI.COMM_WORLD
GATES = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if name not in ("measure", "reset", "delay", "global_phase")
}
PARTITIONS = [
    p for p in ("row", "column", "hybrid", "auto") if p != "row" or WORLD.size & WORLD.size - 1 == 0
]


def circuit_of(names: list[str], num_qubits: int, rng: np.random.Generator) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for name in names:
        gate = GATES[name]
        params = rng.uniform(-np.pi, np.pi, len(gate.params))
        wires = rng.permutation(num_qubits)[: gate.num_qubits]
        circuit.append(gate.base_class(*params), wires.tolist())
    return circuit


def assert_equals_aer(
    circuit: QuantumCircuit, noise: NoiseModel, partition: Parallelization, method: str
) -> None:
    circuit.save_density_matrix(label="rho")
    circuit.save_probabilities(label="p")
    # Every MPI rank has built the same circuit and noise from the same seed.
    result = simulate_collectively(
        translate_circuit(circuit),
        NoiseModelImporter.import_noise_model(noise),
        comm=WORLD,
        method=method,
        epsilon=0,
        shots=0,
        parallelization=partition,
    )
    if result is not None:
        exact = aer_data(circuit, noise)
        np.testing.assert_allclose(result.data["rho"], exact["rho"].data, rtol=0, atol=1e-10)
        np.testing.assert_allclose(result.data["p"], exact["p"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("part", range(3))
def test_every_standard_gate_with_noise(partition: Parallelization, part: int, method: str) -> None:
    rng = np.random.default_rng(part)
    circuit = circuit_of(sorted(GATES)[part::3], 5, rng)
    assert_equals_aer(circuit, noise_on(widths_of(circuit), rng), partition, method)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_kind_of_error(partition: Parallelization, method: str) -> None:
    rng = np.random.default_rng(9)
    model = NoiseModel()
    kinds = [*one_qubit_errors(rng), *two_qubit_errors(rng)]
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    for number, error in enumerate(kinds):
        wires = rng.permutation(5)[: error.num_qubits].tolist()
        gate = GATES["rx" if error.num_qubits == 1 else "rzx"]
        circuit.append(gate.base_class(*rng.uniform(-3, 3, 1), label=f"kind{number}"), wires)
        model.add_quantum_error(error, f"kind{number}", wires, warnings=False)
    assert_equals_aer(circuit, model, partition, method)
