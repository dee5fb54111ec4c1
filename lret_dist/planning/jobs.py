"""From a request to a job: what is checked, fused and decided before anything is sent."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lret_dist.checkpoints.fingerprint import fingerprint
from lret_dist.circuits.circuit import Barrier, Channel, Circuit, Gate, Measure
from lret_dist.circuits.control_flow import SetState
from lret_dist.circuits.light_cone import visible_part
from lret_dist.circuits.noise import NoiseModel
from lret_dist.circuits.saves import Save, SaveFactor, SaveStateVector, is_average, saved_bytes
from lret_dist.circuits.states import as_columns, columns_in_order
from lret_dist.grid.process_grid import ProcessGrid, possible_grids
from lret_dist.options import SimulationOptions
from lret_dist.planning.cost import expected_ranks
from lret_dist.planning.histories_choice import most_waiting, way_of_histories
from lret_dist.planning.memory import (
    check_decomposition,
    check_density_memory,
    check_memory,
    columns_that_fit,
    density_bytes,
    least_row_groups,
)
from lret_dist.planning.prediction import Expectation, Prediction, Predictor, best_of
from lret_dist.planning.sampled_model import SampledModel
from lret_dist.planning.truncation import TruncationChoice, choose_truncation
from lret_dist.programs.fusion import fuse
from lret_dist.records.run_records import CheckpointSettings, RunSettings
from lret_dist.results.kept_factors import check_factor_saves, kept_saves

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from lret_dist.circuits.circuit import Operation
    from lret_dist.machines.machine import Machine
    from lret_dist.programs.program import Program

__all__ = [
    "Job",
    "PreparedRequest",
    "SimulationRequest",
    "check_smallest",
    "make_job",
    "planned",
    "prepare",
]


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
class PreparedRequest:
    """A checked request: noise bound, idle qubits gone.

    Attributes:
        circuit: the circuit.
        options: how it is simulated.
        columns: columns of the initial state, or None.
        qubits: which of the qubits of the circuit as written its qubits are.
        index: its number in a batch.
    """

    circuit: Circuit
    options: SimulationOptions
    columns: NDArray[np.complex128] | None
    qubits: tuple[int, ...]
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all MPI ranks of a session are sent to run one circuit.

    Attributes:
        program: what is run.
        averages: where the program splits by measured outcomes, the program that holds what is
            saved: measurements only dephase there, so that saved values are exact and do not
            depend on the shots.
        settings: what every MPI rank must know beside the programs.
        qubits: which of the qubits of the circuit as written the program's are.
        grid: how the factor is split.
        prediction: what that is expected to take.
        grid_reason: why it is split so.
        truncation_reason: why small branches are discarded, or sampled.
    """

    program: Program
    averages: Program | None
    settings: RunSettings
    qubits: tuple[int, ...]
    grid: ProcessGrid
    prediction: Prediction
    grid_reason: str
    truncation_reason: str


def prepare(request: SimulationRequest, machine: Machine, index: int = 0) -> PreparedRequest:
    """Check a request, by its number in a batch, as far as possible before anything is sent.

    Raises:
        ValueError: for an initial state that does not fit, a partition that cannot be made, a
            folder of checkpoints that cannot be written, or a circuit that needs shots.
        InsufficientMemoryError: when not even the smallest form of the run fits.
    """
    options = request.options
    request.circuit.check()
    if not options.shots:
        _check_shots(request.circuit)
    bound = request.circuit if request.noise is None else request.noise.bind(request.circuit)
    bound = visible_part(bound)
    columns = None
    if options.initial_state is not None:
        check_decomposition(options.initial_state, machine.limited(options.max_memory_mb))
        columns = as_columns(options.initial_state, bound.num_qubits)
        small, kept = bound, tuple(range(bound.num_qubits))
    else:
        small, kept = bound.compacted()
    acting: list[Operation] = [
        operation for operation in small if not isinstance(operation, Barrier)
    ]
    if acting and isinstance(first := acting[0], SetState):
        columns = columns_in_order(first.columns, first.qubits)
        small = replace(small, operations=acting[1:])
    check_factor_saves(small, checkpoints=options.checkpoint is not None)
    check_smallest(small, options, columns, machine)
    if options.checkpoint is not None:
        _make_folder(Path(options.checkpoint))
    return PreparedRequest(
        circuit=small, options=options, columns=columns, qubits=kept, index=index
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"the folder of checkpoints {folder} cannot be made: {error.strerror}"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"the folder of checkpoints {folder} cannot be written")


