"""The factor's way through gates and channels: branching, truncation, compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.factors.branching import (
    NUM_BINS,
    Bins,
    Branches,
    candidate_weights,
    choose,
)
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.dealing import append_branches, keep_dominant
from lret_dist.factors.state import State
from lret_dist.machines.process_memory import return_large_blocks
from lret_dist.planning.cost import density_pays
from lret_dist.runs.orders import Order, Orders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import ChannelStep, Program
    from lret_dist.records.run_records import Outcome, Path, RunSettings
    from lret_dist.runs.histories import AnyState, Task

__all__ = ["LowRank"]

#: Bytes of factors that the C library keeps among others, rather than each by itself.
_SMALL_BYTES = 64 << 20


@dataclass(frozen=True)
class _Decision:
    """The driver's word on one channel step, sent to all MPI ranks as numbers."""

    cut: int
    columns: int
    chosen: int
    dropped: float
    compress: bool
    retry: bool
    densify: bool
    order: Order

    def pack(self) -> NDArray[np.float64]:
        return np.array(
            [
                *(self.cut, self.columns, self.chosen, self.dropped),
                *(self.compress, self.retry, self.densify, self.order),
            ],
            dtype=np.float64,
        )

    @classmethod
    def unpack(cls, words: NDArray[np.float64]) -> _Decision:
        cut, columns, chosen, dropped, compress, retry, densify, order = words.tolist()
        return cls(
            cut=int(cut),
            columns=int(columns),
            chosen=int(chosen),
            dropped=dropped,
            compress=bool(compress),
            retry=bool(retry),
            densify=bool(densify),
            order=Order(int(order)),
        )


