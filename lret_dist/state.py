"""The simulated state: the factor on the process grid, and where its qubits lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.communicator import BUFFER_BYTES, GridCommunicator
from lret_dist.exchange import swap_bits
from lret_dist.factor import Factor
from lret_dist.layout import Layout, plan_exchange, plan_restore
from lret_dist.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["FixedBits", "State"]

#: Positions of an operator's qubits that lie on distributed bits, and this MPI rank's values.
FixedBits = tuple[tuple[int, ...], tuple[int, ...]]


class State:
    """One MPI rank's part of the state; most methods are collective over the grid.

    Attributes:
        factor: the rows and columns that are held here.
        layout: bits of the qubits.
        comm: messages of the grid.
    """

    def __init__(self, factor: Factor, layout: Layout, comm: GridCommunicator) -> None:
        self.factor = factor
        self.layout = layout
        self.comm = comm

    @classmethod
    def prepare(
        cls,
        num_qubits: int,
        comm: GridCommunicator,
        dtype: np.dtype[Any],
        columns: NDArray[np.complex128] | None,
        reserve: int,
    ) -> State:
        """The state with the given columns, (2**n, r), or all qubits zero; dealt over the grid."""
        layout = Layout(num_qubits, comm.grid.row_bits)
        rows = 1 << layout.local_bits
        share = -(-reserve // comm.grid.columns)
        factor = Factor(rows, dtype, reserve=share)
        if columns is None:
            count = 1 if comm.column == 0 else 0
            factor.append(count)[:] = 0
            factor.weights = np.ones(count)
            if count and comm.row == 0:
                factor.block[0, 0] = 1
        else:
            mine = columns[
                comm.row * rows : (comm.row + 1) * rows, comm.column :: comm.grid.columns
            ]
            factor.append(mine.shape[1])[:] = mine
            factor.weights = _core.column_weights(factor.block)
            comm.sum_over_rows(factor.weights)
        return cls(factor, layout, comm)

    def copy(self) -> State:
        """An independent state on the same grid."""
        return State(self.factor.copy(), self.layout.copy(), self.comm)

    def bring_local(self, qubits: Sequence[int], next_use: Callable[[int], int]) -> None:
        """Exchange bits until the qubits lie on local ones; see :func:`plan_exchange`."""
        pairs = plan_exchange(self.layout, qubits, next_use)
        if pairs:
            swap_bits([self.factor.block], self.layout, self.comm, pairs)

    def restore_order(self) -> None:
        """Exchange bits until every qubit q lies on bit q."""
        for pair in plan_restore(self.layout):
            swap_bits([self.factor.block], self.layout, self.comm, [pair])

    def split_bits(self, qubits: Sequence[int]) -> tuple[list[int], FixedBits]:
        """Local bits of the qubits, and the positions and values of those that are distributed."""
        bits = self.layout.bits(qubits)
        local_bits = self.layout.local_bits
        positions = tuple(p for p, bit in enumerate(bits) if bit >= local_bits)
        values = self.comm.row_bit_values([bits[p] for p in positions], local_bits)
        return [bit for bit in bits if bit < local_bits], (positions, values)

    def apply(self, operator: Operator, qubits: Sequence[int]) -> None:
        """Apply an operator whose qubits are local, or block diagonal where they are not."""
        bits, fixed = self.split_bits(qubits)
        if self.factor.columns:
            operator.restricted(*fixed).apply(self.factor.block, bits)

    def project(self, matrix: NDArray[np.complex128], qubits: Sequence[int]) -> None:
        """Apply a matrix that is no unitary; as :meth:`apply`, and the weights are taken anew."""
        self.apply(Operator(matrix), qubits)
        self.factor.weights = _core.column_weights(self.factor.block)
        self.comm.sum_over_rows(self.factor.weights)

    def trace(self) -> float:
        """Tr(L^dagger L), summed afresh from the entries."""
        total = np.array([_core.column_weights(self.factor.block).sum()])
        self.comm.sum_over_all(total)
        return float(total[0])

    def rank(self) -> int:
        """Number of columns over the whole grid."""
        return sum(self.comm.columns_per_group(self.factor.columns))

    def probabilities(self) -> NDArray[np.float64]:
        """Weight of each row held here, over all columns of the grid, shape (local rows,)."""
        weights = _core.probabilities(self.factor.block)
        self.comm.sum_over_columns(weights)
        return weights

    def pauli(self, x_mask: int, z_mask: int) -> float:
        """Tr(P rho), unnormalised.

        P has X on the qubits of ``x_mask`` alone, Z on those of ``z_mask`` alone, Y = i X Z on
        those of both.
        """
        phase: complex = 1j ** (x_mask & z_mask).bit_count()
        return (phase * self.pauli_sum(x_mask, z_mask)).real

    def marginal(self, qubits: Sequence[int]) -> NDArray[np.float64] | None:
        """Weights of the outcomes of ``qubits``, (2**k,), the first the lowest bit, unnormalised.

        On row group 0 only.
        """
        self.restore_order()
        whole = self.comm.gather_rows(self.probabilities())
        if whole is None:
            return None
        n = self.layout.num_qubits
        rest = tuple(axis for axis in range(n) if n - 1 - axis not in qubits)
        weights = whole.reshape((2,) * n).sum(axis=rest)
        left = sorted(qubits, reverse=True)
        return np.asarray(weights.transpose([left.index(q) for q in reversed(qubits)]).reshape(-1))

    def density_matrix(self, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
        """Reduced density matrix of ``qubits``, (2**k, 2**k), unnormalised, on the driver.

        Whole columns are gathered chunk by chunk.
        """
        self.restore_order()
        n, size = self.layout.num_qubits, 1 << len(qubits)
        rho = np.zeros((size, size), np.complex128)
        axes = [n - 1 - q for q in reversed(qubits)]
        axes += [axis for axis in range(n + 1) if axis not in axes]
        block, most = self.factor.block, max(1, BUFFER_BYTES // (16 << n))
        for start in range(0, block.shape[1], most):
            part = np.ascontiguousarray(block[:, start : start + most])
            whole = self.comm.gather_rows(part)
            if whole is not None:
                tensor = whole.astype(np.complex128, copy=False).reshape((2,) * n + (-1,))
                flat = tensor.transpose(axes).reshape(size, -1)
                rho += flat @ flat.conj().T
        self.comm.sum_columns_on_driver(rho)
        return rho if self.comm.is_driver else None

    def pauli_sum(self, x_mask: int, z_mask: int) -> complex:
        """Tr(X**x Z**z rho), unnormalised; masks have one bit a qubit."""
        x_local, x_row = self._split_mask(x_mask)
        z_local, z_row = self._split_mask(z_mask)
        partner = self.comm.row ^ x_row
        value = 0j
        for columns in self._column_chunks():
            mine = columns
            theirs = columns
            if x_row:
                mine = np.ascontiguousarray(columns)
                theirs = np.empty_like(mine)
                self.comm.swap_with_row(partner, mine, theirs)
            value += _core.pauli_overlap(mine, theirs, x_local, z_local)
        if (partner & z_row).bit_count() & 1:
            value = -value
        total = np.array([value])
        self.comm.sum_over_all(total)
        return complex(total[0])

    def _column_chunks(self) -> list[NDArray[Any]]:
        """Views of consecutive columns, each of at most one transfer buffer."""
        most = max(1, BUFFER_BYTES // (self.factor.rows * self.factor.dtype.itemsize))
        block = self.factor.block
        return [block[:, start : start + most] for start in range(0, block.shape[1], most)]

    def _split_mask(self, mask: int) -> tuple[int, int]:
        """A mask over qubits as masks over local bits and over row groups."""
        bits = sum(1 << self.layout.bit(q) for q in range(self.layout.num_qubits) if mask >> q & 1)
        return bits & ((1 << self.layout.local_bits) - 1), bits >> self.layout.local_bits
