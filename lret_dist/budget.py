"""How much trace a run may discard by when, and when compressing pays. Used on the driver."""

from __future__ import annotations

import numpy as np

from lret_dist.program import ChannelStep, Program

__all__ = ["CompressionPolicy", "TruncationBudget"]


class TruncationBudget:
    """Shares ``epsilon`` over the steps by their noise weight; what one leaves, later ones may use.

    Attributes:
        discarded: trace discarded so far.
    """

    #: Part of what is free that a step's branching may use; compression may use all of it.
    BRANCHING_PART = 0.5

    def __init__(self, program: Program, epsilon: float) -> None:
        noise = [s.noise_weight if isinstance(s, ChannelStep) else 0.0 for s in program.steps]
        total = sum(noise)
        shares = np.cumsum(noise) / total if total > 0 else np.zeros(len(noise))
        self._allowed = epsilon * shares
        self.discarded = 0.0

    def copy(self) -> TruncationBudget:
        """An independent budget, for one of several outcomes of a measurement."""
        other = object.__new__(TruncationBudget)
        other._allowed, other.discarded = self._allowed, self.discarded
        return other

    def allowed(self, step: int) -> float:
        """Trace that may be discarded in all once step number ``step`` is reached."""
        return float(self._allowed[step])

    def free(self, step: int) -> float:
        """Trace that may still be discarded once step number ``step`` is reached."""
        return max(0.0, self.allowed(step) - self.discarded)


class CompressionPolicy:
    """Compress when the columns have grown enough, and what that saves later is worth it.

    Nanoseconds a row, on two cores: a column takes ``STEP`` in each step; a compression takes
    ``GRAM`` for each pair of columns and ``ROTATION`` for each pair of an old and a new one. What
    it leaves is expected to be what the last one left. Columns that stay breed others, so that one
    that goes saves ``BREEDING`` times its own share.
    """

    STEP, GRAM, ROTATION = 1.2, 0.13, 0.2
    BREEDING = 15.0
    #: Growth since the last compression that calls for the next one, for time's sake; and for that
    #: of memory, from a part of the columns that the density matrix has.
    GROWTH, GROWTH_OF_MANY, MANY = 3.2, 2.2, 1 / 64
    #: Fewest columns that are compressed, and the part that must go for the rotation to be made.
    LEAST_COLUMNS = 32
    LEAST_GAIN = 0.1

    def __init__(self, num_qubits: int) -> None:
        self._rows = 1 << num_qubits
        self._left = self.LEAST_COLUMNS / self.GROWTH

    def wants(self, columns: int, steps_left: int) -> bool:
        """Whether to compress a factor that has grown to so many columns."""
        if columns > self._rows:
            return True
        many = columns > self.MANY * self._rows
        growth = self.GROWTH_OF_MANY if many else self.GROWTH
        if columns < max(self.LEAST_COLUMNS, growth * self._left):
            return False
        saving = self.BREEDING * self.STEP * (columns - self._left) * steps_left
        return saving > self.GRAM * columns**2 + self.ROTATION * columns * self._left

    @property
    def left(self) -> float:
        """Columns that the last compression left."""
        return self._left

    def record(self, after: float) -> None:
        """Note the number of columns after a compression."""
        self._left = after
