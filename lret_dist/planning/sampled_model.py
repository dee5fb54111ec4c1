"""What a sampled run is expected to take: batches side by side on the column groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lret_dist.grid.layout import Layout, plan_exchange
from lret_dist.machines.machine import USUAL_SPEEDS
from lret_dist.planning.cost import batch_cost
from lret_dist.planning.histories_choice import most_waiting
from lret_dist.planning.memory import batch_bytes, run_overhead
from lret_dist.planning.prediction import Prediction
from lret_dist.programs.program import ChannelStep, UnitaryStep
from lret_dist.sampled.estimates import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.machines.machine import Machine
    from lret_dist.programs.program import Program
    from lret_dist.records.run_records import Sampling

__all__ = ["MOST_GROWTH", "SampledModel", "rounds"]

#: Most batches of the next round, in units of those that there are: the spread of few columns says
#: only roughly how many will be needed.
MOST_GROWTH = 8
#: Seconds of the unit of :mod:`~lret_dist.planning.cost` on a thread of the usual speed.
_COST_SECONDS = 1.4e-9
#: Where rows are split, columns leave the cache after every step, which takes so many times longer,
#: and so many seconds whatever its size.
_SPLIT, _SPLIT_STEP_SECONDS = 9.0, 7e-4
#: Floating-point operations for an entry in a step: a two-qubit matrix.
_FLOPS = 32.0
_REAL = 8


def rounds(program: Program, sampling: Sampling) -> list[int]:
    """Batches of each round, by what is usual: a round ends when all column groups are done."""
    if program.has_histories:
        return [sampling.blind_batches]
    wanted = sampling.batches if sampling.target is None else sampling.blind_batches
    done, found = sampling.batches, [sampling.batches]
    while done < wanted:
        found.append(min(wanted, MOST_GROWTH * done) - done)
        done += found[-1]
    return found


class SampledModel:
    """Predicts a sampled run, roughly: the spread of its columns is not known beforehand."""

    def __init__(self, program: Program, sampling: Sampling, machine: Machine, shots: int) -> None:
        self.program = program
        self.sampling = sampling
        self.machine = machine
        self.shots = shots

    def predict(self, grid: ProcessGrid) -> Prediction:
        """What the run will take on this grid."""
        batches = rounds(self.program, self.sampling)
        columns = self.sampling.columns + self.sampling.exact_columns
        traffic = _Traffic(self.program, grid, columns, self.sampling.dtype.itemsize)
        traffic.count(batches, self.shots)
        in_turn = sum(math.ceil(number / grid.columns) for number in batches)
        stops = 8 * len(batches)
        if grid.rows > 1:
            stops += 3 * in_turn * len(self.program.steps)
        speeds, compute = self.machine.speeds, in_turn * self._batch_seconds(grid)
        communication = traffic.bytes / grid.size / speeds.bandwidth
        communication += speeds.latency * stops * math.ceil(math.log2(grid.size))
        entries = float(sum(batches) * columns << self.program.num_qubits)
        return Prediction(
            grid=grid,
            seconds=compute + communication,
            compute_seconds=compute,
            communication_seconds=communication,
            memory_bytes=self._memory(grid, columns),
            flops=_FLOPS * entries * len(self.program.steps),
            messages=traffic.messages,
            bytes=round(traffic.bytes),
            rank=columns,
            batches=sum(batches),
        )

    def _batch_seconds(self, grid: ProcessGrid) -> float:
        program, sampling = self.program, self.sampling
        speed = self.machine.speeds.pass_seconds / USUAL_SPEEDS.pass_seconds
        cost = batch_cost(program, sampling.columns, sampling.dtype.itemsize)
        seconds = _COST_SECONDS * cost * speed
        if grid.rows == 1:
            return seconds
        return _SPLIT * seconds / grid.rows + _SPLIT_STEP_SECONDS * len(program.steps)

    def _memory(self, grid: ProcessGrid, columns: int) -> int:
        rows = (1 << self.program.num_qubits) // grid.rows
        threads = self.machine.threads if grid.rows == 1 else 1
        at_once = min(threads, self.sampling.batches_in_memory)
        copies = 1 + most_waiting(self.program, self.shots)
        batches = at_once * batch_bytes(rows, columns * copies, self.sampling.dtype.itemsize)
        overhead = run_overhead(self.machine.bytes_per_rank) if grid.size > 1 else 0
        counted = 2 * _REAL * rows if self.program.final_measures else 0
        return batches + counted + overhead


class _Traffic:
    """What all MPI ranks together send, roughly where rows are split."""

    def __init__(self, program: Program, grid: ProcessGrid, columns: int, itemsize: int) -> None:
        self.program = program
        self.grid = grid
        self.columns = columns
        self.itemsize = itemsize
        self.rows = 1 << program.num_qubits
        self.bytes, self.messages = 0.0, 0

    def count(self, rounds: list[int], shots: int) -> None:
        """Count a run of so many batches in each round."""
        self._count_rounds(len(rounds))
        if self.grid.rows > 1:
            self._count_steps(sum(rounds))
        self._count_results(shots)

    def _count_rounds(self, number: int) -> None:
        """Tallies go to the driver, and its word comes back; once more at the end."""
        numbers = Tally(self.program, 0).total.size
        for _ in range(number + 1):
            for size in (1, numbers, numbers):
                self._note(size * _REAL, (self.grid.columns - 1) * (size > 0))
        self._note(2 * _REAL * number, self.grid.size - 1)

    def _count_results(self, shots: int) -> None:
        columns, rows = self.grid.columns, self.grid.rows
        if self.program.has_histories:
            self._note(shots * -(-self.program.num_clbits // 8), columns - 1)
        elif self.program.final_measures and shots:
            self._note(self.rows // rows * _REAL, 2 * (columns - 1) * rows)
            self._note(rows * _REAL, 2 * (rows - 1) * columns)
            self._note(shots * _REAL, self.grid.size - 1)
            self._note(shots * _REAL, 2 * (rows - 1) * columns)

    def _count_steps(self, batches: int) -> None:
        """What the row groups of a column group say to each other in all batches."""
        others = self.grid.rows - 1
        for step, bits in self._exchanges():
            operators = len(step.kraus) if isinstance(step, ChannelStep) else 0
            self._note(batches * operators * self.columns * _REAL, 2 * others)
            self._note(batches * _REAL, others)
            if bits:
                rows = self.rows - (self.rows >> bits)
                self.bytes += float(batches * self.columns * self.itemsize * rows)
                self.messages += batches * self.columns * self.grid.rows * ((1 << bits) - 1)

    def _exchanges(self) -> Iterator[tuple[UnitaryStep | ChannelStep, int]]:
        """Each step, with the number of distributed bits that it brings onto local ones."""
        layout = Layout(self.program.num_qubits, self.grid.row_bits)
        for number, step in enumerate(self.program.steps):
            if isinstance(step, UnitaryStep | ChannelStep):
                after = self.program.next_change(number)
                pairs = plan_exchange(layout, step.changed_qubits, after)
                for pair in pairs:
                    layout.swap_bits(*pair)
                yield step, len(pairs)

    def _note(self, size: float, messages: int) -> None:
        """So many messages of ``size`` bytes each."""
        self.bytes += size * messages
        self.messages += messages
