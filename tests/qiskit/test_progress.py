"""Progress of jobs and of primitives."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.providers import JobTimeoutError

from lret_dist import Progress
from lret_qiskit import LRETBackend, LRETEstimator, LRETSampler


def test_a_job_calls_a_function_and_can_be_asked(bell: QuantumCircuit) -> None:
    notes: list[Progress] = []
    job = LRETBackend().run([bell, bell], progress=notes.append)
    job.result()
    assert job.progress() == notes[-1]
    assert (notes[-1].whole, notes[-1].circuits) == (1, 2)


def test_a_backend_may_have_the_function(bell: QuantumCircuit) -> None:
    notes: list[Progress] = []
    backend = LRETBackend(progress=notes.append)
    backend.run(bell).result()
    assert notes
    notes.clear()
    backend.run(bell, progress=False).result()
    assert not notes


def test_wrong_values_are_refused(bell: QuantumCircuit) -> None:
    with pytest.raises(TypeError, match="progress must be True, False"):
        LRETBackend().run(bell, progress="often")


def test_a_failing_function_is_a_warning(bell: QuantumCircuit) -> None:
    def broken(progress: Progress) -> None:
        raise RuntimeError("no display")

    job = LRETBackend().run(bell, shots=10, progress=broken)
    with pytest.warns(RuntimeWarning, match="no display"):
        assert sum(job.result().get_counts().values()) == 10


@pytest.mark.parametrize("shown", ["auto", True, False])
def test_waiting_ends_in_time(shown: object) -> None:
    circuit = real_amplitudes(16, reps=40).assign_parameters([0.1] * 16 * 41)
    circuit.measure_all()
    job = LRETBackend().run(circuit, progress=shown)
    with pytest.raises(JobTimeoutError, match=r"within 0.01 seconds"):
        job.result(timeout=0.01)
    job.cancel()


@pytest.mark.parametrize("primitive", [LRETSampler, LRETEstimator])
def test_primitives_count_parameter_sets(primitive: type) -> None:
    notes: list[Progress] = []
    circuit = real_amplitudes(3, reps=1)
    sets = [[0.1 * k] * circuit.num_parameters for k in range(310)]
    if primitive is LRETSampler:
        circuit.measure_all()
        pubs = [(circuit, sets)]
    else:
        pubs = [(circuit, "ZZZ", sets)]
    job = primitive(seed=1, progress=notes.append).run(pubs)
    job.result()
    assert job.progress() == notes[-1]
    assert {note.circuits for note in notes} == {310}
    done = [note.circuits_done for note in notes]
    assert done == sorted(done)
    assert done[-1] == 310


def test_primitives_warn_of_a_failing_function() -> None:
    def broken(progress: Progress) -> None:
        raise RuntimeError("no display")

    circuit = QuantumCircuit(1)
    circuit.h(0)
    job = LRETEstimator(progress=broken).run([(circuit, "X")])
    with pytest.warns(RuntimeWarning, match="no display"):
        assert job.result()[0].data.evs == pytest.approx(1)
    # Once: warnings are errors here.
    job.result()
