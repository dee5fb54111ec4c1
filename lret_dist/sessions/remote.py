"""A session whose MPI ranks are an MPI job of their own, started and stopped by this process.

This process loads no MPI library. It starts a launcher, sends batches of checked requests to the
job's MPI rank 0 (:mod:`lret_dist.sessions.remote_driver`), and gets outcomes back. When either side
ends, in whatever way, the connection does too, and so the other side notices.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from lret_dist.errors import CancelledError, LauncherError, SessionError
from lret_dist.runs.progress import Progress
from lret_dist.sessions.abstract_session import Session
from lret_dist.sessions.launched_job import LaunchedJob
from lret_dist.sessions.launching import in_allocation, launch_command, launch_environment
from lret_dist.sessions.rendezvous import Rendezvous

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from lret_dist.machines.machine import Machine
    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.results.questions import Inquiry
    from lret_dist.runs.run_handle import Outcomes, RunHandle

__all__ = ["CANCEL", "RemoteSession"]

#: Command to stop the batch that is running; any other is a batch, or an inquiry.
CANCEL = "cancel"
#: Seconds for all MPI ranks to load Python and start MPI, which a cluster's file system makes slow.
_START_SECONDS = 180.0
#: Seconds between two looks whether a run is to be stopped, and whether the job still runs.
_LOOK_SECONDS = 0.05


class RemoteSession(Session):
    """A session on MPI ranks that it starts itself."""

    def __init__(self, mpi_ranks: int) -> None:
        """Start the MPI ranks and wait until they serve.

        Raises:
            LauncherError: when they cannot be started, with what they wrote.
        """
        # -P: a folder named lret_dist in the working directory is not the package.
        program = [sys.executable, "-P", "-m", "lret_dist.sessions.remote_driver"]
        command = [*launch_command(mpi_ranks), *program]
        with Rendezvous(other_hosts=in_allocation()) as rendezvous:
            self._job = LaunchedJob(command, rendezvous.invitation, launch_environment())
            try:
                self._connection, machine = _connected(self._job, rendezvous)
            except BaseException:
                self._job.kill()
                self._job.forget()
                raise
        # What a forked child inherits would keep the connection open after this process's end.
        os.register_at_fork(after_in_child=self._connection.close)
        self._failure: str | None = None
        super().__init__(machine)

    def check_usable(self) -> None:
        """Check that runs can start here.

        Raises:
            SessionError: saying why they cannot.
        """
        if self._failure is None:
            super().check_usable()
            if not self._job.has_ended():
                return
            self._failure = self._obituary()
        raise SessionError(self._failure)

    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        outcomes: Outcomes | Exception = self._sent(batch, handle.stopping, handle.pass_on)
        if isinstance(outcomes, CancelledError):
            return outcomes
        if isinstance(outcomes, Exception):
            return [outcomes for _ in batch]
        return [self._owned(outcome) for outcome in outcomes]

    def _answer(self, inquiry: Inquiry) -> Any:
        return self._sent(inquiry, lambda: False)

    def _sent(
        self,
        command: list[PreparedRequest] | Inquiry,
        stopping: Callable[[], bool],
        listener: Callable[[Progress], None] | None = None,
    ) -> Any:
        """What comes of a command, or the exception with which the session ends."""
        try:
            return self._exchange(command, stopping, listener)
        except Exception as error:
            if self._closed:
                return CancelledError("the run was cancelled: its session was closed")
            # Whatever failed left the connection in an unknown state.
            self._end_job()
            self._failure = self._failure or self._obituary()
            failure = SessionError(self._failure)
            failure.__cause__ = error
            return failure

    def _exchange(
        self,
        command: list[PreparedRequest] | Inquiry,
        stopping: Callable[[], bool],
        listener: Callable[[Progress], None] | None,
    ) -> Any:
        """Send a command and wait for what comes of it."""
        self._connection.send(command)
        told = False
        while True:
            if self._connection.poll(_LOOK_SECONDS):
                found = self._connection.recv()
                if not isinstance(found, Progress):
                    return found
                if listener is not None:
                    listener(found)
            elif self._job.has_ended():
                raise EOFError("the launcher has ended")
            if stopping() and not told:
                self._connection.send(CANCEL)
                told = True

    def _release(self, *, stopped: bool) -> None:
        if not stopped:
            self._job.kill()
            self._thread.join()
        self._end_job()
        self._job.forget()

    def _end_job(self) -> None:
        """End the MPI ranks: MPI rank 0 leaves when the connection ends."""
        self._connection.close()
        self._job.wait()

    def _obituary(self) -> str:
        return (
            f"the {self.mpi_ranks} MPI ranks of this session have ended; a new provider, backend "
            f"or session starts others. {self._job.story()}"
        )


def _connected(job: LaunchedJob, rendezvous: Rendezvous) -> tuple[Connection, Machine]:
    """Wait until MPI rank 0 calls, and says what there is."""
    end = time.monotonic() + _START_SECONDS
    while (connection := rendezvous.accept(_LOOK_SECONDS)) is None:
        if job.has_ended():
            raise LauncherError(f"the MPI ranks did not start. {job.story()}")
        if time.monotonic() > end:
            raise LauncherError(f"no MPI rank served within {_START_SECONDS:g} s. {job.story()}")
    try:
        machine: Machine = connection.recv()
    except (EOFError, OSError):
        connection.close()
        job.wait()
        raise LauncherError(f"the MPI ranks did not start. {job.story()}") from None
    return connection, machine
