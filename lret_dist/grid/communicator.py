"""Messages between the MPI ranks of one process grid: the only module that moves arrays.

Sums go to one MPI rank and come back by broadcast, so that every rank holds the same bits and
takes the same decisions. Large transfers go through a few buffers of ``BUFFER_BYTES``, which also
keeps every count far below 2**31. All that travels is counted.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lret_dist.grid.process_grid import ProcessGrid
from lret_dist.grid.shelf import Shelf
from lret_dist.grid.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mpi4py import MPI

__all__ = ["BUFFER_BYTES", "GridCommunicator", "Parcel", "job_rank", "split"]

T = TypeVar("T")
Array = NDArray[Any]

#: Bytes of one transfer buffer.
BUFFER_BYTES = 1 << 22
#: Parcels that are under way at a time.
IN_FLIGHT = 2


@dataclass(frozen=True)
class Parcel:
    """An array for one MPI rank, and one that comes from the same or another, at the same time.

    Attributes:
        target: the row group, or the column group, that gets ``sent``.
        sent: contiguous; with no entries, nothing is sent.
        source: the group that sends what comes.
        came: contiguous, takes what comes; with no entries, nothing does.
        then: called when it is there, or None.
    """

    target: int
    sent: Array
    source: int
    came: Array
    then: Callable[[], None] | None = None


def job_rank() -> int:
    """Number of this MPI rank in the whole MPI job, or 0 in a process that runs without MPI."""
    if "mpi4py.MPI" not in sys.modules:
        return 0
    from mpi4py import MPI

    return MPI.COMM_WORLD.rank if MPI.Is_initialized() else 0


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
        traffic: what has travelled, counted.
        shelf: what runs have left here for later.
    """

    def __init__(self, grid: ProcessGrid, comm: MPI.Comm | None = None) -> None:
        """Make the grid's communicators; collective over ``comm``, of ``grid.size`` MPI ranks."""
        self.grid = grid
        self.traffic = Traffic()
        self.shelf = Shelf()
        self.row, self.column = 0, 0
        self._split = comm is not None
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
        if self._split:
            self._over_rows.Free()
            self._over_columns.Free()

    def column_group(self) -> GridCommunicator:
        """This column group as a process grid of its own; collective, to be freed."""
        alone = ProcessGrid(self.grid.rows, 1)
        group = GridCommunicator(alone, self._over_rows if self.grid.rows > 1 else None)
        group.traffic = self.traffic
        return group

    @property
    def is_driver(self) -> bool:
        """Whether this MPI rank takes the decisions."""
        return self.row == 0 and self.column == 0

    def sum_over_rows(self, array: Array) -> None:
        """Sum over the row groups, in place; the same bits on each of them."""
        if self.grid.rows > 1:
            self._sum(self._over_rows, array)

    def sum_over_columns(self, array: Array) -> None:
        """Sum over the column groups, in place; the same bits on each of them."""
        if self.grid.columns > 1:
            self._sum(self._over_columns, array)

    def sum_over_all(self, array: Array) -> None:
        """Sum over all MPI ranks, in place; the same bits on each of them."""
        if self.grid.size > 1:
            self._sum(self._all, array)

    def sum_on_driver(self, array: Array) -> None:
        """Sum over all MPI ranks into the driver's array; the others' are left as they are."""
        if self.grid.size > 1:
            self._reduce(self._all, array)

    def sum_columns_on_driver(self, array: Array) -> None:
        """Sum over the column groups of row group 0 into the driver's array, in place."""
        if self.grid.columns > 1 and self.row == 0:
            self._reduce(self._over_columns, array)

    def broadcast(self, array: Array) -> None:
        """Overwrite a contiguous array by the driver's."""
        if self.grid.size > 1:
            self._broadcast(self._all, array)

    def columns_per_group(self, columns: int) -> list[int]:
        """Number of columns on each column group."""
        return [number for (number,) in self.counts_per_group(columns)]

    def counts_per_group(self, *counts: int) -> list[tuple[int, ...]]:
        """The numbers that each column group gives."""
        if self.grid.columns == 1:
            return [counts]
        mine = np.array(counts, np.int64)
        everywhere = np.empty((self.grid.columns, len(counts)), np.int64)
        self._over_columns.Allgather(mine, everywhere)
        others = self.grid.columns - 1
        self.traffic.note(others * mine.nbytes, others)
        return [tuple(each) for each in everywhere.tolist()]

    def trade_with_rows(self, parcels: Iterable[Parcel]) -> None:
        """Trade parcels with row groups, same columns.

        Two MPI ranks list what goes between them in the same order. Parcels are made, and called
        back, while others travel; when one is asked for, fewer than ``IN_FLIGHT`` others are under
        way.
        """
        if self.grid.rows > 1:
            self._trade(self._over_rows, parcels)

    def trade_over_columns(self, parcels: Iterable[Parcel]) -> None:
        """As :meth:`trade_with_rows`, with column groups, same rows."""
        if self.grid.columns > 1:
            self._trade(self._over_columns, parcels)

    def gather_rows(self, part: Array, root: int = 0) -> Array | None:
        """Stack the equally shaped arrays of all row groups, in order, on row group ``root``."""
        if self.grid.rows == 1:
            return part
        whole = None
        if self.row == root:
            whole = np.empty((self.grid.rows * len(part), *part.shape[1:]), part.dtype)
        else:
            self.traffic.note(part.nbytes)
        self._over_rows.Gather(np.ascontiguousarray(part), whole, root=root)
        return whole

    def gather_rows_everywhere(self, part: Array) -> Array:
        """As :meth:`gather_rows`, on every row group."""
        if self.grid.rows == 1:
            return part
        whole = np.empty((self.grid.rows * len(part), *part.shape[1:]), part.dtype)
        self._over_rows.Allgather(np.ascontiguousarray(part), whole)
        others = self.grid.rows - 1
        self.traffic.note(others * part.nbytes, others)
        return whole

    def gather_objects(self, value: T) -> list[T] | None:
        """Small Python objects of all MPI ranks, on the driver; not counted."""
        return self._all.gather(value, root=0) if self.grid.size > 1 else [value]

    def gather_objects_everywhere(self, value: T) -> list[T]:
        """Small Python objects of all MPI ranks, on each of them; not counted."""
        return self._all.allgather(value) if self.grid.size > 1 else [value]

    def broadcast_object(self, value: T) -> T:
        """The driver's small Python object, on every MPI rank; not counted."""
        return self._all.bcast(value, root=0) if self.grid.size > 1 else value

    def _trade(self, comm: MPI.Comm, parcels: Iterable[Parcel]) -> None:
        under_way: deque[tuple[Parcel, list[MPI.Request]]] = deque()

        def take_first() -> None:
            parcel, requests = under_way.popleft()
            for request in requests:
                request.Wait()
            if parcel.then is not None:
                parcel.then()

        for parcel in parcels:
            requests = [comm.Irecv(chunk, parcel.source) for chunk in _chunks(parcel.came)]
            for chunk in _chunks(parcel.sent):
                requests.append(comm.Isend(chunk, parcel.target))
                self.traffic.note(chunk.nbytes)
            under_way.append((parcel, requests))
            if len(under_way) == IN_FLIGHT:
                take_first()
        while under_way:
            take_first()

    def _sum(self, comm: MPI.Comm, array: Array) -> None:
        """Reduce, then broadcast: an Allreduce need not give every rank the same rounding."""
        self._reduce(comm, array)
        self._broadcast(comm, array)

    def _reduce(self, comm: MPI.Comm, array: Array) -> None:
        for chunk in _chunks(array):
            if comm.rank == 0:
                total = np.empty_like(chunk)
                comm.Reduce(chunk, total, root=0)
                chunk[:] = total
            else:
                comm.Reduce(chunk, None, root=0)
                self.traffic.note(chunk.nbytes)

    def _broadcast(self, comm: MPI.Comm, array: Array) -> None:
        for chunk in _chunks(array):
            comm.Bcast(chunk, root=0)
            if comm.rank:
                self.traffic.note(chunk.nbytes)


def _chunks(array: Array) -> list[Array]:
    """Views of a contiguous array, in order, of at most ``BUFFER_BYTES`` each."""
    flat = array.reshape(-1)
    assert flat.base is not None or flat is array
    length = max(1, BUFFER_BYTES // array.itemsize)
    return [flat[start : start + length] for start in range(0, flat.size, length)]
