"""A job: circuits that are simulated in the background."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobError, JobStatus, JobTimeoutError, JobV1

from lret_dist import (
    CancelledError,
    InsufficientMemoryError,
    RunHandle,
    SimulationRequest,
    SimulationResult,
    TruncationWarning,
)
from lret_dist.planning.jobs import prepare
from lret_dist.runs.progress_bar import listener_of, wait_with_bar, warn_of_listener
from lret_qiskit.translators import Experiment, build_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit
    from qiskit.result import Result

    from lret_dist.machines.machine import Machine
    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.progress_bar import ProgressOption
    from lret_qiskit.backends import LRETBackend

__all__ = ["LRETJob"]

Outcomes = list[SimulationResult | Exception]


class LRETJob(JobV1):  # type: ignore[misc]
    """Circuits that are simulated in the background; made by ``LRETBackend.run``.

    Several threads may ask one job.
    """

    _async = True

    def __init__(
        self,
        backend: LRETBackend,
        job_id: str,
        requests: Sequence[SimulationRequest | Exception],
        experiments: Sequence[Experiment],
        circuits: Sequence[QuantumCircuit] = (),
        progress: ProgressOption = "auto",
    ) -> None:
        """Hold checked requests, one per circuit, and what their results need beside them.

        Args:
            backend: the backend.
            job_id: a name of the job's own.
            requests: for each circuit what is to be simulated, or why it cannot be.
            experiments: what else the circuits' results need, in the same order.
            circuits: the circuits themselves.
            progress: whether :meth:`result` shows how far the job is, or a function that is called
                with it.
        """
        super().__init__(backend, job_id)
        self._requests: list[SimulationRequest | Exception] | None = list(requests)
        self._experiments = list(experiments)
        self._circuits = list(circuits)
        self._progress: ProgressOption = progress
        # Circuits that were refused, by their number.
        self._refused: dict[int, Exception] = {}
        self._handle: RunHandle | None = None
        self._machine: Machine | None = None
        self._result: Result | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"LRETJob({self.job_id()!r}, circuits={len(self._experiments)})"

    def circuits(self) -> list[QuantumCircuit]:
        """The circuits, once for each of their parameters' values."""
        return list(self._circuits)

    def submit(self) -> None:
        """Start the job.

        Raises:
            JobError: if it was started before.
            ValueError: if no circuit can be run, saying why not the first.
            InsufficientMemoryError: if no circuit can fit.
            SessionError: if the backend's MPI ranks have ended, with what they wrote last.
        """
        with self._lock:
            if self._requests is None:
                raise JobError(f"job {self.job_id()} has been submitted already")
            backend: LRETBackend = self.backend()
            session = backend.session
            session.check_usable()
            prepared = self._prepared(self._requests, session.machine)
            self._machine = session.machine
            self._handle = session.submit_prepared(prepared, listener_of(self._progress))
            self._requests = None

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        A circuit that failed makes its own experiment fail, with its message as status, while
        the others succeed; asking for its counts raises the message. A warning names it.

        Args:
            timeout: seconds to wait; default: as long as it takes.

        Raises:
            JobTimeoutError: if the job did not end in time; it goes on.
            JobError: if the job was cancelled, was never submitted, or all its circuits failed.
            SessionError: in a child process that was forked before the job had ended.
        """
        handle = self._submitted()
        if not wait_with_bar(handle.wait, handle.progress, timeout, self._progress):
            raise JobTimeoutError(f"job {self.job_id()} did not end within {timeout} seconds")
        outcomes = self._outcomes()
        with self._lock:
            if self._result is None:
                self._result = self._built(outcomes)
                warn_of_listener(handle.listener_error, stacklevel=3)
                for text, category in self._warnings(outcomes):
                    warnings.warn(text, category, stacklevel=2)
            return self._result

    def progress(self) -> Progress | None:
        """How far the job is; None before its first step, and where it was never submitted."""
        return None if self._handle is None else self._handle.progress()

    def cancel(self) -> bool:
        """Stop the job, at the next step where it runs; False if it had ended already."""
        return self._submitted().cancel()

    def status(self) -> JobStatus:
        """How far the job is: QUEUED while another runs, ERROR when every circuit failed."""
        handle = self._handle
        if handle is None:
            return JobStatus.INITIALIZING
        if handle.cancelled():
            return JobStatus.CANCELLED
        if handle.done():
            return self._final_status()
        return JobStatus.RUNNING if handle.running() else JobStatus.QUEUED

    def _prepared(
        self, requests: Sequence[SimulationRequest | Exception], machine: Machine
    ) -> list[PreparedRequest]:
        """The requests that can be run; the others are noted, unless there are no others."""
        prepared = []
        refused: dict[int, Exception] = {}
        for number, request in enumerate(requests):
            if isinstance(request, Exception):
                refused[number] = request
                continue
            try:
                prepared.append(prepare(request, machine, number))
            except InsufficientMemoryError as error:
                refused[number] = error
            except Exception as error:
                error.add_note(f"in circuit {request.circuit.name!r}")
                raise
        if refused and not prepared:
            raise self._named(min(refused.items()))
        self._refused = refused
        return prepared

    def _named(self, refusal: tuple[int, Exception]) -> Exception:
        number, error = refusal
        error.add_note(f"in circuit {self._experiments[number].name!r}")
        return error

    def _submitted(self) -> RunHandle:
        if self._handle is None:
            raise JobError(f"job {self.job_id()} has not been submitted; call submit() first")
        return self._handle

    def _outcomes(self) -> Outcomes:
        """One result or error per circuit of a job that has ended, in order."""
        try:
            ran = iter(self._submitted().result())
        except CancelledError:
            raise JobError(f"job {self.job_id()} was cancelled") from None
        return [self._refused.get(i) or next(ran) for i in range(len(self._experiments))]

    def _final_status(self) -> JobStatus:
        outcomes = self._outcomes()
        failed = all(isinstance(outcome, Exception) for outcome in outcomes)
        return JobStatus.ERROR if failed else JobStatus.DONE

    def _built(self, outcomes: Outcomes) -> Result:
        failures = self._failures(outcomes)
        if len(failures) == len(outcomes):
            first = next(each for each in outcomes if isinstance(each, Exception))
            raise JobError(_summary(failures, len(outcomes))) from first
        backend: Any = self.backend()
        # Without shots, as in Qiskit Aer: else BackendSamplerV2 takes a circuit that failed for one
        # that measured zeros.
        experiments = [
            replace(each, shots=0) if isinstance(outcome, Exception) else each
            for each, outcome in zip(self._experiments, outcomes, strict=True)
        ]
        return build_result(
            outcomes,
            experiments,
            backend_name=backend.name,
            backend_version=backend.backend_version,
            job_id=self.job_id(),
            date=datetime.now(UTC),
            **self._summary_fields(outcomes),
        )

    def _summary_fields(self, outcomes: Outcomes) -> dict[str, Any]:
        """What the result says of the whole job, under Qiskit Aer's names."""
        ran = [each.metadata for each in outcomes if isinstance(each, SimulationResult)]
        seconds = sum(each.execution_time_seconds for each in ran)
        metadata: dict[str, Any] = {"time_taken_execute": seconds}
        if self._machine is not None:
            metadata["max_memory_mb"] = int(self._machine.bytes_per_rank) >> 20
            metadata["mpi_ranks"] = self._machine.mpi_ranks
        return {"time_taken": seconds, "metadata": metadata}

    def _failures(self, outcomes: Outcomes) -> list[str]:
        pairs = zip(self._experiments, outcomes, strict=True)
        return [f"circuit {e.name!r}: {o}" for e, o in pairs if isinstance(o, Exception)]

    def _warnings(self, outcomes: Outcomes) -> list[tuple[str, type[Warning]]]:
        texts: list[tuple[str, type[Warning]]] = []
        if failures := self._failures(outcomes):
            texts.append((_summary(failures, len(outcomes)), UserWarning))
        ran = [outcome for outcome in outcomes if isinstance(outcome, SimulationResult)]
        return texts + [(text, TruncationWarning) for each in ran for text in each.warnings]


def _summary(failures: Sequence[str], circuits: int) -> str:
    if circuits == 1:
        return failures[0]
    many = f"all {circuits}" if len(failures) == circuits else f"{len(failures)} of {circuits}"
    return f"{many} circuits failed; first {failures[0]}"
