import threading
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus, JobTimeoutError

from lret_dist import CancelledError, LretError
from lret_qiskit import LRETBackend, LRETJob


class FakeHandle:
    """A run that ends when the test says so, with the outcomes that it says."""

    def __init__(self) -> None:
        self.outcomes = None
        self.ended = threading.Event()
        self.is_cancelled = False

    def end(self, outcomes) -> None:
        self.outcomes = outcomes
        self.ended.set()

    def result(self, timeout=None):
        if not self.ended.wait(timeout):
            raise TimeoutError
        if self.is_cancelled:
            raise CancelledError("the run was cancelled")
        return self.outcomes

    def cancel(self) -> bool:
        if self.done():
            return False
        self.is_cancelled = True
        self.ended.set()
        return True

    def done(self) -> bool:
        return self.ended.is_set()

    def running(self) -> bool:
        return not self.done()

    def cancelled(self) -> bool:
        return self.is_cancelled


@pytest.fixture
def handle(monkeypatch) -> FakeHandle:
    fake = FakeHandle()
    session = SimpleNamespace(submit=lambda _: fake)
    monkeypatch.setattr(LRETBackend, "session", session)
    return fake


def good_outcome(bell: QuantumCircuit):
    job = LRETBackend().run(bell, shots=10)
    return job._handle.result()[0]


def test_result_of_a_run(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    result = job.result()
    assert isinstance(job, LRETJob)
    assert job.backend() is backend
    assert result.job_id == job.job_id()
    assert result.backend_name == "lret_simulator"
    assert result.success
    assert job.status() is JobStatus.DONE
    assert job.done()
    assert job.result() is result
    assert repr(job) == f"LRETJob({job.job_id()!r}, circuits=1)"


def test_job_ids_differ(backend: LRETBackend, bell: QuantumCircuit) -> None:
    assert backend.run(bell).job_id() != backend.run(bell).job_id()


def test_second_submit(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    with pytest.raises(JobError, match="has been submitted already"):
        job.submit()
    job.result()


def test_job_that_was_not_submitted(backend: LRETBackend) -> None:
    job = LRETJob(backend, "id", [], [])
    assert job.status() is JobStatus.INITIALIZING
    with pytest.raises(JobError, match="has not been submitted; call submit"):
        job.result()
    with pytest.raises(JobError, match="has not been submitted"):
        job.cancel()


def test_timeout(backend: LRETBackend, bell: QuantumCircuit, handle: FakeHandle) -> None:
    job = backend.run(bell)
    assert job.status() is JobStatus.RUNNING
    with pytest.raises(JobTimeoutError, match=r"did not end within 0\.01 seconds"):
        job.result(timeout=0.01)


def test_cancel(backend: LRETBackend, bell: QuantumCircuit, handle: FakeHandle) -> None:
    job = backend.run(bell)
    assert job.cancel()
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(JobError, match="was cancelled"):
        job.result()
    assert not job.cancel()


def test_cancel_comes_too_late(backend: LRETBackend, bell: QuantumCircuit) -> None:
    job = backend.run(bell)
    job.result()
    assert not job.cancel()
    assert job.status() is JobStatus.DONE


def test_one_failed_circuit_leaves_the_others(
    backend: LRETBackend, bell: QuantumCircuit, handle: FakeHandle, monkeypatch
) -> None:
    job = backend.run([bell, bell.copy("broken")])
    monkeypatch.undo()
    handle.end([good_outcome(bell), LretError("it broke")])
    result = job.result()
    assert job.status() is JobStatus.DONE
    assert not result.success
    assert result.status == "PARTIAL COMPLETED"
    assert sum(result.get_counts(0).values()) == 10
    for key in (1, "broken"):
        with pytest.raises(QiskitError, match="circuit 'broken': it broke"):
            result.get_counts(key)
    with pytest.raises(QiskitError, match="circuit 'broken': it broke"):
        result.get_counts()


def test_every_circuit_failed(
    backend: LRETBackend, bell: QuantumCircuit, handle: FakeHandle
) -> None:
    job = backend.run([bell, bell])
    handle.end([LretError("it broke"), LretError("it broke too")])
    assert job.status() is JobStatus.ERROR
    with pytest.raises(JobError, match="all 2 circuits failed; first circuit 'bell': it broke"):
        job.result()


def test_the_only_circuit_failed(
    backend: LRETBackend, bell: QuantumCircuit, handle: FakeHandle
) -> None:
    job = backend.run(bell)
    error = LretError("it broke")
    handle.end([error])
    with pytest.raises(JobError, match="circuit 'bell': it broke") as caught:
        job.result()
    assert caught.value.__cause__ is error


def test_many_jobs_at_once(backend: LRETBackend, bell: QuantumCircuit) -> None:
    jobs = [backend.run(bell, seed_simulator=seed) for seed in range(20)]
    again = [backend.run(bell, seed_simulator=seed) for seed in range(20)]
    for one, other in zip(jobs, again, strict=True):
        assert one.result().get_counts() == other.result().get_counts()
