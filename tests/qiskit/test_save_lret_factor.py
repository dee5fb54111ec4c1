"""The factor of a circuit's state as a result, against Qiskit Aer's density matrix."""

from __future__ import annotations

import copy
import gc
import pickle
import time
from collections.abc import Iterator

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.providers import JobError
from qiskit.quantum_info import DensityMatrix, Statevector, entropy, partial_trace, state_fidelity
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error
from starting import NEEDS_LAUNCHER, permit

from lret_dist import InsufficientMemoryError, ReleasedError, SessionError
from lret_qiskit import (
    FactorHandle,
    LowRankState,
    LRETBackend,
    SaveLRETFactor,
    to_density_matrix,
)


@pytest.fixture(scope="module")
def model() -> NoiseModel:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["h", "ry"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return noise


def chain(num_qubits: int = 4) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for qubit in range(1, num_qubits):
        circuit.ry(0.3 * qubit, qubit)
        circuit.cx(qubit - 1, qubit)
    return circuit


def exact(circuit: QuantumCircuit, model: NoiseModel) -> DensityMatrix:
    """The state by Qiskit Aer."""
    whole = circuit.copy()
    whole.save_density_matrix()
    aer = AerSimulator(method="density_matrix", noise_model=model)
    return aer.run(whole, shots=1).result().data(0)["density_matrix"]


@pytest.mark.parametrize("shots", [0, 10])
@pytest.mark.parametrize("distributed", [False, True])
@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
def test_against_aer(
    backend: LRETBackend, model: NoiseModel, shots: int, distributed: bool, method: str
) -> None:
    circuit = chain()
    rho = exact(circuit, model)
    circuit.save_lret_factor(distributed=distributed)
    options = {"noise_model": model, "shots": shots, "method": method}
    state = backend.run(circuit, **options).result().data(0)["lret_factor"]
    assert isinstance(state, FactorHandle if distributed else LowRankState)
    assert state.num_qubits == 4
    assert state.purity() == pytest.approx(rho.purity().real, abs=1e-10)
    assert state.entropy() == pytest.approx(entropy(rho), abs=1e-7)
    np.testing.assert_allclose(state.probabilities([2, 0]), rho.probabilities([2, 0]), atol=1e-10)
    part = partial_trace(rho, [0, 3]).data
    np.testing.assert_allclose(state.density_matrix([1, 2]), part, atol=1e-10)
    np.testing.assert_allclose(to_density_matrix(state).data, rho.data, atol=1e-10)
    ideal = Statevector(chain())
    assert state.fidelity(ideal) == pytest.approx(state_fidelity(rho, ideal), abs=1e-10)
    assert state.fidelity(rho) == pytest.approx(1, abs=1e-6)
    assert state.gather().trace_distance(rho) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("distributed", [False, True])
def test_after_transpiling(backend: LRETBackend, model: NoiseModel, distributed: bool) -> None:
    circuit = chain(3)
    circuit.save_lret_factor("L", distributed=distributed)
    moved = transpile(circuit, backend, initial_layout=[7, 2, 5], optimization_level=1)
    assert moved.count_ops()["save_lret_factor"] == 1
    state = backend.run(moved, noise_model=model).result().data(0)["L"]
    rho = exact(chain(3), model)
    np.testing.assert_allclose(to_density_matrix(state).data, rho.data, atol=1e-10)


def test_instruction() -> None:
    circuit = QuantumCircuit(2)
    circuit.save_lret_factor("L", pershot=True, conditional=True)
    instruction = circuit.data[0].operation
    assert (instruction.name, instruction.num_qubits, instruction.label) == (
        *("save_lret_factor", 2),
        "L",
    )
    assert instruction == SaveLRETFactor(2, "L", pershot=True, conditional=True)
    assert SaveLRETFactor(2) != SaveLRETFactor(2, distributed=True)
    assert copy.deepcopy(SaveLRETFactor(2, distributed=True)).distributed
    assert not SaveLRETFactor(2).inverse().distributed
    with pytest.raises(ValueError, match="no qubits"):
        QuantumCircuit().save_lret_factor()
    with pytest.raises(TypeError, match="must be a string"):
        SaveLRETFactor(1, label=3)
    with pytest.raises(TypeError, match="distributed must be a bool"):
        SaveLRETFactor(1, distributed=2)
    with pytest.raises(ValueError, match="one for all shots"):
        SaveLRETFactor(1, distributed=True, pershot=True)


def test_states_of_single_shots(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.save_lret_factor("last")
    circuit.save_lret_factor("shots", pershot=True)
    circuit.save_lret_factor("outcomes", conditional=True)
    result = backend.run(circuit, shots=40, seed_simulator=3, memory=True).result()
    data, memory = result.data(0), result.get_memory()
    assert set(memory) == {"0", "1"}
    for shot, state in zip(memory, data["shots"], strict=True):
        assert state.expectation_value("ZZ") == pytest.approx(1)
        assert state.expectation_value("IZ") == pytest.approx((-1) ** int(shot))
    assert len(set(map(id, data["shots"]))) == 2
    assert data["last"].fidelity(data["shots"][-1]) == pytest.approx(1)
    assert set(data["outcomes"]) == {"0x0", "0x1"}
    assert data["outcomes"]["0x1"].probabilities() == pytest.approx([0, 0, 0, 1])


def test_a_handle_belongs_to_its_process_until_it_is_released(backend: LRETBackend) -> None:
    circuit = chain(2)
    circuit.save_lret_factor(distributed=True)
    gc.collect()
    before = backend.session.machine.bytes_per_rank
    handle = backend.run(circuit).result().data(0)["lret_factor"]
    assert repr(handle) == "FactorHandle(num_qubits=2, rank=1, process_grid=(1, 1))"
    assert before - backend.session.machine.bytes_per_rank == handle.bytes_per_rank > 0
    assert copy.deepcopy(handle) is handle
    with pytest.raises(TypeError, match="cannot leave its process"):
        pickle.dumps(handle)
    with handle:
        assert handle.purity() == pytest.approx(1)
    assert backend.session.machine.bytes_per_rank == before
    with pytest.raises(ReleasedError, match="was released"):
        handle.purity()
    handle.release()
    assert "released" in repr(handle)


def test_what_nobody_refers_to_is_released(backend: LRETBackend) -> None:
    circuit = chain(2)
    circuit.save_lret_factor(distributed=True)
    gc.collect()
    before = backend.session.machine.bytes_per_rank
    result = backend.run([circuit, circuit]).result()
    assert backend.session.machine.bytes_per_rank < before
    del result
    gc.collect()
    assert backend.session.machine.bytes_per_rank == before


def test_a_cancelled_batch_keeps_nothing(backend: LRETBackend, model: NoiseModel) -> None:
    kept, endless = chain(2), chain(10)
    kept.save_lret_factor(distributed=True)
    for _ in range(200):
        endless.compose(chain(10), inplace=True)
    endless.measure_all()
    gc.collect()
    job = backend.run([kept, endless], noise_model=model, method="low_rank")
    while crew_bytes(backend) == 0:
        time.sleep(1e-3)
    job.cancel()
    with pytest.raises(JobError, match="cancelled"):
        job.result()
    gc.collect()
    # Whatever comes next comes after the release.
    assert backend.run(chain(2).measure_all(inplace=False)).result().success
    assert crew_bytes(backend) == 0


def crew_bytes(backend: LRETBackend) -> int:
    """Bytes that factors take on the MPI ranks."""
    grids, machine = backend.session._crew._grids, backend.session._crew._machine
    return int(machine.bytes_per_rank - grids.left_of(machine).bytes_per_rank)


def test_wrong_questions_are_refused_before_they_are_sent(backend: LRETBackend) -> None:
    circuit = chain(2)
    circuit.save_lret_factor(distributed=True)
    handle = backend.run(circuit).result().data(0)["lret_factor"]
    with pytest.raises(ValueError, match="qubit 2 is out of range"):
        handle.probabilities([2])
    with pytest.raises(ValueError, match="needs 4 rows"):
        handle.fidelity([1, 0])
    assert handle.fidelity(handle) == pytest.approx(1)


def measured_before() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


def looped() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        circuit.x(0)
        circuit.save_lret_factor(distributed=True)
    return circuit


def test_what_cannot_be_kept(backend: LRETBackend, tmp_path: object) -> None:
    circuit = measured_before()
    circuit.save_lret_factor(distributed=True)
    with pytest.raises(ValueError, match="measured outcomes come before it"):
        backend.run(circuit)
    with pytest.raises(ValueError, match="cannot stay on the MPI ranks"):
        backend.run(looped())
    circuit = chain(2)
    circuit.save_lret_factor(distributed=True)
    with pytest.raises(ValueError, match="a checkpoint cannot hold it"):
        backend.run(circuit, checkpoint=str(tmp_path))
    with pytest.raises(JobError, match="is no average that is linear in the state"):
        backend.run(circuit, truncation="unbiased", epsilon=1e-4).result()
    circuit = chain(3)
    circuit.append(SaveLRETFactor(2), [0, 1])
    with pytest.raises(ValueError, match="acts on 2 of the 3 qubits in use"):
        backend.run(circuit)


def test_answers_must_fit(backend: LRETBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = chain(4)
    circuit.save_lret_factor(distributed=True)
    handle = backend.run(circuit).result().data(0)["lret_factor"]
    machine = type(backend.session.machine)(mpi_ranks=1, bytes_per_rank=700 + handle.bytes_per_rank)
    monkeypatch.setattr(backend.session, "_machine", machine)
    assert handle.purity() == pytest.approx(1)
    with pytest.raises(InsufficientMemoryError, match="releasing other factors"):
        handle.density_matrix(range(4))


@pytest.fixture(scope="module")
def remote() -> Iterator[LRETBackend]:
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        backend = LRETBackend(epsilon=0, mpi_ranks=2)
        yield backend
        backend.session.close()


@NEEDS_LAUNCHER
@pytest.mark.parametrize("parallelization", ["row", "column"])
def test_on_mpi_ranks_that_are_started(
    remote: LRETBackend, model: NoiseModel, parallelization: str
) -> None:
    circuit = chain()
    rho = exact(circuit, model)
    circuit.save_lret_factor(distributed=True)
    circuit.measure_all()
    options = {"noise_model": model, "method": "low_rank", "parallelization": parallelization}
    # Without a handle, the batch would run in teams.
    result = remote.run([circuit, circuit], **options).result()
    states = [result.data(n)["lret_factor"] for n in range(2)]
    for state in states:
        assert state.purity() == pytest.approx(rho.purity().real, abs=1e-10)
        assert state.fidelity(states[0]) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(to_density_matrix(state).data, rho.data, atol=1e-10)
    states[0].release()
    with pytest.raises(ReleasedError):
        states[0].probabilities()
    # Runs and questions take turns.
    again = remote.run(circuit, **options)
    assert states[1].entropy() == pytest.approx(entropy(rho), abs=1e-7)
    assert again.result().success


@NEEDS_LAUNCHER
def test_a_closed_session_answers_no_more() -> None:
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        backend = LRETBackend(mpi_ranks=3)
        circuit = chain(2)
        circuit.save_lret_factor(distributed=True)
        handle = backend.run(circuit).result().data(0)["lret_factor"]
        backend.session.close()
        with pytest.raises(SessionError, match="the session is closed"):
            handle.purity()
        handle.release()
