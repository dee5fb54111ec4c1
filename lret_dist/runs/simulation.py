"""One circuit on every MPI rank of its process grid, and the result that comes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lret_dist.checkpoints.lock import alone_with
from lret_dist.errors import InsufficientMemoryError
from lret_dist.grid.schedule import arranged
from lret_dist.grid.traffic import Traffic
from lret_dist.machines.process_memory import peak_mb, reset_peak
from lret_dist.machines.threads import limited_threads
from lret_dist.options import DEFAULT_EPSILON
from lret_dist.planning.course import recorded_course
from lret_dist.planning.memory import not_given
from lret_dist.planning.traffic_model import modelled_traffic
from lret_dist.planning.truncation import TOO_LARGE
from lret_dist.results.result import RunMetadata, SimulationResult
from lret_dist.runs.batches import run_batches
from lret_dist.runs.evolution import Evolution
from lret_dist.runs.run_saver import RunSaver
from lret_dist.runs.side_by_side import DensityHistories, Trajectories

if TYPE_CHECKING:
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.machines.machine import Machine
    from lret_dist.planning.jobs import Job
    from lret_dist.planning.prediction import Prediction
    from lret_dist.programs.program import Program
    from lret_dist.records.run_records import Outcome, RunSettings, Sampling
    from lret_dist.runs.orders import Orders

__all__ = ["Report", "assemble_result", "execute"]

#: Discarded trace above ``epsilon`` that is rounding, by bytes of an entry.
_ROUNDING = {16: 1e-10, 8: 1e-5}

#: Why histories go side by side.
_REASONS = {
    "density_matrices": "histories of few qubits are cheapest side by side",
    "trajectories": "shots are cheapest as state vectors side by side",
}


@dataclass(kw_only=True)
class Report:
    """What the driver knows after a run.

    Attributes:
        outcome: what came out.
        threads: threads of each MPI rank.
        peak_memory_mb: largest resident memory of each MPI rank, in MiB.
        traffic: what each MPI rank has counted.
        seed: the seed that was used.
        checkpoints: checkpoints that were written.
        resumed: whether the run went on from one.
        warnings: what is to be said about checkpoints.
    """

    outcome: Outcome
    threads: int
    peak_memory_mb: list[float]
    traffic: list[Traffic]
    seed: int
    checkpoints: int
    resumed: bool
    warnings: list[str]


def execute(job: Job, comm: GridCommunicator, threads: int, orders: Orders) -> Report | None:
    """Run a job on this MPI rank; collective over the grid. The driver gets a report.

    Raises:
        CancelledError: on every MPI rank, when the driver was asked to stop.
        StoppedError: on every MPI rank, when it was to stop and the run has been saved.
        CheckpointError: on every MPI rank, when it could not be saved, or no checkpoint be read, or
            another run uses its checkpoints.
        InsufficientMemoryError: on a grid of one MPI rank, when the system refused memory.
    """
    if comm.grid.size > 1:
        return _executed(job, comm, threads, orders)
    try:
        return _executed(job, comm, threads, orders)
    except MemoryError as error:
        refused = str(error)
    # Raised here, it refers to nothing that the run was working on.
    raise InsufficientMemoryError(not_given(refused))


def _executed(job: Job, comm: GridCommunicator, threads: int, orders: Orders) -> Report | None:
    reset_peak()
    comm.traffic = Traffic()
    with limited_threads(threads), alone_with(job.settings.checkpoint, comm):
        runs = _Runs(job, comm, orders)
        outcome = runs.run()
    facts = comm.gather_objects((peak_mb(), comm.traffic))
    if facts is None:
        return None
    peaks, traffic = zip(*facts, strict=True)
    return Report(
        outcome=outcome,
        threads=threads,
        peak_memory_mb=list(peaks),
        traffic=list(traffic),
        seed=runs.seed,
        checkpoints=runs.checkpoints,
        resumed=runs.resumed,
        warnings=runs.warnings,
    )


class _Runs:
    """The run of a job's program, and of its averages if it has any, saved and gone on with.

    Attributes:
        seed: the seed, which a checkpoint may have given.
        checkpoints: checkpoints written.
        resumed: whether a checkpoint was gone on from.
        warnings: what is to be said about checkpoints.
    """

    def __init__(self, job: Job, comm: GridCommunicator, orders: Orders) -> None:
        self._job = job
        self._comm = comm
        self._orders = orders
        self._savers: list[RunSaver] = []
        self.seed = job.settings.seed
        self.checkpoints = 0
        self.resumed = False
        self.warnings: list[str] = []

    def run(self) -> Outcome:
        job, meter = self._job, self._orders.meter
        meter.begin_part(0, 1 if job.averages is None else 2)
        outcome = self._run("program", job.program, job.settings, more=job.averages is not None)
        if job.averages is not None:
            meter.begin_part(1, 2)
            settings = replace(job.settings, shots=0)
            outcome.add(self._run("averages", job.averages, settings, more=False))
        shown = outcome.saved.results(job.settings.shots)
        outcome.data.update(shown)
        for saver in self._savers:
            saver.remove()
        return outcome

    def _run(self, part: str, program: Program, settings: RunSettings, *, more: bool) -> Outcome:
        """Run one program; ``more`` says whether another one follows, so that it must be kept."""
        settings = replace(settings, seed=self.seed)
        if settings.sampling is not None:
            saver = self._saver(f"{part}, sampled", settings)
            sampled = replace(settings, dtype=settings.sampling.dtype)
            outcome = run_batches(program, sampled, self._comm, self._orders, saver)
            self._note(saver)
            if outcome is not None:
                return outcome
            settings = replace(settings, sampling=None, seed=self.seed)
        if settings.histories != "apart" and program.has_histories:
            together = settings.histories == "density_matrices"
            kind = DensityHistories if together else Trajectories
            return kind(program, settings, self._comm, self._orders).run()
        saver = self._saver(part, settings)
        resumed = None if saver is None else saver.load(program)
        if saver is not None and resumed is not None:
            self.seed, settings = saver.seed, replace(settings, seed=saver.seed)
            evolution = self._evolution(resumed.program, settings, saver)
            outcome = evolution.go_on(resumed.tasks, resumed.outcome)
        else:
            in_order = arranged(program, self._comm.grid.row_bits)
            outcome = self._evolution(in_order, settings, saver).run()
        if more and saver is not None:
            saver.save(outcome, [], program, [])
        self._note(saver)
        return outcome

    def _evolution(
        self, program: Program, settings: RunSettings, saver: RunSaver | None
    ) -> Evolution:
        return Evolution(program, settings, self._comm, self._orders, saver=saver)

    def _saver(self, part: str, settings: RunSettings) -> RunSaver | None:
        if settings.checkpoint is None:
            return None
        saver = RunSaver(settings.checkpoint.part(part), settings, self._comm)
        self._savers.append(saver)
        return saver

    def _note(self, saver: RunSaver | None) -> None:
        if saver is not None:
            self.seed = saver.seed
            self.checkpoints += saver.written
            self.resumed |= saver.resumed
            if saver.warning is not None:
                self.warnings.append(saver.warning)


def assemble_result(
    job: Job, report: Report, machine: Machine, started: float, mpi_ranks: int
) -> SimulationResult:
    """The result of a run.

    Args:
        job: what was run.
        report: what came of it.
        machine: the MPI ranks that it could use.
        started: when it began, of ``time.perf_counter``.
        mpi_ranks: MPI ranks of the session.
    """
    outcome, settings = report.outcome, job.settings
    measured = settings.shots and job.program.num_clbits and job.program.measures
    sampled = outcome.sampled_columns > 0
    dtype = settings.sampling.dtype if sampled and settings.sampling else settings.dtype
    metadata = RunMetadata(
        final_rank=outcome.final_rank,
        max_rank=max(outcome.max_rank, outcome.final_rank),
        num_truncations=outcome.num_truncations,
        truncation="unbiased" if sampled else "certified",
        truncation_reason=_truncation_reason(job, sampled=sampled),
        truncation_error=None if sampled else outcome.truncation_error,
        epsilon=None if sampled else settings.epsilon,
        fidelity=None if sampled else 1.0 - outcome.truncation_error,
        standard_error=outcome.standard_error,
        sampled_columns=outcome.sampled_columns,
        execution_time_seconds=time.perf_counter() - started,
        parallelization=job.grid.kind,
        process_grid=(job.grid.rows, job.grid.columns),
        mpi_ranks=mpi_ranks,
        team_ranks=machine.mpi_ranks,
        threads_per_rank=report.threads,
        peak_memory_mb=max(report.peak_memory_mb),
        grid_reason=job.grid_reason,
        communication=_communication(job, report),
        precision="double" if dtype.itemsize == 16 else "single",
        seed=report.seed,
        checkpoints=report.checkpoints,
        resumed=report.resumed,
        num_qubits=job.program.num_qubits,
        active_input_qubits=list(job.qubits),
        measure_sampling=not job.program.has_histories,
        method="low_rank" if outcome.switched_at is None else "density_matrix",
        method_reason=_method_reason(job, outcome),
    )
    return SimulationResult(
        samples=outcome.shots.shown(job.program.num_clbits) if measured else None,
        num_clbits=job.program.num_clbits,
        data=outcome.data,
        metadata=metadata,
        standard_errors=outcome.standard_errors,
        history=outcome.history,
        warnings=[*report.warnings, *_truncation_warnings(job, outcome)],
    )


def _communication(job: Job, report: Report) -> dict[str, Any]:
    """What travelled, as counted, as predicted before the run, and as modelled after it."""
    counted = report.traffic
    facts: dict[str, Any] = {
        "bytes": [sum(each.bytes.values()) for each in counted],
        "messages": [sum(each.messages.values()) for each in counted],
        "bytes_by_purpose": {p: sum(each.bytes[p] for each in counted) for p in counted[0].bytes},
        "predicted": _predicted(job.prediction),
    }
    one_way = job.averages is None and not job.program.has_histories
    # What a resumed run did before was counted then, perhaps on another grid.
    if job.settings.sampling is None and one_way and not report.resumed:
        modelled = _modelled(job, report)
        facts["modelled_bytes"] = sum(modelled.bytes.values())
        facts["modelled_bytes_by_purpose"] = modelled.bytes
        facts["modelled_messages"] = sum(modelled.messages.values())
    return facts


def _predicted(prediction: Prediction) -> dict[str, Any]:
    names = ("seconds", "compute_seconds", "communication_seconds", "memory_bytes", "rank")
    return {name: getattr(prediction, name) for name in (*names, "bytes", "messages")}


def _modelled(job: Job, report: Report) -> Traffic:
    """The model's traffic for the columns that the run had."""
    settings, program = job.settings, arranged(job.program, job.grid.row_bits)
    first = 1 if program.initial_state is None else program.initial_state.shape[1]
    lent = sum(each.lent_columns for each in report.traffic) // job.grid.rows
    outcome = report.outcome
    course = recorded_course(program, outcome.history, first, outcome.switched_at, lent)
    return modelled_traffic(program, course, job.grid, settings.dtype.itemsize, settings.shots)


