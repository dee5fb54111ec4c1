"""MPI ranks that run jobs together: one leads, the others follow.

A run on several MPI ranks either succeeds on all of them, ends on all of them with an exception
that they share, or ends the whole MPI job with a message: none of them can be left waiting.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lret_dist.errors import (
    CancelledError,
    CheckpointError,
    ClassicalError,
    InsufficientMemoryError,
    ReleasedError,
    StateNotPureError,
    StoppedError,
)
from lret_dist.grid.communicator import GridCommunicator, job_rank
from lret_dist.machines.available_memory import MemoryWatch, available_bytes, usable
from lret_dist.machines.machine import (
    USUAL_SPEEDS,
    Machine,
    Member,
    Speeds,
    measure_kernels,
    measure_network,
)
from lret_dist.machines.threads import own_cores, threads_per_rank
from lret_dist.planning.jobs import Job, check_smallest, make_job
from lret_dist.results.questions import Inquiry
from lret_dist.runs.orders import DriverOrders, Orders, stopped_before
from lret_dist.runs.progress import Meter
from lret_dist.runs.simulation import Report, assemble_result, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mpi4py import MPI

    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.results.result import SimulationResult
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.signals import SignalNotes

__all__ = [
    "COMMAND",
    "LONG_PAUSE",
    "SHARED_ERRORS",
    "SHORT_PAUSE",
    "Crew",
    "Grids",
    "ending_the_job_on_failure",
    "next_message",
    "say",
    "signals_heard",
    "survey",
    "take_part",
    "tell",
    "teller",
]

#: Message tags: a leader's commands, and a signal that another MPI rank got.
COMMAND, _SIGNAL = 1, 3
#: Exceptions that are raised on all MPI ranks of a run alike.
SHARED_ERRORS = (
    *(CancelledError, StoppedError, CheckpointError),
    *(ClassicalError, StateNotPureError, InsufficientMemoryError),
)
#: Shortest and longest pause of an idle MPI rank between two looks for a message, in seconds.
SHORT_PAUSE, LONG_PAUSE = 5e-5, 5e-3

#: What tells of signals: the signal and the MPI rank that got it, or None.
Heard: TypeAlias = "Callable[[], tuple[int, int] | None]"


class Crew:
    """MPI ranks that run jobs together, seen from the one that leads them.

    Attributes:
        threads: threads of this MPI rank.
    """

    def __init__(
        self,
        comm: MPI.Intracomm | None,
        threads: int,
        machine: Machine,
        world: MPI.Intracomm | None = None,
        memory: MemoryWatch | None = None,
    ) -> None:
        """Lead the MPI ranks of ``comm``, None for this process alone.

        Args:
            comm: they; this one is the first.
            threads: threads of this MPI rank.
            machine: what they are.
            world: all MPI ranks of the session, which a failure ends.
            memory: what each MPI rank of this host may use just now; default: as it was.
        """
        self._comm = comm
        self._world = world or comm
        self._grids = Grids(comm)
        self.threads = threads
        self._machine = machine
        self._memory = memory
        self._was_stopped = False

    @property
    def machine(self) -> Machine:
        """What they are, with the memory that kept factors and whatever else there is leave."""
        machine = self._grids.left_of(self._machine)
        if self._memory is None:
            return machine
        return replace(machine, bytes_per_rank=min(machine.bytes_per_rank, self._memory.free()))

    def free(self) -> None:
        """Release what the crew has made; collective over it."""
        self._grids.free()

    def run(
        self,
        prepared: PreparedRequest,
        cancelled: Callable[[], bool],
        signals: SignalNotes,
        heard: Heard | None = None,
        listener: Callable[[Progress], None] | None = None,
    ) -> SimulationResult:
        """Run one request.

        Args:
            prepared: the request.
            cancelled: whether it is to be cancelled.
            signals: signals that this process gets.
            heard: tells of further ones.
            listener: gets notes of how far the run is.

        Raises:
            CancelledError: when it was cancelled.
            StoppedError: when a signal came and the run was saved, or not begun.
            CheckpointError: when it could not be saved, or no checkpoint be read.
            InsufficientMemoryError: when not even its smallest form fits any more.
        """
        if cancelled():
            raise CancelledError("the run was cancelled before it began")
        self._obey_late_signals(signals)
        started = time.perf_counter()
        machine = self._machine_for(prepared)
        job, meter = make_job(prepared, machine), Meter(listener)
        if job.settings.checkpoint is None:
            report = self._run(job, DriverOrders(cancelled, meter=meter))
        else:
            with signals.active():
                all_heard = signals_heard(signals, self._comm, heard)
                interval = job.settings.checkpoint.interval
                report = self._run(job, DriverOrders(cancelled, all_heard, interval, meter))
        session_ranks = 1 if self._world is None else self._world.size
        return assemble_result(job, report, machine, started, session_ranks)

    def ask(self, inquiry: Inquiry) -> Any:
        """Answer a question about a factor that these MPI ranks keep, or let it go.

        Raises:
            ReleasedError: when they do not keep it any more.
        """
        grid = self._grids.get(inquiry.kept.grid)
        if grid.shelf.get(inquiry.kept.number) is None:
            raise ReleasedError("the factor was released; run the circuit again")
        if self._comm is None:
            return inquiry.obey(grid, self.threads)
        assert self._world is not None
        with ending_the_job_on_failure(self._world):
            tell(self._comm, inquiry.for_followers())
            return inquiry.obey(grid, self.threads)

    def forget(self) -> None:
        """Let everything go that is kept on this MPI rank."""
        self._grids.forget()

    def _machine_for(self, prepared: PreparedRequest) -> Machine:
        """What there is for a request; memory is looked at anew before it is refused."""
        machine = self.machine
        try:
            check_smallest(prepared.circuit, prepared.options, prepared.columns, machine)
        except InsufficientMemoryError:
            if self._memory is None:
                raise
            self._memory.look()
            machine = self.machine
            check_smallest(prepared.circuit, prepared.options, prepared.columns, machine)
        return machine

    def _obey_late_signals(self, signals: SignalNotes) -> None:
        """Begin nothing after a SIGTERM that came too late for the run before.

        A run that was stopped has obeyed it; what others tell of the same SIGTERM comes later.
        """
        late = list(iter(signals_heard(signals, self._comm), None))
        obeyed, self._was_stopped = self._was_stopped, False
        for number, mpi_rank in late:
            if number == signal.SIGTERM and not obeyed:
                self._was_stopped = True
                raise stopped_before(mpi_rank)

    def _run(self, job: Job, orders: Orders) -> Report:
        try:
            report = self._told_and_executed(job, orders)
        except StoppedError:
            self._was_stopped = True
            raise
        assert report is not None
        return report

    def _told_and_executed(self, job: Job, orders: Orders) -> Report | None:
        if self._comm is None:
            return _executed(job, self._grids.get(job.grid), self.threads, orders)
        assert self._world is not None
        with ending_the_job_on_failure(self._world):
            tell(self._comm, job)
            return _executed(job, self._grids.get(job.grid), self.threads, orders)


def _executed(job: Job, grid: GridCommunicator, threads: int, orders: Orders) -> Report | None:
    """Run a job on this MPI rank; if it fails, it leaves nothing behind."""
    with grid.shelf.undone_on_failure():
        return execute(job, grid, threads, orders)


def tell(comm: MPI.Intracomm, command: Any) -> None:
    """Send a command to all other MPI ranks."""
    sent = [comm.isend(command, rank, COMMAND) for rank in range(1, comm.size)]
    for request in sent:
        request.wait()


class Grids:
    """Communicators of the process grids that were used so far."""

    def __init__(self, comm: MPI.Intracomm | None) -> None:
        self._comm = comm
        self._known: dict[ProcessGrid, GridCommunicator | None] = {}
        self._parts: list[MPI.Comm] = []

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

    def left_of(self, machine: Machine) -> Machine:
        """The machine with the memory that is left beside what this MPI rank keeps."""
        kept = sum(grid.shelf.size for grid in self._known.values() if grid is not None)
        return replace(machine, bytes_per_rank=max(0, machine.bytes_per_rank - kept))

    def forget(self) -> None:
        """Let everything go that is kept on this MPI rank."""
        for grid in self._known.values():
            if grid is not None:
                grid.shelf.clear()

    def free(self) -> None:
        """Release all communicators that were made; collective over the session."""
        for grid in self._known.values():
            if grid is not None:
                grid.free()
        for part in self._parts:
            part.Free()
        self._known, self._parts = {}, []

    def _make(self, grid: ProcessGrid) -> GridCommunicator | None:
        if self._comm is None:
            return GridCommunicator(grid)
        from mpi4py import MPI

        takes_part = self._comm.rank < grid.size
        part = self._comm.Split(0 if takes_part else MPI.UNDEFINED, self._comm.rank)
        if not takes_part:
            return None
        self._parts.append(part)
        return GridCommunicator(grid, part)


@contextmanager
def ending_the_job_on_failure(comm: MPI.Intracomm) -> Iterator[None]:
    """Any exception but those that all MPI ranks share ends the whole MPI job."""
    try:
        yield
    except SHARED_ERRORS:
        raise
    except BaseException:
        if comm.size == 1:
            raise
        say(f"failed; the whole MPI job is ended\n{traceback.format_exc()}")
        comm.Abort(1)


def say(text: str) -> None:
    """Write to standard error in one piece, so that lines of several MPI ranks do not mix."""
    from mpi4py import MPI

    line = (
        f"lret: MPI rank {job_rank()} of {MPI.COMM_WORLD.size} on {socket.gethostname()} {text}\n"
    )
    sys.stderr.flush()
    os.write(2, line.encode(errors="replace"))


def survey(comm: MPI.Intracomm) -> tuple[int, Machine]:
    """Threads of this MPI rank, and what the session runs on; collective."""
    from mpi4py import MPI

    host = comm.Split_type(MPI.COMM_TYPE_SHARED)
    threads = threads_per_rank(host.allgather(own_cores()))
    on_host = host.size
    mine = usable(available_bytes(), on_host)
    memory = comm.allreduce(mine, op=MPI.MIN)
    members = comm.gather(Member(socket.gethostname(), threads, mine)) or ()
    host.Free()
    return threads, Machine(
        mpi_ranks=comm.size,
        bytes_per_rank=memory,
        speeds=_speeds(comm, threads),
        threads=threads,
        mpi_ranks_on_host=on_host,
        members=tuple(members),
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


def take_part(
    comm: MPI.Intracomm, job: Job | Inquiry, grids: Grids, threads: int, signals: SignalNotes
) -> None:
    """Follow the leader of ``comm`` through a job, if its process grid has a place here.

    Or through a question about what such a grid keeps.
    """
    asked = job.kept.grid if isinstance(job, Inquiry) else job.grid
    if (grid := grids.find(asked)) is None:
        return
    if isinstance(job, Inquiry):
        job.obey(grid, threads)
        return
    with suppress(*SHARED_ERRORS), ExitStack() as stack:
        if job.settings.checkpoint is not None:
            stack.enter_context(signals.active(teller(comm)))
        _executed(job, grid, threads, Orders())


def teller(comm: MPI.Intracomm) -> Callable[[int], None]:
    """What an MPI rank other than the driver does with a signal: the driver decides."""
    under_way: list[MPI.Request] = []

    def tell(number: int) -> None:
        under_way.append(comm.isend((number, job_rank()), 0, _SIGNAL))

    return tell


def signals_heard(
    signals: SignalNotes, comm: MPI.Intracomm | None, others: Heard | None = None
) -> Heard:
    """What tells a leader of signals, and who got them."""

    def heard() -> tuple[int, int] | None:
        if comm is not None:
            for rank in range(1, comm.size):
                if comm.iprobe(rank, _SIGNAL):
                    told: tuple[int, int] = comm.recv(source=rank, tag=_SIGNAL)
                    return told
        number = signals.heard()
        return None if number is None else (number, job_rank())

    return heard if others is None else lambda: heard() or others()


def next_message(comm: MPI.Intracomm, source: int, tag: int) -> Any:
    """Wait for a message, with longer and longer pauses instead of spinning."""
    pause = SHORT_PAUSE
    while not comm.iprobe(source, tag):
        time.sleep(pause)
        pause = min(1.05 * pause, LONG_PAUSE)
    return comm.recv(source=source, tag=tag)
