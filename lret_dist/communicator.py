"""Messages between the MPI ranks of one process grid: the only module that moves arrays.

Sums go to one MPI rank and come back by broadcast, so that every rank holds the same bits and
takes the same decisions. Large transfers go through buffers of at most ``BUFFER_BYTES``, which
also keeps every count far below 2**31.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lret_dist.process_grid import ProcessGrid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mpi4py import MPI

__all__ = ["BUFFER_BYTES", "GridCommunicator", "split"]

T = TypeVar("T")
Array = NDArray[Any]

#: Bytes of one transfer buffer.
BUFFER_BYTES = 1 << 24


def split(total: int, parts: int) -> list[int]:
    """Sizes of ``parts`` nearly equal parts of ``total``, larger ones first."""
    size, larger = divmod(total, parts)
    return [size + (part < larger) for part in range(parts)]


class GridCommunicator:
    """What an MPI rank at (row, column) of a process grid says to the others.

    The driver is the MPI rank at (0, 0). On a grid of one MPI rank nothing is sent and no MPI
    library is needed.

    Attributes:
        grid: the process grid.
        row: this MPI rank's row group.
        column: this MPI rank's column group.
    """

    def __init__(self, grid: ProcessGrid, comm: MPI.Comm | None = None) -> None:
        """Make the grid's communicators; collective over ``comm``, of ``grid.size`` MPI ranks."""
        self.grid = grid
        self.row, self.column = 0, 0
        if comm is None:
            assert grid.size == 1
            return
        assert comm.size == grid.size
        self.row, self.column = grid.position(comm.rank)
        self._all = comm
        self._over_rows = comm.Split(self.column, self.row)
        self._over_columns = comm.Split(self.row, self.column)

    def free(self) -> None:
        """Release the communicators; collective."""
        if self.grid.size > 1:
            self._over_rows.Free()
            self._over_columns.Free()

    def column_group(self) -> GridCommunicator:
        """This column group as a process grid of its own; collective, to be freed."""
        alone = ProcessGrid(self.grid.rows, 1)
        return GridCommunicator(alone, self._over_rows if self.grid.rows > 1 else None)

    @property
    def is_driver(self) -> bool:
        """Whether this MPI rank takes the decisions."""
        return self.row == 0 and self.column == 0

    def row_bit_values(self, bits: Sequence[int], local_bits: int) -> tuple[int, ...]:
        """Values that distributed bits have on this MPI rank."""
        return tuple(self.row >> (bit - local_bits) & 1 for bit in bits)

    def sum_over_rows(self, array: Array) -> None:
        """Sum over the row groups, in place; the same bits on each of them."""
        if self.grid.rows > 1:
            _sum(self._over_rows, array)

    def sum_over_columns(self, array: Array) -> None:
        """Sum over the column groups, in place; the same bits on each of them."""
        if self.grid.columns > 1:
            _sum(self._over_columns, array)

    def sum_over_all(self, array: Array) -> None:
        """Sum over all MPI ranks, in place; the same bits on each of them."""
        if self.grid.size > 1:
            _sum(self._all, array)

    def sum_on_driver(self, array: Array) -> None:
        """Sum over all MPI ranks into the driver's array; the others' are left as they are."""
        if self.grid.size > 1:
            _reduce(self._all, array)

    def sum_columns_on_driver(self, array: Array) -> None:
        """Sum over the column groups of row group 0 into the driver's array, in place."""
        if self.grid.columns > 1 and self.row == 0:
            _reduce(self._over_columns, array)

    def broadcast(self, array: Array) -> None:
        """Overwrite a contiguous array by the driver's."""
        if self.grid.size > 1:
            for chunk in _chunks(array):
                self._all.Bcast(chunk, root=0)

    def columns_per_group(self, columns: int) -> list[int]:
        """Number of columns on each column group."""
        if self.grid.columns == 1:
            return [columns]
        return self._over_columns.allgather(columns)

    def swap_with_row(self, other_row: int, send: Array, receive: Array) -> None:
        """Exchange contiguous buffers with the MPI rank of another row group, same columns."""
        self._over_rows.Sendrecv(send, other_row, recvbuf=receive, source=other_row)

    def trade_over_columns(
        self, send: Array, send_counts: Sequence[int], receive: Array, counts: Sequence[int]
    ) -> None:
        """All-to-all between column groups: flat buffers, counts in elements by column group."""
        if self.grid.columns == 1:
            receive[:] = send
        else:
            self._over_columns.Alltoallv((send, list(send_counts)), (receive, list(counts)))

    def gather_rows(self, part: Array, root: int = 0) -> Array | None:
        """Stack the equally shaped arrays of all row groups, in order, on row group ``root``."""
        if self.grid.rows == 1:
            return part
        whole = None
        if self.row == root:
            whole = np.empty((self.grid.rows * len(part), *part.shape[1:]), part.dtype)
        self._over_rows.Gather(np.ascontiguousarray(part), whole, root=root)
        return whole

    def gather_rows_everywhere(self, part: Array) -> Array:
        """As :meth:`gather_rows`, on every row group."""
        if self.grid.rows == 1:
            return part
        whole = np.empty((self.grid.rows * len(part), *part.shape[1:]), part.dtype)
        self._over_rows.Allgather(np.ascontiguousarray(part), whole)
        return whole

    def gather_objects(self, value: T) -> list[T] | None:
        """Small Python objects of all MPI ranks, on the driver."""
        return self._all.gather(value, root=0) if self.grid.size > 1 else [value]


def _sum(comm: MPI.Comm, array: Array) -> None:
    """Reduce, then broadcast: an Allreduce need not give every rank the same rounding."""
    _reduce(comm, array)
    for chunk in _chunks(array):
        comm.Bcast(chunk, root=0)


def _reduce(comm: MPI.Comm, array: Array) -> None:
    for chunk in _chunks(array):
        if comm.rank == 0:
            total = np.empty_like(chunk)
            comm.Reduce(chunk, total, root=0)
            chunk[:] = total
        else:
            comm.Reduce(chunk, None, root=0)


def _chunks(array: Array) -> list[Array]:
    """Views of a contiguous array, in order, of at most ``BUFFER_BYTES`` each."""
    flat = array.reshape(-1)
    assert flat.base is not None or flat is array
    length = max(1, BUFFER_BYTES // array.itemsize)
    return [flat[start : start + length] for start in range(0, flat.size, length)]
