"""A run's checkpoints: what of it is saved, and how it goes on on any other process grid.

A checkpoint holds every task that is left (the state, and how far it is), and what has come out so
far. Which steps are done is written by their numbers in the program's first order, so another grid
can put those that are left into an order of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lret_dist.checkpoints.folder import CheckpointFolder
from lret_dist.checkpoints.writer import Matrix
from lret_dist.density.density_state import DensityState
from lret_dist.factors.budget import CompressionPolicy, TruncationBudget
from lret_dist.factors.factor import Factor
from lret_dist.factors.state import State
from lret_dist.grid.layout import Layout
from lret_dist.grid.schedule import arranged
from lret_dist.programs.program import ExchangeStep
from lret_dist.records.run_records import History, Outcome, Path
from lret_dist.records.saved_values import SavedValues
from lret_dist.records.shots import Shots
from lret_dist.runs.histories import Task
from lret_dist.sampled.sampled_state import SampledState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lret_dist.checkpoints.reader import Checkpoint
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import Program
    from lret_dist.records.run_records import CheckpointSettings, RunSettings
    from lret_dist.runs.histories import AnyState

__all__ = ["Resumed", "RunSaver"]

T = TypeVar("T")

#: Fields of an outcome that are plain numbers.
_NUMBERS = ("final_rank", "max_rank", "num_truncations", "truncation_error", "switched_at")


@dataclass
class Resumed:
    """What a checkpoint holds of a run.

    Attributes:
        program: arranged for this grid, what is done first.
        tasks: what is left, the one to go on with last.
        outcome: what has come out so far; arrays are whole on the driver only.
    """

    program: Program
    tasks: list[Task]
    outcome: Outcome


class RunSaver:
    """Writes and reads the checkpoints of one run; collective over the process grid.

    Attributes:
        seed: seed of the run, as a checkpoint that was read has it.
        written: checkpoints written so far.
        resumed: whether a checkpoint was read.
        warning: what the user should know about a checkpoint that was passed over, or None.
    """

    def __init__(
        self, files: CheckpointSettings, settings: RunSettings, comm: GridCommunicator
    ) -> None:
        self._folder = CheckpointFolder(FilePath(files.folder), files.fingerprint, comm)
        self._epsilon = settings.epsilon
        self._comm = comm
        self._number = 0
        self.seed = settings.seed
        self.written = 0
        self.resumed = False
        self.warning: str | None = None

    def save(
        self, outcome: Outcome, tasks: Sequence[Task], program: Program, done: Sequence[int]
    ) -> FilePath:
        """Write a checkpoint.

        Args:
            outcome: what has come out so far.
            tasks: what is left; the last one is under way.
            program: arranged for this grid.
            done: numbers, in the program's first order, of the steps that the last one has done,
                in the order in which it has done them.

        Raises:
            CheckpointError: on every MPI rank, when it could not be written.
        """
        counts = [_steps_before(program, task.number) for task in tasks[:-1]]
        described = zip(tasks, [*counts, len(done)], strict=False)
        facts, saved = outcome.saved.pack()
        header = {
            "done": list(done),
            "tasks": [_described(task, count) for task, count in described],
            "outcome": {name: getattr(outcome, name) for name in _NUMBERS},
            "history": {**outcome.history.to_dict(), "compressions": outcome.history.compressions},
            "saved": facts,
        }
        arrays: dict[str, NDArray[Any]] = {
            "samples": outcome.shots.rows,
            "shots": outcome.shots.numbers,
            **saved,
        }
        matrices = {f"task {place}": _matrix(task.state) for place, task in enumerate(tasks)}
        return self.write(header, arrays, matrices)

    def write(
        self,
        header: dict[str, Any],
        arrays: dict[str, NDArray[Any]],
        matrices: dict[str, Matrix],
    ) -> FilePath:
        """Write a checkpoint of these contents; the seed is added."""
        header = {**header, "seed": self.seed}
        number = self._number + 1
        self._number = self._folder.write(number, header, arrays=arrays, matrices=matrices)
        self.written += 1
        return self._folder.path(self._number)

    def read(self, load: Callable[[Checkpoint], T]) -> T | None:
        """What ``load`` takes from the newest good checkpoint of this run; None if there is none.

        Raises:
            CheckpointError: on every MPI rank, when there are checkpoints but none can be read.
        """
        if not self._folder.files():
            return None

        def noting(checkpoint: Checkpoint) -> T:
            loaded = load(checkpoint)
            self._number, self.seed = checkpoint.header["step"], checkpoint.header["seed"]
            return loaded

        loaded, self.warning = self._folder.read(noting)
        self.resumed = True
        return loaded

    def load(self, program: Program) -> Resumed | None:
        """The run as its newest good checkpoint has it; see :meth:`read`.

        Args:
            program: in its first order.
        """
        return self.read(lambda checkpoint: self._resumed(checkpoint, program))

    def remove(self) -> None:
        """Remove the checkpoints of a run that has ended."""
        self._folder.remove_all()

    def _resumed(self, checkpoint: Checkpoint, program: Program) -> Resumed:
        done: list[int] = checkpoint.header["done"]
        in_order = arranged(program, self._comm.grid.row_bits, done)
        tasks = []
        for place, facts in enumerate(checkpoint.header["tasks"]):
            state = self._state(checkpoint, f"task {place}", facts, program.num_qubits)
            number = _place_after(in_order, facts["done"])
            _lay_out(state, in_order, number)
            budget = TruncationBudget(in_order, self._epsilon)
            budget.discarded = facts["discarded"]
            policy = CompressionPolicy(program.num_qubits, len(in_order.steps))
            policy.record(facts["left"], number - facts["since"])
            shots = slice(*facts["shots"])
            path = Path(facts["draws"], shots, budget, policy, facts["lost"])
            tasks.append(Task(state, number, path))
        return Resumed(in_order, tasks, _outcome(checkpoint))

    def _state(
        self, checkpoint: Checkpoint, name: str, facts: dict[str, Any], num_qubits: int
    ) -> State | DensityState:
        layout = Layout.of(facts["bits"], self._comm.grid.row_bits)
        rows = 1 << layout.local_bits
        dtype = checkpoint.dtype(name)
        if dtype.kind == "f":
            vector = np.empty(0 if self._comm.column else rows, dtype)
            checkpoint.read_matrix(name, vector[:, np.newaxis], range(1))
            return DensityState(num_qubits, vector, layout, self._comm)
        columns = checkpoint.share(name)
        factor = Factor(rows, dtype, reserve=len(columns))
        checkpoint.read_matrix(name, factor.append(len(columns)), columns)
        weights = checkpoint.read_weights(name, columns)
        assert weights is not None
        factor.weights = weights
        return State(factor, layout, self._comm)


def _outcome(checkpoint: Checkpoint) -> Outcome:
    """What had come out, whole on the driver only."""
    arrays, history = checkpoint.read_arrays(), History(**checkpoint.header["history"])
    history.compressions = [(step, before, after) for step, before, after in history.compressions]
    if history.seconds:
        history.started = time.perf_counter() - history.seconds[-1]
    number, width = checkpoint.array_shape("samples")
    shots = Shots.zeros(number, 8 * width)
    saved = SavedValues()
    if arrays:
        shots = Shots(arrays["samples"], arrays["shots"])
        saved = SavedValues.unpack(checkpoint.header["saved"], arrays)
    return Outcome(shots, saved, history=history, **checkpoint.header["outcome"])


def _described(task: Task, done: int) -> dict[str, Any]:
    """A task but for its state's entries, as JSON keeps it."""
    state, path = task.state, task.path
    assert not isinstance(state, SampledState)
    if isinstance(state, State):
        state.unflip()
    return {
        "done": done,
        "bits": [state.layout.bit(qubit) for qubit in range(state.layout.num_qubits)],
        "draws": path.draws,
        "shots": [path.shots.start, path.shots.stop],
        "discarded": path.budget.discarded,
        "lost": path.lost,
        "left": path.policy.left,
        "since": path.policy.since(task.number),
    }


def _matrix(state: AnyState) -> Matrix:
    if isinstance(state, State):
        return Matrix(state.factor.block, state.factor.weights)
    assert isinstance(state, DensityState)
    return Matrix(state.vector[:, np.newaxis])


def _steps_before(program: Program, number: int) -> int:
    """Steps before a number, exchanges not counted."""
    return sum(origin >= 0 for origin in program.origins[:number])


def _place_after(program: Program, done: int) -> int:
    """The number of the step that follows so many, exchanges not counted."""
    number = 0
    while done:
        done -= program.origins[number] >= 0
        number += 1
    return number


def _lay_out(state: State | DensityState, program: Program, number: int) -> None:
    """Exchange bits until they lie as this program has them before a step."""
    exchanges = [step for step in program.steps[:number] if isinstance(step, ExchangeStep)]
    if exchanges and isinstance(state, State):
        state.distribute(exchanges[-1].qubits)
