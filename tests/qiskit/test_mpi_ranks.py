"""Providers and backends on MPI ranks that they start themselves."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Iterator

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import JobError, JobStatus
from qiskit_aer.noise import NoiseModel, depolarizing_error
from starting import NEEDS_LAUNCHER, permit

from lret_dist import Progress, SessionError, get_session
from lret_qiskit import LRETBackend, LRETProvider

pytestmark = NEEDS_LAUNCHER


@pytest.fixture(scope="module")
def provider() -> Iterator[LRETProvider]:
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        yield LRETProvider(mpi_ranks=2)
        get_session(2).close()


@pytest.fixture(scope="module")
def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["rx"])
    return model


def chain(num_qubits: int, layers: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.rx(0.3 + layer + qubit, qubit)
        for qubit in range(num_qubits - 1):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def test_same_counts_as_in_this_process(provider: LRETProvider, noise: NoiseModel) -> None:
    options = {"noise_model": noise, "epsilon": 0, "seed_simulator": 3}
    circuits = [chain(5, 2), chain(4, 3)]
    here = LRETProvider().get_backend().run(circuits, **options).result()
    there = provider.get_backend().run(circuits, **options).result()
    assert there.get_counts() == here.get_counts()
    assert [each.metadata["mpi_ranks"] for each in here.results] == [1, 1]
    assert [each.metadata["mpi_ranks"] for each in there.results] == [2, 2]


def test_progress_comes_from_the_ranks(provider: LRETProvider, noise: NoiseModel) -> None:
    notes: list[Progress] = []
    # Two teams run the circuits.
    circuits = [chain(11, 10)] * 4
    job = provider.get_backend().run(circuits, noise_model=noise, progress=notes.append)
    job.result()
    done = [note.circuits_done for note in notes]
    assert done == sorted(done)
    # The last note follows from one that has come.
    assert len(notes) > 1
    assert (notes[-1].whole, notes[-1].circuits_done, notes[-1].circuits) == (1, 4, 4)


def test_jobs_go_to_the_ranks_of_their_provider(
    provider: LRETProvider, bell: QuantumCircuit
) -> None:
    """Providers of different numbers live side by side; backends by name are alike."""
    for made, ranks in ((provider, 2), (LRETProvider(), 1), (LRETProvider(mpi_ranks=1), 1)):
        for backend in made.backends():
            result = backend.run(bell, shots=5).result()
            assert result.results[0].metadata["mpi_ranks"] == ranks
    assert LRETBackend(mpi_ranks=2).session is provider.get_backend().session


def test_primitives(provider: LRETProvider, bell: QuantumCircuit) -> None:
    sampler = BackendSamplerV2(backend=provider.get_backend())
    assert set(sampler.run([bell], shots=50).result()[0].data.meas.get_counts()) <= {"00", "11"}


def test_copies_share_the_ranks(provider: LRETProvider) -> None:
    backend = provider.get_backend()
    for copied in (copy.deepcopy(backend), pickle.loads(pickle.dumps(backend))):
        assert copied.session is backend.session


def test_status_and_cancel(provider: LRETProvider, noise: NoiseModel, bell: QuantumCircuit) -> None:
    backend = provider.get_backend()
    endless = {"noise_model": noise, "epsilon": 0, "method": "low_rank"}
    running, waiting = (backend.run(chain(10, 300), **endless) for _ in range(2))
    after = backend.run(bell)
    end = time.monotonic() + 20
    while running.status() is not JobStatus.RUNNING and time.monotonic() < end:
        time.sleep(0.01)
    assert running.status() is JobStatus.RUNNING
    assert waiting.status() is JobStatus.QUEUED
    assert waiting.cancel()
    assert waiting.status() is JobStatus.CANCELLED
    assert running.cancel()
    with pytest.raises(JobError, match="was cancelled"):
        running.result(timeout=30)
    assert running.status() is JobStatus.CANCELLED
    assert after.result(timeout=30).success
    assert after.status() is JobStatus.DONE


def test_closed_ranks_take_nothing_and_a_new_provider_starts_others(
    bell: QuantumCircuit, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit(monkeypatch)
    old = LRETProvider(mpi_ranks=3).get_backend()
    old.session.close()
    with pytest.raises(SessionError, match="is closed"):
        old.run(bell)
    new = LRETProvider(mpi_ranks=3).get_backend()
    assert new.run(bell).result().results[0].metadata["mpi_ranks"] == 3
    new.session.close()


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="mpi_ranks must be at least 1, got 0"):
        LRETProvider(mpi_ranks=0)
    with pytest.raises(TypeError, match="mpi_ranks must be an integer, got 'four'"):
        LRETBackend(mpi_ranks="four")
