"""From a request to a result: what is checked, planned, run and reported for one circuit."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lret_dist.batches import run_batches
from lret_dist.circuit import Channel, Circuit, Gate, Measure, Save
from lret_dist.cost import expected_ranks
from lret_dist.evolution import Evolution
from lret_dist.fusion import fuse
from lret_dist.memory import (
    check_density_memory,
    check_memory,
    columns_that_fit,
    density_bytes,
    least_row_groups,
    peak_mb,
    reset_peak,
)
from lret_dist.noise import NoiseModel
from lret_dist.options import SimulationOptions
from lret_dist.process_grid import ProcessGrid, choose_grid, most_row_groups
from lret_dist.records import Outcome, RunSettings, Sampling
from lret_dist.result import RunMetadata, SimulationResult
from lret_dist.saving import saved_bytes
from lret_dist.schedule import arranged
from lret_dist.states import as_columns
from lret_dist.threads import limited_threads
from lret_dist.truncation import choose_truncation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lret_dist.communicator import GridCommunicator
    from lret_dist.program import Program

__all__ = [
    "Job",
    "Machine",
    "PreparedRequest",
    "Report",
    "SimulationRequest",
    "assemble_result",
    "execute",
    "plan",
    "prepare",
]

#: Discarded trace above ``epsilon`` that is rounding, by bytes of an entry.
_ROUNDING = {16: 1e-10, 8: 1e-5}


@dataclass(frozen=True, kw_only=True)
class SimulationRequest:
    """A circuit to simulate, as its author wrote it.

    Attributes:
        circuit: the circuit, without noise.
        noise: errors that are bound to its instructions, or None.
        options: how to simulate it.

    Raises:
        TypeError: for anything else, such as a circuit of Qiskit.
    """

    circuit: Circuit
    noise: NoiseModel | None = None
    options: SimulationOptions = field(default_factory=SimulationOptions)

    def __post_init__(self) -> None:
        if not isinstance(self.circuit, Circuit):
            raise TypeError(_wrong_type("circuit", "a Circuit", self.circuit))
        if not isinstance(self.noise, NoiseModel | None):
            raise TypeError(_wrong_type("noise", "a NoiseModel", self.noise))


def _wrong_type(name: str, expected: str, value: object) -> str:
    kind = type(value)
    text = f"{name} must be {expected} of lret_dist, got {kind.__name__}"
    if kind.__module__.startswith("qiskit"):
        text += "; what comes from Qiskit is run by LRETBackend of lret_qiskit"
    return text


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a session runs on.

    Attributes:
        mpi_ranks: number of MPI ranks.
        bytes_per_rank: memory that each of them may use.
    """

    mpi_ranks: int
    bytes_per_rank: int


