"""Histories: where the shots of a run go different ways, by measured outcomes and by conditions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lret_dist.circuits.control_flow import Jump, Misread, Store
from lret_dist.density.density_state import DensityState
from lret_dist.errors import ClassicalError
from lret_dist.factors.state import State
from lret_dist.numerics.operators import PROJECTORS
from lret_dist.numerics.sampling import Purpose, misread, uniforms
from lret_dist.programs.program import ChannelStep
from lret_dist.sampled.sampled_state import SampledState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from lret_dist.circuits.control_flow import ControlFlow
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import MeasureStep, Program
    from lret_dist.records.run_records import Path
    from lret_dist.records.shots import Shots

__all__ = ["AnyState", "Histories", "Task", "one_of"]

AnyState: TypeAlias = State | SampledState | DensityState


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
        make_room: Callable[[State, Task], None],
    ) -> None:
        """Take what all histories of a run share.

        Args:
            program: arranged for the grid.
            seed: seed of all random numbers.
            comm: messages of the grid.
            weigh: weights of a channel's operators on the columns of a factor that are held here.
            make_room: shortens a task's factor so that it and a copy fit in memory.
        """
        self._program = program
        self._seed = seed
        self._comm = comm
        self._weigh = weigh
        self._make_room = make_room

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
            uniform = self._uniforms(Purpose.READOUT, path, shots)
            shots.misread(path.shots, operation, uniform)
            path.draws += 1
        task.number += 1
        return [task]

    def measure(self, task: Task, step: MeasureStep, shots: Shots) -> list[Task]:
        """Split the shots over the outcomes of a measurement."""
        state, path = task.state, task.path
        masses = self._masses(state, step)
        part = one_of(masses)
        ones = self._uniforms(Purpose.OUTCOME, path, shots) < part
        slices = self._divided(path.shots, ones, shots)
        outcomes, tasks = _smaller_last(slices), []
        self._prepare_copies(task, len(outcomes) - 1)
        for outcome in outcomes:
            branch = state if outcome == outcomes[-1] else state.copy()
            scale = np.sqrt(masses.sum() / masses[outcome])
            branch.project(PROJECTORS[outcome] * scale, step.qubits)
            child = path.child(slices[outcome])
            self._write_outcome(step, outcome, child, shots)
            child.draws += 1
            tasks.append(Task(branch, task.number + 1, child))
        return tasks

    def _jump(self, task: Task, jump: Jump, shots: Shots) -> list[Task]:
        """Go on with the shots for which a condition holds elsewhere than with the others."""
        part, holds = task.path.shots, np.zeros(0, np.bool_)
        with self._said_by_the_driver():
            if self._comm.is_driver:
                holds = shots.holds(part, jump.condition)
        numbers = (task.number + 1, self._program.places[jump.mark] + 1)
        slices = self._divided(part, holds, shots)
        order = _smaller_last(slices)
        if len(order) == 1:
            task.number = numbers[order[0]]
            return [task]
        tasks = []
        self._prepare_copies(task, len(order) - 1)
        for way in order:
            state = task.state if way == order[-1] else task.state.copy()
            tasks.append(Task(state, numbers[way], task.path.child(slices[way])))
        return tasks

    def _prepare_copies(self, task: Task, number: int) -> None:
        if number and isinstance(task.state, State):
            self._make_room(task.state, task)

    def _divided(self, part: slice, behind: NDArray[np.bool_], shots: Shots) -> tuple[slice, slice]:
        """Bring shots behind the others, as the driver says: the places of both."""
        middle = np.zeros(1, np.int64)
        if self._comm.is_driver:
            middle[0] = shots.divide(part, behind)
        self._comm.broadcast(middle)
        place = int(middle[0])
        return slice(part.start, place), slice(place, part.stop)

    def _uniforms(self, purpose: Purpose, path: Path, shots: Shots) -> NDArray[np.float64]:
        """A random number for each shot of a path; the driver's are those that count."""
        return uniforms(self._seed, purpose, path.draws, shots.numbers[path.shots])

    def _masses(self, state: AnyState, step: MeasureStep) -> NDArray[np.float64]:
        """Weights of both outcomes of a measurement, on every MPI rank."""
        if isinstance(state, DensityState):
            return state.marginal(step.qubits)
        if isinstance(state, SampledState):
            return state.masses(step.qubits[0])
        projection = ChannelStep(step.qubits, PROJECTORS)
        masses: NDArray[np.float64] = self._weigh(state, projection).sum(axis=1)
        self._comm.sum_over_columns(masses)
        return masses

    def _write_outcome(self, step: MeasureStep, outcome: int, path: Path, shots: Shots) -> None:
        bits = np.full(path.number, outcome, np.bool_)
        if step.measure.readout is not None:
            uniform = self._uniforms(Purpose.READOUT, path, shots)
            bits = misread(bits, step.measure.readout, uniform)
        shots.write(path.shots, [step.measure.clbit], bits[:, np.newaxis])

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


def one_of(masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of the outcome one in the weights (..., 2) of both."""
    # A shot's outcome jumps where it passes its random number, and grids differ in the last digits.
    part: NDArray[np.float64] = np.round(masses[..., 1] / masses.sum(axis=-1), 12)
    return np.clip(part, 0.0, 1.0)


def _smaller_last(slices: Sequence[slice]) -> list[int]:
    """The parts that have shots, so that the smaller is run first.

    Then no more states than the logarithm of the shots wait at a time.
    """
    lengths = [part.stop - part.start for part in slices]
    return sorted((n for n in range(len(slices)) if lengths[n]), key=lambda n: -lengths[n])
