"""The simulated state: the factor on the process grid, and where its qubits lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.factors.factor import Factor
from lret_dist.grid.communicator import BUFFER_BYTES, GridCommunicator, Parcel
from lret_dist.grid.exchange import swap_bits, trade_blocks, vector_in_order
from lret_dist.grid.layout import Layout, plan_distribution
from lret_dist.numerics.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    def distribute(self, qubits: Iterable[int]) -> None:
        """Exchange bits until these qubits, and no others, lie on distributed ones."""
        pairs = plan_distribution(self.layout, qubits)
        if pairs:
            with self.comm.traffic.counted_as("exchange"):
                swap_bits([self.factor.block], self.layout, self.comm, pairs)

    def unflip(self) -> None:
        """Move rows until no distributed bit is flipped any more."""
        if self.layout.flipped:
            trade_blocks(self.factor.block, self.comm, self.layout.flipped)
            self.layout.flipped = 0

    def split_bits(self, qubits: Sequence[int]) -> tuple[list[int], FixedBits]:
        """Local bits of the qubits, and the positions and values of those that are distributed."""
        bits = self.layout.bits(qubits)
        local_bits = self.layout.local_bits
        positions = tuple(p for p, bit in enumerate(bits) if bit >= local_bits)
        values = self.layout.values(self.comm.row, [bits[p] for p in positions])
        return [bit for bit in bits if bit < local_bits], (positions, values)

    def row_distance(self, qubits: Sequence[int], flips: Iterable[int]) -> int:
        """Bits of the row group's number that change where qubits are flipped, by ones."""
        flipped = [bit for bit, flip in zip(self.layout.bits(qubits), flips, strict=True) if flip]
        local_bits = self.layout.local_bits
        return sum(1 << (bit - local_bits) for bit in flipped if bit >= local_bits)

    def apply(self, operator: Operator, qubits: Sequence[int]) -> None:
        """Apply an operator that mixes the values of no qubit on a distributed bit."""
        self.apply_to(self.factor.block, operator, qubits)

    def apply_to(self, columns: NDArray[Any], operator: Operator, qubits: Sequence[int]) -> None:
        """As :meth:`apply`, to those columns of the factor that are all there will be."""
        bits, fixed = self.split_bits(qubits)
        if columns.shape[1]:
            operator.restricted(*fixed).apply(columns, bits)
        self.layout.flipped ^= self.row_distance(qubits, operator.flips)

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
        """Weight of each row, over all columns of the grid, shape (local rows,).

        The rows are those of this row group when every qubit q lies on bit q.
        """
        weights = _core.probabilities(self.factor.block)
        self.comm.sum_over_columns(weights)
        return vector_in_order(weights, self.layout, self.comm)

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
        n, size = self.layout.num_qubits, 1 << len(qubits)
        rho = np.zeros((size, size), np.complex128)
        axes = [n - 1 - bit for bit in reversed(self.layout.bits(qubits))]
        axes += [axis for axis in range(n + 1) if axis not in axes]
        block, most = self.factor.block, max(1, BUFFER_BYTES // (16 << n))
        for start in range(0, block.shape[1], most):
            part = np.ascontiguousarray(block[:, start : start + most])
            whole = self.comm.gather_rows(part)
            if whole is not None:
                whole = self.unflipped(whole)
                tensor = whole.astype(np.complex128, copy=False).reshape((2,) * n + (-1,))
                flat = tensor.transpose(axes).reshape(size, -1)
                rho += flat @ flat.conj().T
        self.comm.sum_columns_on_driver(rho)
        return rho if self.comm.is_driver else None

    def gathered(self, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
        """All columns, (2**n, rank), on the driver; ``qubits[0]`` is the lowest bit of a row.

        They are gathered chunk by chunk.
        """
        per_group = self.comm.columns_per_group(self.factor.columns)
        n, first = self.layout.num_qubits, sum(per_group[: self.comm.column])
        columns = np.zeros((1 << n if self.comm.row == 0 else 0, sum(per_group)), np.complex128)
        axes = [*(n - 1 - bit for bit in reversed(self.layout.bits(qubits))), n]
        block, most = self.factor.block, max(1, BUFFER_BYTES // (16 << n))
        for start in range(0, block.shape[1], most):
            rows = self.comm.gather_rows(np.ascontiguousarray(block[:, start : start + most]))
            if rows is not None:
                tensor = self.unflipped(rows).reshape((2,) * n + (-1,))
                part = tensor.transpose(axes).reshape(1 << n, -1)
                columns[:, first + start : first + start + part.shape[1]] = part
        self.comm.sum_columns_on_driver(columns)
        return columns if self.comm.is_driver else None

    def unflipped(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The rows of all row groups, in the order of what the distributed bits read."""
        if not self.layout.flipped:
            return rows
        groups = np.arange(self.comm.grid.rows) ^ self.layout.flipped
        parts = rows.reshape(len(groups), len(rows) // len(groups), *rows.shape[1:])
        return np.asarray(parts[groups].reshape(rows.shape))

    def pauli_sum(self, x_mask: int, z_mask: int) -> complex:
        """Tr(X**x Z**z rho), unnormalised; masks have one bit a qubit."""
        x_local, x_row = self._split_mask(x_mask)
        z_local, z_row = self._split_mask(z_mask)
        partner = self.comm.row ^ x_row
        if x_row:
            value = self._overlap_with(partner, x_local, z_local)
        else:
            value = _core.pauli_overlap(self.factor.block, self.factor.block, x_local, z_local)
        if ((partner ^ self.layout.flipped) & z_row).bit_count() & 1:
            value = -value
        total = np.array([value])
        self.comm.sum_over_all(total)
        return complex(total[0])

    def _overlap_with(self, partner: int, x_mask: int, z_mask: int) -> complex:
        """Sum of conj(L) (X**x Z**z L'), where L' are the rows of another row group."""
        block = self.factor.block
        if not block.shape[1]:
            return 0j
        most = max(1, BUFFER_BYTES // (block.shape[1] * block.dtype.itemsize))
        tile = min(len(block), 1 << (most.bit_length() - 1))
        values = []

        def parcel(mine: int) -> Parcel:
            # Row x meets row x ^ x_mask, so both send what the other's tile of this number meets.
            theirs = mine ^ x_mask & ~(tile - 1)
            sent = block[theirs : theirs + tile].copy()
            came = np.empty_like(sent)

            def add_overlap() -> None:
                low = (mask & (tile - 1) for mask in (x_mask, z_mask))
                overlap = _core.pauli_overlap(block[mine : mine + tile], came, *low)
                values.append(-overlap if (theirs & z_mask).bit_count() & 1 else overlap)

            return Parcel(partner, sent, partner, came, add_overlap)

        self.comm.trade_with_rows(parcel(start) for start in range(0, len(block), tile))
        return sum(values, 0j)

    def _split_mask(self, mask: int) -> tuple[int, int]:
        """A mask over qubits as masks over local bits and over row groups."""
        bits = sum(1 << self.layout.bit(q) for q in range(self.layout.num_qubits) if mask >> q & 1)
        return bits & ((1 << self.layout.local_bits) - 1), bits >> self.layout.local_bits