@dataclass(frozen=True, kw_only=True)
class PreparedRequest:
    """A checked request: noise bound, idle qubits gone."""

    circuit: Circuit
    options: SimulationOptions
    columns: NDArray[np.complex128] | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all MPI ranks of a session are sent to run one circuit.

    Attributes:
        program: what is run.
        averages: where the program splits by measured outcomes, the program that holds what is
            saved: measurements only dephase there, so that saved values are exact and do not
            depend on the shots.
        settings: what every MPI rank must know beside the programs.
        grid: how the factor is split.
        truncation_reason: why small branches are discarded, or sampled.
    """

    program: Program
    averages: Program | None
    settings: RunSettings
    grid: ProcessGrid
    truncation_reason: str


@dataclass(kw_only=True)
class Report:
    """What the driver knows after a run."""

    outcome: Outcome
    threads: int
    peak_memory_mb: float


def prepare(request: SimulationRequest, machine: Machine) -> PreparedRequest:
    """Check a request as far as possible before anything is sent.

    Raises:
        ValueError: for an initial state that does not fit, or a partition that cannot be made.
        InsufficientMemoryError: when not even the smallest form of the run fits.
    """
    options = request.options
    bound = request.circuit if request.noise is None else request.noise.bind(request.circuit)
    columns = None
    if options.initial_state is not None:
        columns = as_columns(options.initial_state, bound.num_qubits)
        small = bound
    else:
        small, _ = bound.compacted()
    _check_smallest(small, options, columns, machine)
    return PreparedRequest(circuit=small, options=options, columns=columns)


def _check_smallest(
    circuit: Circuit,
    options: SimulationOptions,
    columns: NDArray[np.complex128] | None,
    machine: Machine,
) -> None:
    """Check the memory of the first columns on the grid that would hold them."""
    widths = [len(op.qubits) for op in circuit if isinstance(op, Gate | Channel)]
    first = _first_columns(options, columns)
    grid = _grid(options, machine, circuit.num_qubits, max(widths, default=1), first, first)
    check_memory(
        circuit.num_qubits,
        grid.rows,
        options.dtype.itemsize,
        -(-first // grid.columns),
        _result_bytes(circuit, options.shots),
        machine.bytes_per_rank,
    )
    if options.method == "density_matrix":
        check_density_memory(
            circuit.num_qubits, grid.rows, options.dtype.itemsize, machine.bytes_per_rank
        )


def _result_bytes(circuit: Circuit, shots: int) -> int:
    """Bytes of the saved quantities, twice while they are gathered, and of the samples."""
    saved = sum(saved_bytes(op) for op in circuit if isinstance(op, Save))
    measured = any(isinstance(op, Measure) for op in circuit)
    # A shot takes its classical bits, and a drawn and a sorted position while it is sampled.
    return 2 * saved + measured * shots * (-(-circuit.num_clbits // 8) + 24)


def _grid(
    options: SimulationOptions,
    machine: Machine,
    num_qubits: int,
    widest_step: int,
    first_columns: int,
    expected_rank: int,
) -> ProcessGrid:
    return choose_grid(
        options.parallelization,
        machine.mpi_ranks,
        num_qubits=num_qubits,
        widest_step=widest_step,
        expected_rank=expected_rank,
        least_rows=least_row_groups(
            num_qubits, options.dtype.itemsize, first_columns, machine.bytes_per_rank
        ),
    )


def _first_columns(options: SimulationOptions, columns: NDArray[Any] | None) -> int:
    return max(options.initial_rank, 1 if columns is None else columns.shape[1])


def plan(prepared: PreparedRequest, machine: Machine) -> Job:
    """Fuse the circuit and choose the process grid."""
    options = prepared.options
    program, averages = _programs(prepared.circuit, sampled=options.shots > 0)
    for each in (program, averages):
        if each is not None:
            each.initial_state = prepared.columns
    itemsize = options.dtype.itemsize
    first = _first_columns(options, prepared.columns)
    ranks = expected_ranks(program, options.epsilon, options.max_rank)
    truncation = choose_truncation(program, averages, options, ranks, machine.bytes_per_rank)
    expected = max(ranks, default=1)
    if options.method == "density_matrix":
        expected = 1 << program.num_qubits
    widest = max(each.widest_step for each in (program, averages) if each is not None)
    if truncation.sampling is None:
        grid = _grid(options, machine, program.num_qubits, widest, first, expected)
    else:
        grid = _sampled_grid(options, machine, program.num_qubits, widest, truncation.sampling)
    fits = 2 * density_bytes(program.num_qubits, grid.rows, itemsize) < machine.bytes_per_rank
    may_switch = options.method == "automatic" and options.max_rank is None and fits
    settings = RunSettings(
        shots=options.shots if prepared.circuit.num_clbits and program.measures else 0,
        seed=secrets.randbits(63) if options.seed is None else options.seed,
        epsilon=options.epsilon,
        max_rank=options.max_rank,
        memory_columns=columns_that_fit(program, grid, itemsize, machine.bytes_per_rank),
        dtype=options.dtype,
        reserve=first,
        start="density_matrix" if options.method == "density_matrix" else "low_rank",
        may_switch=may_switch,
        sampling=truncation.sampling,
    )
    return Job(
        program=program,
        averages=averages,
        settings=settings,
        grid=grid,
        truncation_reason=truncation.reason,
    )


def _sampled_grid(
    options: SimulationOptions,
    machine: Machine,
    num_qubits: int,
    widest_step: int,
    sampling: Sampling,
) -> ProcessGrid:
    """Column groups run batches without a message; rows are split only where asked or needed."""
    if options.parallelization != "auto":
        return _grid(options, machine, num_qubits, widest_step, 1, sampling.columns)
    columns = sampling.columns + 1
    itemsize = sampling.dtype.itemsize
    rows = least_row_groups(num_qubits, itemsize, columns, machine.bytes_per_rank)
    rows = min(rows, most_row_groups(num_qubits, widest_step))
    while rows > machine.mpi_ranks:
        rows //= 2
    return ProcessGrid(rows, machine.mpi_ranks // rows)


def _programs(circuit: Circuit, *, sampled: bool) -> tuple[Program, Program | None]:
    """The program to run, and a second one for what is saved where the first splits its shots."""
    program = fuse(circuit, sampled=sampled)
    saves = any(isinstance(operation, Save) for operation in circuit)
    if not (saves and program.has_mid_measurements):
        return program, None
    alone = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    alone.operations = [op for op in circuit if not isinstance(op, Save)]
    return fuse(alone), fuse(circuit, sampled=False)


def execute(
    job: Job, comm: GridCommunicator, threads: int, cancelled: Callable[[], bool]
) -> Report | None:
    """Run a job on this MPI rank; collective over the grid. The driver gets a report."""
    reset_peak()
    with limited_threads(threads):
        outcome = _run(job.program, job.settings, comm, cancelled)
        if job.averages is not None:
            settings = replace(job.settings, shots=0)
            outcome.add(_run(job.averages, settings, comm, cancelled))
    peaks: Sequence[float] | None = comm.gather_objects(peak_mb())
    if peaks is None:
        return None
    return Report(outcome=outcome, threads=threads, peak_memory_mb=max(peaks))


def _run(
    program: Program,
    settings: RunSettings,
    comm: GridCommunicator,
    cancelled: Callable[[], bool],
) -> Outcome:
    if settings.sampling is not None:
        sampled = replace(settings, dtype=settings.sampling.dtype)
        outcome = run_batches(program, sampled, comm, cancelled)
        if outcome is not None:
            return outcome
        settings = replace(settings, sampling=None)
    in_order = arranged(program, comm.grid.row_bits)
    return Evolution(in_order, settings, comm, cancelled).run()


def assemble_result(job: Job, report: Report, machine: Machine, started: float) -> SimulationResult:
    """The result of a run that began at ``started`` (of ``time.perf_counter``)."""
    outcome, settings = report.outcome, job.settings
    sampled = outcome.sampled_columns > 0
    dtype = settings.sampling.dtype if sampled and settings.sampling else settings.dtype
    metadata = RunMetadata(
        final_rank=outcome.final_rank,
        max_rank=max(outcome.max_rank, outcome.final_rank),
        num_truncations=outcome.num_truncations,
        truncation="unbiased" if sampled else "certified",
        truncation_reason=_truncation_reason(job, sampled=sampled),
        truncation_error=None if sampled else outcome.truncation_error,
        fidelity=None if sampled else 1.0 - outcome.truncation_error,
        standard_error=outcome.standard_error,
        sampled_columns=outcome.sampled_columns,
        execution_time_seconds=time.perf_counter() - started,
        parallelization=job.grid.kind,
        process_grid=(job.grid.rows, job.grid.columns),
        mpi_ranks=machine.mpi_ranks,
        threads_per_rank=report.threads,
        peak_memory_mb=report.peak_memory_mb,
        precision="double" if dtype.itemsize == 16 else "single",
        seed=settings.seed,
        num_qubits=job.program.num_qubits,
        method="low_rank" if outcome.switched_at is None else "density_matrix",
        method_reason=_method_reason(job, outcome),
    )
    return SimulationResult(
        samples=outcome.samples if settings.shots else None,
        num_clbits=job.program.num_clbits,
        data=outcome.data,
        metadata=metadata,
        standard_errors=outcome.standard_errors,
        history=outcome.history,
        warnings=_truncation_warnings(outcome, settings),
    )


def _truncation_reason(job: Job, *, sampled: bool) -> str:
    """Why small branches were discarded, or sampled, in words."""
    if job.settings.sampling is not None and not sampled:
        return "sampling would have taken too many columns"
    return job.truncation_reason


def _method_reason(job: Job, outcome: Outcome) -> str:
    """Why the state was held as it was, in words."""
    settings, steps = job.settings, len(job.program.steps)
    if outcome.sampled_columns:
        return "small branches were sampled"
    if settings.start == "density_matrix":
        return "asked for"
    if outcome.switched_at is not None:
        return f"from step {outcome.switched_at + 1} of {steps} on, when the rank made it pay"
    return "cheaper than the density matrix" if settings.may_switch else "no other was allowed"


def _truncation_warnings(outcome: Outcome, settings: RunSettings) -> list[str]:
    if settings.sampling is not None and outcome.sampled_columns:
        return _sampling_warnings(outcome, settings.sampling)
    if outcome.truncation_error <= settings.epsilon + _ROUNDING[settings.dtype.itemsize]:
        return []
    cause = "memory" if settings.max_rank is None else f"max_rank = {settings.max_rank} or memory"
    return [
        f"{cause} forced a truncation error of {outcome.truncation_error:.3g}, more than "
        f"epsilon = {settings.epsilon:.3g}; the result is within this larger error"
    ]


def _sampling_warnings(outcome: Outcome, sampling: Sampling) -> list[str]:
    error, target = outcome.standard_error, sampling.target
    if error is None or target is None or error <= 1.3 * target:
        return []
    return [f"the standard error is {error:.3g}, more than the {target:.3g} that were aimed at"]
