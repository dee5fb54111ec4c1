"""Running a program on one MPI rank's part of the state, together with the other MPI ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lret_dist.budget import CompressionPolicy, TruncationBudget
from lret_dist.density import DensityState
from lret_dist.errors import CancelledError
from lret_dist.low_rank import LowRank
from lret_dist.program import (
    ChannelStep,
    ExchangeStep,
    MeasureStep,
    Program,
    SaveStep,
    UnitaryStep,
)
from lret_dist.records import Outcome, Path, RunSettings
from lret_dist.sampled import SampledState
from lret_dist.sampling import generator, misread, sample_rows, write_bits, written_bits
from lret_dist.saving import save_value
from lret_dist.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lret_dist.circuit import Save
    from lret_dist.communicator import GridCommunicator
    from lret_dist.estimates import Tally

__all__ = ["BATCH", "Evolution", "sample_final"]

AnyState: TypeAlias = State | SampledState | DensityState

_PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex128)

#: Uses of random numbers; the first word of a generator's key.
_SAMPLE, _READOUT, _SPLIT, _SHUFFLE, BATCH = range(5)


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
        cancelled: Callable[[], bool] = lambda: False,
        *,
        batch: int = 0,
        tally: Tally | None = None,
    ) -> None:
        self.program = program
        self.settings = settings
        self.comm = comm
        self._cancelled = cancelled
        self._batch = batch
        self._tally = tally
        width = -(-program.num_clbits // 8)
        self.outcome = Outcome(np.zeros((settings.shots, width), np.uint8))
        self._low_rank = LowRank(program, settings, comm, self.outcome, cancelled)

    def run(self) -> Outcome:
        """Run the program.

        Raises:
            CancelledError: on every MPI rank, when the driver was asked to stop.
        """
        program, settings = self.program, self.settings
        factor = State.prepare(
            program.num_qubits,
            self.comm,
            settings.dtype,
            program.initial_state,
            settings.reserve,
        )
        state: AnyState = factor
        if (sampling := settings.sampling) is not None:
            state = SampledState.begin(factor, sampling, settings.seed, self._batch)
        elif settings.start == "density_matrix":
            state = self._switched(factor, 0)
        budget = TruncationBudget(program, settings.epsilon)
        policy = CompressionPolicy(program.num_qubits)
        self.outcome.note_rank(state.rank())
        self._evolve(state, 0, Path((), slice(0, settings.shots), budget, policy))
        if program.has_mid_measurements:
            # Shots of one history lie together; their order must not tell.
            generator(settings.seed, _SHUFFLE).shuffle(self.outcome.samples, axis=0)
        return self.outcome

    def _evolve(self, state: AnyState, first: int, path: Path) -> None:
        """Run the steps from number ``first`` on."""
        number = first
        while number < len(self.program.steps):
            step = self.program.steps[number]
            if isinstance(step, SaveStep):
                self._stop_if_cancelled()
                number = self._save(state, number)
                continue
            if isinstance(step, MeasureStep):
                self._stop_if_cancelled()
                self._measure(state, step, number, path)
                return
            if not isinstance(state, State):
                number = self._run_stretch(state, number, path)
                continue
            if isinstance(step, ExchangeStep):
                state.distribute(step.qubits)
            elif isinstance(step, UnitaryStep):
                self._stop_if_cancelled()
                state.apply(step.operator, step.qubits)
            elif not self._low_rank.channel(state, step, number, path):
                state = self._switched(state, number)
                continue
            number += 1
        self._finish(state, path)

    def _switched(self, state: State, number: int) -> DensityState:
        """The density matrix, which takes over from the factor before step ``number``."""
        if self.outcome.switched_at is None:
            self.outcome.switched_at = number
        if number == 0 and self.program.initial_state is None:
            density = DensityState.zeros(self.program.num_qubits, self.settings.dtype, self.comm)
        else:
            density = DensityState.from_factor(state)
        state.factor.resize(0)
        self.outcome.note_rank(density.rank())
        return density

    def _run_stretch(self, state: SampledState | DensityState, number: int, path: Path) -> int:
        """Take a state through all steps up to the next measurement or save."""
        steps: list[UnitaryStep | ChannelStep] = []
        stop = number
        for step in self.program.steps[number:]:
            if isinstance(step, MeasureStep | SaveStep):
                break
            stop += 1
            # The density matrix has bits of its own.
            if not isinstance(step, ExchangeStep):
                steps.append(step)
        if isinstance(state, SampledState):
            self._run_sampled(state, steps, number)
        else:
            self._run_density(state, steps, number, path)
        return stop

    def _run_density(
        self, state: DensityState, steps: list[UnitaryStep | ChannelStep], number: int, path: Path
    ) -> None:
        for done in state.run(steps):
            self._stop_if_cancelled()
            if self.comm.is_driver:
                self.outcome.history.note(number + done, state.rank(), path.budget.discarded)

    def _run_sampled(
        self, state: SampledState, steps: list[UnitaryStep | ChannelStep], number: int
    ) -> None:
        done = number
        for exact in state.run(self.program, steps, number):
            self._stop_if_cancelled()
            done += len(exact)
            self.outcome.history.note(done, state.rank(), 0.0)
            self.outcome.note_rank(state.rank())

    def _save(self, state: AnyState, number: int) -> int:
        """Save what this step and those that follow at once ask for."""
        saves: list[Save] = []
        for step in self.program.steps[number:]:
            if not isinstance(step, SaveStep):
                break
            saves.append(step.save)
        if isinstance(state, SampledState):
            assert self._tally is not None
            self._tally.add_saves(state, saves)
        else:
            values = [save_value(state, save) for save in saves]
            if self.comm.is_driver:
                keys = [save.key for save in saves]
                self.outcome.data.update(zip(keys, values, strict=True))
        return number + len(saves)

    def _measure(self, state: AnyState, step: MeasureStep, number: int, path: Path) -> None:
        """Split the shots over the outcomes of a measurement and go on with each."""
        masses = self._masses(state, step)
        ones = self._split_shots(masses, path)
        middle = path.shots.stop - ones
        for outcome, shots in enumerate(
            (slice(path.shots.start, middle), slice(middle, path.shots.stop))
        ):
            if shots.start == shots.stop:
                continue
            branch = state if outcome or not ones else state.copy()
            scale = np.sqrt(masses.sum() / masses[outcome])
            branch.project(_PROJECTORS[outcome] * scale, step.qubits)
            child = path.child(outcome, shots)
            self._write_outcome(step, outcome, child)
            self._evolve(branch, number + 1, child)

    def _masses(self, state: AnyState, step: MeasureStep) -> NDArray[np.float64]:
        """Weights of both outcomes of a measurement, on every MPI rank."""
        if isinstance(state, DensityState):
            return state.marginal(step.qubits)
        if isinstance(state, SampledState):
            return state.masses(step.qubits[0])
        projection = ChannelStep(step.qubits, _PROJECTORS)
        masses: NDArray[np.float64] = self._low_rank.weights(state, projection).sum(axis=1)
        self.comm.sum_over_columns(masses)
        return masses

    def _split_shots(self, masses: NDArray[np.float64], path: Path) -> int:
        """Number of shots that read one, drawn on the driver."""
        part = min(1.0, max(0.0, float(masses[1] / masses.sum())))
        rng = generator(self.settings.seed, _SPLIT, *path.key)
        ones = np.array([rng.binomial(path.number, part)], dtype=np.int64)
        self.comm.broadcast(ones)
        return int(ones[0])

    def _write_outcome(self, step: MeasureStep, outcome: int, path: Path) -> None:
        bits = np.full(path.number, outcome, np.bool_)
        if step.measure.readout is not None:
            rng = generator(self.settings.seed, _READOUT, *path.key)
            bits = misread(bits, step.measure.readout, rng)
        write_bits(self.outcome.samples[path.shots], [step.measure], bits[:, np.newaxis])

    def _finish(self, state: AnyState, path: Path) -> None:
        """Sample the last measurements and note how good the state is."""
        self.outcome.final_rank = max(self.outcome.final_rank, state.rank())
        measures = self.program.final_measures
        if isinstance(state, SampledState):
            if measures and not path.key:
                assert self._tally is not None
                self._tally.add_measured(state, [measure.qubit for measure in measures])
                return
        else:
            part = path.number / self.settings.shots if path.key else 1.0
            self.outcome.truncation_error += part * min(1.0, max(0.0, 1.0 - state.trace()))
        if not measures or not path.number:
            return
        sample_final(
            self.program,
            self.settings.seed,
            path.key,
            self.comm,
            state.probabilities(),
            self.outcome.samples[path.shots],
        )

    def _stop_if_cancelled(self) -> None:
        flag = np.array([self._cancelled()], dtype=np.float64)
        with self.comm.traffic.counted_as("steps"):
            self.comm.broadcast(flag)
        if flag[0]:
            raise CancelledError("the run was cancelled")


def sample_final(
    program: Program,
    seed: int,
    key: tuple[int, ...],
    comm: GridCommunicator,
    weights: NDArray[np.float64],
    samples: NDArray[np.uint8],
) -> None:
    """Draw the last measurements from the weights of the rows held here, in place; collective."""
    measures = program.final_measures
    rows = sample_rows(comm, weights, len(samples), generator(seed, _SAMPLE, *key))
    rng = generator(seed, _READOUT, *key, 2)
    write_bits(samples, measures, written_bits(rows, measures, rng))
