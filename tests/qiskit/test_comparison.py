"""LRET and Aer compared: what is measured, how far apart states are, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Parameter
from qiskit.quantum_info import DensityMatrix, SuperOp, partial_trace
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from lret_dist.errors import LretError
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.comparison import Comparison, compare_with_aer
from lret_qiskit.comparison.contestants import Resources
from lret_qiskit.comparison.distances import counts_distance, total_variation, trace_distance
from lret_qiskit.comparison.subject import Subject
from lret_qiskit.noise.as_aer import as_aer

#: Probability of an error after CX.
RATE = 0.3


@pytest.fixture
def circuit() -> QuantumCircuit:
    made = QuantumCircuit(4, 3, name="wall")
    for layer in range(3):
        for qubit in range(4):
            made.ry(0.3 + 0.7 * qubit + layer, qubit)
        for qubit in range(layer % 2, 3, 2):
            made.cx(qubit, qubit + 1)
    made.measure([3, 0, 1], [0, 1, 2])
    return made


@pytest.fixture
def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(RATE, 2), ["cx"])
    return model


def exact_state(circuit: QuantumCircuit) -> np.ndarray:
    """The state of the measured qubits 0, 1 and 3, by Qiskit's own matrices."""
    state = DensityMatrix.from_label("0" * circuit.num_qubits)
    error = SuperOp(depolarizing_error(RATE, 2))
    for each in circuit.data:
        if each.operation.name == "measure":
            continue
        wires = [circuit.find_bit(qubit).index for qubit in each.qubits]
        state = state.evolve(each.operation, wires)
        if each.operation.name == "cx":
            state = state.evolve(error, wires)
    return partial_trace(state, [2]).data


def dense_distance(first: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(np.linalg.eigvalsh(first - other), 1) / 2)


