"""Whole runs on one process, against a dense reference."""

from __future__ import annotations

import numpy as np
import pytest
from dense_reference import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from random_circuits import (
    add_saves,
    brick_wall,
    brick_wall_noise,
    depolarizing,
    random_circuit,
    random_kraus,
    trace_distance,
)

from lret_dist import (
    Circuit,
    InsufficientMemoryError,
    NoiseModel,
    SimulationOptions,
    SimulationRequest,
    TruncationWarning,
    simulate,
)
from lret_dist.circuits.circuit import Channel
from lret_dist.machines.machine import Machine
from lret_dist.planning.jobs import prepare

METHODS = ("low_rank", "density_matrix")
SAVED = ("rho", "part", "probabilities", "value")


def saved_circuit(seed: int, num_qubits: int, length: int = 20) -> Circuit:
    rng = np.random.default_rng(seed)
    return add_saves(random_circuit(rng, num_qubits, length), rng)


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 2**32), num_qubits=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_nothing_discarded_equals_dense(method: str, seed: int, num_qubits: int) -> None:
    circuit = saved_circuit(seed, num_qubits)
    data = simulate(circuit, method=method, epsilon=0, shots=0).data
    exact = evolve(circuit).data
    for key in SAVED:
        np.testing.assert_allclose(data[key], exact[key], rtol=0, atol=1e-10)


@given(
    seed=st.integers(0, 2**32),
    num_qubits=st.integers(1, 4),
    exponent=st.floats(-5, -0.5),
    precision=st.sampled_from(["double", "single"]),
)
@settings(max_examples=40, deadline=None)
def test_true_error_is_within_the_certificate(
    seed: int, num_qubits: int, exponent: float, precision: str
) -> None:
    circuit, epsilon = saved_circuit(seed, num_qubits), 10**exponent
    result = simulate(circuit, method="low_rank", epsilon=epsilon, shots=0, precision=precision)
    rounding = 1e-10 if precision == "double" else 1e-4
    certified = result.metadata.truncation_error
    exact = evolve(circuit).data["rho"]
    assert trace_distance(result.data["rho"], exact) <= certified + rounding
    assert certified <= epsilon + rounding
    assert result.metadata.fidelity == 1 - certified


