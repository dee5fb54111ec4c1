"""Histories: where the shots of a run go different ways, by measured outcomes and by conditions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lret_dist.control_flow import Jump, Misread, Store
from lret_dist.density import DensityState
from lret_dist.errors import ClassicalError
from lret_dist.program import ChannelStep
from lret_dist.sampled import SampledState
from lret_dist.sampling import Purpose, generator, misread, write_bits
from lret_dist.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from lret_dist.communicator import GridCommunicator
    from lret_dist.control_flow import ControlFlow
    from lret_dist.program import MeasureStep, Program
    from lret_dist.records import Path
    from lret_dist.shots import Shots

__all__ = ["AnyState", "Histories", "Task"]

AnyState: TypeAlias = State | SampledState | DensityState

_PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex128)

#: Added to the way that a condition decides, in the name of a path: outcomes have 0 and 1.
_CONDITION = 2


@dataclass
class Task:
    """Steps to be done with a state.

    Attributes:
        state: the state.
        number: number of the next step.
        path: the measured outcomes that led to it, and its shots.
    """

    state: AnyState
    number: int
    path: Path


class Histories:
    """Passes the steps at which shots may go different ways; methods are collective over the grid.

    Each takes a task that has come to such a step, and returns the tasks that go on, the one to run
    first last. Where shots part, that is the one with fewer of them: then no more states than the
    logarithm of the shots wait at a time.
    """

    def __init__(
        self,
        program: Program,
        seed: int,
        comm: GridCommunicator,
        weigh: Callable[[State, ChannelStep], NDArray[np.float64]],
    ) -> None:
        """Take what all histories of a run share.

        Args:
            program: arranged for the grid.
            seed: seed of all random numbers.
            comm: messages of the grid.
            weigh: weights of a channel's operators on the columns of a factor that are held here.
        """
        self._program = program
        self._seed = seed
        self._comm = comm
        self._weigh = weigh

    def flow(self, task: Task, operation: ControlFlow, shots: Shots) -> list[Task]:
        """Pass a mark, a jump, or what is written to classical bits.

        Raises:
            ClassicalError: on every MPI rank, for an expression without a value.
        """
        path = task.path
        if isinstance(operation, Jump):
            return self._jump(task, operation, shots)
        if isinstance(operation, Store):
            with self._said_by_the_driver():
                if self._comm.is_driver:
                    shots.store(path.shots, operation)
        elif isinstance(operation, Misread):
            number = self._program.origins[task.number]
            rng = generator(self._seed, Purpose.MISREAD, *path.key, number)
            shots.misread(path.shots, operation, rng)
        task.number += 1
        return [task]

    def measure(self, task: Task, step: MeasureStep, shots: Shots) -> list[Task]:
        """Split the shots over the outcomes of a measurement."""
        state, path = task.state, task.path
        masses = self._masses(state, step)
        ones = self._split_shots(masses, path)
        middle = path.shots.stop - ones
        slices = (slice(path.shots.start, middle), slice(middle, path.shots.stop))
        outcomes, tasks = _smaller_last(slices), []
        for outcome in outcomes:
            branch = state if outcome == outcomes[-1] else state.copy()
            scale = np.sqrt(masses.sum() / masses[outcome])
            branch.project(_PROJECTORS[outcome] * scale, step.qubits)
            child = path.child(outcome, slices[outcome])
            self._write_outcome(step, outcome, child, shots)
            tasks.append(Task(branch, task.number + 1, child))
        return tasks

    def _jump(self, task: Task, jump: Jump, shots: Shots) -> list[Task]:
        """Go on with the shots for which a condition holds elsewhere than with the others."""
        part, middle = task.path.shots, np.zeros(1, np.int64)
        with self._said_by_the_driver():
            if self._comm.is_driver:
                middle[0] = shots.divide(part, jump.condition)
        self._comm.broadcast(middle)
        place = int(middle[0])
        numbers = (task.number + 1, self._program.places[jump.mark] + 1)
        slices = (slice(part.start, place), slice(place, part.stop))
        order = _smaller_last(slices)
        if len(order) == 1:
            task.number = numbers[order[0]]
            return [task]
        tasks = []
        for way in order:
            state = task.state if way == order[-1] else task.state.copy()
            path = task.path.child(_CONDITION + way, slices[way])
            tasks.append(Task(state, numbers[way], path))
        return tasks

    def _masses(self, state: AnyState, step: MeasureStep) -> NDArray[np.float64]:
        """Weights of both outcomes of a measurement, on every MPI rank."""
        if isinstance(state, DensityState):
            return state.marginal(step.qubits)
        if isinstance(state, SampledState):
            return state.masses(step.qubits[0])
        projection = ChannelStep(step.qubits, _PROJECTORS)
        masses: NDArray[np.float64] = self._weigh(state, projection).sum(axis=1)
        self._comm.sum_over_columns(masses)
        return masses

    def _split_shots(self, masses: NDArray[np.float64], path: Path) -> int:
        """Number of shots that read one, drawn on the driver."""
        # What is drawn jumps where the part passes 1/2, and grids differ in the last digits.
        part = min(1.0, max(0.0, round(float(masses[1] / masses.sum()), 12)))
        rng = generator(self._seed, Purpose.SPLIT, *path.key)
        ones = np.array([rng.binomial(path.number, part)], dtype=np.int64)
        self._comm.broadcast(ones)
        return int(ones[0])

    def _write_outcome(self, step: MeasureStep, outcome: int, path: Path, shots: Shots) -> None:
        bits = np.full(path.number, outcome, np.bool_)
        if step.measure.readout is not None:
            rng = generator(self._seed, Purpose.READOUT, *path.key)
            bits = misread(bits, step.measure.readout, rng)
        write_bits(shots.rows[path.shots], [step.measure.clbit], bits[:, np.newaxis])

    @contextmanager
    def _said_by_the_driver(self) -> Iterator[None]:
        """A classical expression without a value is so on every MPI rank."""
        failure: ClassicalError | None = None
        try:
            yield
        except ClassicalError as error:
            failure = error
        failure = self._comm.broadcast_object(failure)
        if failure is not None:
            raise failure


def _smaller_last(slices: Sequence[slice]) -> list[int]:
    """The parts that have shots, so that the smaller is run first.

    Then no more states than the logarithm of the shots wait at a time.
    """
    lengths = [part.stop - part.start for part in slices]
    return sorted((n for n in range(len(slices)) if lengths[n]), key=lambda n: -lengths[n])
