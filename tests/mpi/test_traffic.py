"""What is counted is what the model says, on every partition; every MPI rank takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from mpi4py import MPI
from random_circuits import (
    add_saves,
    amplitude_damping,
    brick_wall,
    brick_wall_noise,
    fourier_transform,
    pauli_noise,
    random_circuit,
)

from lret_dist import Circuit, simulate_collectively
from lret_dist.programs.fusion import fuse

if TYPE_CHECKING:
    from lret_dist.options import Parallelization

WORLD = MPI.COMM_WORLD
POWER_OF_TWO = WORLD.size & (WORLD.size - 1) == 0
PARTITIONS = [p for p in ("row", "column", "hybrid") if p != "row" or POWER_OF_TWO]


def variational(num_qubits: int) -> Circuit:
    rng = np.random.default_rng(1)
    circuit = Circuit(num_qubits)
    for _ in range(4):
        for qubit in range(num_qubits):
            circuit.gate("ry", [qubit], rng.uniform(-3, 3))
        for qubit in range(num_qubits):
            pair = [qubit, (qubit + 1) % num_qubits]
            circuit.gate("cz", pair).channel(pauli_noise(rng, 2, 2e-3), pair)
    return circuit.save_expectation_value({"X" * num_qubits: 1.0})


def damped_fourier(num_qubits: int) -> Circuit:
    circuit = Circuit(num_qubits)
    for gate in fourier_transform(num_qubits):
        circuit.append(gate).channel(amplitude_damping(2e-3), gate.qubits[-1:])
    return circuit.save_probabilities()


CIRCUITS = {
    "random": brick_wall_noise(1e-4, 2e-3).bind(brick_wall(9, 10)).measure_all(),
    "fourier": damped_fourier(9),
    "variational": variational(9),
}


@pytest.mark.skipif(WORLD.size == 1, reason="one MPI rank sends nothing")
@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_counted_bytes_are_those_of_the_model(
    name: str, method: str, partition: Parallelization
) -> None:
    options = {"method": method, "epsilon": 1e-2, "truncation": "certified"}
    circuit = CIRCUITS[name]
    result = simulate_collectively(circuit, comm=WORLD, parallelization=partition, **options)
    if result is None:
        return
    facts = result.metadata.communication
    counted = sum(facts["bytes"])
    # A density matrix on one MPI rank leaves the others a few words.
    assert facts["modelled_bytes"] == pytest.approx(counted, rel=0.05, abs=100)
    for purpose, number in facts["bytes_by_purpose"].items():
        modelled = facts["modelled_bytes_by_purpose"][purpose]
        assert modelled == pytest.approx(number, rel=0.05, abs=0.01 * counted + 100)
    assert facts["modelled_messages"] == pytest.approx(sum(facts["messages"]), rel=0.3)
    if method == "density_matrix":
        assert facts["predicted"]["bytes"] == pytest.approx(counted, rel=0.05, abs=100)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_what_is_known_beforehand_is_predicted_exactly(partition: Parallelization) -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(64, 8)) + 1j * rng.normal(size=(64, 8))
    columns /= np.linalg.norm(columns)
    circuit = brick_wall(6, 8, seed=2)
    options = {"initial_state": columns, "parallelization": partition, "method": "low_rank"}
    result = simulate_collectively(circuit, comm=WORLD, shots=0, **options)
    if result is not None:
        facts = result.metadata.communication
        assert facts["predicted"]["bytes"] == sum(facts["bytes"])
        assert facts["predicted"]["rank"] == result.metadata.max_rank == 8


@pytest.mark.skipif(WORLD.size == 1 or not POWER_OF_TWO, reason="needs rows on several MPI ranks")
def test_few_bytes_against_an_exchange_for_every_distributed_gate() -> None:
    circuit = brick_wall(16, 20, seed=4)
    options = {"parallelization": "row", "method": "low_rank"}
    result = simulate_collectively(circuit, comm=WORLD, shots=0, **options)
    if result is None:
        return
    program, row_bits = fuse(circuit), WORLD.size.bit_length() - 1
    distributed = [
        sum(qubit >= 16 - row_bits for qubit in step.mixed_qubits) for step in program.steps
    ]
    # A gate with k qubits on distributed bits moves all but 2**-k of the state.
    every_gate = sum((1 - 0.5**bits) * (16 << 16) for bits in distributed)
    assert every_gate >= 3 * result.metadata.communication["bytes_by_purpose"]["exchange"]


@pytest.mark.parametrize("partition", PARTITIONS)
def test_sampled_runs_count_too(partition: Parallelization) -> None:
    rng = np.random.default_rng(3)
    circuit = add_saves(random_circuit(rng, 5, 30), rng)
    options = {"truncation": "unbiased", "resolution": 2e-3, "parallelization": partition}
    result = simulate_collectively(circuit, comm=WORLD, shots=0, **options)
    if result is not None:
        facts = result.metadata.communication
        assert len(facts["bytes"]) == np.prod(result.metadata.process_grid)
        counted = sum(facts["bytes"])
        assert (counted > 0) == (WORLD.size > 1)
        # Tallies are known beforehand; what a step says to other row groups, roughly.
        exact = result.metadata.process_grid[0] == 1
        assert facts["predicted"]["bytes"] == pytest.approx(counted, rel=0.01 if exact else 0.7)
        assert facts["predicted"]["seconds"] > 0
