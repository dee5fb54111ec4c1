"""What every session has, wherever its MPI ranks are: a queue, and one thread that empties it."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from lret_dist.errors import CancelledError, SessionError, StoppedError
from lret_dist.machines.process_memory import FreeMemory
from lret_dist.planning.jobs import PreparedRequest, SimulationRequest, prepare
from lret_dist.results.factor_handle import FactorHandle
from lret_dist.results.kept_factors import KeptFactor
from lret_dist.results.questions import Inquiry
from lret_dist.results.result import SimulationResult
from lret_dist.runs.run_handle import Outcomes, RunHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lret_dist.machines.machine import Machine
    from lret_dist.runs.progress import Progress

__all__ = ["Session"]

#: Seconds that a run gets to stop when its session is closed.
_STOP_SECONDS = 5.0

#: What the session's thread does next: a batch, or a question about a factor that is kept.
_Work: TypeAlias = "tuple[RunHandle, list[PreparedRequest] | Inquiry]"


class Session(ABC):
    """Takes requests, and runs them one batch after the other in one thread.

    Make one with :func:`~lret_dist.sessions.session.get_session`.
    """

    def __init__(self, machine: Machine) -> None:
        """Start the thread; what :meth:`_run_batch` needs must be there already."""
        self._machine = machine
        self._pid = os.getpid()
        # Handles that nobody needs any more are let go wherever that is noticed, even in the middle
        # of another call of this queue: only a simple one allows that.
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._factors: weakref.WeakSet[FactorHandle] = weakref.WeakSet()
        self._factors_lock = threading.Lock()
        self._closed = False
        self._was_stopped = False
        self._current: RunHandle | None = None
        self._thread = threading.Thread(target=self._work, name="lret-driver", daemon=True)
        self._thread.start()

    @property
    def machine(self) -> Machine:
        """MPI ranks there are, and memory that factors which are kept leave."""
        with self._factors_lock:
            kept = sum(each.bytes_per_rank for each in self._factors)
        return replace(self._machine, bytes_per_rank=max(0, self._machine.bytes_per_rank - kept))

    @property
    def mpi_ranks(self) -> int:
        """Number of MPI ranks."""
        return self._machine.mpi_ranks

    @property
    def was_stopped(self) -> bool:
        """Whether a signal has stopped a run here, which is saved and can go on."""
        return self._was_stopped

    @property
    def is_here(self) -> bool:
        """Whether the session was made in this process, not in one that this was forked from."""
        return self._pid == os.getpid()

    def submit(
        self,
        requests: Sequence[SimulationRequest],
        listener: Callable[[Progress], object] | None = None,
    ) -> RunHandle:
        """Check the requests, queue them and return at once.

        Args:
            requests: the circuits of the batch.
            listener: is called with notes of the batch's progress, at most ten times a second, in
                a thread of the session's, and never in two at once.

        Raises:
            ValueError: for a request that cannot be run, before anything is sent.
            InsufficientMemoryError: when not even the smallest form of a run fits.
            SessionError: when the session is closed, or its MPI ranks have ended.
        """
        self.check_usable()
        prepared = [self._prepare(*each) for each in enumerate(requests)]
        return self.submit_prepared(prepared, listener)

    def submit_prepared(
        self,
        prepared: list[PreparedRequest],
        listener: Callable[[Progress], object] | None = None,
    ) -> RunHandle:
        """As :meth:`submit`, for requests that are checked already."""
        return self._put(prepared, RunHandle(len(prepared), listener))

    def check_usable(self) -> None:
        """Check that runs can start here.

        Raises:
            SessionError: saying why they cannot.
        """
        if self._closed:
            raise SessionError("the session is closed; no further run can start")
        if not self.is_here:
            raise SessionError(
                f"the session belongs to process {self._pid}, from which this one was forked; "
                f"get_session() makes one here"
            )

    def is_usable(self) -> bool:
        """Whether runs can start here."""
        try:
            self.check_usable()
        except SessionError:
            return False
        return True

    def _prepare(self, index: int, request: SimulationRequest) -> PreparedRequest:
        try:
            return prepare(request, self.machine, index)
        except Exception as error:
            error.add_note(f"in circuit {request.circuit.name!r}")
            raise

    def close(self) -> None:
        """Stop what is running, and the MPI ranks; later calls do nothing."""
        if self._closed or not self.is_here:
            return
        self._closed = True
        while not self._queue.empty():
            if (item := self._queue.get_nowait()) is not None:
                item[0].cancel()
        if (current := self._current) is not None:
            current.cancel()
        self._queue.put(None)
        self._thread.join(_STOP_SECONDS)
        self._release(stopped=not self._thread.is_alive())

    def ask(self, inquiry: Inquiry) -> Any:
        """Ask the MPI ranks that keep a factor, and wait for the answer.

        Raises:
            ReleasedError: when it was released.
            SessionError: when the session is closed, or its MPI ranks have ended.
        """
        self.check_usable()
        handle = self._put(inquiry)
        try:
            (outcome,) = handle.result()
        except CancelledError:
            raise SessionError("the session was closed before it could answer") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def let_go(self, kept: KeptFactor) -> None:
        """Let a factor go that is kept, after all that was queued before."""
        if self.is_here and not self._closed:
            self._put(Inquiry(kept, None))

    def _put(
        self, work: list[PreparedRequest] | Inquiry, handle: RunHandle | None = None
    ) -> RunHandle:
        handle = handle or RunHandle()
        self._queue.put((handle, work))
        if self._closed:
            handle.cancel()
        return handle

    def _work(self) -> None:
        free = FreeMemory()
        while self._do(self._queue.get()):
            # Nothing here may refer to what is done: its owner may wait for its end.
            free.give_back()

    def _do(self, item: _Work | None) -> bool:
        """Do one thing, if there is any; nobody may wait for it for ever."""
        if item is None:
            return False
        handle, work = item
        self._current = handle
        # close() does this for what it finds in the queue, or here.
        if self._closed:
            handle.cancel()
        if handle.begin():
            if isinstance(work, Inquiry):
                handle.end([_outcome_of(self._answer, work)])
            else:
                outcomes = _outcome_of(self._run_batch, handle, work)
                if isinstance(outcomes, Exception) and not isinstance(outcomes, CancelledError):
                    outcomes = [outcomes for _ in work]
                self._note_stops(outcomes)
                handle.end(outcomes)
        self._current = None
        return True

    def _note_stops(self, outcomes: Outcomes | CancelledError) -> None:
        if not isinstance(outcomes, CancelledError):
            self._was_stopped |= any(isinstance(each, StoppedError) for each in outcomes)

    def _owned(self, outcome: SimulationResult | Exception) -> SimulationResult | Exception:
        """An outcome whose kept factors have handles, so that they can be asked and let go."""
        if isinstance(outcome, SimulationResult):
            for key, value in outcome.data.items():
                if isinstance(value, KeptFactor):
                    outcome.data[key] = self._handle_of(value)
        return outcome

    def _handle_of(self, kept: KeptFactor) -> FactorHandle:
        made = FactorHandle(self, kept)
        with self._factors_lock:
            self._factors.add(made)
        return made

    @abstractmethod
    def _answer(self, inquiry: Inquiry) -> Any:
        """Answer a question about a kept factor, in the session's thread."""

    @abstractmethod
    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        """Run a batch, in the session's thread, until it ends or ``handle`` is to stop."""

    @abstractmethod
    def _release(self, *, stopped: bool) -> None:
        """Let the MPI ranks go; ``stopped`` says whether the session's thread has ended."""


def _outcome_of(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or its exception."""
    try:
        return call(*arguments)
    except Exception as error:
        return error
