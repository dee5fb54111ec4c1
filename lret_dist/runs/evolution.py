"""Running a program on one MPI rank's part of the state, together with the other MPI ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lret_dist.circuits.states import columns_in_order
from lret_dist.density.density_state import DensityState
from lret_dist.errors import CancelledError
from lret_dist.factors.budget import CompressionPolicy, TruncationBudget
from lret_dist.factors.state import State
from lret_dist.numerics.sampling import Purpose, sample_rows, uniforms, written_bits
from lret_dist.programs.program import (
    ChannelStep,
    ExchangeStep,
    FlowStep,
    MeasureStep,
    Program,
    SaveStep,
    SetStep,
    UnitaryStep,
)
from lret_dist.records.run_records import Outcome, Path, RunSettings
from lret_dist.records.shots import Shots
from lret_dist.results.saving import save_value
from lret_dist.runs.histories import AnyState, Histories, Task
from lret_dist.runs.low_rank import LowRank
from lret_dist.runs.orders import Order, Orders
from lret_dist.runs.progress import Work
from lret_dist.sampled.sampled_state import SampledState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lret_dist.circuits.saves import Save
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.runs.run_saver import RunSaver
    from lret_dist.sampled.estimates import Tally

__all__ = ["Evolution", "sample_final"]


class Evolution:
    """One run of a program; :meth:`run` is collective over the process grid.

    With ``settings.sampling`` it is one batch of a sampled run, on a grid of one column group:
    what is saved and measured at the end goes to the tally instead of the outcome.
    """

    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        comm: GridCommunicator,
        orders: Orders | None = None,
        *,
        saver: RunSaver | None = None,
        batch: int = 0,
        tally: Tally | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            program: arranged for the grid.
            settings: what every MPI rank must know beside it.
            comm: messages of the grid.
            orders: what the driver wants; None to go on to the end.
            saver: writes checkpoints, or None; without one no order to save may come.
            batch: number of the batch of a sampled run.
            tally: takes what such a batch estimates.
        """
        self.program = program
        self.settings = settings
        self.comm = comm
        self._orders = orders or Orders()
        self._saver = saver
        self._batch = batch
        self._tally = tally
        self._waiting: list[Task] = []
        self._work = Work(program, settings)
        self._finished_shots = 0
        self.outcome = Outcome(Shots.zeros(settings.shots, program.num_memory_bits))
        self._low_rank = LowRank(program, settings, comm, self.outcome, self._orders)
        low_rank = self._low_rank
        self._histories = Histories(
            program, settings.seed, comm, low_rank.weights, low_rank.make_room
        )

    def run(self) -> Outcome:
        """Run the program.

        Raises:
            CancelledError: on every MPI rank, when the driver was asked to stop.
            StoppedError: on every MPI rank, when it was to stop and the run has been saved.
            CheckpointError: on every MPI rank, when the run could not be saved.
        """
        return self.go_on([self._first_task()])

    def go_on(self, tasks: list[Task], outcome: Outcome | None = None) -> Outcome:
        """Run what is left of the program: tasks, the last one first; raises as :meth:`run`."""
        if outcome is not None:
            self.outcome = self._low_rank.outcome = outcome
        self._waiting = tasks
        begins = bool(tasks)
        while self._waiting:
            task = self._waiting.pop()
            if isinstance(task.state, State):
                self._low_rank.wait_for(each.state for each in self._waiting)
            self._evolve(task)
        if self.program.has_histories and begins:
            self.outcome.shots.sort()
        return self.outcome

    def _first_task(self) -> Task:
        program, settings = self.program, self.settings
        factor = self._prepared(program.initial_state)
        state: AnyState = factor
        if (sampling := settings.sampling) is not None:
            state = SampledState.begin(factor, sampling, settings.seed, self._batch)
        elif settings.start == "density_matrix":
            state = self._switched(factor, 0)
        budget = TruncationBudget(program, settings.epsilon)
        policy = CompressionPolicy(program.num_qubits, len(program.steps))
        self.outcome.note_rank(state.rank())
        return Task(state, 0, Path(0, slice(0, settings.shots), budget, policy))

    def _evolve(self, task: Task) -> None:
        """Run the steps of a task, up to where its shots may go different ways, or the end."""
        while task.number < len(self.program.steps):
            step = self.program.steps[task.number]
            self._report(task, task.number)
            if isinstance(step, UnitaryStep | ChannelStep | ExchangeStep):
                if isinstance(task.state, State):
                    self._do(task, task.state, step)
                else:
                    task.number = self._run_stretch(task)
                continue
            self._obey(self._heard(), task)
            if isinstance(step, MeasureStep):
                self._waiting += self._histories.measure(task, step, self.outcome.shots)
                return
            if isinstance(step, FlowStep):
                self._waiting += self._histories.flow(task, step.operation, self.outcome.shots)
                return
            if isinstance(step, SetStep):
                assert not isinstance(task.state, SampledState)
                task.path.note_loss(task.state.trace())
                columns = columns_in_order(step.state.columns, step.qubits)
                task.state = self._set(task.state, columns)
                task.number += 1
            else:
                task.number = self._save(task)
        self._finish(task.state, task.path)

    def _do(self, task: Task, state: State, step: UnitaryStep | ChannelStep | ExchangeStep) -> None:
        """Do one step with a factor."""
        if isinstance(step, ExchangeStep):
            state.distribute(step.qubits)
        elif isinstance(step, UnitaryStep):
            self._obey(self._heard(), task)
            state.apply(step.operator, step.qubits)
        elif not self._low_rank.channel(state, step, task, self._obey):
            task.state = self._switched(state, task.number)
            return
        task.number += 1

    def _report(self, task: Task, number: int) -> None:
        """Note how far the run is, if it is time: a task has come to step ``number``."""
        meter = self._orders.meter
        if not meter.is_due():
            return
        history = self.outcome.history
        meter.note(
            self._fraction(task, number),
            steps_done=number,
            steps=len(self.program.steps),
            rank=history.ranks[-1] if history.ranks else self.outcome.max_rank,
            discarded=history.discarded[-1] if history.discarded else 0.0,
        )

    def _fraction(self, task: Task, number: int) -> float:
        """Part of the work that is done: of all shots, where they go different ways."""
        if not self.program.has_histories or not self.settings.shots:
            return self._work.done(number)
        waiting = sum(each.path.number * self._work.done(each.number) for each in self._waiting)
        here = task.path.number * self._work.done(number)
        return (self._finished_shots + waiting + here) / self.settings.shots

    def _heard(self) -> Order:
        """The driver's order, on every MPI rank."""
        word = np.zeros(1)
        if self.comm.is_driver:
            word[0] = self._orders()
        with self.comm.traffic.counted_as("steps"):
            self.comm.broadcast(word)
        return Order(int(word[0]))

    def _obey(self, order: Order, task: Task, done: Sequence[int] | None = None) -> None:
        """Do what the driver wants before the next step of a task; see :meth:`run`.

        ``done`` are the numbers of the steps that were done, where they are not the first ones.
        """
        if order == Order.CANCEL:
            raise CancelledError("the run was cancelled")
        if order == Order.GO_ON:
            return
        assert self._saver is not None
        origins = self.program.origins
        done = range(task.number) if done is None else done
        original = [origins[number] for number in done if origins[number] >= 0]
        path = self._saver.save(self.outcome, [*self._waiting, task], self.program, original)
        if order == Order.SAVE_AND_STOP:
            steps = sum(origin >= 0 for origin in origins)
            raise self._orders.stopped(f"{len(original)} of its {steps} steps", path)

    def _switched(self, state: State, number: int) -> DensityState:
        """The density matrix, which takes over from the factor before step ``number``."""
        if self.outcome.switched_at is None:
            self.outcome.switched_at = number
        # A jump back to the first step does not bring back the first state.
        first = number == 0 and not self.program.has_histories
        if first and self.program.initial_state is None:
            density = DensityState.zeros(self.program.num_qubits, self.settings.dtype, self.comm)
        else:
            density = DensityState.from_factor(state)
        state.factor.resize(0)
        self.outcome.note_rank(density.rank())
        return density

    def _run_stretch(self, task: Task) -> int:
        """Take a state through all steps up to the next measurement or save."""
        numbers: list[int] = []
        stop = task.number
        for step in self.program.steps[task.number :]:
            if isinstance(step, MeasureStep | SaveStep | FlowStep | SetStep):
                break
            # The density matrix has bits of its own.
            if not isinstance(step, ExchangeStep):
                numbers.append(stop)
            stop += 1
        if isinstance(task.state, SampledState):
            self._run_sampled(task.state, numbers, task)
        else:
            assert isinstance(task.state, DensityState)
            self._run_density(task.state, numbers, task)
        return stop

    def _run_density(self, state: DensityState, numbers: list[int], task: Task) -> None:
        """Several steps at a time; an order to save waits until none of them is half done."""
        steps = [self._acting(number) for number in numbers]
        saving = Order.GO_ON
        for done, whole in state.run(steps):
            order = self._heard()
            if order in (Order.SAVE, Order.SAVE_AND_STOP):
                saving = max(saving, order)
            elif order == Order.CANCEL:
                self._obey(order, task)
            if whole and saving:
                done_before = [*range(task.number), *(numbers[place] for place in done)]
                self._obey(saving, task, done_before)
                saving = Order.GO_ON
            if self.comm.is_driver:
                self.outcome.history.note(
                    task.number + len(done), state.rank(), task.path.budget.discarded
                )
                self._report(task, task.number + len(done))

    def _run_sampled(self, state: SampledState, numbers: list[int], task: Task) -> None:
        done, steps = task.number, [self._acting(number) for number in numbers]
        for exact in state.run(self.program, steps, task.number):
            if self._heard() == Order.CANCEL:
                raise CancelledError("the run was cancelled")
            done += len(exact)
            self.outcome.history.note(done, state.rank(), 0.0)
            self.outcome.note_rank(state.rank())
            self._report(task, done)

    def _acting(self, number: int) -> UnitaryStep | ChannelStep:
        step = self.program.steps[number]
        assert isinstance(step, UnitaryStep | ChannelStep)
        return step

    def _save(self, task: Task) -> int:
        """Save what this step and those that follow at once ask for."""
        saves: list[Save] = []
        for step in self.program.steps[task.number :]:
            if not isinstance(step, SaveStep):
                break
            saves.append(step.save)
        if isinstance(task.state, SampledState):
            assert self._tally is not None
            self._tally.add_saves(task.state, saves)
        else:
            for save in saves:
                value = save_value(task.state, save)
                if self.comm.is_driver:
                    part, num_clbits = task.path.shots, self.program.num_clbits
                    self.outcome.take(save, value, part, num_clbits)
        return task.number + len(saves)

    def _set(self, state: AnyState, columns: NDArray[np.complex128]) -> AnyState:
        """All qubits in another state, held in the same way."""
        if isinstance(state, DensityState):
            return DensityState.from_factor(self._prepared(columns))
        assert isinstance(state, State)
        fresh = self._prepared(columns)
        layout = state.layout
        away = [layout.qubit(b) for b in range(layout.local_bits, layout.num_qubits)]
        fresh.distribute(away)
        return fresh

    def _prepared(self, columns: NDArray[np.complex128] | None) -> State:
        return State.prepare(
            self.program.num_qubits,
            self.comm,
            self.settings.dtype,
            columns,
            self.settings.reserve,
        )

    def _finish(self, state: AnyState, path: Path) -> None:
        """Sample the last measurements and note how good the state is."""
        self.outcome.final_rank = max(self.outcome.final_rank, state.rank())
        self._finished_shots += path.number
        measures = self.program.final_measures
        if isinstance(state, SampledState):
            if measures and not self.program.has_histories:
                assert self._tally is not None
                self._tally.add_measured(state, [measure.qubit for measure in measures])
                return
        else:
            whole = path.number == self.settings.shots
            part = 1.0 if whole else path.number / self.settings.shots
            path.note_loss(state.trace())
            self.outcome.truncation_error += part * path.lost
        if not measures or not path.number:
            return
        self._sample_final(state, path)

    def _sample_final(self, state: AnyState, path: Path) -> None:
        shots = self.outcome.shots
        sample_final(
            self.program,
            self.settings.seed,
            self.comm,
            state.probabilities(),
            shots,
            path.shots,
            path.draws,
        )


def sample_final(
    program: Program,
    seed: int,
    comm: GridCommunicator,
    weights: NDArray[np.float64],
    shots: Shots,
    part: slice,
    draws: int = 0,
) -> None:
    """Draw the last measurements of some shots; collective.

    Args:
        program: what is run.
        seed: the seed.
        comm: messages of the grid.
        weights: of the rows held here.
        shots: all shots, in whose memory they are written.
        part: the shots that have come to this state.
        draws: random decisions that they have come through.
    """
    measures, numbers = program.final_measures, shots.numbers[part]
    rows = sample_rows(comm, weights, uniforms(seed, Purpose.OUTCOME, draws, numbers))
    bits = written_bits(
        rows, measures, lambda place: uniforms(seed, Purpose.READOUT, draws + place, numbers)
    )
    shots.write(part, [measure.clbit for measure in measures], bits)
