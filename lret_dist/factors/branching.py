"""Branching: which of the columns K_k L_j a channel makes, and which weight is left out.

The weight of a candidate is w(k, j) = ||K_k L_j||^2 = Tr(K_k^dagger K_k rho_j), known before the
candidate is built. Candidates are sorted into bins by weight; the bins of all MPI ranks are added
up, the driver draws the line, and everybody builds what lies above it. So the decision is the
same on every process grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.numerics.operators import restrict

if TYPE_CHECKING:
    from lret_dist.factors.factor import Block, Factor
    from lret_dist.programs.program import ChannelStep

__all__ = [
    "NUM_BINS",
    "Bins",
    "Branches",
    "candidate_weights",
    "choose",
]

FloatArray: TypeAlias = NDArray[np.float64]

NUM_BINS = _core.NUM_BINS

#: Widest channel for which reduced matrices of the columns are formed.
_REDUCED_QUBITS = 3


@dataclass(eq=False)
class Branches:
    """Candidates chosen on one MPI rank.

    Attributes:
        operators: (c,) number of the Kraus operator of each.
        sources: (c,) number of the column that it comes from.
        weights: (c,) squared norm of each.
    """

    operators: NDArray[np.int64]
    sources: NDArray[np.int64]
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, part: slice | NDArray[np.int64]) -> Branches:
        """Some of the candidates."""
        return Branches(self.operators[part], self.sources[part], self.weights[part])

    def pack(self) -> FloatArray:
        """Operators, sources and weights, (3, c), to be sent."""
        return np.array([self.operators, self.sources, self.weights])

    @classmethod
    def unpack(cls, words: FloatArray) -> Branches:
        """The inverse of :meth:`pack`."""
        return cls(words[0].astype(np.int64), words[1].astype(np.int64), words[2])

    def by_operator(self) -> Branches:
        """The same, sorted by operator, then by column."""
        return self[np.lexsort((self.sources, self.operators))]

    def by_source(self) -> Branches:
        """The same, those of one column together, the column that has most of them last."""
        number = np.bincount(self.sources)[self.sources]
        return self[np.lexsort((self.operators, self.sources, number))]

    def build(
        self, source: Block, out: Block, bits: list[int], kraus: NDArray[np.complex128]
    ) -> None:
        """Write the chosen columns into ``out``."""
        scale = np.ones(len(self))
        _core.branch(source, out, bits, kraus, self.operators, self.sources, scale)


class Bins:
    """Weight and number of candidates by size of the weight, in one array that can be summed.

    ``data[0]`` holds the weights, ``data[1]`` the numbers, each of length ``NUM_BINS``.
    """

    def __init__(self, data: FloatArray) -> None:
        self.data = data

    @classmethod
    def of(cls, weights: FloatArray) -> Bins:
        """Bins of the candidates of one MPI rank, (K - 1, columns)."""
        return cls(_core.bin_weights(weights))

    def cut_for_weight(self, allowance: float) -> int:
        """First bin to keep such that all lower ones hold at most ``allowance``, bin 0 apart."""
        cumulative = np.cumsum(self.data[0, 1:])
        return 1 + int(np.searchsorted(cumulative, allowance, side="right"))

    def cut_for_number(self, number: int) -> int:
        """First bin to keep such that it and all higher ones hold at most ``number`` candidates."""
        above = np.cumsum(self.data[1, ::-1])
        return NUM_BINS - int(np.searchsorted(above, number, side="right"))

    def weight_below(self, cut: int) -> float:
        """Weight of the candidates in the bins below ``cut``."""
        return float(self.data[0, :cut].sum())

    def number_from(self, cut: int) -> int:
        """Number of candidates in bin ``cut`` and above."""
        return int(self.data[1, cut:].sum())


def candidate_weights(
    factor: Factor,
    step: ChannelStep,
    bits: list[int],
    fixed: tuple[tuple[int, ...], tuple[int, ...]],
) -> tuple[FloatArray, bool]:
    """Weights of all candidates of a step, shape (K, columns), operator 0 the dominant one.

    Args:
        factor: this MPI rank's part of the factor.
        step: the channel.
        bits: bits of the step's qubits that are local.
        fixed: positions of the qubits on distributed bits, and this MPI rank's values of them.

    Returns:
        The weights, and whether they are partial sums over this MPI rank's rows.
    """
    if step.probabilities is not None:
        return np.outer(step.probabilities, factor.weights), False
    effects = restrict(step.effects, *fixed)
    if len(bits) <= _REDUCED_QUBITS and bits:
        reduced = _core.reduced_matrices(factor.block, bits)
        # Tr(E rho) = sum_ab E[b, a] rho[a, b], and rho is Hermitian.
        flat = (
            effects.conj().reshape(len(effects), -1)
            @ reduced.reshape(len(reduced), effects[0].size).T
        )
        return np.ascontiguousarray(flat.real), True
    if not bits:
        return np.outer(effects[:, 0, 0].real, _core.column_weights(factor.block)), True
    return _weights_by_trial(factor, step.restricted(*fixed), bits), True


def _weights_by_trial(factor: Factor, kraus: NDArray[np.complex128], bits: list[int]) -> FloatArray:
    """Weights of a wide channel, by applying each operator to a copy of the block."""
    weights = []
    for operator in kraus:
        trial = factor.block.copy()
        _core.apply_matrix(trial, bits, np.ascontiguousarray(operator))
        weights.append(_core.column_weights(trial))
    return np.array(weights)


def choose(weights: FloatArray, cut: int) -> Branches:
    """The candidates of operators 1, 2, ... in bin ``cut`` or above, by operator, then by column.

    Args:
        weights: (K, columns), as from :func:`candidate_weights`.
        cut: the lowest bin that is kept.
    """
    places = _core.weights_from(weights[1:], cut)
    operators, sources = np.divmod(places, max(1, weights.shape[1]))
    return Branches(operators + 1, sources, weights[1:].ravel()[places])
