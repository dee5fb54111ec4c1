"""A job: circuits that are simulated in the background."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobError, JobStatus, JobTimeoutError, JobV1

from lret_dist import (
    CancelledError,
    RunHandle,
    SimulationRequest,
    SimulationResult,
    TruncationWarning,
)
from lret_qiskit.translators import Experiment, build_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.result import Result

    from lret_qiskit.backends import LRETBackend

__all__ = ["LRETJob"]

Outcomes = list[SimulationResult | Exception]


class LRETJob(JobV1):  # type: ignore[misc]
    """Circuits that are simulated in the background; made by ``LRETBackend.run``."""

    _async = True

    def __init__(
        self,
        backend: LRETBackend,
        job_id: str,
        requests: Sequence[SimulationRequest],
        experiments: Sequence[Experiment],
    ) -> None:
        """Hold checked requests, one per circuit, and what their results need beside them."""
        super().__init__(backend, job_id)
        self._requests: list[SimulationRequest] | None = list(requests)
        self._experiments = list(experiments)
        self._handle: RunHandle | None = None
        self._result: Result | None = None

    def __repr__(self) -> str:
        return f"LRETJob({self.job_id()!r}, circuits={len(self._experiments)})"

    def submit(self) -> None:
        """Start the job.

        Raises:
            JobError: if it was started before.
            SessionError: if the backend's MPI ranks have ended, with what they wrote last.
        """
        if self._requests is None:
            raise JobError(f"job {self.job_id()} has been submitted already")
        backend: LRETBackend = self.backend()
        self._handle = backend.session.submit(self._requests)
        self._requests = None

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        A circuit that failed makes its own experiment fail, with its message as status, while
        the others succeed; asking for its counts raises the message.

        Args:
            timeout: seconds to wait; default: as long as it takes.

        Raises:
            JobTimeoutError: if the job did not end in time; it goes on.
            JobError: if the job was cancelled, was never submitted, or all its circuits failed.
        """
        if self._result is None:
            outcomes = self._outcomes(timeout)
            self._result = self._built(outcomes)
            for text in _warnings(outcomes):
                warnings.warn(text, TruncationWarning, stacklevel=2)
        return self._result

    def cancel(self) -> bool:
        """Stop the job; False if it had ended already."""
        return self._submitted().cancel()

    def status(self) -> JobStatus:
        """How far the job is; ERROR when every circuit failed."""
        handle = self._handle
        if handle is None:
            return JobStatus.INITIALIZING
        if handle.cancelled():
            return JobStatus.CANCELLED
        if handle.done():
            return self._final_status()
        return JobStatus.RUNNING if handle.running() else JobStatus.QUEUED

    def _submitted(self) -> RunHandle:
        if self._handle is None:
            raise JobError(f"job {self.job_id()} has not been submitted; call submit() first")
        return self._handle

    def _outcomes(self, timeout: float | None) -> Outcomes:
        handle = self._submitted()
        try:
            return handle.result(timeout)
        except TimeoutError:
            raise JobTimeoutError(
                f"job {self.job_id()} did not end within {timeout} seconds"
            ) from None
        except CancelledError:
            raise JobError(f"job {self.job_id()} was cancelled") from None

    def _final_status(self) -> JobStatus:
        outcomes = self._outcomes(timeout=0)
        failed = all(isinstance(outcome, Exception) for outcome in outcomes)
        return JobStatus.ERROR if failed else JobStatus.DONE

    def _built(self, outcomes: Outcomes) -> Result:
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if len(errors) == len(outcomes):
            raise JobError(self._failure(errors)) from errors[0]
        backend: Any = self.backend()
        return build_result(
            outcomes,
            self._experiments,
            backend_name=backend.name,
            backend_version=backend.backend_version,
            job_id=self.job_id(),
            date=datetime.now(UTC),
        )

    def _failure(self, errors: Sequence[Exception]) -> str:
        first = f"circuit {self._experiments[0].name!r}: {errors[0]}"
        if len(errors) == 1:
            return first
        return f"all {len(errors)} circuits failed; first {first}"


def _warnings(outcomes: Outcomes) -> list[str]:
    return [
        text
        for outcome in outcomes
        if isinstance(outcome, SimulationResult)
        for text in outcome.warnings
    ]
