"""A state of exact columns and sampled ones: what is too small to be kept is sampled, unbiased.

rho is estimated by L L^dagger + sum_c W_c v_c v_c^dagger / |v_c|^2. The exact columns L are those
of the low-rank method. Each sampled column v_c of the *tail* is by itself an estimate of everything
that was left out of L, and they are independent of each other, so their spread gives the standard
error.

A sampled column goes through a channel as a quantum trajectory does: one Kraus operator is drawn
with its probability. What exact columns leave out at a step joins it: branches are picked along
the axis of the weight left out so far, at equal distances from a random start, and each is added
to the column with a random phase from {1, i, -1, -i}. On average all cross terms vanish, so any
expectation value is unbiased; one column gathers many errors, which is why it varies far less than
a trajectory, and the trace hardly at all. All of it happens in the compiled core, in one call for
many steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.factors.factor import Factor
from lret_dist.factors.state import State
from lret_dist.grid.exchange import swap_bits
from lret_dist.grid.layout import Layout, plan_exchange, plan_restore
from lret_dist.numerics.operators import restrict
from lret_dist.programs.program import ChannelStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import Program, UnitaryStep
    from lret_dist.records.run_records import Sampling

__all__ = ["SampledState"]

FloatArray = NDArray[np.float64]

#: Elements times steps that go through one call of the core, so that a run can be cancelled.
_ELEMENT_STEPS = 1 << 26


class SampledState:
    """One batch's columns, on a process grid of one column group.

    Attributes:
        columns: (capacity, local rows) columns, the sampled ones first.
        tail: number of sampled columns.
        layout: bits of the qubits.
        comm: messages of the row groups.
    """

    def __init__(
        self,
        columns: NDArray[Any],
        core: _core.SampledColumnsDouble | _core.SampledColumnsSingle,
        tail: int,
        layout: Layout,
        comm: GridCommunicator,
    ) -> None:
        self.columns = columns
        self.tail = tail
        self.layout = layout
        self.comm = comm
        self._core = core
        self._known_norms: FloatArray | None = None

    @classmethod
    def begin(cls, exact: State, sampling: Sampling, seed: int, batch: int) -> SampledState:
        """The given state, and sampled columns that hold nothing yet."""
        assert exact.comm.grid.columns == 1
        factor, tail = exact.factor, sampling.columns
        room = max(sampling.exact_columns, factor.columns)
        columns = np.empty((tail + room, factor.rows), factor.dtype)
        columns[:tail] = 0
        columns[tail : tail + factor.columns] = factor.block.T
        double = factor.dtype.itemsize == 16
        kind = _core.SampledColumnsDouble if double else _core.SampledColumnsSingle
        core = kind(
            columns, tail, factor.weights, sampling.resolution, sampling.spacing, seed, batch
        )
        return cls(columns, core, tail, exact.layout, exact.comm)

    def copy(self) -> SampledState:
        """An independent state."""
        columns = self.columns.copy()
        core = self._core.on(columns)
        return SampledState(columns, core, self.tail, self.layout.copy(), self.comm)

    @property
    def exact(self) -> int:
        """Number of exact columns."""
        return self._core.exact

    def rank(self) -> int:
        """Number of columns, sampled ones included."""
        return self.tail + self.exact

    def run(
        self, program: Program, steps: Sequence[UnitaryStep | ChannelStep], number: int
    ) -> Iterator[list[int]]:
        """Take the columns through steps, the first of which has this number.

        Yields:
            The number of exact columns after each of the steps that were done since the last time.
        """
        self._known_norms = None
        if self.comm.grid.rows > 1:
            for place, step in enumerate(steps):
                self._step(program, step, number + place)
                yield [self.exact]
            return
        most = max(1, _ELEMENT_STEPS // (self.rank() * self.columns.shape[1]))
        for start in range(0, len(steps), most):
            part = [_packed(step, list(step.qubits)) for step in steps[start : start + most]]
            yield self._core.run(part, number + start)

    def _step(self, program: Program, step: UnitaryStep | ChannelStep, number: int) -> None:
        """One step where the rows are spread over several MPI ranks."""
        pairs = plan_exchange(self.layout, step.changed_qubits, program.next_change(number))
        if pairs:
            swap_bits(self._blocks(), self.layout, self.comm, pairs)
        packed = self._restricted(step)
        weights = self._core.partial_weights(packed)
        self.comm.sum_over_rows(weights)
        joined = self._core.advance(packed, number, weights)
        if joined:
            self._weigh(joined)

    def _weigh(self, numbers: list[int]) -> None:
        """Take the weights of sampled columns from their norms."""
        norms = np.concatenate([_core.squared_norms(self.columns[c : c + 1]) for c in numbers])
        self.comm.sum_over_rows(norms)
        weights = self._core.weights()
        weights[numbers] = norms
        self._core.set_weights(weights)

    def _restricted(self, step: UnitaryStep | ChannelStep) -> tuple[Any, ...]:
        """A step for the values that this MPI rank has of qubits on distributed bits."""
        bits = self.layout.bits(step.qubits)
        local_bits = self.layout.local_bits
        positions = [p for p, bit in enumerate(bits) if bit >= local_bits]
        values = self.layout.values(self.comm.row, [bits[p] for p in positions])
        _, kraus, _, *bounds = _packed(step, bits)
        return (
            [b for b in bits if b < local_bits],
            restrict(kraus, positions, values),
            None,
            *bounds,
        )

    def project(self, matrix: NDArray[np.complex128], qubits: Sequence[int]) -> None:
        """Apply a diagonal matrix that is no unitary to one qubit."""
        factors = self._values_of(qubits[0], matrix.diagonal())
        before = self._norms()[: self.tail]
        for column in self.columns[: self.rank()]:
            column *= factors.astype(column.dtype)
        self._known_norms = None
        after, weights = self._norms(), self._core.weights()
        tail = slice(0, self.tail)
        ratio = np.divide(
            after[tail], before[tail], out=np.zeros(self.tail), where=before[tail] > 0
        )
        weights[tail] *= ratio
        weights[self.tail :] = after[self.tail :]
        self._core.set_weights(weights)

    def masses(self, qubit: int) -> FloatArray:
        """Weights of both outcomes of a measurement of a qubit, (2,)."""
        part = self._values_of(qubit, np.array([0.0, 1.0]))
        parts = np.array([self.probabilities(in_order=False).sum(), 0.0])
        parts[1] = self.probabilities(in_order=False) @ part
        self.comm.sum_over_rows(parts)
        return np.array([parts[0] - parts[1], parts[1]])

    def restore_order(self) -> None:
        """Exchange bits until every qubit q lies on bit q."""
        for pair in plan_restore(self.layout):
            swap_bits(self._blocks(), self.layout, self.comm, [pair])

    def probabilities(self, *, in_order: bool = True) -> FloatArray:
        """Weight of each row held here, shape (local rows,)."""
        if in_order:
            self.restore_order()
        factors = self._factors() / self._shares()
        return _core.weighted_probabilities(self.columns[: self.rank()], factors)

    def z_values(self, qubits: Sequence[int]) -> FloatArray:
        """<Z> of each qubit in each column, (columns, k), unnormalised.

        That of a sampled column estimates the whole of the tail.
        """
        self.restore_order()
        local = _core.z_values(self.columns[: self.rank()])
        spread = range(self.layout.local_bits, self.layout.num_qubits)
        signs = 1.0 - 2.0 * np.array(self.layout.values(self.comm.row, spread))
        values = np.hstack([local[:, :-1], local[:, -1:] * signs])
        self.comm.sum_over_rows(values)
        return np.asarray(values[:, list(qubits)] * self._factors()[:, np.newaxis])

    def pauli_values(self, x_masks: Sequence[int], z_masks: Sequence[int]) -> FloatArray:
        """Tr(P rho) of each column, (columns, strings), as in :meth:`z_values`.

        The masks are those of :meth:`State.pauli`.
        """
        self.restore_order()
        if self.comm.grid.rows == 1:
            x, z = np.array(x_masks, np.int64), np.array(z_masks, np.int64)
            values = _core.pauli_values(self.columns[: self.rank()], x, z)
        else:
            pairs = list(zip(x_masks, z_masks, strict=True))
            states = [self.column(number)[0] for number in range(self.rank())]
            values = np.array([[state.pauli(*pair) for pair in pairs] for state in states])
        return np.asarray(values * self._factors()[:, np.newaxis])

    def column(self, number: int) -> tuple[State, float]:
        """One column as a state of its own, and what to multiply its values by.

        A sampled column then estimates the whole of the tail. The qubits must be in order.
        """
        column, norm = self.columns[number][:, np.newaxis], self._norms()[number : number + 1]
        state = State(Factor.from_columns(column, norm, 1), self.layout.copy(), self.comm)
        return state, float(self._factors()[number])

    def _factors(self) -> FloatArray:
        """What the values of each column are multiplied by."""
        norms, weights = self._norms(), self._core.weights()
        factors = np.divide(weights, norms, out=np.zeros(len(norms)), where=norms > 0)
        factors[self.tail :] = 1
        return np.asarray(factors * self._shares())

    def _shares(self) -> FloatArray:
        """Number of sampled columns that share what each column stands for."""
        shares = np.ones(self.rank())
        shares[: self.tail] = self.tail
        return shares

    def _norms(self) -> FloatArray:
        """|v|**2 of every column, kept until a step changes them."""
        if self._known_norms is None:
            norms = _core.squared_norms(self.columns[: self.rank()])
            self.comm.sum_over_rows(norms)
            self._known_norms = norms
        return self._known_norms

    def _values_of(self, qubit: int, values: NDArray[Any]) -> NDArray[Any]:
        """The value for each row held here: the one for its value of the qubit."""
        bit = self.layout.bit(qubit)
        rows = np.arange(self.columns.shape[1]) | self.comm.row << self.layout.local_bits
        return np.asarray(values[rows >> bit & 1])

    def _blocks(self) -> list[NDArray[Any]]:
        return [column[:, np.newaxis] for column in self.columns[: self.rank()]]


def _packed(step: UnitaryStep | ChannelStep, bits: list[int]) -> tuple[Any, ...]:
    """A step as the core takes it."""
    if isinstance(step, ChannelStep):
        return (bits, step.kraus, step.probabilities, *step.dominant_bounds)
    return (bits, step.operator.matrix[np.newaxis], np.ones(1), 1.0, 1.0)
