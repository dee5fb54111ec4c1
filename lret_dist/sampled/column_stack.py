"""Pure states of several shots, which go through the same steps together.

Every column is a state vector. Shots whose outcomes and errors were the same share one; where a
channel's operators part them, each operator that some shot has drawn makes a column of its own.
So each shot is a quantum trajectory, and what it measures has the exact distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.factors.branching import candidate_weights
from lret_dist.factors.factor import Factor
from lret_dist.factors.state import State
from lret_dist.grid.layout import Layout
from lret_dist.numerics.operators import PROJECTORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.factors.factor import Block
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import ChannelStep, UnitaryStep

__all__ = ["ColumnStack"]


class ColumnStack:
    """Normalised state vectors on one process.

    Attributes:
        factor: the vectors, as columns of weight one.
    """

    def __init__(self, columns: Block) -> None:
        """Copy the vectors, (2**n, number), of which there is at least one."""
        number = columns.shape[1]
        self.factor = Factor.from_columns(columns, np.ones(number), number)

    @property
    def number(self) -> int:
        """Number of vectors."""
        return self.factor.columns

    @property
    def bytes(self) -> int:
        """Memory of the vectors."""
        return self.factor.nbytes

    def apply(self, step: UnitaryStep) -> None:
        """Apply a unitary to all of them."""
        step.operator.apply(self.factor.block, list(step.qubits))

    def operator_weights(self, step: ChannelStep) -> NDArray[np.float64]:
        """Weights of the images of all vectors under a channel's operators, (K, number)."""
        weights, _ = candidate_weights(self.factor, step, list(step.qubits), ((), ()))
        return np.clip(weights, 0, None)

    def drawn(
        self,
        step: ChannelStep,
        operators: NDArray[np.int64],
        rows: NDArray[np.int64],
        weights: NDArray[np.float64],
    ) -> ColumnStack:
        """Those with these numbers, each after the operator of a channel that was drawn for it.

        Args:
            step: the channel.
            operators: number of the operator of each.
            rows: number of the vector that each comes from.
            weights: from :meth:`operator_weights`.
        """
        mine = weights[operators, rows]
        return self._built(list(step.qubits), step.kraus, operators, rows, mine)

    def masses(self, qubit: int) -> NDArray[np.float64]:
        """Weights of both outcomes of a qubit, (number, 2)."""
        reduced = _core.reduced_matrices(self.factor.block, [qubit])
        return np.diagonal(reduced, axis1=1, axis2=2).real.copy()

    def probabilities(self) -> NDArray[np.float64]:
        """Weights of all basis states, (number, 2**n)."""
        block = self.factor.block
        weights: NDArray[np.float64] = (block.real**2 + block.imag**2).T.astype(np.float64)
        return weights

    def traces(self) -> NDArray[np.float64]:
        """Weights of the vectors, which are one."""
        return np.ones(self.number)

    def taken(self, rows: NDArray[np.int64]) -> ColumnStack:
        """Those with these numbers; one may be taken several times."""
        return ColumnStack(self.factor.block[:, rows])

    def measured(
        self, rows: NDArray[np.int64], outcomes: NDArray[np.int64], qubit: int
    ) -> ColumnStack:
        """Those with these numbers, where a qubit was found as it was: 0 or 1 for each."""
        mine = self.masses(qubit)[rows, outcomes]
        return self._built([qubit], PROJECTORS, outcomes, rows, mine)

    def joined(self, other: ColumnStack) -> ColumnStack:
        """These and the others behind them."""
        return ColumnStack(np.concatenate([self.factor.block, other.factor.block], axis=1))

    def state(self, row: int, comm: GridCommunicator) -> State:
        """One of them, as a factor on a process grid of one MPI rank."""
        column: Any = np.ascontiguousarray(self.factor.block[:, row : row + 1])
        layout = Layout(len(column).bit_length() - 1, 0)
        return State(Factor.from_columns(column, np.ones(1), 1), layout, comm)

    def _built(
        self,
        bits: list[int],
        operators: NDArray[Any],
        which: NDArray[np.int64],
        rows: NDArray[np.int64],
        weights: NDArray[np.float64],
    ) -> ColumnStack:
        """One operator's image of each of these vectors, of these weights, normalised."""
        block = self.factor.block
        found = Factor(len(block), self.factor.dtype, reserve=len(rows))
        out = found.append(len(rows))
        _core.branch(block, out, bits, operators, which, rows, 1 / np.sqrt(weights))
        found.weights = np.ones(len(rows))
        stack = ColumnStack.__new__(ColumnStack)
        stack.factor = found
        return stack
