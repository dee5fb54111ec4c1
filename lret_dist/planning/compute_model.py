"""How long a certified run computes on its slowest MPI rank, from program, grid and course.

The constants are in the units of :class:`~lret_dist.machines.machine.Speeds`. They were fitted to
steps and compressions of brick walls of 12 to 18 qubits on one MPI rank, and on two split either
way; sums over a run are within a factor of 1.5 of what was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lret_dist.numerics.operators import DENSE_COST
from lret_dist.programs.program import ChannelStep, UnitaryStep

if TYPE_CHECKING:
    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.machines.machine import Speeds
    from lret_dist.planning.course import Compression, Course
    from lret_dist.programs.program import Program

__all__ = ["PACKING_PASSES", "Compute", "modelled_compute"]

#: Passes over the columns of a channel step beside its dominant operator, over its new columns, and
#: over all that are moved apart where there was no room for these; and over a row whatever its
#: columns: it is a place of its own in memory.
_CHANNEL, _BRANCH, _MOVE, _ROW = 0.6, 10.0, 4.0, 6.0
#: Passes that the weights of candidates take where the channel is no mixture of unitaries.
_WEIGHTS = 1.5
#: Room for new columns that growing adds.
_HEADROOM = 17 / 16
#: A Gram matrix, a rotation and an eigenproblem, in the units of a Gram matrix of 64 columns: per
#: row and pair of columns, per row, old and new column, and per column cubed, on one thread; and
#: passes over the old columns.
_GRAM, _ROTATION, _EIGENVECTORS, _COMPRESSED = 0.75, 1.2, 7.0, 11.0
#: Passes that packing takes for an entry of 16 bytes that column groups trade, and row groups.
PACKING_PASSES = {"compression": 18.0, "exchange": 6.0}
#: A pass over the density matrix, for each entry and step, in those over a factor.
_DENSITY_PASSES = 1.8
#: Seconds of a step whatever its size.
_STEP_SECONDS = 1e-4


class Compute:
    """What computing takes.

    Attributes:
        seconds: on the slowest MPI rank.
        packing_seconds: there, to pack and unpack what is traded.
        flops: floating-point operations of all MPI ranks.
    """

    def __init__(self, grid: ProcessGrid, speeds: Speeds, rows: int, itemsize: int) -> None:
        self.seconds = self.packing_seconds = self.flops = 0.0
        self._grid = grid
        self._speeds = speeds
        self._rows = rows
        self._shared = rows / grid.rows
        self._packing = speeds.pass_seconds * itemsize / 16
        self._room = 1.0

    def step(self, step: UnitaryStep | ChannelStep, columns: int, grown: int, total: int) -> None:
        """A step, from columns on the slowest MPI rank before and after it, and after in all."""
        passes = _passes(step)
        work = _ROW + passes * grown + _BRANCH * max(0, grown - columns)
        if grown > self._room:
            self._room = _HEADROOM * grown
            work += _MOVE * grown
        self.seconds += _STEP_SECONDS + work * self._shared * self._speeds.pass_seconds
        self.flops += 8.0 * (1 << len(step.qubits)) * passes * total * self._rows

    def compress(self, compression: Compression) -> None:
        """A compression of the whole factor."""
        before, after = compression.before, compression.after
        rows, gram = self._rows / self._grid.size, self._speeds.gram_seconds
        self.seconds += gram * rows * before * (_GRAM * before + _ROTATION * after)
        self.seconds += self._speeds.pass_seconds * rows * before * _COMPRESSED
        self.seconds += gram * _EIGENVECTORS * float(min(before, self._rows)) ** 3
        self.flops += self._rows * (4.0 * before**2 + 8.0 * before * after)
        if self._grid.columns > 1:
            traded = rows * (before + after)
            self.packing_seconds += PACKING_PASSES["compression"] * traded * self._packing

    def exchange(self, columns: int) -> None:
        """An exchange of row bits."""
        half = self._shared * columns / 2
        self.packing_seconds += PACKING_PASSES["exchange"] * half * self._packing

    def dense_step(self) -> None:
        """A step of the density matrix."""
        entries = self._rows * self._shared
        self.seconds += _STEP_SECONDS + _DENSITY_PASSES * entries * self._speeds.pass_seconds
        self.flops += 32.0 * float(self._rows) ** 2


def _passes(step: UnitaryStep | ChannelStep) -> float:
    """Passes of a step over its columns."""
    if isinstance(step, UnitaryStep):
        return step.operator.cost / DENSE_COST[2]
    weights = _WEIGHTS if step.probabilities is None else 0.0
    return step.dominant.cost / DENSE_COST[2] + _CHANNEL + weights


def modelled_compute(
    program: Program, course: Course, grid: ProcessGrid, speeds: Speeds, itemsize: int
) -> Compute:
    """What computing takes.

    Args:
        program: arranged for the grid's row bits.
        course: columns step by step.
        grid: the process grid.
        speeds: of the slowest MPI rank.
        itemsize: bytes of an entry of the factor.
    """
    spent = Compute(grid, speeds, 1 << program.num_qubits, itemsize)
    for number, step in enumerate(program.steps):
        dense = course.switched_at is not None and number >= course.switched_at
        columns = -(-course.before[number] // grid.columns)
        grown = -(-course.grown[number] // grid.columns)
        if not isinstance(step, UnitaryStep | ChannelStep):
            if not dense and grid.rows > 1:
                spent.exchange(columns)
        elif dense:
            spent.dense_step()
        else:
            spent.step(step, columns, grown, course.grown[number])
        for each in course.compressions[number] if not dense else ():
            spent.compress(each)
    return spent
