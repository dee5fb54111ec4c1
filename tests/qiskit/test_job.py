"""Jobs: real runs, some of them so long that only a cancellation ends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus, JobTimeoutError
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_dist import CheckpointError
from lret_qiskit import LRETBackend, LRETJob


@pytest.fixture(scope="module")
def slow_backend() -> LRETBackend:
    """With :func:`endless`, a run of minutes whose steps take milliseconds."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return LRETBackend(noise_model=noise, epsilon=0, method="low_rank", shots=20)


def endless() -> QuantumCircuit:
    circuit = QuantumCircuit(9, name="endless")
    for layer in range(60):
        for qubit in range(9):
            circuit.rx(0.3 + layer + qubit, qubit)
        for qubit in range(8):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


@pytest.fixture
def running(slow_backend: LRETBackend) -> Iterator[LRETJob]:
    """A job that runs just now, and would for minutes."""
    job = slow_backend.run(endless())
    wait_for(lambda: job.status() is JobStatus.RUNNING)
    yield job
    job.cancel()
    job.wait_for_final_state(timeout=30, wait=0.01)


def wait_for(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_result_of_a_run(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    result = job.result()
    assert isinstance(job, LRETJob)
    assert job.backend() is backend
    assert job.circuits() == [bell]
    assert result.job_id == job.job_id()
    assert result.backend_name == "lret_simulator"
    assert result.success
    assert job.status() is JobStatus.DONE
    assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (1, 0, 0, 1)
    assert job.result() is result
    assert result.time_taken == result.results[0].time_taken > 0
    assert result.metadata["max_memory_mb"] > 0
    assert repr(job) == f"LRETJob({job.job_id()!r}, circuits=1)"


def test_job_ids_differ(backend: LRETBackend, bell: QuantumCircuit) -> None:
    assert backend.run(bell).job_id() != backend.run(bell).job_id()


def test_second_submit(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    with pytest.raises(JobError, match="has been submitted already"):
        job.submit()
    assert job.result().success


def test_job_that_was_not_submitted(backend: LRETBackend) -> None:
    job = LRETJob(backend, "id", [], [])
    assert job.status() is JobStatus.INITIALIZING
    with pytest.raises(JobError, match="has not been submitted; call submit"):
        job.result()
    with pytest.raises(JobError, match="has not been submitted"):
        job.cancel()


def test_timeout(running: LRETJob) -> None:
    with pytest.raises(JobTimeoutError, match=r"did not end within 0\.01 seconds"):
        running.result(timeout=0.01)
    with pytest.raises(JobTimeoutError, match="Timeout while waiting"):
        running.wait_for_final_state(timeout=0.01, wait=0.005)
    assert running.running()


def test_cancel_while_it_runs(running: LRETJob) -> None:
    assert running.cancel()
    seen: list[tuple[str, JobStatus, LRETJob]] = []
    running.wait_for_final_state(30, 0.005, lambda *arguments: seen.append(arguments))
    assert {(job_id, job) for job_id, _, job in seen} <= {(running.job_id(), running)}
    assert running.status() is JobStatus.CANCELLED
    assert running.cancelled()
    with pytest.raises(JobError, match="was cancelled"):
        running.result()
    assert not running.cancel()


def test_jobs_wait_for_each_other(
    running: LRETJob, slow_backend: LRETBackend, bell: QuantumCircuit
) -> None:
    waiting, dropped = slow_backend.run(bell), LRETBackend().run(bell)
    assert (waiting.status(), dropped.status()) == (JobStatus.QUEUED, JobStatus.QUEUED)
    assert not waiting.in_final_state()
    assert dropped.cancel()
    assert dropped.status() is JobStatus.CANCELLED
    assert running.cancel()
    assert sum(waiting.result(timeout=30).get_counts().values()) == 20
    assert waiting.done()


def test_cancel_comes_too_late(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    job.result()
    assert not job.cancel()
    assert job.status() is JobStatus.DONE


@pytest.fixture
def damaged(slow_backend: LRETBackend, tmp_path: Path) -> dict[str, object]:
    """Options with which the first circuit of a job, if it is endless, fails when it is run."""
    options = {"checkpoint": tmp_path, "checkpoint_interval": 0.01, "seed_simulator": 1}
    job = slow_backend.run(endless(), **options)
    wait_for(lambda: any(tmp_path.glob("*.lret")))
    job.cancel()
    job.wait_for_final_state(timeout=30, wait=0.01)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(b"this is no checkpoint" * 100)
    return options


def test_one_failed_circuit_leaves_the_others(
    slow_backend: LRETBackend, bell: QuantumCircuit, damaged
) -> None:
    job = slow_backend.run([endless(), bell], **damaged)
    with pytest.warns(UserWarning, match="1 of 2 circuits failed; first circuit 'endless': "):
        result = job.result()
    assert job.status() is JobStatus.DONE
    assert (result.success, result.status) == (False, "PARTIAL COMPLETED")
    assert [each.success for each in result.results] == [False, True]
    assert sum(result.get_counts(1).values()) == 20
    for key in (0, "endless", None):
        with pytest.raises(QiskitError, match=r"circuit 'endless': .*checkpoint"):
            result.get_counts(key)


def test_the_only_circuit_failed(slow_backend: LRETBackend, damaged) -> None:
    job = slow_backend.run(endless(), **damaged)
    with pytest.raises(JobError, match=r"circuit 'endless': .*checkpoint") as caught:
        job.result()
    assert isinstance(caught.value.__cause__, CheckpointError)
    assert job.status() is JobStatus.ERROR
    assert job.in_final_state()
    assert not job.done()


def test_every_circuit_failed(slow_backend: LRETBackend, bell: QuantumCircuit, damaged) -> None:
    too_large = QuantumCircuit(60, name="large")
    too_large.h(range(60))
    with pytest.raises(
        JobError, match=r"(?s)all 2 circuits failed; first circuit 'endless': .*checkpoint"
    ):
        slow_backend.run([endless(), too_large], **damaged).result()


def test_many_jobs_at_once(backend: LRETBackend, bell: QuantumCircuit) -> None:
    jobs = [backend.run(bell, seed_simulator=seed) for seed in range(20)]
    again = [backend.run(bell, seed_simulator=seed) for seed in range(20)]
    for one, other in zip(jobs, again, strict=True):
        assert one.result().get_counts() == other.result().get_counts()


def number_circuit(number: int) -> QuantumCircuit:
    """A circuit that measures its number."""
    circuit = QuantumCircuit(6, name=f"number {number}")
    for qubit in range(6):
        if number >> qubit & 1:
            circuit.x(qubit)
    circuit.measure_all()
    return circuit


def test_threads_get_their_own_results() -> None:
    """Twelve threads send jobs of several circuits to one backend, with noise of their own."""
    backend = LRETBackend()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(1e-9, 1), ["x"])
    wrong: list[object] = []

    def work(thread: int) -> None:
        for turn in range(4):
            numbers = [(7 * thread + 5 * turn + i) % 63 + 1 for i in range(3)]
            model = noise if turn % 2 else None
            job = backend.run(list(map(number_circuit, numbers)), shots=10, noise_model=model)
            result = job.result(timeout=60)
            found = [int(next(iter(result.get_counts(i))), 2) for i in range(3)]
            if found != numbers or result.job_id != job.job_id():
                wrong.append((numbers, found))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_threads_may_ask_one_job(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run([bell] * 5)
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(job.result())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 8
    assert all(each is results[0] for each in results)
