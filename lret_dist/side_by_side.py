"""Histories of few qubits side by side: all shots go through a program together.

Bundles of shots wait at the steps that they have come to, and the one that is furthest back goes on
next. So shots that a condition or a loop has parted meet again, and their histories are one stack
of density matrices once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.control_flow import Jump, Misread, Store
from lret_dist.cost import takes_density
from lret_dist.density import DensityState
from lret_dist.density_stack import DensityStack, stack_passes
from lret_dist.errors import CancelledError
from lret_dist.histories import one_of
from lret_dist.orders import Order
from lret_dist.program import (
    ChannelStep,
    FlowStep,
    MeasureStep,
    Program,
    SaveStep,
    SetStep,
    UnitaryStep,
)
from lret_dist.records import Outcome
from lret_dist.sampling import Purpose, misread, uniforms, written_bits
from lret_dist.saving import save_value
from lret_dist.shots import Shots
from lret_dist.state import State
from lret_dist.states import columns_in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.communicator import GridCommunicator
    from lret_dist.control_flow import ControlFlow
    from lret_dist.density import Part
    from lret_dist.orders import Orders
    from lret_dist.records import RunSettings

__all__ = ["SideBySide", "fit_side_by_side"]

#: Most qubits of a history's density matrix that costs less than the calls of a factor's steps.
_MOST_QUBITS = 7
#: Bytes of density matrices from which a bundle is divided, and one half waits for the other's end.
_MOST_BYTES = 1 << 26


def fit_side_by_side(program: Program) -> bool:
    """Whether a program has histories, and few enough qubits, for this to be the fastest way."""
    return program.has_histories and program.num_qubits <= _MOST_QUBITS and takes_density(program)


@dataclass
class _Bundle:
    """Shots at the same step.

    Attributes:
        number: number of the next step.
        stack: the density matrices of their histories.
        shots: numbers of the shots.
        rows: which density matrix each shot has.
        draws: random decisions that each shot has come through.
    """

    number: int
    stack: DensityStack
    shots: NDArray[np.int64]
    rows: NDArray[np.int64]
    draws: NDArray[np.int64]

    def part(self, chosen: NDArray[np.bool_], number: int) -> _Bundle:
        """Some of the shots, and the density matrices that they need, at another step."""
        kept, rows = np.unique(self.rows[chosen], return_inverse=True)
        return _Bundle(number, self.stack.taken(kept), self.shots[chosen], rows, self.draws[chosen])

    def joined(self, other: _Bundle) -> _Bundle:
        """These shots and those of another bundle at the same step."""
        behind = other.rows + len(self.stack.vectors)
        return _Bundle(
            self.number,
            self.stack.joined(other.stack),
            np.concatenate([self.shots, other.shots]),
            np.concatenate([self.rows, behind]),
            np.concatenate([self.draws, other.draws]),
        )


class SideBySide:
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
        self._stretches: dict[int, tuple[list[list[Part]], int]] = {}
        # The bundles under way, and those that begin again when none of these is left.
        self._now: list[_Bundle] = []
        self._later: list[_Bundle] = []
        self.outcome = Outcome(Shots.zeros(settings.shots, program.num_memory_bits))

    def run(self) -> Outcome:
        """Run the program.

        Raises:
            CancelledError: when the driver was asked to stop.
            ClassicalError: for an expression without a value.
        """
        outcome, shots = self.outcome, self._settings.shots
        outcome.switched_at = 0
        outcome.final_rank = 1 << self._program.num_qubits
        outcome.note_rank(outcome.final_rank)
        nothing = np.zeros(shots, np.int64)
        self._now = [_Bundle(0, self._first_stack(), np.arange(shots), nothing, nothing)]
        while self._now or self._later:
            if not self._now:
                self._now.append(self._later.pop())
            bundle = self._furthest_back()
            if bundle.number == len(self._program.steps):
                self._finish(bundle)
            else:
                self._advance(bundle)
        return outcome

    def _first_stack(self) -> DensityStack:
        program, dtype = self._program, self._settings.dtype
        if program.initial_state is None:
            return _alone(DensityState.zeros(program.num_qubits, dtype, self._comm))
        return self._prepared(program.initial_state)

    def _prepared(self, columns: NDArray[np.complex128]) -> DensityStack:
        """The one density matrix of a factor's columns."""
        num_qubits, dtype = self._program.num_qubits, self._settings.dtype
        factor = State.prepare(num_qubits, self._comm, dtype, columns, reserve=columns.shape[1])
        return _alone(DensityState.from_factor(factor))

    def _furthest_back(self) -> _Bundle:
        """Take all bundles at the first step that any has come to, as one."""
        first = min(bundle.number for bundle in self._now)
        found = [bundle for bundle in self._now if bundle.number == first]
        self._now = [bundle for bundle in self._now if bundle.number != first]
        whole = found.pop()
        for other in found:
            whole = whole.joined(other)
        return whole

    def _advance(self, bundle: _Bundle) -> None:
        """Take a bundle through the next step, or stretch of steps."""
        if self._orders() == Order.CANCEL:
            raise CancelledError("the run was cancelled")
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
            case _:
                self._run_stretch(bundle)
                self._now.append(bundle)
                return
        bundle.number += 1
        self._divide(bundle)

    def _divide(self, bundle: _Bundle) -> None:
        """Let a bundle go on, all of it or one half after the other."""
        histories = len(bundle.stack.vectors)
        if bundle.stack.bytes > _MOST_BYTES and histories > 1:
            first = bundle.rows < histories // 2
            self._later.append(bundle.part(~first, bundle.number))
            bundle = bundle.part(first, bundle.number)
        self._now.append(bundle)

    def _run_stretch(self, bundle: _Bundle) -> None:
        """Take all density matrices through all steps up to the next of another kind."""
        first = bundle.number
        if first not in self._stretches:
            self._stretches[first] = self._stretch(first)
        parts, bundle.number = self._stretches[first]
        for one_pass in parts:
            bundle.stack.apply(one_pass)
        self.outcome.history.note(bundle.number, self.outcome.max_rank, 0.0)

    def _stretch(self, first: int) -> tuple[list[list[Part]], int]:
        """The passes of the steps from one on, and the number of the step behind them."""
        steps = []
        for step in self._program.steps[first:]:
            if not isinstance(step, UnitaryStep | ChannelStep):
                break
            steps.append(step)
        return list(stack_passes(steps, self._program.num_qubits)), first + len(steps)

    def _measured(self, bundle: _Bundle, step: MeasureStep) -> _Bundle:
        """Every shot finds an outcome, and goes on with those that have found the same."""
        qubit, measure = step.qubits[0], step.measure
        part = one_of(bundle.stack.masses(qubit))
        ones = self._uniforms(Purpose.OUTCOME, bundle) < part[bundle.rows]
        found, rows = np.unique(2 * bundle.rows + ones, return_inverse=True)
        stack = bundle.stack.measured(found // 2, found % 2, qubit)
        if measure.readout is not None:
            ones = misread(ones, measure.readout, self._uniforms(Purpose.READOUT, bundle))
        self.outcome.shots.write(bundle.shots, [measure.clbit], ones[:, np.newaxis])
        return replace(bundle, stack=stack, rows=rows, draws=bundle.draws + 1)

    def _flow(self, bundle: _Bundle, operation: ControlFlow) -> None:
        """Pass a mark, or what is written to classical bits."""
        shots = self.outcome.shots
        if isinstance(operation, Store):
            shots.store(bundle.shots, operation)
        elif isinstance(operation, Misread):
            uniform = self._uniforms(Purpose.READOUT, bundle)
            shots.misread(bundle.shots, operation, uniform)
            bundle.draws = bundle.draws + 1

    def _jump(self, bundle: _Bundle, jump: Jump) -> None:
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

    def _save(self, bundle: _Bundle, step: SaveStep) -> None:
        """Save a quantity of every history for its shots."""
        save, shots = step.save, self.outcome.shots
        order = np.argsort(bundle.rows, kind="stable")
        edges = np.flatnonzero(np.diff(bundle.rows[order])) + 1
        by_register = save.subtype.startswith("c_")
        for row, numbers in enumerate(np.split(bundle.shots[order], edges)):
            value = save_value(bundle.stack.state(row, self._comm), save)
            registers = shots.registers(numbers, self._program.num_clbits) if by_register else None
            self.outcome.saved.add(save, value, numbers, registers)

    def _finish(self, bundle: _Bundle) -> None:
        """Sample the last measurements, and note what rounding has taken."""
        outcome, measures = self.outcome, self._program.final_measures
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

    def _uniforms(self, purpose: Purpose, bundle: _Bundle, ahead: int = 0) -> NDArray[np.float64]:
        """A random number for each shot, at its next decision or one after that."""
        return uniforms(self._settings.seed, purpose, bundle.draws + ahead, bundle.shots)


def _alone(state: DensityState) -> DensityStack:
    return DensityStack(state.vector[np.newaxis])


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
        mine = edges[rows[shots[0]]]
        # The last state that carries weight ends the search, so that rounding cannot pass it.
        last = np.searchsorted(mine, mine[-1], side="left")
        found[shots] = np.minimum(np.searchsorted(mine, points[shots], side="right"), last)
    return found
