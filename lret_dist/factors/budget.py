"""How much trace a run may discard by when, and when compressing pays. Used on the driver."""

from __future__ import annotations

import math

import numpy as np

from lret_dist.programs.program import ChannelStep, Program

__all__ = ["CompressionPolicy", "TruncationBudget"]


class TruncationBudget:
    """Shares ``epsilon`` over the steps by their noise weight; what one leaves, later ones may use.

    Where steps may be repeated, nobody knows how often, a step may use its share of half of what
    is left.

    Attributes:
        discarded: trace discarded so far.
    """

    #: Part of what is free that a step's branching may use; compression may use all of it.
    BRANCHING_PART = 0.5

    def __init__(self, program: Program, epsilon: float) -> None:
        noise = [s.noise_weight if isinstance(s, ChannelStep) else 0.0 for s in program.steps]
        total = sum(noise)
        shares = np.cumsum(noise) / total if total > 0 else np.zeros(len(noise))
        self._epsilon = epsilon
        self._allowed = epsilon * shares
        self._repeated = np.diff(shares, prepend=0.0) / 2 if program.has_loops else None
        self.discarded = 0.0

    def allowed(self, step: int) -> float:
        """Trace that may be discarded in all once step number ``step`` is reached."""
        return float(self._allowed[step])

    def free(self, step: int) -> float:
        """Trace that may still be discarded once step number ``step`` is reached."""
        if self._repeated is not None:
            return float(max(0.0, self._epsilon - self.discarded) * self._repeated[step])
        return max(0.0, self.allowed(step) - self.discarded)


class CompressionPolicy:
    """Compress when the columns have grown enough, and what that saves later is worth it.

    Nanoseconds a row, on two cores: a column takes ``STEP`` in each step, and as much as in
    ``BUILDING`` of them to be built; a compression takes ``GRAM`` for each pair of columns and
    ``ROTATION`` for each pair of an old and a new one. What it leaves is expected to be what the
    last one left, and the columns that it spares to multiply as they have since then.
    """

    STEP, BUILDING, GRAM, ROTATION = 1.2, 10.0, 0.13, 0.2
    #: Growth since the last compression that calls for the next one, for time's sake; and for that
    #: of memory, from a part of the columns that the density matrix has.
    GROWTH, GROWTH_OF_MANY, MANY = 3.2, 2.2, 1 / 64
    #: Fewest columns that are compressed, and the part that must go for the rotation to be made.
    LEAST_COLUMNS = 32
    LEAST_GAIN = 0.1
    #: Most growth that is looked ahead, as a logarithm: it decides long before.
    _MOST_AHEAD = 50.0

    def __init__(self, num_qubits: int, steps: int) -> None:
        """Policy of a run of so many steps, none of which is done."""
        self._rows = 1 << num_qubits
        self._steps = steps
        self._left, self._left_at = self.LEAST_COLUMNS / self.GROWTH, -1

    def wants(self, columns: int, step: int) -> bool:
        """Whether to compress a factor that has grown to so many columns in this step."""
        if columns > self._rows:
            return True
        many = columns > self.MANY * self._rows
        growth = self.GROWTH_OF_MANY if many else self.GROWTH
        if columns < max(self.LEAST_COLUMNS, growth * self._left):
            return False
        rate = math.log(columns / self._left) / self.since(step)
        ahead = rate * (self._steps - step - 1)
        bred = (columns - self._left) * math.expm1(min(ahead, self._MOST_AHEAD))
        saving = self.STEP * bred * (1 / rate + self.BUILDING)
        return saving > self.GRAM * columns**2 + self.ROTATION * columns * self._left

    @property
    def left(self) -> float:
        """Columns that the last compression left."""
        return self._left

    def since(self, step: int) -> int:
        """Steps from the last compression to this one."""
        return max(1, step - self._left_at)

    def record(self, after: float, step: int) -> None:
        """Note the number of columns after a compression in a step."""
        self._left, self._left_at = after, step
