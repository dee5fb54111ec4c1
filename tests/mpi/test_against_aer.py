"""Qiskit circuits with Aer's noise on every process grid, against Aer's density matrices."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

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


class Case:
    """A circuit with noise for all partitions and methods; every MPI rank builds the same one."""

    def __init__(self, circuit: QuantumCircuit, noise: NoiseModel) -> None:
        circuit.save_density_matrix(label="rho")
        circuit.save_probabilities(label="p")
        self._circuit, self._noise = circuit, noise
        self._translated = translate_circuit(circuit)
        self._imported = NoiseModelImporter.import_noise_model(noise)

    @cached_property
    def _exact(self) -> dict[str, Any]:
        return aer_data(self._circuit, self._noise)

    def assert_equals_aer(self, partition: Parallelization, method: str) -> None:
        result = simulate_collectively(
            self._translated,
            self._imported,
            comm=WORLD,
            method=method,
            epsilon=0,
            shots=0,
            parallelization=partition,
        )
        if result is not None:
            rho, p = self._exact["rho"].data, self._exact["p"]
            np.testing.assert_allclose(result.data["rho"], rho, rtol=0, atol=1e-10)
            np.testing.assert_allclose(result.data["p"], p, rtol=0, atol=1e-10)


@cache
def standard_gates(part: int) -> Case:
    rng = np.random.default_rng(part)
    circuit = circuit_of(sorted(GATES)[part::3], 5, rng)
    return Case(circuit, noise_on(widths_of(circuit), rng))


@cache
def every_kind_of_error() -> Case:
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
    return Case(circuit, model)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("part", range(3))
def test_every_standard_gate_with_noise(partition: Parallelization, part: int, method: str) -> None:
    standard_gates(part).assert_equals_aer(partition, method)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_kind_of_error(partition: Parallelization, method: str) -> None:
    every_kind_of_error().assert_equals_aer(partition, method)
