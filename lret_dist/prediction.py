"""What a run will take on a process grid: time, memory and messages, without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lret_dist.course import expected_course
from lret_dist.memory import RUN_OVERHEAD, density_bytes
from lret_dist.operators import DENSE_COST
from lret_dist.program import ChannelStep, ExchangeStep, UnitaryStep
from lret_dist.schedule import arranged
from lret_dist.traffic_model import modelled_traffic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist.course import Course
    from lret_dist.machine import Machine, Speeds
    from lret_dist.process_grid import ProcessGrid
    from lret_dist.program import Program
    from lret_dist.traffic import Traffic

__all__ = ["Expectation", "Prediction", "Predictor", "best_of"]

#: A step of the factor, weights and branches included, in passes over its entries.
_STEP_PASSES = 3.0
#: A rotation and an eigenproblem, in the units of a Gram matrix: per row, old and new column, and
#: per column cubed, on one thread.
_ROTATION, _EIGENVECTORS = 1.7, 7.0
#: A pass over the density matrix, for each entry and step, in those over a factor.
_DENSITY_PASSES = 0.35
#: Seconds of a step whatever its size.
_STEP_SECONDS = 1e-4
#: Messages on the way of a sum, or a broadcast, that must follow each other, for each doubling.
_STEP_MESSAGES = 3


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is known of a certified run before it starts.

    Attributes:
        epsilon: trace that it may discard.
        max_rank: most columns, or None.
        first_columns: columns at the start.
        itemsize: bytes of an entry of the factor.
        shots: samples drawn at the end.
        may_switch: whether the density matrix may take over.
        start_dense: whether it begins with the density matrix.
    """

    epsilon: float
    max_rank: int | None
    first_columns: int
    itemsize: int
    shots: int
    may_switch: bool
    start_dense: bool


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a run is expected to take on a process grid.

    Attributes:
        grid: the process grid.
        seconds: time in all.
        compute_seconds: of that, what computing takes on the slowest MPI rank.
        communication_seconds: and what messages take.
        memory_bytes: of the state and of buffers on each MPI rank, beside Python and libraries.
        flops: floating-point operations of all MPI ranks.
        messages: messages of all MPI ranks.
        bytes: their bytes.
        rank: most columns.
    """

    grid: ProcessGrid
    seconds: float
    compute_seconds: float
    communication_seconds: float
    memory_bytes: int
    flops: float
    messages: int
    bytes: int
    rank: int

    @property
    def bytes_per_rank(self) -> float:
        """Bytes that an MPI rank sends, on average."""
        return self.bytes / self.grid.size


class Predictor:
    """Predicts runs of one program; what does not depend on the columns is worked out once."""

    def __init__(self, program: Program, expectation: Expectation, machine: Machine) -> None:
        self.program = program
        self.expectation = expectation
        self.machine = machine
        self._arranged: dict[int, tuple[Program, Course]] = {}

    def predict(self, grid: ProcessGrid) -> Prediction:
        """What the run will take on this grid."""
        program, course = self._on(grid.row_bits)
        return self.predict_course(program, course, grid)

    def predict_course(self, program: Program, course: Course, grid: ProcessGrid) -> Prediction:
        """What a run takes whose columns are known; the program is arranged for the grid."""
        known = self.expectation
        traffic = modelled_traffic(program, course, grid, known.itemsize, known.shots)
        speeds = self.machine.speeds
        compute, flops = _compute(program, course, grid, speeds)
        communication = _communication(program, course, grid, traffic, speeds)
        return Prediction(
            grid=grid,
            seconds=compute + communication,
            compute_seconds=compute,
            communication_seconds=communication,
            memory_bytes=_memory(program, course, grid, known.itemsize),
            flops=flops,
            messages=sum(traffic.messages.values()),
            bytes=sum(traffic.bytes.values()),
            rank=course.most_columns,
        )

    def _on(self, row_bits: int) -> tuple[Program, Course]:
        if row_bits not in self._arranged:
            program, known = arranged(self.program, row_bits), self.expectation
            course = expected_course(
                program,
                epsilon=known.epsilon,
                max_rank=known.max_rank,
                first_columns=known.first_columns,
                may_switch=known.may_switch,
                start_dense=known.start_dense,
            )
            self._arranged[row_bits] = program, course
        return self._arranged[row_bits]


def _compute(
    program: Program, course: Course, grid: ProcessGrid, speeds: Speeds
) -> tuple[float, float]:
    """Seconds of the slowest MPI rank, and operations of all."""
    rows = 1 << program.num_qubits
    shared = rows / grid.rows
    seconds = flops = 0.0
    for number, step in enumerate(program.steps):
        if not isinstance(step, UnitaryStep | ChannelStep):
            continue
        seconds += _STEP_SECONDS
        if course.switched_at is not None and number >= course.switched_at:
            seconds += _DENSITY_PASSES * rows * shared * speeds.pass_seconds
            flops += 32.0 * rows**2
            continue
        columns = course.grown[number]
        mine = math.ceil(columns / grid.columns)
        passes = _STEP_PASSES if isinstance(step, ChannelStep) else _unitary_passes(step)
        seconds += passes * mine * shared * speeds.pass_seconds
        flops += 8 * (1 << len(step.qubits)) * passes * columns * rows
        for each in course.compressions[number]:
            pairs = each.before**2 + _ROTATION * each.before * each.after
            seconds += speeds.gram_seconds * rows / grid.size * pairs
            seconds += speeds.gram_seconds * _EIGENVECTORS * min(each.before, rows) ** 3
            flops += rows * (4.0 * each.before**2 + 8.0 * each.before * each.after)
    return seconds, flops


def _unitary_passes(step: UnitaryStep) -> float:
    return step.operator.cost / DENSE_COST[2]


def _communication(
    program: Program, course: Course, grid: ProcessGrid, traffic: Traffic, speeds: Speeds
) -> float:
    """Seconds that messages take: bytes on the busiest MPI rank, and waiting for small ones."""
    if grid.size == 1:
        return 0.0
    depth = math.ceil(math.log2(grid.size))
    carried = sum(traffic.bytes.values()) / grid.size
    stops = len(program.steps) * _STEP_MESSAGES + 8 * sum(map(len, course.compressions))
    exchanges = sum(isinstance(step, ExchangeStep) for step in program.steps)
    return carried / speeds.bandwidth + speeds.latency * (stops * depth + exchanges * grid.rows)


def _memory(program: Program, course: Course, grid: ProcessGrid, itemsize: int) -> int:
    rows = (1 << program.num_qubits) // grid.rows
    columns = math.ceil(course.most_columns / grid.columns)
    compressed = max([0, *(c.before for each in course.compressions for c in each)])
    factor = int(rows * columns * itemsize * 17 / 16) + 2 * compressed**2 * itemsize
    if course.switched_at is not None:
        dense = density_bytes(program.num_qubits, grid.rows, itemsize)
        factor = dense if course.switched_at == 0 else dense + factor
    return factor + 16 * rows + (RUN_OVERHEAD if grid.size > 1 else 0)


def best_of(predictions: Iterable[Prediction], budget: int) -> Prediction:
    """The fastest of those that fit in memory, or the one that needs least; of equals the smaller.

    An MPI rank more must pay: a larger grid is taken where it saves a twentieth of the time.
    """
    found = sorted(predictions, key=lambda each: each.grid.size)
    fitting = [each for each in found if each.memory_bytes <= budget]
    if not fitting:
        return min(found, key=lambda each: each.memory_bytes)
    best = fitting[0]
    for each in fitting[1:]:
        if each.seconds < (0.95 if each.grid.size > best.grid.size else 1.0) * best.seconds:
            best = each
    return best
