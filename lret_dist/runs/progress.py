"""How far a run is: what its driver notes now and then, and whoever asks or listens gets."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from lret_dist.planning.cost import density_cost, expected_ranks, factor_cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.programs.program import Program
    from lret_dist.records.run_records import RunSettings

__all__ = ["SILENT", "Meter", "Progress", "Work"]

#: Seconds from one note to the next.
_PERIOD = 0.1
#: Time and part of a run from which on they say how long the rest takes.
_LEAST_SECONDS, _LEAST_PART = 0.5, 0.005
#: How far back the pace is looked at: a part of the run, but not less than these seconds. What
#: follows is more like what was last than like the beginning, when the rank was low.
_RECENT_PART, _RECENT_SECONDS = 0.25, 3.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        fraction: part of the expected work of the circuit under way that is done, 0 to 1. It
            follows the expected rank, and may go back where more turns out to be left.
        steps_done: fused steps that are done; a loop or another history begins again.
        steps: fused steps of the circuit.
        rank: number of columns.
        discarded: trace discarded so far.
        batches_done: batches of sampled columns that are done.
        batches: batches wanted so far; 0 where nothing is sampled.
        seconds: time since this circuit began.
        seconds_left: time that the rest of it is expected to take, None as long as that is unknown.
        circuits_done: circuits of the job that are done.
        circuits: circuits of the job.
    """

    fraction: float
    steps_done: int
    steps: int
    rank: int
    discarded: float = 0.0
    batches_done: int = 0
    batches: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    circuits_done: int = 0
    circuits: int = 1

    @property
    def whole(self) -> float:
        """Part of the whole job that is done, all circuits taken as equal."""
        return min(1.0, (self.circuits_done + self.fraction) / self.circuits)


class Meter:
    """Passes notes of one run on to a listener, but no more than ten a second."""

    def __init__(self, listener: Callable[[Progress], object] | None = None) -> None:
        """Begin to count the time; without a listener no note is ever due."""
        self._listener = listener
        self._started = self._next = time.monotonic()
        #: Seconds and fractions of notes, the latest ones.
        self._notes: deque[tuple[float, float]] = deque()
        self._part, self._parts = 0, 1

    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return self._listener is not None

    def is_due(self) -> bool:
        """Whether it is time for a note."""
        return self._listener is not None and time.monotonic() >= self._next

    def begin_part(self, part: int, parts: int) -> None:
        """Begin one of several programs of the same circuit."""
        self._part, self._parts = part, parts

    def note(
        self,
        fraction: float,
        *,
        steps_done: int,
        steps: int,
        rank: int,
        discarded: float = 0.0,
        batches_done: int = 0,
        batches: int = 0,
    ) -> None:
        """Pass a note on; the fraction is of the present part."""
        if self._listener is None:
            return
        now = time.monotonic()
        self._next = now + _PERIOD
        fraction = min(1.0, (self._part + fraction) / self._parts)
        progress = Progress(
            fraction=fraction,
            steps_done=steps_done,
            steps=steps,
            rank=rank,
            discarded=discarded,
            batches_done=batches_done,
            batches=batches,
            seconds=now - self._started,
            seconds_left=self._seconds_left(fraction, now - self._started),
        )
        self._listener(progress)

    def _seconds_left(self, fraction: float, seconds: float) -> float | None:
        """Time for the rest, if it goes on at the latest pace."""
        notes = self._notes
        if notes and fraction < notes[-1][1]:
            # More is left than was thought, or another way is taken: the old pace says nothing.
            notes.clear()
        notes.append((seconds, fraction))
        recent = seconds - max(_RECENT_SECONDS, _RECENT_PART * seconds)
        while len(notes) > 2 and notes[1][0] <= recent:
            notes.popleft()
        took, done = seconds - notes[0][0], fraction - notes[0][1]
        if seconds < _LEAST_SECONDS or done < _LEAST_PART:
            return None
        return took * (1 - fraction) / done


#: The meter of a run that nobody listens to.
SILENT = Meter()


class Work:
    """The expected work of a program up to each of its steps, as a part of all of it."""

    def __init__(self, program: Program, settings: RunSettings) -> None:
        self._program = program
        self._settings = settings
        self._sums: list[float] | None = None

    def done(self, steps: int) -> float:
        """Part of the work that so many steps are."""
        if not steps:
            return 0.0
        if self._sums is None:
            # Later than the first note: runs of less than its period never come here.
            self._sums = [0.0, *accumulate(self._costs())]
        return self._sums[steps] / (self._sums[-1] or 1.0)

    def _costs(self) -> list[float]:
        program, settings = self._program, self._settings
        if settings.sampling is not None or settings.start == "density_matrix":
            return [1.0] * len(program.steps)
        dense = density_cost(program, len(program.steps) - 1) if settings.may_switch else None
        ranks = expected_ranks(program, settings.epsilon, settings.max_rank)
        costs = [factor_cost(program, [rank]) for rank in ranks]
        return costs if dense is None else [min(cost, dense) for cost in costs]