def check_smallest(
    circuit: Circuit,
    options: SimulationOptions,
    columns: NDArray[np.complex128] | None,
    machine: Machine,
) -> None:
    """Check the memory of the first columns on the grid that would hold them.

    Raises:
        ValueError: for a partition that cannot be made.
        InsufficientMemoryError: when not even the smallest form of the run fits.
    """
    widths = [len(op.qubits) for op in circuit if isinstance(op, Gate | Channel)]
    first = _first_columns(options, columns) * (1 + len(kept_saves(circuit)))
    row = first * options.dtype.itemsize
    machine = machine.limited(options.max_memory_mb)
    grid = _grids(options, machine, circuit.num_qubits, max(widths, default=1), row)[0]
    check_memory(
        circuit.num_qubits,
        grid.rows,
        options.dtype.itemsize,
        -(-first // grid.columns),
        _result_bytes(circuit, options.shots),
        machine,
    )
    if options.method == "density_matrix":
        check_density_memory(circuit.num_qubits, grid.rows, options.dtype.itemsize, machine)


def _result_bytes(circuit: Circuit, shots: int) -> int:
    """Bytes of the saved quantities, twice while they are gathered, and of the samples."""
    saved = sum(saved_bytes(op) for op in circuit if isinstance(op, Save))
    measures = sum(isinstance(op, Measure) for op in circuit)
    # A shot takes its classical bits, and a byte for each that is written and some numbers while it
    # is sampled.
    each = -(-circuit.num_memory_bits // 8) + min(measures, circuit.num_clbits) + 48
    return 2 * saved + (measures > 0) * shots * each


def _first_columns(options: SimulationOptions, columns: NDArray[Any] | None) -> int:
    return max(options.initial_rank, 1 if columns is None else columns.shape[1])


def make_job(prepared: PreparedRequest, machine: Machine) -> Job:
    """Fuse the circuit, choose how small branches are treated, and the process grid."""
    return planned(prepared, machine)[0]


def planned(
    prepared: PreparedRequest, machine: Machine
) -> tuple[Job, Callable[[ProcessGrid], Prediction]]:
    """As :func:`make_job`, and with it what the run would take on any process grid."""
    options = prepared.options
    machine = machine.limited(options.max_memory_mb)
    program, averages = _programs(prepared.circuit, sampled=options.shots > 0)
    for each in (program, averages):
        if each is not None:
            each.initial_state = prepared.columns
    ranks = expected_ranks(program, options.epsilon, options.max_rank)
    expectation = _expectation(prepared, program, machine)
    dense = expectation.start_dense or expectation.may_switch
    alone = machine.mpi_ranks == 1 or _grid_is_free(options)
    values = bool(program.saves) or averages is not None
    way = way_of_histories(program, options, ranks, dense=dense, values=values)
    way = way if alone else "apart"
    truncation = choose_truncation(program, averages, options, ranks, machine)
    if way == "trajectories" and truncation.sampling is None and program.noise_weight > 0:
        truncation = TruncationChoice(sampling=None, reason="every shot draws its own errors")
    widest = max(each.widest_step for each in (program, averages) if each is not None)
    if truncation.sampling is None:
        row = expectation.first_columns * options.dtype.itemsize
        grids = _grids(options, machine, program.num_qubits, widest, row)
        predictor = Predictor(program, expectation, machine)
        predict: Callable[[ProcessGrid], Prediction] = predictor.predict
        prediction, reason = _choice(predictor, grids, together=way != "apart")
    else:
        way = "apart"
        model = SampledModel(program, truncation.sampling, machine, expectation.shots)
        predict = model.predict
        row = (truncation.sampling.columns + 1) * truncation.sampling.dtype.itemsize
        grids = _grids(options, machine, program.num_qubits, widest, row)
        prediction, reason = _sampled_choice(model, grids)
    grid = prediction.grid
    itemsize = options.dtype.itemsize
    matrix = density_bytes(program.num_qubits, grid.rows, itemsize)
    waiting = most_waiting(program, expectation.shots)
    if expectation.start_dense and way == "apart":
        check_density_memory(program.num_qubits, grid.rows, itemsize, machine, waiting)
    switches = expectation.may_switch and (2 + waiting) * matrix < machine.bytes_per_rank
    settings = RunSettings(
        shots=expectation.shots,
        seed=secrets.randbits(63) if options.seed is None else options.seed,
        epsilon=options.epsilon,
        max_rank=options.max_rank,
        memory_columns=_most_columns(prepared, program, grid, machine, matrix if switches else 0),
        dtype=options.dtype,
        reserve=expectation.first_columns,
        start="density_matrix" if expectation.start_dense else "low_rank",
        may_switch=switches,
        histories=way if grid.size == 1 else "apart",
        sampling=truncation.sampling,
        checkpoint=_checkpoint(prepared),
    )
    job = Job(
        program=program,
        averages=averages,
        settings=settings,
        qubits=prepared.qubits,
        grid=grid,
        prediction=prediction,
        grid_reason=reason,
        truncation_reason=truncation.reason,
    )
    return job, predict


def _most_columns(
    prepared: PreparedRequest, program: Program, grid: ProcessGrid, machine: Machine, aside: int
) -> int:
    """Columns that fit beside so many bytes and what comes out of the run."""
    circuit, itemsize = prepared.circuit, prepared.options.dtype.itemsize
    budget = machine.bytes_per_rank - aside - _result_bytes(circuit, prepared.options.shots)
    # What is kept is a copy, and the run may go on with as many columns.
    factors = 1.0 + len(kept_saves(circuit))
    # A whole factor goes to the driver, in double precision.
    gathered = sum(isinstance(op, SaveFactor | SaveStateVector) for op in circuit)
    whole = gathered - len(kept_saves(circuit))
    factors += whole * grid.size * 16 / itemsize
    return columns_that_fit(program, grid, itemsize, int(budget / factors))


def _grid_is_free(options: SimulationOptions) -> bool:
    """Whether a run may take one MPI rank of several."""
    return options.parallelization == "auto" and options.process_grid in (None, (1, 1))


def _checkpoint(prepared: PreparedRequest) -> CheckpointSettings | None:
    options = prepared.options
    if options.checkpoint is None:
        return None
    return CheckpointSettings(
        folder=options.checkpoint,
        fingerprint=fingerprint(prepared.circuit, prepared.columns, options, prepared.index),
        interval=options.checkpoint_interval,
    )


def _expectation(prepared: PreparedRequest, program: Program, machine: Machine) -> Expectation:
    options, circuit = prepared.options, prepared.circuit
    most_rows = 1 << (machine.mpi_ranks.bit_length() - 1)
    dense = density_bytes(program.num_qubits, most_rows, options.dtype.itemsize)
    # A pure state is one column, and the density matrix forgets its phase.
    vectors = any(isinstance(operation, SaveStateVector) for operation in circuit)
    switches = options.method == "automatic" and options.max_rank is None and not vectors
    shots = options.shots if _needs_shots(program, circuit) else 0
    waiting = most_waiting(program, shots)
    return Expectation(
        epsilon=options.epsilon,
        max_rank=options.max_rank,
        first_columns=_first_columns(options, prepared.columns),
        itemsize=options.dtype.itemsize,
        shots=shots,
        may_switch=switches and (2 + waiting) * dense < machine.bytes_per_rank,
        start_dense=options.method == "density_matrix",
    )


def _grids(
    options: SimulationOptions,
    machine: Machine,
    num_qubits: int,
    widest_step: int,
    row_bytes: int,
) -> list[ProcessGrid]:
    """The grids that a run may use; a row takes ``row_bytes`` at first."""
    return possible_grids(
        options.parallelization,
        options.process_grid,
        machine.mpi_ranks,
        num_qubits=num_qubits,
        widest_step=widest_step,
        least_rows=least_row_groups(num_qubits, row_bytes, machine.bytes_per_rank),
    )


def _choice(
    predictor: Predictor, grids: list[ProcessGrid], *, together: bool
) -> tuple[Prediction, str]:
    """The prediction for the grid to take, and why it is taken."""
    if len(grids) == 1:
        single = predictor.machine.mpi_ranks == 1
        return predictor.predict(grids[0]), "there is one MPI rank" if single else "asked for"
    if together and (alone := [grid for grid in grids if grid.size == 1]):
        reason = "the histories go side by side on one MPI rank"
        return predictor.predict(alone[0]), reason
    best = best_of(predictor.predict, grids, predictor.machine.bytes_per_rank)
    if best.memory_bytes > predictor.machine.bytes_per_rank:
        return best, "it needs least memory"
    if best.grid.size < predictor.machine.mpi_ranks:
        return best, f"more MPI ranks than {best.grid.size} are not expected to save enough time"
    return best, "it is expected to be fastest"


def _sampled_choice(model: SampledModel, grids: list[ProcessGrid]) -> tuple[Prediction, str]:
    """Column groups run batches without a message; rows are split only where asked or needed."""
    if grids[0].rows == 1 or len(grids) == 1:
        reason = "column groups run batches of sampled columns by themselves"
        return model.predict(grids[0]), reason
    best = best_of(model.predict, grids, model.machine.bytes_per_rank)
    return best, "rows must be split to fit in memory, and it is expected to be fastest"


def _saves_averages(circuit: Circuit) -> bool:
    """Whether the state averaged over all outcomes gives all that is saved."""
    return not circuit.is_dynamic and all(map(is_average, circuit.saves))


def _check_shots(circuit: Circuit) -> None:
    """Check that a circuit can do without shots."""
    measures = circuit.is_dynamic or any(isinstance(each, Measure) for each in circuit)
    if measures and not _saves_averages(circuit):
        raise ValueError(
            "shots must be at least 1 for a circuit in which outcomes decide what is done or "
            "saved, got 0"
        )


def _needs_shots(program: Program, circuit: Circuit) -> bool:
    """Whether outcomes, or values that shots have one by one, are asked for."""
    if circuit.is_dynamic or (circuit.num_memory_bits and program.measures):
        return True
    return any(isinstance(op, Save) and op.subtype != "average" for op in circuit)


def _programs(circuit: Circuit, *, sampled: bool) -> tuple[Program, Program | None]:
    """The program to run, and a second one for what is saved where the first splits its shots.

    Where every saved value is an average, and no condition decides what is done, measurements only
    dephase in the second program: its values are exact, and do not depend on the shots.
    """
    program = fuse(circuit, sampled=sampled)
    if not (circuit.saves and _saves_averages(circuit) and program.has_histories):
        return program, None
    alone = replace(circuit, operations=[op for op in circuit if not isinstance(op, Save)])
    return fuse(alone), fuse(circuit, sampled=False)
