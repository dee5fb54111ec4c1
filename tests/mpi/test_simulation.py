"""Whole runs on every process grid, against a dense reference; every MPI rank takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from dense_reference import evolve
from mpi4py import MPI
from random_circuits import (
    add_saves,
    amplitude_damping,
    brick_wall,
    brick_wall_noise,
    pauli_noise,
    random_circuit,
    trace_distance,
)

from lret_dist import (
    Circuit,
    InsufficientMemoryError,
    NoiseModel,
    SimulationResult,
    simulate_collectively,
)

if TYPE_CHECKING:
    from lret_dist.options import Parallelization

WORLD = MPI.COMM_WORLD
POWER_OF_TWO = WORLD.size & (WORLD.size - 1) == 0
PARTITIONS = [p for p in ("row", "column", "hybrid", "auto") if p != "row" or POWER_OF_TWO]
DRIVER = WORLD.rank == 0
METHODS = ("low_rank", "density_matrix")


def run(circuit: Circuit, noise: NoiseModel | None = None, **options: Any) -> SimulationResult:
    """The result on MPI rank 0; elsewhere an object that must not be looked at."""
    result = simulate_collectively(circuit, noise, comm=WORLD, **options)
    assert (result is not None) == DRIVER
    return result  # type: ignore[return-value]


def saved_circuit(seed: int, num_qubits: int, length: int = 20) -> Circuit:
    rng = np.random.default_rng(seed)
    return add_saves(random_circuit(rng, num_qubits, length), rng)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(8))
def test_nothing_discarded_equals_dense(partition: Parallelization, method: str, seed: int) -> None:
    circuit = saved_circuit(seed, 1 + seed % 5)
    result = run(circuit, method=method, epsilon=0, shots=0, parallelization=partition)
    if DRIVER:
        exact = evolve(circuit).data
        for key in ("rho", "part", "probabilities", "value"):
            np.testing.assert_allclose(result.data[key], exact[key], rtol=0, atol=1e-10)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("epsilon", [1e-3, 1e-2, 0.2])
def test_true_error_is_within_the_certificate(partition: Parallelization, epsilon: float) -> None:
    circuit = saved_circuit(100, 4, 30)
    options = {"method": "low_rank", "epsilon": epsilon, "parallelization": partition}
    result = run(circuit, shots=0, **options)
    if DRIVER:
        certified = result.metadata.truncation_error
        distance = trace_distance(result.data["rho"], evolve(circuit).data["rho"])
        assert distance <= certified + 1e-10
        assert certified <= epsilon + 1e-10


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", [*METHODS, "automatic"])
def test_seeded_memory_is_that_of_one_process(partition: Parallelization, method: str) -> None:
    circuit = random_circuit(np.random.default_rng(7), 5, 20).measure(0, 0).gate("h", [0])
    noise = NoiseModel().add_readout_error([[0.9, 0.1], [0.2, 0.8]], 1)
    options = {"method": method, "epsilon": 0, "shots": 300, "seed": 11}
    spread = run(circuit.measure_all(), noise, parallelization=partition, **options)
    alone = simulate_collectively(circuit, noise, comm=MPI.COMM_SELF, **options)
    assert alone is not None
    if DRIVER:
        assert spread.memory() == alone.memory()


@pytest.mark.parametrize("partition", PARTITIONS)
def test_saves_after_a_measurement_are_exact(partition: Parallelization) -> None:
    circuit = saved_circuit(9, 5).measure(2, 0).gate("h", [2]).save_density_matrix(key="after")
    spread = run(circuit.measure_all(), epsilon=0, shots=20, seed=1, parallelization=partition)
    if DRIVER:
        exact = evolve(circuit).data
        assert len(spread.memory()) == 20
        assert spread.data.keys() == exact.keys()
        for key, value in exact.items():
            np.testing.assert_allclose(spread.data[key], value, rtol=0, atol=1e-10)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_decisions_are_those_of_one_process(partition: Parallelization) -> None:
    circuit, noise = brick_wall(7, 6), brick_wall_noise(1e-3, 1e-2)
    options = {"method": "low_rank", "epsilon": 1e-2, "shots": 0}
    spread = run(circuit, noise, parallelization=partition, **options)
    alone = simulate_collectively(circuit, noise, comm=MPI.COMM_SELF, **options)
    assert alone is not None
    if DRIVER:
        assert spread.metadata.truncation_error <= 1e-2
        assert spread.metadata.final_rank == pytest.approx(alone.metadata.final_rank, rel=0.1)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("precision", ["double", "single"])
def test_initial_state_and_rank(partition: Parallelization, precision: str) -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(16, 5)) + 1j * rng.normal(size=(16, 5))
    columns /= np.linalg.norm(columns)
    circuit = Circuit(4).gate("cx", [3, 0]).save_density_matrix(key="rho")
    options = {"initial_state": columns, "precision": precision, "parallelization": partition}
    result = run(circuit, epsilon=0, shots=0, initial_rank=8, **options)
    if DRIVER:
        order = [i ^ (i >> 3 & 1) for i in range(16)]
        exact = columns[order] @ columns[order].conj().T
        np.testing.assert_allclose(result.data["rho"], exact, rtol=0, atol=1e-6)
        assert result.metadata.final_rank == 5


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("number", [1, 7, 20])
def test_change_to_the_density_matrix_on_the_way(
    partition: Parallelization, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.runs.low_rank.density_pays", lambda _, step, __: step >= number)
    monkeypatch.setattr("lret_dist.planning.histories_choice._MOST_QUBITS", 0)
    circuit = saved_circuit(21, 5, 40).measure(1, 1).gate("h", [1]).save_density_matrix(key="end")
    result = run(circuit, epsilon=0, shots=10, parallelization=partition)
    if DRIVER:
        assert result.metadata.method == "density_matrix"
        assert "from step" in result.metadata.method_reason
        for key, exact in evolve(circuit).data.items():
            np.testing.assert_allclose(result.data[key], exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("precision", ["double", "single"])
def test_sampled_runs_are_those_of_one_process(partition: Parallelization, precision: str) -> None:
    rng = np.random.default_rng(3)
    circuit = add_saves(random_circuit(rng, 5, 30), rng)
    for qubit in range(5):
        circuit.gate("ry", [qubit], 0.3).gate("cz", [qubit, (qubit + 1) % 5])
        circuit.channel(amplitude_damping(0.05), [qubit])
        circuit.channel(pauli_noise(rng, 2, 0.05), [(qubit + 2) % 5, qubit])
    circuit.save_expectation_value({"XYZZY": 1.0}, key="late")
    options = {"truncation": "unbiased", "resolution": 2e-3, "seed": 11, "precision": precision}
    spread = run(circuit.measure_all(), shots=300, parallelization=partition, **options)
    alone = simulate_collectively(circuit, comm=MPI.COMM_SELF, shots=300, **options)
    assert alone is not None
    if DRIVER:
        assert spread.metadata.sampled_columns == alone.metadata.sampled_columns > 32
        tolerance = 1e-10 if precision == "double" else 1e-4
        for key, value in alone.data.items():
            np.testing.assert_allclose(spread.data[key], value, rtol=0, atol=tolerance)
            errors = spread.standard_errors[key], alone.standard_errors[key]
            np.testing.assert_allclose(*errors, rtol=1e-3, atol=tolerance)
        if precision == "double":
            assert spread.memory() == alone.memory()


@pytest.mark.parametrize("partition", PARTITIONS)
def test_sampled_run_with_a_measurement_in_the_middle(partition: Parallelization) -> None:
    circuit = random_circuit(np.random.default_rng(7), 5, 20).measure(0, 0).gate("h", [0])
    circuit.channel(amplitude_damping(0.1), [4]).save_probabilities(key="p")
    options = {"truncation": "unbiased", "resolution": 2e-3, "seed": 11, "shots": 101}
    options["precision"] = "double"
    spread = run(circuit.measure_all(), parallelization=partition, **options)
    alone = simulate_collectively(circuit, comm=MPI.COMM_SELF, **options)
    assert alone is not None
    if DRIVER:
        assert spread.memory() == alone.memory()
        np.testing.assert_allclose(spread.data["p"], alone.data["p"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_more_ranks_than_a_small_circuit_can_use(partition: Parallelization) -> None:
    circuit = Circuit(2).gate("h", [0]).gate("cx", [0, 1]).measure_all()
    result = run(circuit, shots=50, seed=1, parallelization=partition)
    if DRIVER:
        assert set(result.counts()) == {0, 3}
        assert np.prod(result.metadata.process_grid) <= WORLD.size == result.metadata.mpi_ranks


@pytest.mark.skipif(POWER_OF_TWO, reason="this number of MPI ranks is a power of two")
def test_row_refuses_a_number_that_is_no_power_of_two() -> None:
    with pytest.raises(
        ValueError, match=f"needs a power of two of MPI ranks, got {WORLD.size}: start "
    ):
        run(Circuit(4).gate("h", [0]), parallelization="row")


def test_too_large_a_run_is_refused_everywhere() -> None:
    with pytest.raises(InsufficientMemoryError, match="qubits need at least"):
        run(Circuit(48).barrier().gate("h", [0]).save_density_matrix(), shots=0)
    result = run(Circuit(1, 1).measure_all(), shots=3)
    if DRIVER:
        assert result.counts() == {0: 3}


@pytest.mark.parametrize(
    ("circuit", "options"),
    [
        (Circuit(20).gate("h", [0]).gate("h", [19]).measure_all(), {"max_memory_mb": 1}),
        (
            random_circuit(np.random.default_rng(7), 13, 20).measure_all(),
            # On more row groups it would fit.
            {
                "max_memory_mb": 0.2,
                "truncation": "unbiased",
                "resolution": 0.1,
                "process_grid": (1, 1),
            },
        ),
    ],
)
def test_a_run_over_its_budget_is_refused_everywhere(
    circuit: Circuit, options: dict[str, Any]
) -> None:
    with pytest.raises(InsufficientMemoryError, match="max_memory_mb allows"):
        run(circuit, **options)
    result = run(Circuit(1, 1).measure_all(), shots=3, max_memory_mb=1)
    if DRIVER:
        assert result.counts() == {0: 3}


def test_a_run_that_is_refused_memory_on_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError("no more of it")

    circuit = random_circuit(np.random.default_rng(7), 5, 20).channel(amplitude_damping(0.1), [4])
    options = {"method": "low_rank", "truncation": "certified", "process_grid": (1, 1)}
    with monkeypatch.context() as patch:
        patch.setattr("lret_dist.runs.low_rank.append_branches", refuse)
        with pytest.raises(InsufficientMemoryError, match="no more of it"):
            run(circuit, shots=0, **options)
    result = run(circuit, shots=0, **options)
    if DRIVER:
        assert result.metadata.max_rank > 1


@pytest.mark.parametrize("partition", PARTITIONS)
def test_diagonal_steps_on_distributed_bits_need_no_exchange(
    partition: Parallelization, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = Circuit(5)
    for qubit in range(5):
        circuit.gate("rz", [qubit], 0.1 + qubit).gate("cz", [qubit, (qubit + 1) % 5])
    circuit.channel([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.diag([1, -1])], [4])
    monkeypatch.setattr("lret_dist.factors.state.swap_bits", _refuse)
    options = {"method": "low_rank", "epsilon": 0, "parallelization": partition}
    result = run(circuit, shots=0, **options)
    if DRIVER:
        assert result.metadata.final_rank == 2


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("damped", [False, True])
def test_flips_and_pauli_noise_on_distributed_bits_need_no_exchange(
    partition: Parallelization, damped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    columns = rng.normal(size=(32, 2)) + 1j * rng.normal(size=(32, 2))
    columns /= np.linalg.norm(columns)
    circuit = Circuit(5)
    for qubit in range(5):
        noise = amplitude_damping(0.1) if damped else pauli_noise(rng, 1, 0.1)
        circuit.gate("x", [qubit]).gate("y", [(qubit + 1) % 5]).channel(noise, [qubit])
        circuit.gate("cz", [qubit, (qubit + 1) % 5]).gate("swap", [qubit, (qubit + 3) % 5])
        if not damped:
            circuit.channel(pauli_noise(rng, 2, 0.2), [qubit, (qubit + 2) % 5])
    circuit.save_expectation_value({"XYZZY": 1.0, "IIZIX": 0.5}, key="pauli")
    circuit.save_probabilities([4, 1], key="p").save_density_matrix(key="rho")
    exact = evolve(circuit, columns=columns).data
    monkeypatch.setattr("lret_dist.factors.state.swap_bits", _refuse)
    options = {"method": "low_rank", "epsilon": 0, "parallelization": partition, "shots": 0}
    result = run(circuit, initial_state=columns, **options)
    if DRIVER:
        for key, value in exact.items():
            np.testing.assert_allclose(result.data[key], value, rtol=0, atol=1e-10)


def _refuse(*_: object) -> None:
    raise AssertionError("bits were exchanged")