@pytest.mark.filterwarnings("ignore::lret_dist.TruncationWarning")
def test_a_truncated_state_is_as_far_as_a_dense_reference_says(
    circuit: QuantumCircuit, noise: NoiseModel
) -> None:
    asked = {"truncation": "certified", "method": "low_rank", "max_rank": 2, "seed": 3}
    found = compare_with_aer(circuit, noise, shots=500, repeats=2, threads=1, **asked)
    saving = circuit.copy_empty_like()
    for each in circuit.data[:-3]:
        saving.append(each)
    saving.save_density_matrix([0, 1, 3])
    mine = LRETBackend(noise_model=noise).run(saving, **asked).result().data(0)["density_matrix"]
    exact = exact_state(circuit)
    assert found.trace_distance == pytest.approx(dense_distance(mine.data, exact), rel=1e-3)
    # Rank 2 cannot hold this state, and what is certified covers what is lost.
    assert 0.05 < found.trace_distance <= found.lret.error <= 1
    apart = np.abs(np.diag(mine.data - exact)).sum() / 2
    assert found.total_variation == pytest.approx(apart, rel=1e-6)
    assert (found.num_qubits, found.measured_qubits) == (4, 3)
    assert [row.method for row in found.runs] == ["low_rank", "density_matrix"]
    assert [row.error_kind for row in found.runs] == ["certified", "exact"]
    for row in found.runs:
        assert len(row.seconds) == 2
        assert 0 < min(row.seconds) <= row.median_seconds <= max(row.seconds)
        assert 0 <= row.memory_mib < 100
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_trajectories_are_the_rival_where_the_density_matrix_does_not_fit(
    circuit: QuantumCircuit, noise: NoiseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = Resources.of(1, None)
    # One byte less than 4^4 complex numbers.
    monkeypatch.setattr(Resources, "of", lambda *_: replace(everything, memory_bytes=16 * 4**4 - 1))
    found = compare_with_aer(circuit, noise, shots=4000, repeats=1, seed=5)
    mine, matrix, trajectories = found.runs
    assert (matrix.status, matrix.seconds, matrix.memory_mib) == ("refused", (), None)
    assert matrix.reason.startswith("it takes 4 KiB of memory")
    assert matrix.predicted_mib == 16 * 4**4 / 2**20
    assert (trajectories.method, trajectories.error_kind) == ("statevector", "shots")
    assert found.times_faster == trajectories.median_seconds / mine.median_seconds
    assert found.trace_distance is None
    assert 0 < found.counts.value < 2 * found.counts.expected
    assert found.notes[-1] == "The states are not compared: Aer's is not exact."


def test_a_run_over_the_limit_is_ended_and_says_so(circuit: QuantumCircuit) -> None:
    wide = QuantumCircuit(24)
    for layer in range(60):
        wide.ry(0.1 + layer, range(24))
        wide.cx(range(23), range(1, 24))
    found = compare_with_aer(wide, shots=10, repeats=1, limit=0.2)
    for row in found.runs:
        assert (row.status, row.seconds, row.memory_mib) == ("ended", (), None)
        assert row.reason == "ended after 200 ms"
    assert found.counts is None
    assert found.times_faster is None


def test_trace_distance() -> None:
    rng = np.random.default_rng(1)

    def state() -> np.ndarray:
        columns = rng.normal(size=(8, 3)) + 1j * rng.normal(size=(8, 3))
        return columns @ columns.conj().T / np.linalg.norm(columns) ** 2

    first, other = state(), state()
    assert trace_distance(first, other) == pytest.approx(dense_distance(first, other), rel=1e-5)
    assert trace_distance(first, first) == 0
    # Close states: the error is relative to the distance.
    near = first + 1e-9 * (other - first)
    expected = 1e-9 * dense_distance(first, other)
    assert trace_distance(first, near) == pytest.approx(expected, rel=1e-4)
    plus, zero = np.array([1, 1]) / np.sqrt(2), np.array([1, 0])
    assert trace_distance(plus + 0j, zero + 0j) == pytest.approx(np.sqrt(0.5))
    assert trace_distance(plus + 0j, -1j * plus) == pytest.approx(0, abs=1e-7)


def test_counts_of_one_distribution_are_as_far_apart_as_expected() -> None:
    rng = np.random.default_rng(2)
    distribution = rng.dirichlet(np.ones(30))

    def counts(of: np.ndarray, shots: int) -> dict[str, int]:
        return {str(x): int(n) for x, n in enumerate(rng.multinomial(shots, of)) if n}

    same = [counts_distance(counts(distribution, 900), counts(distribution, 400)) for _ in "x" * 40]
    mean = np.mean([each.value for each in same])
    assert mean == pytest.approx(np.mean([each.expected for each in same]), rel=0.06)
    assert np.mean([each.value > each.likely for each in same]) < 0.2
    other = rng.dirichlet(np.ones(30))
    far = counts_distance(counts(distribution, 9000), counts(other, 9000))
    assert far.value == pytest.approx(total_variation(distribution, other), abs=0.02)
    assert far.value > 3 * far.likely
    assert counts_distance({"0": 5}, {"1": 7}).value == 1


def test_what_is_dynamic_and_what_is_pure(circuit: QuantumCircuit, noise: NoiseModel) -> None:
    plain = Subject.of(circuit, None)
    assert (plain.is_dynamic, plain.is_pure, plain.measured) == (False, True, (0, 1, 3))
    assert not Subject.of(circuit, noise).is_pure
    again = circuit.copy()
    again.h(3)
    assert Subject.of(again, None).is_dynamic
    again = QuantumCircuit(2, 1)
    again.measure(0, 0)
    with again.if_test((0, 1)):
        again.x(1)
    assert Subject.of(again, None).is_dynamic
    mixed = QuantumCircuit(3)
    mixed.h(0)
    mixed.reset(0)
    subject = Subject.of(mixed, None)
    assert (subject.is_dynamic, subject.is_pure, subject.measured) == (False, False, (0,))
    assert "measures nothing" in subject.notes[0]


def test_gates_that_aer_does_not_know_are_what_they_are_defined_as() -> None:
    inner = QuantumCircuit(2, name="mine")
    inner.h(0)
    inner.cx(0, 1)
    # Wider than what Aer says that it can hold.
    circuit = QuantumCircuit(90)
    circuit.append(inner.to_gate(), [80, 4])
    circuit.save_lret_factor()
    subject = Subject.of(circuit, None)
    assert subject.circuit.count_ops() == {"h": 1, "cx": 1, "measure": 2}
    assert (subject.used, subject.circuit.num_qubits) == ((4, 80), 90)
    circuit.append(Instruction("odd", 1, 0, []), [0])
    with pytest.raises(ValueError, match="Qiskit Aer does not know mine, odd"):
        Subject.of(circuit, None)


def test_noise_models_of_lret_mean_the_same_to_aer(
    circuit: QuantumCircuit, noise: NoiseModel
) -> None:
    noise.add_quantum_error(depolarizing_error(0.2, 1), ["ry"], [2])
    noise.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [0])
    converted = as_aer(NoiseModelImporter.import_noise_model(noise), circuit)
    errors = {
        (name, qubits): SuperOp(error)
        for name, local in converted._local_quantum_errors.items()
        for qubits, error in local.items()
    }
    assert errors.keys() == {("cx", (0, 1)), ("cx", (1, 2)), ("cx", (2, 3)), ("ry", (2,))}
    assert errors["cx", (1, 2)] == SuperOp(depolarizing_error(RATE, 2))
    assert errors["ry", (2,)] == SuperOp(depolarizing_error(0.2, 1))
    (readout,) = converted._local_readout_errors.values()
    assert readout.probabilities == pytest.approx(np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert as_aer(noise, circuit) is noise


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"shots": 0}, ValueError, "shots must be at least 1, got 0"),
        ({"repeats": True}, TypeError, "repeats must be an integer, got True"),
        ({"shots": "many"}, TypeError, "shots must be an integer, got 'many'"),
        ({"limit": 0}, ValueError, "limit must be a positive number of seconds, got 0"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"epsilon": 2}, ValueError, "epsilon must be at least 0 and less than 1"),
        ({"checkpoint": "folder"}, ValueError, "checkpoint does not go with a comparison"),
        ({"initial_state": [1, 0]}, ValueError, "put it into the circuit"),
        ({"noise_model": "heavy"}, TypeError, "noise_model must be a NoiseModel"),
    ],
)
def test_what_is_refused(
    circuit: QuantumCircuit, options: dict, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        compare_with_aer(circuit, **options)


def test_circuits_that_are_refused() -> None:
    free = QuantumCircuit(1)
    free.rx(Parameter("angle"), 0)
    with pytest.raises(ValueError, match="parameters need values: angle"):
        compare_with_aer(free)
    with pytest.raises(ValueError, match="must act on at least one qubit"):
        compare_with_aer(QuantumCircuit(2))
    with pytest.raises(TypeError, match="circuit must be a QuantumCircuit, got str"):
        compare_with_aer("circuit")


def test_a_run_of_lret_that_fails_says_why(circuit: QuantumCircuit) -> None:
    with pytest.raises(LretError, match=r"LRET's run failed: Insuff.*: 4 qubits need"):
        compare_with_aer(circuit, repeats=1, max_memory_mb=1e-4)


def test_a_document_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"expected what Comparison\.to_dict gives"):
        Comparison.from_dict({"runs": [{}]})
