"""Running a program on one MPI rank's part of the state, together with the other MPI ranks."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.branching import NUM_BINS, Bins, Branches, candidate_weights, choose
from lret_dist.budget import CompressionPolicy, TruncationBudget
from lret_dist.compression import Cut, compress
from lret_dist.errors import CancelledError
from lret_dist.operators import Operator, restrict
from lret_dist.program import ChannelStep, MeasureStep, Program, SaveStep, UnitaryStep
from lret_dist.sampling import generator, misread, sample_rows, write_bits, written_bits
from lret_dist.saving import save_value
from lret_dist.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lret_dist.communicator import GridCommunicator

__all__ = ["Evolution", "Outcome", "RunSettings"]

_PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex128)

#: Uses of random numbers; the first word of a generator's key.
_SAMPLE, _READOUT, _SPLIT, _SHUFFLE = range(4)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every MPI rank must know beside the program.

    Attributes:
        shots: samples of the classical bits.
        seed: seed of all random numbers.
        epsilon: trace that may be discarded in all.
        max_rank: most columns after a step, or None.
        memory_columns: most columns that fit in memory, over the whole grid.
        dtype: the factor's dtype.
        reserve: columns to set memory aside for at the start.
    """

    shots: int
    seed: int
    epsilon: float
    max_rank: int | None
    memory_columns: int
    dtype: np.dtype[Any]
    reserve: int


@dataclass
class Outcome:
    """What a run came to; samples and data are whole on the driver only."""

    samples: NDArray[np.uint8]
    data: dict[str, Any] = field(default_factory=dict)
    final_rank: int = 0
    max_rank: int = 0
    num_truncations: int = 0
    truncation_error: float = 0.0

    def add(self, other: Outcome) -> None:
        """Add the saved data of another run of the same circuit."""
        self.data.update(other.data)
        self.final_rank = max(self.final_rank, other.final_rank)
        self.max_rank = max(self.max_rank, other.max_rank)
        self.num_truncations += other.num_truncations
        self.truncation_error = max(self.truncation_error, other.truncation_error)


@dataclass(frozen=True)
class _Decision:
    """The driver's word on one channel step, sent to all MPI ranks as numbers."""

    cut: int
    columns: int
    chosen: int
    dropped: float
    compress: bool
    retry: bool
    cancelled: bool

    def pack(self) -> NDArray[np.float64]:
        return np.array(
            [
                *(self.cut, self.columns, self.chosen, self.dropped),
                *(self.compress, self.retry, self.cancelled),
            ],
            dtype=np.float64,
        )

    @classmethod
    def unpack(cls, words: NDArray[np.float64]) -> _Decision:
        cut, columns, chosen, dropped, *flags = words.tolist()
        return cls(int(cut), int(columns), int(chosen), dropped, *map(bool, flags))


@dataclass
class _Path:
    """One history of measured outcomes: its shots, and what it may still discard."""

    key: tuple[int, ...]
    shots: slice
    budget: TruncationBudget
    policy: CompressionPolicy

    @property
    def number(self) -> int:
        number: int = self.shots.stop - self.shots.start
        return number

    def child(self, outcome: int, shots: slice) -> _Path:
        return _Path((*self.key, outcome), shots, self.budget.copy(), self.policy)


