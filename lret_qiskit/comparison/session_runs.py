"""LRET measured on the MPI ranks that a launcher has started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobError, JobTimeoutError

from lret_dist.errors import LretError
from lret_qiskit.backends import LRETBackend
from lret_qiskit.comparison.child import told_of
from lret_qiskit.comparison.records import Measured, RunEndedError, RunFailedError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SessionRuns"]


class SessionRuns:
    """Runs of LRET in this process's session, by the interface of ``SimulatorProcess``."""

    def __init__(self, job: dict[str, Any]) -> None:
        """Take what is run, as of :class:`~lret_qiskit.comparison.processes.SimulatorProcess`."""
        self._job = job
        self._before: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, kind: str, options: dict[str, Any], limit: float) -> Measured:
        """Measure one run.

        Raises:
            RunEndedError: when it took longer than the limit, and was cancelled.
            RunFailedError: when it failed, with the reason.
        """
        try:
            return self._run(kind, options, limit)
        except RunEndedError:
            raise
        except (JobError, LretError, ValueError) as error:
            # A job's error has what has failed as its cause.
            problem = error.__cause__ or error
            raise RunFailedError(f"{type(problem).__name__}: {problem}") from error

    def _run(self, kind: str, options: dict[str, Any], limit: float) -> Measured:
        if self._before is None:
            warm_up = self._job["warm_up"]
            freely = {k: v for k, v in self._job["options"].items() if k != "max_memory_mb"}
            job = _backend(warm_up, self._job["warm_up_noise"]).run(warm_up, **freely)
            self._before = job.result().results[0].metadata["peak_memory_mb"]
        circuit = self._job["circuits"][kind]
        backend = _backend(circuit, self._job["noise_model"])
        start = time.perf_counter()
        job = backend.run(circuit, **self._job["options"] | options)
        try:
            result = job.result(timeout=limit)
        except JobTimeoutError:
            job.cancel()
            raise RunEndedError(limit) from None
        seconds = time.perf_counter() - start
        told = told_of(result)
        # Every run watches its peak anew; that of the warm-up is what was there before.
        memory = max(0.0, told["metadata"]["peak_memory_mb"] - self._before)
        return Measured(seconds=seconds, memory_mib=memory, **told)


def _backend(circuit: Any, noise_model: Any) -> LRETBackend:
    return LRETBackend(num_qubits=max(1, circuit.num_qubits), noise_model=noise_model)
