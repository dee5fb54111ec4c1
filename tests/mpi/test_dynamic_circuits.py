"""Jumps, stored numbers and values of single shots on every grid; every MPI rank takes part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from random_circuits import looping_circuit, random_circuit

from lret_dist import (
    Apply,
    Bits,
    Circuit,
    ClassicalError,
    Constant,
    SaveFactor,
    SaveStateVector,
    StateNotPureError,
    simulate_collectively,
)

WORLD = MPI.COMM_WORLD
POWER_OF_TWO = WORLD.size & (WORLD.size - 1) == 0
PARTITIONS = [p for p in ("row", "column", "hybrid") if p != "row" or POWER_OF_TWO]
METHODS = ("low_rank", "density_matrix", "automatic")
DRIVER = WORLD.rank == 0


def run(circuit: Circuit, comm: MPI.Intracomm = WORLD, **options: Any) -> Any:
    """The result on MPI rank 0; elsewhere an object that must not be looked at."""
    return simulate_collectively(circuit, comm=comm, **options)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", METHODS)
def test_every_grid_gives_the_same(partition: str, method: str) -> None:
    circuit = looping_circuit(3)
    options = {"shots": 40, "seed": 6, "epsilon": 0, "method": method}
    result = run(circuit, parallelization=partition, **options)
    if DRIVER:
        expected = run(circuit, MPI.COMM_SELF, **options)
        assert result.memory() == expected.memory()
        assert result.data["rho"].keys() == expected.data["rho"].keys()
        for key, value in expected.data["rho"].items():
            np.testing.assert_allclose(result.data["rho"][key], value, rtol=0, atol=1e-10)
        for name in ("each", "variance"):
            np.testing.assert_allclose(result.data[name], expected.data[name], rtol=0, atol=1e-10)
        assert len(result.data["each"]) > 40


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
def test_states_are_gathered(partition: str, method: str) -> None:
    circuit = random_circuit(np.random.default_rng(2), 4, 10)
    mixed = circuit.append(SaveFactor("factor", (2, 0, 1, 3))).save_density_matrix(
        (2, 0, 1, 3), key="rho"
    )
    result = run(mixed, parallelization=partition, method=method, epsilon=0, shots=0)
    if DRIVER:
        columns = np.asarray(result.data["factor"])
        rho = columns @ columns.conj().T
        np.testing.assert_allclose(rho, result.data["rho"], rtol=0, atol=1e-10)
    with pytest.raises(StateNotPureError):
        run(mixed.append(SaveStateVector("vector", (0, 1, 2, 3))), parallelization=partition)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_state_vectors(partition: str) -> None:
    rng = np.random.default_rng(5)
    circuit = Circuit(4)
    for _ in range(3):
        for qubit in range(4):
            circuit.gate("u", [qubit], *rng.uniform(0, 3, 3))
        circuit.gate("cx", rng.permutation(4)[:2])
    circuit.append(SaveStateVector("vector", (3, 1, 0, 2)))
    options = {"method": "low_rank", "shots": 0}
    result = run(circuit, parallelization=partition, **options)
    if DRIVER:
        expected = run(circuit, MPI.COMM_SELF, **options)
        np.testing.assert_allclose(result.data["vector"], expected.data["vector"], atol=1e-12)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_state_is_set_on_the_way(partition: str) -> None:
    rng = np.random.default_rng(8)
    factor = rng.normal(size=(16, 2)) + 1j * rng.normal(size=(16, 2))
    factor /= np.linalg.norm(factor)
    circuit = random_circuit(rng, 4, 8).set_state(factor).gate("cx", [3, 0]).gate("h", [2])
    circuit.save_density_matrix(key="rho")
    options = {"method": "low_rank", "shots": 0, "epsilon": 0}
    result = run(circuit, parallelization=partition, **options)
    if DRIVER:
        expected = run(circuit, MPI.COMM_SELF, **options)
        np.testing.assert_allclose(result.data["rho"], expected.data["rho"], atol=1e-12)


def test_a_division_by_zero_is_raised_everywhere() -> None:
    circuit = Circuit(4, 2).gate("h", [0]).measure(0, 0)
    circuit.store(Bits((1,)), Apply("div", (Constant(1), Bits((0,))), 1))
    with pytest.raises(ClassicalError, match="1 / 0 in a classical expression has no value"):
        run(circuit, shots=50, seed=1)
    result = run(Circuit(2, 2).gate("x", [1]).measure_all(), shots=3)
    if DRIVER:
        assert result.counts() == {2: 3}