class LowRank:
    """Takes a factor through the steps of a program; methods are collective over the grid."""

    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        comm: GridCommunicator,
        outcome: Outcome,
        orders: Orders,
    ) -> None:
        self.program = program
        self.settings = settings
        self.comm = comm
        self.outcome = outcome
        self._orders = orders
        self._full_rank = 1 << program.num_qubits
        self._rank = 0
        self._waiting = 0
        most = settings.memory_columns * settings.dtype.itemsize << program.num_qubits
        if most <= _SMALL_BYTES * comm.grid.size:
            # A factor that grows would be copied, beside itself.
            return_large_blocks()

    def channel(
        self, state: State, step: ChannelStep, task: Task, obey: Callable[[Order, Task], None]
    ) -> bool:
        """Apply a channel, the next step of a task, and compress where it pays.

        ``obey`` does what the driver wants before anything is done to the state.

        Returns:
            Whether the step is done; if not, the density matrix should take over before it.
        """
        number, path = task.number, task.path
        weights = self.weights(state, step)
        decision = self._decide(state, weights, number, path, last=False)
        # Nothing has been done to the state yet.
        obey(decision.order, task)
        if decision.retry:
            self._compress(state, number, path)
            weights = self.weights(state, step)
            decision = self._decide(state, weights, number, path, last=True)
        if decision.densify:
            return False
        path.budget.discarded += decision.dropped
        branches = choose(weights, decision.cut)
        columns = state.factor.columns
        if decision.columns + decision.chosen > self._workspace():
            self._branch_in_parts(state, step, weights[0], branches, number, path)
        else:
            if decision.chosen:
                append_branches(state, state, step, branches)
            keep_dominant(state, step, columns, weights[0])
        if decision.compress:
            self._compress(state, number, path)
        else:
            self._note_rank(decision.columns + decision.chosen)
        if self.comm.is_driver:
            grown = decision.columns + decision.chosen
            self.outcome.history.note(number + 1, self._rank, path.budget.discarded, grown)
        return True

    def weights(self, state: State, step: ChannelStep) -> NDArray[np.float64]:
        """Weights of all candidates (K, columns held here), over all rows."""
        bits, fixed = state.split_bits(step.qubits)
        weights, partial = candidate_weights(state.factor, step, bits, fixed)
        if partial:
            with self.comm.traffic.counted_as("steps"):
                self.comm.sum_over_rows(weights)
        return np.clip(weights, 0, None)

    def _decide(
        self, state: State, weights: NDArray[np.float64], number: int, path: Path, *, last: bool
    ) -> _Decision:
        """Sum up the candidates of all column groups; the driver decides for everybody."""
        numbers = np.append(Bins.of(weights[1:]).data.ravel(), state.factor.columns)
        words = np.zeros(8)
        with self.comm.traffic.counted_as("steps"):
            self.comm.sum_columns_on_driver(numbers)
            if self.comm.is_driver:
                bins = Bins(numbers[:-1].reshape(2, NUM_BINS))
                words = self._judge(bins, int(numbers[-1]), number, path, last=last).pack()
            self.comm.broadcast(words)
        return _Decision.unpack(words)

    def _judge(self, bins: Bins, columns: int, number: int, path: Path, *, last: bool) -> _Decision:
        cut = bins.cut_for_weight(path.budget.BRANCHING_PART * path.budget.free(number))
        room = max(0, self._most_columns() - columns)
        tight = bins.number_from(cut) > room
        if tight:
            cut = max(cut, bins.cut_for_number(room))
        chosen = bins.number_from(cut)
        over = columns + chosen > (self.settings.max_rank or columns + chosen)
        wanted = path.policy.wants(columns + chosen, number)
        return _Decision(
            cut=cut,
            columns=columns,
            chosen=chosen,
            dropped=bins.weight_below(cut),
            compress=bool(over or wanted),
            retry=tight and not last,
            densify=self._prefers_density(columns + chosen, number, short=tight and last),
            order=Order.GO_ON if last else self._orders(),
        )

    def _prefers_density(self, columns: int, number: int, *, short: bool) -> bool:
        """Whether the density matrix would do the steps that are left in less time, or at all.

        ``short`` says that branches must be discarded for want of memory.
        """
        return self.settings.may_switch and (short or density_pays(self.program, number, columns))

    def _note_rank(self, rank: int) -> None:
        self._rank = rank
        self.outcome.note_rank(rank)

    def _most_columns(self) -> int:
        """Most columns at any moment: what memory holds, or working room above ``max_rank``."""
        most = max(1, self.settings.memory_columns - self._waiting)
        if self.settings.max_rank is not None:
            most = min(most, 2 * self.settings.max_rank + 16)
        return most

    def wait_for(self, states: Iterable[AnyState]) -> None:
        """Leave room for the states of histories that wait; collective."""
        # The coefficients of a density matrix take as much as half as many columns as it has rows.
        sizes = (each.rank() if isinstance(each, State) else each.rank() // 2 for each in states)
        self._waiting = sum(sizes)
        if 4 * self._waiting > self.settings.memory_columns:
            return_large_blocks()

    def make_room(self, state: State, task: Task) -> None:
        """Shorten the factor of a task until it fits in memory twice; collective."""
        room = self.settings.memory_columns - self._waiting
        if state.rank() > (most := max(1, room // 2)):
            self._compress(state, task.number, task.path, most)
        factor = state.factor
        if (factor.capacity + factor.columns) * self.comm.grid.columns > room:
            factor.trim()

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
        path: Path,
    ) -> None:
        """Branch with a compression after each part, from a copy of the columns."""
        source = state.copy()
        keep_dominant(state, step, source.factor.columns, kept_weights)
        groups = self.comm.grid.columns
        most = max(1, (self._workspace() - self._full_rank) // groups)
        parts = max(self.comm.columns_per_group(-(-len(branches) // most)))
        for part in range(parts):
            piece = branches[part * most : (part + 1) * most]
            append_branches(state, source, step, piece)
            self._compress(state, number, path)

    def _compress(
        self, state: State, number: int, path: Path, most_columns: int | None = None
    ) -> None:
        most = min(each or self._full_rank for each in (most_columns, self.settings.max_rank))
        most = min(most, self._full_rank)
        with self.comm.traffic.counted_as("compression"):
            before = state.rank()
            gain = 0.0 if before > most else path.policy.LEAST_GAIN
            cut = Cut(path.budget.free(number), most, gain)
            path.budget.discarded += compress(state.factor, self.comm, cut, self.program.num_qubits)
            after = state.rank()
        path.policy.record(after, number)
        self.outcome.history.compressions.append((number + 1, before, after))
        self.outcome.num_truncations += after < before
        self._note_rank(after)
