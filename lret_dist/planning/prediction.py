"""What a run will take on a process grid: time, memory and messages, without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lret_dist.grid.schedule import arranged
from lret_dist.planning.compute_model import modelled_compute
from lret_dist.planning.cost import expected_errors
from lret_dist.planning.course import expected_course, most_combinations
from lret_dist.planning.memory import borrowed_bytes, density_bytes, run_overhead
from lret_dist.planning.traffic_model import dense_exchanges, modelled_traffic
from lret_dist.programs.program import ExchangeStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.grid.traffic import Traffic
    from lret_dist.machines.machine import Machine, Speeds
    from lret_dist.planning.course import Course
    from lret_dist.planning.traffic_model import DenseExchanges
    from lret_dist.programs.program import Program

__all__ = ["Expectation", "Prediction", "Predictor", "best_of"]

#: Messages of a step that must follow each other, for each doubling of the MPI ranks; and those
#: more by which column groups deal out branches.
_STEP_MESSAGES, _DEALING_MESSAGES = 3, 3
#: Seconds that more MPI ranks must save.
_LEAST_SAVING = 3e-3


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
        switched_at: steps that are done when the density matrix takes over, or None.
        batches: batches of sampled columns, 0 in a certified run; ``rank`` is then that of one.
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
    switched_at: int | None = None
    batches: int = 0

    @property
    def bytes_per_rank(self) -> float:
        """Bytes that an MPI rank sends, on average."""
        return self.bytes / self.grid.size

    @property
    def messages_per_rank(self) -> float:
        """Messages that an MPI rank sends, on average."""
        return self.messages / self.grid.size


class Predictor:
    """Predicts runs of one program; what does not depend on the columns is worked out once."""

    def __init__(self, program: Program, expectation: Expectation, machine: Machine) -> None:
        self.program = program
        self.expectation = expectation
        self.machine = machine
        self._orders: dict[int, _Order] = {}

    def predict(self, grid: ProcessGrid) -> Prediction:
        """What the run will take on this grid."""
        if grid.row_bits not in self._orders:
            self._orders[grid.row_bits] = _Order(self.program, grid.row_bits, self.expectation)
        order = self._orders[grid.row_bits]
        course = order.course(grid.columns, self.expectation)
        return self.predict_course(order.program, course, grid, order.exchanges(course))

    def predict_course(
        self,
        program: Program,
        course: Course,
        grid: ProcessGrid,
        exchanges: DenseExchanges | None = None,
    ) -> Prediction:
        """What a run takes whose columns are known; the program is arranged for the grid."""
        known, speeds = self.expectation, self.machine.speeds
        traffic = modelled_traffic(program, course, grid, known.itemsize, known.shots, exchanges)
        compute = modelled_compute(program, course, grid, speeds, known.itemsize)
        communication = compute.packing_seconds
        communication += _transmission(program, course, grid, traffic, speeds)
        return Prediction(
            grid=grid,
            seconds=compute.seconds + communication,
            compute_seconds=compute.seconds,
            communication_seconds=communication,
            memory_bytes=_memory(program, course, grid, known.itemsize) + self._overhead(grid),
            flops=compute.flops,
            messages=sum(traffic.messages.values()),
            bytes=sum(traffic.bytes.values()),
            rank=course.most_columns,
            switched_at=_without_exchanges(program, course.switched_at),
        )

    def _overhead(self, grid: ProcessGrid) -> int:
        return run_overhead(self.machine.bytes_per_rank) if grid.size > 1 else 0


class _Order:
    """The program in the order of one number of row groups, and what is known of it."""

    def __init__(self, program: Program, row_bits: int, known: Expectation) -> None:
        self.program = arranged(program, row_bits)
        self._row_bits = row_bits
        most = most_combinations(program.num_qubits)
        self._errors = expected_errors(self.program, known.epsilon, most)
        self._exchanges: dict[int, DenseExchanges] = {}

    def course(self, groups: int, known: Expectation) -> Course:
        """The expected columns on so many column groups."""
        return expected_course(
            self.program,
            self._errors,
            first_columns=known.first_columns,
            max_rank=known.max_rank,
            may_switch=known.may_switch,
            start_dense=known.start_dense,
            groups=groups,
        )

    def exchanges(self, course: Course) -> DenseExchanges | None:
        """Those of the density matrix, if it takes over."""
        number = course.switched_at
        if number is None:
            return None
        if number not in self._exchanges:
            self._exchanges[number] = dense_exchanges(self.program, number, self._row_bits)
        return self._exchanges[number]


def _without_exchanges(program: Program, number: int | None) -> int | None:
    """The number of a step among those that are no exchanges."""
    if number is None:
        return None
    return sum(not isinstance(step, ExchangeStep) for step in program.steps[:number])


def _transmission(
    program: Program, course: Course, grid: ProcessGrid, traffic: Traffic, speeds: Speeds
) -> float:
    """Seconds that messages take: bytes on the busiest MPI rank, and waiting for small ones."""
    if grid.size == 1:
        return 0.0
    depth = math.ceil(math.log2(grid.size))
    carried = sum(traffic.bytes.values()) / grid.size
    each = _STEP_MESSAGES + (_DEALING_MESSAGES if grid.columns > 1 else 0)
    stops = len(program.steps) * each + 8 * sum(map(len, course.compressions))
    exchanges = sum(isinstance(step, ExchangeStep) for step in program.steps)
    return carried / speeds.bandwidth + speeds.latency * (stops * depth + exchanges * grid.rows)


def _memory(program: Program, course: Course, grid: ProcessGrid, itemsize: int) -> int:
    rows = (1 << program.num_qubits) // grid.rows
    columns = -(-course.most_columns // grid.columns)
    compressed = max([0, *(c.before for each in course.compressions for c in each)])
    factor = int(rows * columns * itemsize * 17 / 16) + 2 * compressed**2 * itemsize
    factor += borrowed_bytes(grid, rows * itemsize)
    if course.switched_at is not None:
        dense = density_bytes(program.num_qubits, grid.rows, itemsize)
        factor = dense if course.switched_at == 0 else dense + factor
    return factor + 16 * rows


def best_of(
    predict: Callable[[ProcessGrid], Prediction], grids: Iterable[ProcessGrid], budget: int
) -> Prediction:
    """The fastest of those that fit in memory, or the one that needs least; of equals the smaller.

    More MPI ranks must pay: a larger grid is taken where it saves a twentieth of the time, and
    more than arranging the steps for it takes; for a run that is hardly longer none is looked at.

    Args:
        predict: predicts a run on a grid.
        grids: the grids to choose from.
        budget: bytes that one MPI rank may use.
    """
    smallest, *others = sorted(grids, key=lambda grid: grid.size)
    best = predict(smallest)
    for grid in others:
        fits = best.memory_bytes <= budget
        if fits and best.seconds < 2 * _LEAST_SAVING and grid.size > best.grid.size:
            break
        each = predict(grid)
        if not fits:
            better = each.memory_bytes < best.memory_bytes
        else:
            better = each.memory_bytes <= budget and each.seconds < _worth(best, each)
        if better:
            best = each
    return best


def _worth(best: Prediction, larger: Prediction) -> float:
    """Seconds below which the prediction for a grid at least as large is better."""
    if larger.grid.size == best.grid.size:
        return best.seconds
    return min(0.95 * best.seconds, best.seconds - _LEAST_SAVING)
