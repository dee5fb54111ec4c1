"""The primitives on MPI ranks that the backend starts: the same results as in one process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes
from qiskit_aer.noise import NoiseModel, depolarizing_error
from starting import NEEDS_LAUNCHER, permit

from lret_dist import get_session
from lret_qiskit import LRETBackend, LRETEstimator, LRETSampler

pytestmark = NEEDS_LAUNCHER


@pytest.fixture(scope="module")
def backends() -> Iterator[tuple[LRETBackend, LRETBackend]]:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        options = {"noise_model": noise, "epsilon": 0}
        yield LRETBackend(**options), LRETBackend(mpi_ranks=2, **options)
        get_session(2).close()


def test_same_results_as_in_this_process(backends: tuple[LRETBackend, LRETBackend]) -> None:
    circuit = real_amplitudes(5, reps=2)
    values = np.random.default_rng(3).uniform(-3, 3, (20, circuit.num_parameters))
    measured = circuit.measure_all(inplace=False)
    assert backends[1].session.mpi_ranks == 2
    sampled, estimated = [], []
    for backend in backends:
        job = LRETSampler(backend, seed=2).run([(measured, values)], shots=100)
        sampled.append(job.result()[0].data.meas.array)
        job = LRETEstimator(backend).run([(circuit, [["ZZIII"], ["0+III"]], values)])
        estimated.append(job.result()[0].data.evs)
    np.testing.assert_array_equal(*sampled)
    np.testing.assert_allclose(*estimated, atol=1e-9)
