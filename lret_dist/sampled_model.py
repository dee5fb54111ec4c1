"""What a sampled run is expected to take: batches side by side on the column groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lret_dist.batches import MOST_GROWTH
from lret_dist.cost import batch_cost
from lret_dist.estimates import Tally
from lret_dist.layout import Layout, plan_exchange
from lret_dist.machine import USUAL_SPEEDS
from lret_dist.memory import RUN_OVERHEAD
from lret_dist.prediction import Prediction
from lret_dist.program import ChannelStep, UnitaryStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.machine import Machine
    from lret_dist.process_grid import ProcessGrid
    from lret_dist.program import Program
    from lret_dist.records import Sampling

__all__ = ["predict_sampled", "rounds"]

#: Seconds of the unit of :func:`~lret_dist.cost.batch_cost` on a thread of the usual speed.
_COST_SECONDS = 1e-9
#: Seconds of a step whatever its size, where rows are split and each step is two calls.
_SPLIT_STEP_SECONDS = 1e-4
#: Floating-point operations for a byte of a column in a step.
_FLOPS = 2.0
_REAL = 8


def rounds(program: Program, sampling: Sampling) -> list[int]:
    """Batches of each round, by what is usual: a round ends when all column groups are done."""
    if program.has_mid_measurements:
        return [sampling.blind_batches]
    wanted = sampling.batches if sampling.target is None else sampling.blind_batches
    done, found = sampling.batches, [sampling.batches]
    while done < wanted:
        found.append(min(wanted, MOST_GROWTH * done) - done)
        done += found[-1]
    return found


def predict_sampled(
    program: Program, sampling: Sampling, grid: ProcessGrid, machine: Machine, shots: int
) -> Prediction:
    """What a sampled run takes, roughly: the spread of the columns is not known beforehand."""
    return _SampledModel(program, sampling, grid, machine, shots).prediction()


class _SampledModel:
    def __init__(
        self, program: Program, sampling: Sampling, grid: ProcessGrid, machine: Machine, shots: int
    ) -> None:
        self.program = program
        self.sampling = sampling
        self.grid = grid
        self.machine = machine
        self.shots = shots
        self.rounds = rounds(program, sampling)
        self.columns = sampling.columns + sampling.exact_columns
        self.rows = 1 << program.num_qubits
        self.bytes, self.messages = 0.0, 0

    def prediction(self) -> Prediction:
        grid, speeds = self.grid, self.machine.speeds
        batches = sum(self.rounds)
        in_turn = sum(math.ceil(number / grid.columns) for number in self.rounds)
        compute = in_turn * self._batch_seconds()
        self._count_rounds()
        stops = 8 * len(self.rounds)
        if grid.rows > 1:
            self._count_steps(batches)
            stops += 3 * in_turn * len(self.program.steps)
        self._count_results()
        communication = self.bytes / grid.size / speeds.bandwidth
        communication += speeds.latency * stops * math.ceil(math.log2(grid.size))
        column_bytes = self.rows * self.sampling.dtype.itemsize
        return Prediction(
            grid=grid,
            seconds=compute + communication,
            compute_seconds=compute,
            communication_seconds=communication,
            memory_bytes=self._memory(),
            flops=_FLOPS * batches * self.columns * column_bytes * len(self.program.steps),
            messages=self.messages,
            bytes=round(self.bytes),
            rank=self.columns,
            batches=batches,
        )

    def _batch_seconds(self) -> float:
        program, sampling = self.program, self.sampling
        cost = batch_cost(program, sampling.columns, sampling.dtype.itemsize) / self.grid.rows
        speed = self.machine.speeds.pass_seconds / USUAL_SPEEDS.pass_seconds
        extra = _SPLIT_STEP_SECONDS * len(program.steps) if self.grid.rows > 1 else 0.0
        return _COST_SECONDS * cost * speed + extra

    def _memory(self) -> int:
        rows = self.rows // self.grid.rows
        at_once = min(self.machine.threads, self.sampling.batches_in_memory)
        if self.grid.rows > 1:
            at_once = 1
        batches = at_once * self.columns * rows * self.sampling.dtype.itemsize
        overhead = RUN_OVERHEAD if self.grid.size > 1 else 0
        return batches + (2 + at_once) * _REAL * rows + overhead

    def _count_rounds(self) -> None:
        """Tallies go to the driver, and its word comes back; once more at the end."""
        numbers = Tally(self.program, 0).total.size
        for _ in range(len(self.rounds) + 1):
            for size in (1, numbers, numbers):
                self._note(size * _REAL, (self.grid.columns - 1) * (size > 0))
        self._note(2 * _REAL * len(self.rounds), self.grid.size - 1)

    def _count_results(self) -> None:
        columns, rows = self.grid.columns, self.grid.rows
        if self.program.has_mid_measurements:
            self._note(self.shots * -(-self.program.num_clbits // 8), columns - 1)
        elif self.program.final_measures and self.shots:
            self._note(self.rows // rows * _REAL, 2 * (columns - 1) * rows)
            self._note(rows * _REAL, 2 * (rows - 1) * columns)
            self._note(self.shots * _REAL, self.grid.size - 1)
            self._note(self.shots * _REAL, 2 * (rows - 1) * columns)

    def _count_steps(self, batches: int) -> None:
        """What the row groups of a column group say to each other in all batches."""
        others = self.grid.rows - 1
        for step, bits in self._exchanges():
            operators = len(step.kraus) if isinstance(step, ChannelStep) else 0
            self._note(batches * operators * self.columns * _REAL, 2 * others)
            self._note(batches * _REAL, others)
            if bits:
                moved = (
                    self.columns * self.sampling.dtype.itemsize * (self.rows - (self.rows >> bits))
                )
                self._note(batches * moved, 1)
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
