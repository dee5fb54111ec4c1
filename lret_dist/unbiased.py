"""A sampled state's way through gates and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lret_dist import _core
from lret_dist.branching import Branches, branch, candidate_weights
from lret_dist.compression import split_off_small
from lret_dist.operators import restrict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.program import ChannelStep, Program, UnitaryStep
    from lret_dist.records import Outcome, Sampling
    from lret_dist.sampled import SampledState

__all__ = ["Unbiased"]


class Unbiased:
    """Takes sampled states through the steps of a program; collective over the row groups."""

    def __init__(self, program: Program, sampling: Sampling, outcome: Outcome) -> None:
        self.program = program
        self.sampling = sampling
        self.outcome = outcome

    def unitary(self, state: SampledState, step: UnitaryStep, number: int) -> None:
        """Apply a gate."""
        state.bring_local(step.needed_local, self.program.next_use(number))
        state.apply(step.operator, step.qubits)

    def channel(self, state: SampledState, step: ChannelStep, number: int) -> None:
        """Apply a channel: exact columns branch where it weighs, sampled ones take one operator."""
        state.bring_local(step.needed_local, self.program.next_use(number))
        weights = self._weights(state, step)
        tail = state.tail
        large = weights[1:, tail:] >= self.sampling.resolution
        jumps = self._jumps(state, step, weights[:, :tail])
        joining = self._joining(state, step, np.where(large, 0.0, weights[1:, tail:]))
        operators, sources = np.nonzero(large)
        chosen = Branches(
            operators.astype(np.int64) + 1,
            sources.astype(np.int64) + tail,
            np.ascontiguousarray(weights[1:, tail:][large]),
        )
        branch(state, step, weights[0], chosen)
        self._settle(state, weights[:, :tail], *jumps)
        if joining is not None:
            state.join(*joining)
        state.raise_small()
        if state.factor.columns - tail > self.sampling.exact_columns:
            self._compress(state)
        self.outcome.note_rank(state.rank())
        self.outcome.history.note(number + 1, state.rank(), 0.0)

    def _weights(self, state: SampledState, step: ChannelStep) -> NDArray[np.float64]:
        """Weights of all candidates (K, columns), sampled columns first."""
        bits, fixed = state.split_bits(step.qubits)
        weights, partial = candidate_weights(state.factor, step, bits, fixed)
        if partial:
            state.comm.sum_over_rows(weights)
        return np.clip(weights, 0, None)

    def _jumps(
        self, state: SampledState, step: ChannelStep, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.complex128]]:
        """Sampled columns that do not take the dominant operator, their new norms, and they.

        A column of weight w for which operator k is drawn, with probability w_k / w, becomes
        K_k v at w / w_k times its gain: on average all operators act.
        """
        drawn = state.draw_operators(weights)
        columns = np.flatnonzero(drawn)
        operators = drawn[columns]
        whole, dominant = weights.sum(axis=0)[columns], weights[0, columns]
        norms = np.where(dominant > 0.01 * whole, dominant, whole)
        scale = np.sqrt(norms / weights[operators, columns])
        return columns, norms, self._built(state, step, operators, columns, scale)

    def _joining(
        self, state: SampledState, step: ChannelStep, small: NDArray[np.float64]
    ) -> tuple[NDArray[np.complex128], NDArray[np.int64], NDArray[np.complex128]] | None:
        """Candidates of exact columns that join sampled ones: built, their places and factors."""
        picked, places, factors = state.draw_joining(small.ravel())
        if not picked.size:
            return None
        operators, sources = np.divmod(picked, small.shape[1])
        built = self._built(state, step, operators + 1, sources + state.tail, np.ones(len(picked)))
        return built, places, factors

    def _built(
        self,
        state: SampledState,
        step: ChannelStep,
        operators: NDArray[np.int64],
        sources: NDArray[np.int64],
        scale: NDArray[np.float64],
    ) -> NDArray[np.complex128]:
        """Columns scale * K_operator v_source, (rows, number)."""
        bits, fixed = state.split_bits(step.qubits)
        kraus, block = restrict(step.kraus, *fixed), state.factor.block
        built = np.empty((len(block), len(operators)), block.dtype)
        if not len(operators):
            return built
        if bits:
            _core.branch(block, built, bits, kraus, operators, sources, scale)
        else:
            built[:] = block[:, sources] * (kraus[operators, 0, 0] * scale)
        return built

    def _settle(
        self,
        state: SampledState,
        weights: NDArray[np.float64],
        jumped: NDArray[np.int64],
        norms: NDArray[np.float64],
        built: NDArray[np.complex128],
    ) -> None:
        """Put in the columns that jumped, and pay every sampled column for what was drawn."""
        tail, after = state.factor.weights[: state.tail], weights[0].copy()
        after[jumped] = norms
        before = weights.sum(axis=0)
        alive = after > 0
        state.gains[alive] *= before[alive] / after[alive]
        state.factor.block[:, jumped] = built
        tail[:] = after

    def _compress(self, state: SampledState) -> None:
        """Fewer exact columns: the smallest directions join the tail."""
        kept = max(1, self.sampling.exact_columns // 2)
        small = split_off_small(
            state.factor, state.tail, state.comm, kept, self.sampling.resolution
        )
        if small.shape[1]:
            state.join_all(small)
        self.outcome.num_truncations += 1
