"""What every session has, wherever its MPI ranks are: a queue, and one thread that empties it."""

from __future__ import annotations

import os
import queue
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from lret_dist.errors import SessionError
from lret_dist.planning import PreparedRequest, SimulationRequest, prepare
from lret_dist.run_handle import Outcomes, RunHandle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lret_dist.errors import CancelledError
    from lret_dist.machine import Machine

__all__ = ["Session"]

#: Seconds that a run gets to stop when its session is closed.
_STOP_SECONDS = 5.0


class Session(ABC):
    """Takes requests, and runs them one batch after the other in one thread.

    Make one with :func:`~lret_dist.session.get_session`.

    Attributes:
        machine: MPI ranks and memory there are.
    """

    def __init__(self, machine: Machine) -> None:
        """Start the thread; what :meth:`_run_batch` needs must be there already."""
        self.machine = machine
        self._pid = os.getpid()
        self._queue: queue.Queue[tuple[RunHandle, list[PreparedRequest]] | None] = queue.Queue()
        self._closed = False
        self._current: RunHandle | None = None
        self._thread = threading.Thread(target=self._work, name="lret-driver", daemon=True)
        self._thread.start()

    @property
    def mpi_ranks(self) -> int:
        """Number of MPI ranks."""
        return self.machine.mpi_ranks

    @property
    def is_here(self) -> bool:
        """Whether the session was made in this process, not in one that this was forked from."""
        return self._pid == os.getpid()

    def submit(self, requests: Sequence[SimulationRequest]) -> RunHandle:
        """Check the requests, queue them and return at once.

        Raises:
            ValueError: for a request that cannot be run, before anything is sent.
            InsufficientMemoryError: when not even the smallest form of a run fits.
            SessionError: when the session is closed, or its MPI ranks have ended.
        """
        self.check_usable()
        return self.submit_prepared([self._prepare(*each) for each in enumerate(requests)])

    def submit_prepared(self, prepared: list[PreparedRequest]) -> RunHandle:
        """As :meth:`submit`, for requests that are checked already."""
        handle = RunHandle()
        self._queue.put((handle, prepared))
        if self._closed:
            handle.cancel()
        return handle

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

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            handle, prepared = item
            if handle.begin():
                self._current = handle
                try:
                    handle.end(self._run_batch(handle, prepared))
                except Exception as error:
                    # Nobody may wait for a batch for ever.
                    handle.end([error for _ in prepared])
                self._current = None

    @abstractmethod
    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        """Run a batch, in the session's thread, until it ends or ``handle`` is to stop."""

    @abstractmethod
    def _release(self, *, stopped: bool) -> None:
        """Let the MPI ranks go; ``stopped`` says whether the session's thread has ended."""