class Evolution:
    """One run of a program; :meth:`run` is collective over the process grid."""

    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        comm: GridCommunicator,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.program = program
        self.settings = settings
        self.comm = comm
        self._cancelled = cancelled
        self._uses = _local_uses(program)
        self._full_rank = 1 << program.num_qubits
        width = -(-program.num_clbits // 8)
        self.outcome = Outcome(np.zeros((settings.shots, width), np.uint8))

    def run(self) -> Outcome:
        """Run the program.

        Raises:
            CancelledError: on every MPI rank, when the driver was asked to stop.
        """
        program, settings = self.program, self.settings
        state = State.prepare(
            program.num_qubits,
            self.comm,
            settings.dtype,
            program.initial_state,
            settings.reserve,
        )
        budget = TruncationBudget(program, settings.epsilon)
        policy = CompressionPolicy(program.num_qubits)
        self._note_rank(state.rank())
        self._evolve(state, 0, _Path((), slice(0, settings.shots), budget, policy))
        if program.has_mid_measurements:
            # Shots of one history lie together; their order must not tell.
            generator(settings.seed, _SHUFFLE).shuffle(self.outcome.samples, axis=0)
        return self.outcome

    def _evolve(self, state: State, first: int, path: _Path) -> None:
        """Run the steps from number ``first`` on."""
        for number in range(first, len(self.program.steps)):
            step = self.program.steps[number]
            if not isinstance(step, ChannelStep):
                self._stop_if_cancelled()
            match step:
                case UnitaryStep():
                    self._bring_local(state, step, number)
                    state.apply(step.operator, step.qubits)
                case ChannelStep():
                    self._channel(state, step, number, path)
                case SaveStep():
                    self._save(state, step)
                case MeasureStep():
                    self._measure(state, step, number, path)
                    return
        self._finish(state, path)

    def _bring_local(self, state: State, step: UnitaryStep | ChannelStep, number: int) -> None:
        needed = [q for p, q in enumerate(step.qubits) if p not in step.fixed_positions]

        def next_use(qubit: int) -> int:
            uses = self._uses[qubit]
            place = bisect_left(uses, number)
            return uses[place] if place < len(uses) else len(self.program.steps)

        state.bring_local(needed, next_use)

    def _channel(self, state: State, step: ChannelStep, number: int, path: _Path) -> None:
        self._bring_local(state, step, number)
        weights = self._weights(state, step)
        decision = self._decide(state, weights, number, path, last=False)
        if decision.retry:
            self._compress(state, number, path)
            weights = self._weights(state, step)
            decision = self._decide(state, weights, number, path, last=True)
        path.budget.discarded += decision.dropped
        branches = choose(weights, decision.cut)
        if decision.columns + decision.chosen > self._workspace():
            self._branch_in_parts(state, step, weights[0], branches, number, path)
        else:
            _branch(state, step, weights[0], branches)
        if decision.compress:
            self._compress(state, number, path)
        else:
            self._note_rank(decision.columns + decision.chosen)

    def _weights(self, state: State, step: ChannelStep) -> NDArray[np.float64]:
        """Weights of all candidates (K, columns held here), over all rows."""
        bits, fixed = state.split_bits(step.qubits)
        weights, partial = candidate_weights(state.factor, step, bits, fixed)
        if partial:
            self.comm.sum_over_rows(weights)
        return np.clip(weights, 0, None)

    def _decide(
        self, state: State, weights: NDArray[np.float64], number: int, path: _Path, *, last: bool
    ) -> _Decision:
        """Sum up the candidates of all column groups; the driver decides for everybody."""
        groups = self.comm.grid.columns
        numbers = np.zeros(2 * NUM_BINS + groups)
        numbers[: 2 * NUM_BINS] = Bins.of(weights[1:]).data.ravel()
        numbers[2 * NUM_BINS + self.comm.column] = state.factor.columns
        self.comm.sum_columns_on_driver(numbers)
        words = np.zeros(7)
        if self.comm.is_driver:
            bins = Bins(numbers[: 2 * NUM_BINS].reshape(2, NUM_BINS))
            words = self._judge(bins, numbers[2 * NUM_BINS :], number, path, last=last).pack()
        self.comm.broadcast(words)
        decision = _Decision.unpack(words)
        if decision.cancelled:
            raise CancelledError("the run was cancelled")
        return decision

    def _judge(
        self, bins: Bins, per_group: NDArray[np.float64], number: int, path: _Path, *, last: bool
    ) -> _Decision:
        columns = int(per_group.sum())
        cut = bins.cut_for_weight(path.budget.BRANCHING_PART * path.budget.free(number))
        room = max(0, self._most_columns() - columns)
        tight = bins.number_from(cut) > room
        if tight:
            cut = max(cut, bins.cut_for_number(room))
        chosen = bins.number_from(cut)
        steps_left = len(self.program.steps) - number - 1
        uneven = per_group.max() > 8 + 2 * columns / len(per_group)
        over = columns + chosen > (self.settings.max_rank or columns + chosen)
        wanted = path.policy.wants(columns + chosen, steps_left)
        return _Decision(
            cut=cut,
            columns=columns,
            chosen=chosen,
            dropped=bins.weight_below(cut),
            compress=bool(uneven or over or wanted),
            retry=tight and not last,
            cancelled=self._cancelled(),
        )

    def _most_columns(self) -> int:
        """Most columns at any moment: what memory holds, or working room above ``max_rank``."""
        most = self.settings.memory_columns
        if self.settings.max_rank is not None:
            most = min(most, 2 * self.settings.max_rank + 16)
        return most

    def _workspace(self) -> int:
        """Columns beyond which a saturated factor is branched part by part."""
        return (16 if self._full_rank <= 512 else 4) * self._full_rank

    def _branch_in_parts(
        self,
        state: State,
        step: ChannelStep,
        kept_weights: NDArray[np.float64],
        branches: Branches,
        number: int,
        path: _Path,
    ) -> None:
        """Branch with a compression after each part, from a copy of the columns."""
        source = state.copy()
        _branch(state, step, kept_weights, branches.part(0, 0))
        groups = self.comm.grid.columns
        most = max(1, (self._workspace() - self._full_rank) // groups)
        parts = max(self.comm.columns_per_group(-(-len(branches) // most)))
        for part in range(parts):
            piece = branches.part(part * most, (part + 1) * most)
            _append(state, source, step, piece)
            self._compress(state, number, path)

    def _compress(self, state: State, number: int, path: _Path) -> None:
        before = state.rank()
        most = min(self._full_rank, self.settings.max_rank or self._full_rank)
        gain = 0.0 if before > most else path.policy.LEAST_GAIN
        cut = Cut(path.budget.free(number), most, gain)
        path.budget.discarded += compress(state.factor, self.comm, cut, self.program.num_qubits)
        after = state.rank()
        path.policy.record(after)
        self.outcome.num_truncations += after < before
        self._note_rank(after)

    def _save(self, state: State, step: SaveStep) -> None:
        value = save_value(state, step.save)
        if self.comm.is_driver:
            self.outcome.data[step.save.key] = value

    def _measure(self, state: State, step: MeasureStep, number: int, path: _Path) -> None:
        """Split the shots over the outcomes of a measurement and go on with each."""
        measure = step.measure
        projection = ChannelStep(measure.qubits, _PROJECTORS)
        weights = self._weights(state, projection)
        masses = weights.sum(axis=1)
        self.comm.sum_over_columns(masses)
        ones = self._split_shots(masses, path)
        middle = path.shots.stop - ones
        for outcome, shots in enumerate(
            (slice(path.shots.start, middle), slice(middle, path.shots.stop))
        ):
            if shots.start == shots.stop:
                continue
            branch = state if outcome or not ones else state.copy()
            scale = float(masses.sum() / masses[outcome])
            projector = Operator(_PROJECTORS[outcome] * np.sqrt(scale))
            branch.apply(projector, measure.qubits)
            branch.factor.weights = weights[outcome] * scale
            child = path.child(outcome, shots)
            self._write_outcome(step, outcome, child)
            self._evolve(branch, number + 1, child)

    def _split_shots(self, masses: NDArray[np.float64], path: _Path) -> int:
        """Number of shots that read one, drawn on the driver."""
        part = min(1.0, max(0.0, float(masses[1] / masses.sum())))
        rng = generator(self.settings.seed, _SPLIT, *path.key)
        ones = np.array([rng.binomial(path.number, part)], dtype=np.int64)
        self.comm.broadcast(ones)
        return int(ones[0])

    def _write_outcome(self, step: MeasureStep, outcome: int, path: _Path) -> None:
        bits = np.full(path.number, outcome, np.bool_)
        if step.measure.readout is not None:
            rng = generator(self.settings.seed, _READOUT, *path.key)
            bits = misread(bits, step.measure.readout, rng)
        write_bits(self.outcome.samples[path.shots], [step.measure], bits[:, np.newaxis])

    def _finish(self, state: State, path: _Path) -> None:
        """Sample the last measurements and note how good the state is."""
        part = path.number / self.settings.shots if path.key else 1.0
        trace = state.trace()
        self.outcome.truncation_error += part * min(1.0, max(0.0, 1.0 - trace))
        self.outcome.final_rank = max(self.outcome.final_rank, state.rank())
        measures = self.program.final_measures
        if not measures or not path.number:
            return
        state.restore_order()
        rows = sample_rows(state, path.number, generator(self.settings.seed, _SAMPLE, *path.key))
        rng = generator(self.settings.seed, _READOUT, *path.key, 2)
        write_bits(self.outcome.samples[path.shots], measures, written_bits(rows, measures, rng))

    def _stop_if_cancelled(self) -> None:
        flag = np.array([self._cancelled()], dtype=np.float64)
        self.comm.broadcast(flag)
        if flag[0]:
            raise CancelledError("the run was cancelled")

    def _note_rank(self, rank: int) -> None:
        self.outcome.max_rank = max(self.outcome.max_rank, rank)


def _local_uses(program: Program) -> list[list[int]]:
    """For each qubit the numbers of the steps that need it on a local bit."""
    uses: list[list[int]] = [[] for _ in range(program.num_qubits)]
    for number, step in enumerate(program.steps):
        if isinstance(step, UnitaryStep | ChannelStep):
            for position, qubit in enumerate(step.qubits):
                if position not in step.fixed_positions:
                    uses[qubit].append(number)
    return uses


def _branch(
    state: State, step: ChannelStep, kept_weights: NDArray[np.float64], branches: Branches
) -> None:
    """Build the chosen branches from the old columns, then apply the dominant operator to these."""
    columns = state.factor.columns
    _append(state, state, step, branches)
    bits, fixed = state.split_bits(step.qubits)
    if columns:
        old = state.factor.block[:, :columns]
        step.dominant.restricted(*fixed).apply(old, bits)
    state.factor.weights[:columns] = kept_weights


def _append(state: State, source: State, step: ChannelStep, branches: Branches) -> None:
    """Add the chosen branches of the columns of ``source`` to those of ``state``."""
    if not len(branches):
        return
    bits, fixed = source.split_bits(step.qubits)
    kraus = restrict(step.kraus, *fixed)
    columns = source.factor.columns
    out = state.factor.append(len(branches))
    old = source.factor.block[:, :columns]
    if bits:
        branches.build(old, out, bits, kraus)
    else:
        out[:] = old[:, branches.sources] * kraus[branches.operators, 0, 0]
    state.factor.weights = np.concatenate([state.factor.weights, branches.weights])