@pytest.mark.filterwarnings("ignore::lret_dist.errors.TruncationWarning")
@given(seed=st.integers(0, 2**32), max_rank=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_max_rank_is_kept_and_its_error_certified(seed: int, max_rank: int) -> None:
    circuit = saved_circuit(seed, 4)
    result = simulate(circuit, epsilon=1e-6, max_rank=max_rank, shots=0)
    assert result.metadata.max_rank <= max_rank
    exact = evolve(circuit).data["rho"]
    assert trace_distance(result.data["rho"], exact) <= result.metadata.truncation_error + 1e-10


def test_forced_truncation_warns_with_its_figure() -> None:
    circuit = brick_wall(5, 4).measure_all()
    with pytest.warns(TruncationWarning, match=r"max_rank = 2.*truncation error of 0\.\d+"):
        result = simulate(circuit, brick_wall_noise(1e-2, 5e-2), epsilon=1e-6, max_rank=2)
    assert result.metadata.truncation_error > 1e-2
    assert result.metadata.num_truncations > 0


def test_truncation_saves_columns() -> None:
    circuit, noise = brick_wall(7, 6), brick_wall_noise(1e-4, 1e-3)
    loose = simulate(circuit, noise, method="low_rank", epsilon=1e-2, shots=0).metadata
    tight = simulate(circuit, noise, method="low_rank", epsilon=1e-5, shots=0).metadata
    assert loose.final_rank < tight.final_rank < 1 << 7
    assert tight.truncation_error <= 1e-5 < loose.truncation_error <= 1e-2


def test_saturated_rank_never_exceeds_the_dimension() -> None:
    circuit = saved_circuit(3, 3, 40)
    metadata = simulate(circuit, method="low_rank", epsilon=0, shots=0).metadata
    assert metadata.max_rank <= 8


def test_branching_in_parts_equals_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.runs.low_rank.LowRank._workspace", lambda _: 20)
    circuit = saved_circuit(11, 4, 40)
    data = simulate(circuit, method="low_rank", epsilon=0, shots=0).data
    np.testing.assert_allclose(data["rho"], evolve(circuit).data["rho"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_counts_follow_the_dense_probabilities(method: str) -> None:
    circuit = random_circuit(np.random.default_rng(5), 3, 15).measure_all()
    noise = NoiseModel().add_readout_error([[0.9, 0.1], [0.2, 0.8]])
    shots = 200_000
    counts = simulate(circuit, noise, method=method, epsilon=0, shots=shots, seed=8).counts()
    exact = evolve(circuit, noise).probabilities
    for value, probability in exact.items():
        spread = 5 * np.sqrt(probability * (1 - probability) / shots) + 1e-9
        assert counts.get(value, 0) / shots == pytest.approx(probability, abs=spread)


@pytest.mark.parametrize("method", METHODS)
def test_mid_circuit_measurement_and_reset(method: str) -> None:
    rng = np.random.default_rng(2)
    circuit = random_circuit(rng, 3, 8).measure(0, 2).reset(0).gate("h", [0]).measure(1, 1)
    circuit.gate("cx", [1, 2]).channel(depolarizing(1, 0.2), [1]).measure(2, 0)
    shots = 200_000
    counts = simulate(circuit, method=method, epsilon=0, shots=shots, seed=1).counts()
    exact = evolve(circuit).probabilities
    assert sum(counts.values()) == shots
    for value, probability in exact.items():
        spread = 5 * np.sqrt(probability * (1 - probability) / shots) + 1e-9
        assert counts.get(value, 0) / shots == pytest.approx(probability, abs=spread)


def test_later_measurement_overwrites_the_bit() -> None:
    circuit = Circuit(2, 1).gate("x", [0]).measure(0, 0).measure(1, 0)
    assert simulate(circuit, shots=10).counts() == {0: 10}
    reused = Circuit(2, 1).measure(1, 0).gate("x", [0]).measure(0, 0).gate("h", [0])
    assert simulate(reused, shots=10).counts() == {1: 10}


def test_saves_without_shots_see_measured_qubits_dephased() -> None:
    circuit = Circuit(1, 1).gate("h", [0]).measure(0, 0).save_density_matrix()
    rho = simulate(circuit, shots=0).data["density_matrix"]
    np.testing.assert_allclose(rho, np.eye(2) / 2, atol=1e-12)


def test_seed_fixes_the_samples_whatever_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = brick_wall(6, 4).measure_all()
    noise = brick_wall_noise(1e-3, 1e-2)
    memory = []
    for threads in ("1", "2"):
        monkeypatch.setattr("lret_dist.sessions.crew.Crew._run", _with_threads(int(threads)))
        memory.append(simulate(circuit, noise, epsilon=0, shots=300, seed=4).memory())
    assert memory[0] == memory[1]
    assert memory[0] != simulate(circuit, noise, epsilon=0, shots=300, seed=5).memory()


def _with_threads(threads: int):  # type: ignore[no-untyped-def]
    from lret_dist.sessions.crew import Crew, execute

    def run(self: Crew, job, orders):  # type: ignore[no-untyped-def]
        return execute(job, self._grids.get(job.grid), threads, orders)

    return run


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["vector", "density matrix", "factor"])
def test_initial_state(form: str, method: str) -> None:
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(8, 3)) + 1j * rng.normal(size=(8, 3))
    columns = columns[:, :1] if form == "vector" else columns
    columns /= np.linalg.norm(columns)
    rho = columns @ columns.conj().T
    state = {"vector": columns[:, 0], "density matrix": rho, "factor": columns}[form]
    circuit = Circuit(3).gate("h", [1]).save_density_matrix()
    gate = np.kron(np.eye(2), np.kron([[1, 1], [1, -1]], np.eye(2))) / np.sqrt(2)
    result = simulate(circuit, method=method, initial_state=state, epsilon=0, shots=0)
    saved = result.data["density_matrix"]
    np.testing.assert_allclose(saved, gate @ rho @ gate.conj().T, atol=1e-12)


def test_initial_rank_changes_nothing() -> None:
    circuit = saved_circuit(9, 4)
    few, many = (simulate(circuit, shots=0, initial_rank=r).data["rho"] for r in (1, 50))
    np.testing.assert_array_equal(few, many)


def test_idle_qubits_cost_nothing() -> None:
    circuit = Circuit(60, 2).gate("h", [57]).gate("cx", [57, 3]).measure(57, 0).measure(3, 1)
    result = simulate(circuit, seed=1)
    assert set(result.counts()) == {0, 3}
    assert result.metadata.num_qubits == 2


def test_wide_classical_register() -> None:
    circuit = Circuit(2, 130).gate("x", [1]).measure(0, 1).measure(1, 129)
    assert simulate(circuit, shots=7).counts() == {1 << 129: 7}


def test_several_circuits_in_one_call() -> None:
    circuits = [Circuit(1, 1).measure_all(), Circuit(1, 1).gate("x", [0]).measure_all()]
    assert [r.counts() for r in simulate(circuits, shots=5)] == [{0: 5}, {1: 5}]


def test_metadata_is_complete() -> None:
    metadata = simulate(brick_wall(4, 2).measure_all(), brick_wall_noise(1e-3, 1e-2)).metadata
    assert metadata.process_grid == (1, 1)
    assert metadata.parallelization == "none"
    assert metadata.execution_time_seconds > 0
    assert metadata.peak_memory_mb > 10
    assert metadata.threads_per_rank >= 1
    assert set(metadata.to_dict()) >= {"final_rank", "max_rank", "num_truncations", "fidelity"}


def test_too_large_a_run_is_refused_with_figures() -> None:
    circuit = Circuit(45).gate("h", [0])
    for qubit in range(44):
        circuit.gate("cx", [qubit, qubit + 1])
    with pytest.raises(InsufficientMemoryError, match=r"45 qubits need at least .* GiB .* what wo"):
        simulate(circuit, shots=0)
    with pytest.raises(InsufficientMemoryError, match="saving fewer qubits"):
        simulate(Circuit(20).gate("h", [19]).save_density_matrix(), shots=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"shots": -1}, ValueError, "shots must be at least 0, got -1"),
        ({"shots": 1.5}, TypeError, "shots must be an integer, got 1.5"),
        ({"epsilon": 1}, ValueError, "epsilon must be at least 0 and less than 1, got 1"),
        ({"epsilon": float("nan")}, ValueError, "epsilon must be"),
        ({"max_rank": 0}, ValueError, "max_rank must be at least 1, got 0"),
        ({"seed": -3}, ValueError, "seed must be from 0 to"),
        (
            {"precision": "half"},
            ValueError,
            "precision must be one of auto, double, single; got 'half'",
        ),
        ({"parallelization": "diagonal"}, ValueError, "must be one of auto, row, column, hybrid"),
        ({"initial_state": [1, 1]}, ValueError, "must have trace one"),
        ({"initial_state": [1, 0, 0]}, ValueError, "needs 2 rows, got shape"),
        ({"initial_state": [np.inf, 0]}, ValueError, "must be finite"),
        ({"initial_state": [[1, 1], [0, 0]]}, ValueError, "must be Hermitian"),
        ({"initial_state": [[1.5, 0], [0, -0.5]]}, ValueError, "must be positive"),
        ({"initial_state": "0"}, TypeError, "must be an array of numbers, got str"),
        ({"epsilon": "1e-3"}, TypeError, "epsilon must be a number, got '1e-3'"),
        ({"shots": 10**30}, InsufficientMemoryError, "fewer shots"),
        ({"nonsense": 1}, TypeError, "nonsense"),
    ],
)
def test_bad_options(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        simulate(Circuit(1, 1).measure_all(), **options)
    assert simulate(Circuit(1, 1).measure_all(), shots=3).counts() == {0: 3}


@pytest.mark.parametrize(
    ("circuit", "noise", "words"),
    [
        (QuantumCircuit(1), None, "got QuantumCircuit; what comes from Qiskit is run by LRETBack"),
        ("circuit", None, "circuit must be a Circuit of lret_dist, got str"),
        (None, None, "circuit must be a Circuit of lret_dist, got NoneType"),
        (Circuit(1), AerNoiseModel(), "noise must be a NoiseModel of lret_dist, got NoiseModel; "),
        (Circuit(1), 0.1, "noise must be a NoiseModel of lret_dist, got float"),
    ],
)
def test_what_is_no_circuit_or_noise(circuit: object, noise: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        simulate(circuit, noise)  # type: ignore[call-overload]


def test_channel_that_is_too_wide() -> None:
    wide = Channel(tuple(range(7)), np.eye(128)[np.newaxis].astype(complex))
    with pytest.raises(ValueError, match="'kraus' acts on 7 qubits; matrices of at most 6"):
        Circuit(7).append(wide)


def test_wide_kraus_channel() -> None:
    rng = np.random.default_rng(0)
    circuit = Circuit(4).gate("h", [0]).channel(random_kraus(rng, 4, 2), [3, 1, 0, 2])
    circuit.save_density_matrix(key="rho")
    rho = simulate(circuit, epsilon=0, shots=0).data["rho"]
    np.testing.assert_allclose(rho, evolve(circuit).data["rho"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("partition", "ranks", "fits"),
    [
        ("row", 4, True),
        ("auto", 4, True),
        ("hybrid", 4, False),
        ("column", 4, False),
        ("hybrid", 16, True),
    ],
)
def test_memory_is_checked_for_the_partition_that_is_asked_for(
    partition: str, ranks: int, fits: bool
) -> None:
    circuit = Circuit(20)
    for qubit in range(20):
        circuit.gate("h", [qubit])
    options = SimulationOptions(parallelization=partition, shots=0)  # type: ignore[arg-type]
    request = SimulationRequest(circuit=circuit, options=options)
    # One column of 20 qubits takes 32 MiB with its probabilities; a quarter of it fits here.
    machine = Machine(mpi_ranks=ranks, bytes_per_rank=10 << 20)
    if fits:
        assert prepare(request, machine).circuit.num_qubits == 20
    else:
        with pytest.raises(InsufficientMemoryError, match="20 qubits need at least"):
            prepare(request, machine)
