"""A state of exact columns and sampled ones: what is too small to be kept is sampled, unbiased.

rho is estimated by L L^dagger + sum_c g_c v_c v_c^dagger. The exact columns L are those of the
low-rank method. Each sampled column v_c of the *tail* is an estimate of its own of everything that
was left out of L, and they are independent of each other, so their spread gives the standard error.

A sampled column goes through a channel as a quantum trajectory does: one Kraus operator is drawn
with its probability. What exact columns leave out at a step joins it: candidates are picked along
the axis of the weight left out so far, at equal distances from a random start, and each is added
to the column with a random phase from {1, i, -1, -i}. On average all cross terms vanish, so any
expectation value is unbiased; one column gathers many errors, which is why it varies far less than
a trajectory, and the trace hardly at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lret_dist.communicator import GridCommunicator
    from lret_dist.factor import Factor
    from lret_dist.layout import Layout

__all__ = ["SampledState"]

FloatArray = NDArray[np.float64]

_PHASES = np.array([1, 1j, -1, -1j])
#: Squared norm of a sampled column below which it is scaled up again.
_SMALL = 1e-8


class SampledState(State):
    """A factor whose first columns are the tail.

    Attributes:
        gains: (t,) weight g_c of each sampled column per squared norm.
        rng: draws everything about the tail; the same on every row group.
    """

    def __init__(
        self,
        factor: Factor,
        layout: Layout,
        comm: GridCommunicator,
        gains: FloatArray,
        points: FloatArray,
        spacing: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(factor, layout, comm)
        self.gains = gains
        self.rng = rng
        self._points = points
        self._spacing = spacing

    @classmethod
    def with_tail(
        cls, exact: State, columns: int, spacing: float, rng: np.random.Generator
    ) -> SampledState:
        """The given state, with so many sampled columns in front that hold nothing yet.

        Args:
            exact: the state, on a process grid of one column group.
            columns: number of sampled columns.
            spacing: weight left out between two candidates that join the same column.
            rng: draws everything about the tail.
        """
        assert exact.comm.grid.columns == 1
        old = exact.factor
        factor = type(old)(old.rows, old.dtype, reserve=columns + 2 * old.columns)
        factor.append(columns)[:] = 0
        factor.append(old.columns)[:] = old.block
        factor.weights = np.concatenate([np.zeros(columns), old.weights])
        points = spacing * rng.random(columns)
        gains = np.full(columns, 1.0 / columns)
        return cls(factor, exact.layout, exact.comm, gains, points, spacing, rng)

    @property
    def tail(self) -> int:
        """Number of sampled columns."""
        return len(self.gains)

    def copy(self) -> SampledState:
        """An independent state; both go on to draw the same random numbers' successors."""
        (child,) = self.rng.spawn(1)
        return SampledState(
            self.factor.copy(),
            self.layout.copy(),
            self.comm,
            self.gains.copy(),
            self._points.copy(),
            self._spacing,
            child,
        )

    def draw_operators(self, weights: FloatArray) -> NDArray[np.int64]:
        """Draw the Kraus operator of each sampled column from the weights (K, t) of all."""
        cumulative = np.cumsum(weights, axis=0)
        points = self.rng.random(self.tail) * cumulative[-1]
        drawn = np.minimum((cumulative <= points).sum(axis=0), len(weights) - 1)
        return np.where(cumulative[-1] > 0, drawn, 0)

    def draw_joining(
        self, weights: FloatArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.complex128]]:
        """Pick candidates that join sampled columns.

        Args:
            weights: (m,) weights of the candidates that are left out.

        Returns:
            (p,) numbers of the candidates, of the sampled columns that they join, and the factors
            to join them with.
        """
        cumulative = np.cumsum(weights)
        total = float(cumulative[-1]) if len(cumulative) else 0.0
        candidates, columns = [], []
        while (due := np.flatnonzero(self._points < total)).size:
            candidates.append(np.searchsorted(cumulative, self._points[due], side="right"))
            columns.append(due)
            self._points[due] += self._spacing
        self._points -= total
        if not columns:
            none = np.empty(0, np.int64)
            return none, none, np.empty(0, np.complex128)
        candidate, column = np.concatenate(candidates), np.concatenate(columns)
        phases = _PHASES[self.rng.integers(4, size=len(column))]
        return candidate, column, phases * np.sqrt(self._spacing / self.tail / weights[candidate])

    def join(self, columns: NDArray[Any], to: NDArray[np.int64], factors: NDArray[Any]) -> None:
        """Add columns (rows, p), each times its factor, to sampled columns."""
        block, factors = self.factor.block, factors / np.sqrt(self.gains[to])
        left = np.arange(len(to))
        while left.size:
            targets, first = np.unique(to[left], return_index=True)
            now = left[first]
            block[:, targets] += (columns[:, now] * factors[now]).astype(block.dtype, copy=False)
            left = np.delete(left, first)
        touched = np.unique(to)
        joined = np.ascontiguousarray(block[:, touched])
        weights = _core.column_weights(joined)
        self.comm.sum_over_rows(weights)
        self.factor.weights[touched] = weights

    def join_all(self, columns: NDArray[Any]) -> None:
        """Let columns (rows, m) join every sampled column, with random phases: for a few."""
        shape = (columns.shape[1], self.tail)
        factors = _PHASES[self.rng.integers(4, size=shape)] / np.sqrt(self.tail * self.gains)
        block = self.factor.block[:, : self.tail]
        block += (columns @ factors.astype(columns.dtype)).astype(block.dtype, copy=False)
        weights = _core.column_weights(block)
        self.comm.sum_over_rows(weights)
        self.factor.weights[: self.tail] = weights

    def raise_small(self) -> None:
        """Scale sampled columns up whose norm has become small, before it underflows."""
        weights = self.factor.weights[: self.tail]
        small = np.flatnonzero((weights < _SMALL) & (weights > 0))
        if small.size:
            block = self.factor.block
            scale = 1 / np.sqrt(weights[small])
            block[:, small] = (block[:, small] * scale).astype(block.dtype, copy=False)
            self.gains[small] *= weights[small]
            self.factor.weights[small] = 1.0

    def project(self, matrix: NDArray[np.complex128], qubits: Sequence[int]) -> None:
        """Apply a matrix that is no unitary."""
        super().project(matrix, qubits)
        self.raise_small()

    def rank(self) -> int:
        """Number of columns, sampled ones included."""
        return self.factor.columns

    def trace(self) -> float:
        """Tr of the estimate."""
        self._absorb_gains()
        return super().trace()

    def probabilities(self) -> FloatArray:
        """Weight of each row held here, shape (local rows,)."""
        self._absorb_gains()
        return super().probabilities()

    def pauli_sum(self, x_mask: int, z_mask: int) -> complex:
        """Tr(X**x Z**z rho); masks have one bit a qubit."""
        self._absorb_gains()
        return super().pauli_sum(x_mask, z_mask)

    def density_matrix(self, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
        """Reduced density matrix of ``qubits``, (2**k, 2**k), on the driver."""
        self._absorb_gains()
        return super().density_matrix(qubits)

    def exact(self) -> State:
        """A copy of the exact columns."""
        return self._state_of(self.factor.block[:, self.tail :])

    def estimates(self) -> Iterator[State]:
        """Each sampled column, scaled so that their mean estimates what is not in the exact ones."""
        self._absorb_gains()
        for column in range(self.tail):
            one = self.factor.block[:, column : column + 1]
            yield self._state_of(one * one.dtype.type(np.sqrt(self.tail)))

    def z_values(self, qubits: Sequence[int]) -> FloatArray:
        """Estimates of <Z> of each qubit by each sampled column, exact part included, (t, k)."""
        self._absorb_gains()
        values = np.empty((self.factor.columns, len(qubits)))
        for place, qubit in enumerate(qubits):
            values[:, place] = self._z_of_columns(qubit)
        self.comm.sum_over_rows(values)
        exact = values[self.tail :].sum(axis=0)
        return np.asarray(exact + self.tail * values[: self.tail])

    def masses(self, qubit: int) -> FloatArray:
        """Weights of both outcomes of a measurement of a qubit, (2,)."""
        self._absorb_gains()
        both = np.array([self.factor.weights.sum(), self._z_of_columns(qubit).sum()])
        z = both[1:]
        self.comm.sum_over_rows(z)
        return np.clip([(both[0] + z[0]) / 2, (both[0] - z[0]) / 2], 0, None)

    def _z_of_columns(self, qubit: int) -> FloatArray:
        """<Z> of every column, from the rows held here."""
        bits, (positions, value) = self.split_bits([qubit])
        if positions:
            return np.asarray((1 - 2 * value[0]) * _core.column_weights(self.factor.block))
        reduced = _core.reduced_matrices(self.factor.block, bits)
        return np.asarray((reduced[:, 0, 0] - reduced[:, 1, 1]).real)

    def _absorb_gains(self) -> None:
        """Scale the sampled columns so that all gains are one, as every read-out expects."""
        if (self.gains == 1).all():
            return
        block = self.factor.block[:, : self.tail]
        block *= np.sqrt(self.gains).astype(block.real.dtype)
        self.factor.weights[: self.tail] *= self.gains
        self.gains[:] = 1

    def _state_of(self, columns: NDArray[Any]) -> State:
        own = columns.astype(self.factor.dtype, order="C")
        factor = type(self.factor).from_columns(own, np.zeros(own.shape[1]), own.shape[1])
        return State(factor, self.layout.copy(), self.comm)
