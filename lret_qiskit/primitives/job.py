"""A job of a primitive: runs that go on in the background, a batch after the other."""

from __future__ import annotations

import threading
import uuid
import warnings
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit.primitives import BasePrimitiveJob, PrimitiveResult
from qiskit.providers import JobError, JobStatus, JobTimeoutError
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from lret_dist import CancelledError, InsufficientMemoryError, TruncationWarning
from lret_dist.runs.progress_bar import listener_of, wait_with_bar, warn_of_listener
from lret_dist.runs.run_end import RunEnd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lret_dist import RunHandle, Session, SimulationRequest
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.progress_bar import ProgressOption
    from lret_qiskit.primitives.pub_task import PubTask

__all__ = ["LRETPrimitiveJob"]

#: Runs that are sent to the session at once, and batches of them under way.
_BATCH, _UNDER_WAY = 300, 2

#: Consecutive parameter sets of a PUB.
Piece = tuple["PubTask", range]


class LRETPrimitiveJob(BasePrimitiveJob[PrimitiveResult[Any], JobStatus]):  # type: ignore[misc]
    """PUBs that are run in the background; made by a primitive.

    While a batch of circuits runs, the next one is made, so that a long sweep needs little memory.
    """

    def __init__(
        self, session: Session, tasks: Sequence[PubTask], progress: ProgressOption = "auto"
    ) -> None:
        """Start the job.

        Args:
            session: runs the circuits.
            tasks: the PUBs.
            progress: whether :meth:`result` shows how far the job is, or a function that is called
                with it.
        """
        super().__init__(str(uuid.uuid4()))
        self._option: ProgressOption = progress
        self._progress: Progress | None = None
        self._listener_error: Exception | None = None
        self._session: Session | None = session
        self._tasks = list(tasks)
        self._under_way: deque[tuple[list[Piece], RunHandle]] = deque()
        self._begun = False
        self._stop = threading.Event()
        self._ended = RunEnd()
        # Guards what is decided once: a job is cancelled, or it has the results of all its runs.
        self._lock = threading.Lock()
        self._has_run = False
        self._warnings: list[str] = []
        self._error: BaseException | None = None
        self._result: PrimitiveResult[Any] | None = None
        # A thread that the interpreter does not wait for: an interrupted program ends at once.
        threading.Thread(target=self._work, name="lret-primitive", daemon=True).start()

    def __repr__(self) -> str:
        return f"LRETPrimitiveJob({self.job_id()!r}, {self.status().name})"

    def __getstate__(self) -> dict[str, Any]:
        self._ended.wait()
        kept: dict[str, Any] = {"_session": None, "_tasks": [], "_stop": None, "_ended": None}
        # The function that is told of progress has been told of all.
        return self.__dict__ | kept | {"_lock": None, "_option": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._stop, self._ended = threading.Event(), RunEnd()
        self._lock = threading.Lock()
        self._ended.set()

    def result(self, timeout: float | None = None) -> PrimitiveResult[Any]:
        """Wait for the result.

        Args:
            timeout: seconds to wait; default: as long as it takes.

        Raises:
            JobTimeoutError: if the job did not end in time; it goes on.
            JobError: if the job was cancelled, or a run failed; the text names the PUB.
            SessionError: in a child process that was forked before the job had ended.
        """
        if not wait_with_bar(self._ended.wait, self.progress, timeout, self._option):
            raise JobTimeoutError(f"job {self.job_id()} did not end within {timeout} seconds")
        if isinstance(self._error, CancelledError):
            raise JobError(f"job {self.job_id()} was cancelled") from self._error
        if self._error is not None:
            raise self._error
        error, self._listener_error = self._listener_error, None
        warn_of_listener(error, stacklevel=3)
        while self._warnings:
            warnings.warn(self._warnings.pop(0), TruncationWarning, stacklevel=2)
        assert self._result is not None
        return self._result

    def progress(self) -> Progress | None:
        """How far the job is, every parameter set a circuit; None before its first step."""
        return self._progress

    def status(self) -> JobStatus:
        """How far the job is; ERROR when a run failed."""
        if not self._ended.is_set():
            return JobStatus.RUNNING if self._has_begun() else JobStatus.QUEUED
        if self._error is None:
            return JobStatus.DONE
        cancelled = isinstance(self._error, CancelledError)
        return JobStatus.CANCELLED if cancelled else JobStatus.ERROR

    def cancel(self) -> bool:
        """Stop the job; False if it had ended already, or all its runs had."""
        with self._lock:
            if self._has_run or self._ended.is_set():
                return False
            self._stop.set()
        for _, handle in list(self._under_way):
            handle.cancel()
        return True

    def done(self) -> bool:
        """Whether the job has ended with a result."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Whether the job is being run just now."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Whether the job ended because it was cancelled."""
        return self.status() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.status() in JOB_FINAL_STATES

    def _has_begun(self) -> bool:
        self._begun = self._begun or any(handle.running() for _, handle in list(self._under_way))
        return self._begun

    def _work(self) -> None:
        """Run all PUBs, in the job's own thread."""
        try:
            self._run_all()
            results = [task.result() for task in self._tasks]
            self._result = PrimitiveResult(results, metadata={"version": 2})
        except BaseException as error:
            # Nobody may wait for a job for ever.
            self._error = error
            for _, handle in self._under_way:
                handle.cancel()
        finally:
            self._under_way.clear()
            self._ended.set()

    def _run_all(self) -> None:
        sent = 0
        for pieces in _batches(self._tasks):
            if len(self._under_way) == _UNDER_WAY:
                self._collect()
            self._send(pieces, sent)
            sent += sum(len(numbers) for _, numbers in pieces)
        while self._under_way:
            self._collect()
        with self._lock:
            if self._stop.is_set():
                raise CancelledError("the job was cancelled")
            self._has_run = True

    def _send(self, pieces: list[Piece], seed_number: int) -> None:
        assert self._session is not None
        requests: list[SimulationRequest] = []
        for task, numbers in pieces:
            try:
                requests += task.requests(numbers, seed_number + len(requests))
            except Exception as error:
                raise JobError(f"{task.name}: {error}") from error
        try:
            handle = self._session.submit(requests, partial(self._note, seed_number))
        except (ValueError, InsufficientMemoryError) as error:
            # The note names the circuit, and with it the PUB.
            raise JobError("; ".join([str(error), *getattr(error, "__notes__", [])])) from error
        self._under_way.append((pieces, handle))
        if self._stop.is_set():
            handle.cancel()

    def _note(self, before: int, progress: Progress) -> None:
        """Take a note of a batch, with so many parameter sets ``before`` it."""
        done, circuits = before + progress.circuits_done, sum(task.size for task in self._tasks)
        self._progress = replace(progress, circuits_done=done, circuits=circuits)
        if (listener := listener_of(self._option)) is not None:
            listener(self._progress)

    def _collect(self) -> None:
        """Take the results of the batch that was sent first."""
        pieces, handle = self._under_way[0]
        outcomes = iter(handle.result())
        self._listener_error = self._listener_error or handle.listener_error
        for task, numbers in pieces:
            for number in numbers:
                outcome = next(outcomes)
                if isinstance(outcome, Exception):
                    raise JobError(f"{task.where(number)}: {outcome}") from outcome
                self._begun = True
                self._warnings += [f"{task.where(number)}: {text}" for text in outcome.warnings]
                task.take(number, outcome)
        self._under_way.popleft()


def _batches(tasks: Sequence[PubTask]) -> Iterator[list[Piece]]:
    """All parameter sets of all PUBs, in order, in batches."""
    pieces: list[Piece] = []
    room = _BATCH
    for task in tasks:
        start = 0
        while start < task.size:
            stop = min(task.size, start + room)
            pieces.append((task, range(start, stop)))
            room -= stop - start
            start = stop
            if not room:
                yield pieces
                pieces, room = [], _BATCH
    if pieces:
        yield pieces
