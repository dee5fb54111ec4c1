"""Histories side by side: all shots of a dynamic circuit go through it together.

Bundles of shots wait at the steps that they have come to, and the one that is furthest back goes on
next. So shots that a condition or a loop has parted meet again, and their states are one stack once
more: of the density matrices of few qubits, or of the state vectors of quantum trajectories.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from lret_dist.circuits.control_flow import Jump, Misread, Store
from lret_dist.circuits.states import columns_in_order
from lret_dist.density.density_stack import DensityStack, stack_passes
from lret_dist.density.density_state import DensityState
from lret_dist.errors import CancelledError
from lret_dist.factors.state import State
from lret_dist.numerics.sampling import Purpose, misread, rows_at, uniforms, written_bits
from lret_dist.programs.program import (
    ChannelStep,
    FlowStep,
    MeasureStep,
    Program,
    SaveStep,
    SetStep,
    UnitaryStep,
)
from lret_dist.records.run_records import Outcome
from lret_dist.records.shots import Shots
from lret_dist.results.saving import save_value
from lret_dist.runs.histories import one_of
from lret_dist.runs.orders import Order
from lret_dist.runs.progress import Work
from lret_dist.sampled.column_stack import ColumnStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.circuits.control_flow import ControlFlow
    from lret_dist.density.density_state import Part
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.records.run_records import RunSettings
    from lret_dist.runs.orders import Orders

__all__ = ["DensityHistories", "Trajectories"]

#: Most bytes of states beyond which a bundle is divided, and one half waits for the other's end.
_MOST_BYTES = 1 << 26

_Stack = TypeVar("_Stack", DensityStack, ColumnStack)


@dataclass
class _Bundle(Generic[_Stack]):
    """Shots at the same step.

    Attributes:
        number: number of the next step.
        stack: their states.
        shots: numbers of the shots.
        rows: which of the states each shot has.
        draws: random decisions that each shot has come through.
    """

    number: int
    stack: _Stack
    shots: NDArray[np.int64]
    rows: NDArray[np.int64]
    draws: NDArray[np.int64]

    def part(self, chosen: NDArray[np.bool_], number: int) -> _Bundle[_Stack]:
        """Some of the shots, and the states that they need, at another step."""
        kept, rows = _renumbered(self.rows[chosen], self.stack.number)
        return _Bundle(number, self.stack.taken(kept), self.shots[chosen], rows, self.draws[chosen])

    def joined(self, other: _Bundle[_Stack]) -> _Bundle[_Stack]:
        """These shots and those of another bundle at the same step."""
        behind = other.rows + self.stack.number
        return _Bundle(
            self.number,
            self.stack.joined(other.stack),
            np.concatenate([self.shots, other.shots]),
            np.concatenate([self.rows, behind]),
            np.concatenate([self.draws, other.draws]),
        )


class _SideBySide(ABC, Generic[_Stack]):
    """One run of a program on a process grid of one MPI rank."""

    def __init__(
        self, program: Program, settings: RunSettings, comm: GridCommunicator, orders: Orders
    ) -> None:
        """Prepare a run.

        Args:
            program: with measurements on its way, or conditions.
            settings: of the run.
            comm: messages of a grid of one MPI rank.
            orders: what the driver wants.
        """
        self._program = program
        self._settings = settings
        self._comm = comm
        self._orders = orders
        room = settings.memory_columns * settings.dtype.itemsize << program.num_qubits
        self._most_bytes = min(_MOST_BYTES, room // 4)
        # The bundles under way, and those that begin again when none of these is left.
        self._now: list[_Bundle[_Stack]] = []
        self._later: list[_Bundle[_Stack]] = []
        self._work = Work(program, settings)
        self._finished_shots = 0
        self.outcome = Outcome(Shots.zeros(settings.shots, program.num_memory_bits))

    def run(self) -> Outcome:
        """Run the program.

        Raises:
            CancelledError: when the driver was asked to stop.
            ClassicalError: for an expression without a value.
        """
        shots, columns = self._settings.shots, self._program.initial_state
        if columns is None:
            columns = np.zeros((1 << self._program.num_qubits, 1), np.complex128)
            columns[0] = 1
        nothing = np.zeros(shots, np.int64)
        self._now = [_Bundle(0, self._prepared(columns), np.arange(shots), nothing, nothing)]
        while self._now or self._later:
            if not self._now:
                self._now.append(self._later.pop())
            bundle = self._furthest_back()
            if bundle.number == len(self._program.steps):
                self._finish(bundle)
            else:
                self._advance(bundle)
        return self.outcome

    @abstractmethod
    def _prepared(self, columns: NDArray[np.complex128]) -> _Stack:
        """The one state of a factor's columns, (2**n, r)."""

    @abstractmethod
    def _do(self, bundle: _Bundle[_Stack]) -> _Bundle[_Stack]:
        """Take a bundle through the next step that acts on qubits, or several."""

    @abstractmethod
    def _state(self, bundle: _Bundle[_Stack], row: int) -> State | DensityState:
        """One of the states, to be looked at."""

    def _furthest_back(self) -> _Bundle[_Stack]:
        """Take all bundles at the first step that any has come to, as one."""
        first = min(bundle.number for bundle in self._now)
        found = [bundle for bundle in self._now if bundle.number == first]
        self._now = [bundle for bundle in self._now if bundle.number != first]
        whole = found.pop()
        for other in found:
            whole = whole.joined(other)
        return whole

    def _advance(self, bundle: _Bundle[_Stack]) -> None:
        """Take a bundle through the next step, or stretch of steps."""
        if self._orders() == Order.CANCEL:
            raise CancelledError("the run was cancelled")
        self._report(bundle)
        step = self._program.steps[bundle.number]
        match step:
            case MeasureStep():
                bundle = self._measured(bundle, step)
            case FlowStep(operation=Jump() as jump):
                self._jump(bundle, jump)
                return
            case FlowStep():
                self._flow(bundle, step.operation)
            case SetStep():
                columns = columns_in_order(step.state.columns, step.qubits)
                rows = np.zeros_like(bundle.rows)
                bundle = replace(bundle, stack=self._prepared(columns), rows=rows)
            case SaveStep():
                self._save(bundle, step)
            case UnitaryStep() | ChannelStep():
                self._divide(self._do(bundle))
                return
        bundle.number += 1
        self._divide(bundle)

    def _report(self, bundle: _Bundle[_Stack]) -> None:
        """Note how far the run is, if it is time."""
        meter = self._orders.meter
        if not meter.is_due():
            return
        waiting = itertools.chain(self._now, self._later)
        done = sum(len(each.shots) * self._work.done(each.number) for each in waiting)
        done += len(bundle.shots) * self._work.done(bundle.number)
        meter.note(
            (self._finished_shots + done) / self._settings.shots,
            steps_done=bundle.number,
            steps=len(self._program.steps),
            rank=self.outcome.max_rank,
        )

    def _divide(self, bundle: _Bundle[_Stack]) -> None:
        """Let a bundle go on, all of it or one half after the other."""
        states = bundle.stack.number
        if bundle.stack.bytes > self._most_bytes and states > 1:
            first = bundle.rows < states // 2
            self._later.append(bundle.part(~first, bundle.number))
            bundle = bundle.part(first, bundle.number)
        self._now.append(bundle)

    def _measured(self, bundle: _Bundle[_Stack], step: MeasureStep) -> _Bundle[_Stack]:
        """Every shot finds an outcome, and goes on with those that have found the same."""
        qubit, measure = step.qubits[0], step.measure
        part = one_of(bundle.stack.masses(qubit))
        ones = self._uniforms(Purpose.OUTCOME, bundle) < part[bundle.rows]
        found, rows = _renumbered(2 * bundle.rows + ones, 2 * bundle.stack.number)
        stack = bundle.stack.measured(found // 2, found % 2, qubit)
        if measure.readout is not None:
            ones = misread(ones, measure.readout, self._uniforms(Purpose.READOUT, bundle))
        self.outcome.shots.write(bundle.shots, [measure.clbit], ones[:, np.newaxis])
        return replace(bundle, stack=stack, rows=rows, draws=bundle.draws + 1)

    def _flow(self, bundle: _Bundle[_Stack], operation: ControlFlow) -> None:
        """Pass a mark, or what is written to classical bits."""
        shots = self.outcome.shots
        if isinstance(operation, Store):
            shots.store(bundle.shots, operation)
        elif isinstance(operation, Misread):
            uniform = self._uniforms(Purpose.READOUT, bundle)
            shots.misread(bundle.shots, operation, uniform)
            bundle.draws = bundle.draws + 1

    def _jump(self, bundle: _Bundle[_Stack], jump: Jump) -> None:
        """Go on with the shots for which a condition holds elsewhere than with the others."""
        holds = self.outcome.shots.holds(bundle.shots, jump.condition)
        there = self._program.places[jump.mark] + 1
        if holds.all():
            self._now.append(replace(bundle, number=there))
            return
        if holds.any():
            self._now.append(bundle.part(holds, there))
            bundle = bundle.part(~holds, bundle.number)
        self._now.append(replace(bundle, number=bundle.number + 1))

    def _save(self, bundle: _Bundle[_Stack], step: SaveStep) -> None:
        """Save a quantity of every history for its shots."""
        save = step.save
        order = np.argsort(bundle.rows, kind="stable")
        edges = np.flatnonzero(np.diff(bundle.rows[order])) + 1
        for row, numbers in enumerate(np.split(bundle.shots[order], edges)):
            value = save_value(self._state(bundle, row), save)
            self.outcome.take(save, value, numbers, self._program.num_clbits)

    def _finish(self, bundle: _Bundle[_Stack]) -> None:
        """Sample the last measurements, and note what rounding has taken."""
        outcome, measures = self.outcome, self._program.final_measures
        self._finished_shots += len(bundle.shots)
        lost = np.clip(1.0 - bundle.stack.traces(), 0.0, 1.0)[bundle.rows]
        outcome.truncation_error += float(lost.sum()) / self._settings.shots
        if not measures:
            return
        found = _sampled(
            bundle.stack.probabilities(), bundle.rows, self._uniforms(Purpose.OUTCOME, bundle)
        )
        bits = written_bits(
            found, measures, lambda place: self._uniforms(Purpose.READOUT, bundle, place)
        )
        outcome.shots.write(bundle.shots, [measure.clbit for measure in measures], bits)

    def _uniforms(
        self, purpose: Purpose, bundle: _Bundle[_Stack], ahead: int = 0
    ) -> NDArray[np.float64]:
        """A random number for each shot, at its next decision or one after that."""
        return uniforms(self._settings.seed, purpose, bundle.draws + ahead, bundle.shots)


class DensityHistories(_SideBySide[DensityStack]):
    """A density matrix for each history, of few qubits."""

    def __init__(
        self, program: Program, settings: RunSettings, comm: GridCommunicator, orders: Orders
    ) -> None:
        """As of any run side by side."""
        super().__init__(program, settings, comm, orders)
        self._stretches: dict[int, tuple[list[list[Part]], int]] = {}
        self.outcome.switched_at = 0
        self.outcome.final_rank = 1 << program.num_qubits
        self.outcome.note_rank(self.outcome.final_rank)

    def _prepared(self, columns: NDArray[np.complex128]) -> DensityStack:
        num_qubits, dtype = self._program.num_qubits, self._settings.dtype
        factor = State.prepare(num_qubits, self._comm, dtype, columns, reserve=columns.shape[1])
        return DensityStack(DensityState.from_factor(factor).vector[np.newaxis])

    def _do(self, bundle: _Bundle[DensityStack]) -> _Bundle[DensityStack]:
        """Take all density matrices through all steps up to the next of another kind."""
        first = bundle.number
        if first not in self._stretches:
            self._stretches[first] = self._stretch(first)
        parts, bundle.number = self._stretches[first]
        for one_pass in parts:
            bundle.stack.apply(one_pass)
        self.outcome.history.note(bundle.number, self.outcome.max_rank, 0.0)
        return bundle

    def _stretch(self, first: int) -> tuple[list[list[Part]], int]:
        """The passes of the steps from one on, and the number of the step behind them."""
        steps = []
        for step in self._program.steps[first:]:
            if not isinstance(step, UnitaryStep | ChannelStep):
                break
            steps.append(step)
        return list(stack_passes(steps, self._program.num_qubits)), first + len(steps)

    def _state(self, bundle: _Bundle[DensityStack], row: int) -> DensityState:
        return bundle.stack.state(row, self._comm)


class Trajectories(_SideBySide[ColumnStack]):
    """A state vector for all shots that have found the same outcomes and drawn the same errors."""

    def __init__(
        self, program: Program, settings: RunSettings, comm: GridCommunicator, orders: Orders
    ) -> None:
        """As of any run side by side."""
        super().__init__(program, settings, comm, orders)
        self.outcome.final_rank = 1
        self.outcome.note_rank(1)

    def _prepared(self, columns: NDArray[np.complex128]) -> ColumnStack:
        assert columns.shape[1] == 1
        return ColumnStack(columns.astype(self._settings.dtype))

    def _do(self, bundle: _Bundle[ColumnStack]) -> _Bundle[ColumnStack]:
        """Take all state vectors through the next step."""
        step, number = self._program.steps[bundle.number], bundle.number + 1
        if isinstance(step, UnitaryStep):
            bundle.stack.apply(step)
        elif isinstance(step, ChannelStep):
            bundle = self._drawn(bundle, step)
        self.outcome.history.note(number, 1, 0.0)
        return replace(bundle, number=number)

    def _drawn(self, bundle: _Bundle[ColumnStack], step: ChannelStep) -> _Bundle[ColumnStack]:
        """Every shot draws an operator, and goes on with those that have drawn the same."""
        stack = bundle.stack
        weights = stack.operator_weights(step)
        sums = np.cumsum(weights, axis=0)
        # Those without weight have no room between the edges, also where they are the last.
        edges = sums[:-1] / sums[-1]
        uniform = self._uniforms(Purpose.OUTCOME, bundle)
        operators = np.zeros(len(uniform), np.int64)
        erring = np.flatnonzero(uniform >= edges[0, bundle.rows])
        passed = uniform[erring] >= edges[:, bundle.rows[erring]]
        operators[erring] = passed.sum(axis=0)
        found, rows = _renumbered(operators * stack.number + bundle.rows, weights.size)
        drawn = stack.drawn(step, *np.divmod(found, stack.number), weights)
        self.outcome.sampled_columns = max(self.outcome.sampled_columns, drawn.number)
        return replace(bundle, stack=drawn, rows=rows, draws=bundle.draws + 1)

    def _state(self, bundle: _Bundle[ColumnStack], row: int) -> State:
        return bundle.stack.state(row, self._comm)


def _renumbered(
    numbers: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the numbers below ``size`` there are, and the place of each among these."""
    there = np.bincount(numbers, minlength=size) > 0
    places = np.cumsum(there) - 1
    return np.flatnonzero(there), places[numbers]


def _sampled(
    weights: NDArray[np.float64], rows: NDArray[np.int64], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    """A basis state for each shot, from the weights (histories, states) of its history."""
    edges = np.cumsum(weights, axis=1)
    points = uniform * edges[rows, -1]
    found = np.empty(len(rows), np.int64)
    order = np.argsort(rows, kind="stable")
    ends = np.flatnonzero(np.diff(rows[order])) + 1
    for shots in np.split(order, ends):
        found[shots] = rows_at(edges[rows[shots[0]]], points[shots])
    return found
