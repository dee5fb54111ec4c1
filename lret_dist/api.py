"""Simulating circuits with one call."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from lret_dist.errors import InsufficientMemoryError, TruncationWarning
from lret_dist.options import SimulationOptions
from lret_dist.planning.jobs import Job, SimulationRequest, make_job, prepare
from lret_dist.results.kept_factors import kept_saves
from lret_dist.runs.orders import DriverOrders, Orders
from lret_dist.runs.progress import Meter
from lret_dist.runs.progress_bar import check_progress, listener_of, wait_with_bar, warn_of_listener
from lret_dist.runs.run_handle import RunHandle
from lret_dist.runs.signals import SignalNotes
from lret_dist.runs.simulation import Report, assemble_result, execute
from lret_dist.sessions.crew import (
    SHARED_ERRORS,
    Grids,
    ending_the_job_on_failure,
    signals_heard,
    survey,
    teller,
)
from lret_dist.sessions.session import check_others_are_free, get_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mpi4py import MPI

    from lret_dist.circuits.circuit import Circuit
    from lret_dist.circuits.noise import NoiseModel
    from lret_dist.machines.machine import Machine
    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.results.result import SimulationResult
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.progress_bar import ProgressOption
    from lret_dist.runs.run_handle import Outcomes

__all__ = ["simulate", "simulate_collectively"]


@overload
def simulate(
    circuit: Circuit,
    noise: NoiseModel | None = None,
    *,
    mpi_ranks: int | None = None,
    progress: ProgressOption = "auto",
    **options: Any,
) -> SimulationResult: ...
@overload
def simulate(
    circuit: Sequence[Circuit],
    noise: NoiseModel | None = None,
    *,
    mpi_ranks: int | None = None,
    progress: ProgressOption = "auto",
    **options: Any,
) -> list[SimulationResult]: ...
def simulate(
    circuit: Circuit | Sequence[Circuit],
    noise: NoiseModel | None = None,
    *,
    mpi_ranks: int | None = None,
    progress: ProgressOption = "auto",
    **options: Any,
) -> SimulationResult | list[SimulationResult]:
    """Simulate one circuit, or several, and wait for the result.

    Args:
        circuit: a circuit or a sequence of them.
        noise: errors bound to their instructions.
        mpi_ranks: MPI ranks to start, see :func:`~lret_dist.sessions.session.get_session`; later
            calls with the same number use the same ones.
        progress: whether to show how far the run is: True, False, or ``"auto"``, in a terminal or
            a notebook, when it takes more than two seconds. Or a function that is called with a
            :class:`~lret_dist.runs.progress.Progress` about ten times a second, in another thread.
        **options: fields of :class:`~lret_dist.options.SimulationOptions`.

    Raises:
        ValueError: or TypeError, for bad arguments.
        LretError: when the run cannot be done.
    """
    single = not isinstance(circuit, Sequence)
    circuits = list(circuit) if isinstance(circuit, Sequence) else [circuit]
    session = get_session(mpi_ranks)
    settings = SimulationOptions(**options)
    requests = [SimulationRequest(circuit=c, noise=noise, options=settings) for c in circuits]
    results = []
    handle = session.submit(requests, listener_of(check_progress(progress)))
    for outcome in _finished(handle, progress):
        if isinstance(outcome, Exception):
            raise outcome
        for text in outcome.warnings:
            warnings.warn(text, TruncationWarning, stacklevel=2)
        results.append(outcome)
    return results[0] if single else results


def _finished(handle: RunHandle, progress: ProgressOption) -> Outcomes:
    """Wait for a batch that nobody else can stop: Ctrl-C stops it."""
    try:
        wait_with_bar(handle.wait, handle.progress, None, progress)
        warn_of_listener(handle.listener_error, stacklevel=4)
        return handle.result()
    except KeyboardInterrupt:
        handle.cancel()
        raise


def simulate_collectively(
    circuit: Circuit,
    noise: NoiseModel | None = None,
    *,
    comm: MPI.Intracomm,
    progress: Callable[[Progress], object] | None = None,
    **options: Any,
) -> SimulationResult | None:
    """Simulate a circuit inside an MPI program: every MPI rank of ``comm`` calls this alike.

    Args:
        circuit: the circuit.
        noise: errors bound to its instructions.
        comm: the MPI ranks to use; it is duplicated, and released at the end.
        progress: is called on MPI rank 0 of ``comm`` with notes of how far the run is, or None.
            If it fails, it is not called any more, and a warning says so at the end.
        **options: fields of :class:`~lret_dist.options.SimulationOptions`.

    Returns:
        The result on MPI rank 0 of ``comm``, None on the others.

    Raises:
        ValueError: or TypeError, for bad arguments, on every MPI rank.
        LretError: when the run cannot be done, or the other MPI ranks serve a session.
    """
    if kept_saves(getattr(circuit, "operations", ())):
        raise ValueError(
            "simulate_collectively cannot keep a factor on the MPI ranks: nobody could ask for it "
            "afterwards; save it with distributed=False, or use a session"
        )
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be a function of a Progress, or None, got {progress!r}")
    if comm.size > 1:
        check_others_are_free()
    own = comm.Dup()
    try:
        threads, machine = survey(own)
        request = SimulationRequest(
            circuit=circuit, noise=noise, options=SimulationOptions(**options)
        )
        prepared = prepare(request, machine)
        started = time.perf_counter()
        handle = RunHandle(listener=progress)
        with ending_the_job_on_failure(own):
            job = _planned(prepared, machine, own)
            report = _execute(job, own, threads, Meter(handle.note if own.rank == 0 else None))
        if report is None:
            return None
        result = assemble_result(job, report, machine, started, machine.mpi_ranks)
        handle.end([result])
        warn_of_listener(handle.listener_error, stacklevel=3)
        return result
    finally:
        own.Free()


def _planned(prepared: PreparedRequest, machine: Machine, comm: MPI.Intracomm) -> Job:
    """The driver's plan, which holds for all: a fresh seed is drawn once.

    Raises:
        InsufficientMemoryError: on every MPI rank, when what was planned cannot fit.
    """
    job: Job | None = None
    failure: InsufficientMemoryError | None = None
    if comm.rank == 0:
        try:
            job = make_job(prepared, machine)
        except InsufficientMemoryError as error:
            failure = error
    job, failure = comm.bcast((job, failure))
    if failure is not None:
        raise failure
    assert job is not None
    return job


def _execute(job: Job, comm: MPI.Intracomm, threads: int, meter: Meter) -> Report | None:
    """Run a job; MPI ranks that its grid leaves idle hear how it ended."""
    report, failure = None, None
    grids = Grids(comm)
    grid = grids.find(job.grid)
    if grid is not None:
        try:
            with _orders(job, comm, meter) as orders:
                report = execute(job, grid, threads, orders)
        except SHARED_ERRORS as error:
            failure = error
        finally:
            grids.free()
    if job.grid.size < comm.size:
        failure = comm.bcast(failure)
    if failure is not None:
        raise failure
    return report


@contextmanager
def _orders(job: Job, comm: MPI.Intracomm, meter: Meter) -> Iterator[Orders]:
    """The orders of a collective run, signals that any MPI rank gets among them."""
    checkpoint = job.settings.checkpoint
    driver = comm.rank == 0
    if checkpoint is None:
        yield DriverOrders(lambda: False, meter=meter) if driver else Orders()
        return
    signals = SignalNotes()
    try:
        with signals.active(None if driver else teller(comm)):
            if driver:
                heard = signals_heard(signals, comm)
                yield DriverOrders(lambda: False, heard, checkpoint.interval, meter)
            else:
                yield Orders()
    finally:
        signals.remove()