def _truncation_reason(job: Job, *, sampled: bool) -> str:
    """Why small branches were discarded, or sampled, in words."""
    if job.settings.sampling is not None and not sampled:
        return "sampling would have taken too many columns"
    return job.truncation_reason


def _method_reason(job: Job, outcome: Outcome) -> str:
    """Why the state was held as it was, in words."""
    settings, steps = job.settings, len(job.program.steps)
    if settings.histories != "apart":
        return _REASONS[settings.histories]
    if outcome.sampled_columns:
        return "small branches were sampled"
    if settings.start == "density_matrix":
        return "asked for"
    if outcome.switched_at is not None:
        return f"from step {outcome.switched_at + 1} of {steps} on, when the rank made it pay"
    return "cheaper than the density matrix" if settings.may_switch else "no other was allowed"


def _truncation_warnings(job: Job, outcome: Outcome) -> list[str]:
    settings = job.settings
    if settings.sampling is not None and outcome.sampled_columns:
        return [*_uncertified(job), *_sampling_warnings(outcome, settings.sampling)]
    if outcome.truncation_error <= settings.epsilon + _ROUNDING[settings.dtype.itemsize]:
        return []
    cause = "memory" if settings.max_rank is None else f"max_rank = {settings.max_rank} or memory"
    return [
        f"{cause} forced a truncation error of {outcome.truncation_error:.3g}, more than "
        f"epsilon = {settings.epsilon:.3g}; the result is within this larger error"
    ]


def _uncertified(job: Job) -> list[str]:
    """What to say where an epsilon was asked for that memory cannot keep."""
    epsilon = job.settings.epsilon
    if job.truncation_reason != TOO_LARGE or epsilon == DEFAULT_EPSILON:
        return []
    return [
        f"epsilon = {epsilon:.3g} is not certified: that would not fit in memory, so small "
        'branches were sampled, with standard errors; more memory helps, or truncation="certified" '
        "with whatever error memory forces"
    ]


def _sampling_warnings(outcome: Outcome, sampling: Sampling) -> list[str]:
    error, target = outcome.standard_error, sampling.target
    if error is None or target is None or error <= 1.3 * target:
        return []
    return [f"the standard error is {error:.3g}, more than the {target:.3g} that were aimed at"]
