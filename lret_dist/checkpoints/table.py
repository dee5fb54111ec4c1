"""What lies where in a checkpoint file: arrays, slabs and chunks. Pure integers, no files.

The file holds named arrays, each seen as a matrix. An array is cut into **slabs**, one for each
block that an MPI rank wrote, and a slab into **chunks** of whole rows, each with a checksum. The
table names no process grid: who reads asks for a rectangle, and finds the chunks that it needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.grid.communicator import BUFFER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.grid.process_grid import ProcessGrid

__all__ = ["ALIGNMENT", "Announcement", "Chunk", "Slab", "StoredArray", "aligned", "plan_table"]

#: Slabs begin at multiples of this many bytes: no two MPI ranks write one page of the disk's cache.
ALIGNMENT = 4096


def aligned(offset: int) -> int:
    """The first multiple of the alignment that is no smaller."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a slab that are checked, written and read as one.

    Attributes:
        rows: numbers of the rows in the whole array.
        columns: numbers of the columns.
        offset: first byte in the file.
        data_bytes: bytes of the rows.
        total_bytes: the same with the zeros that fill up the slab's last page.
    """

    rows: range
    columns: range
    offset: int
    data_bytes: int
    total_bytes: int


@dataclass(slots=True)
class Slab:
    """A rectangle of an array, row after row in one piece of the file.

    Attributes:
        rows: numbers of its rows in the whole array.
        columns: numbers of its columns.
        offset: first byte in the file.
        chunk_rows: rows of every chunk but the last, which may have fewer.
        checksums: of its chunks.
    """

    rows: range
    columns: range
    offset: int
    chunk_rows: int
    checksums: list[int] = field(default_factory=list)

    def chunks(self, itemsize: int) -> Iterator[Chunk]:
        """The chunks, in order."""
        row_bytes = len(self.columns) * itemsize
        for first in range(0, len(self.rows), self.chunk_rows):
            rows = self.rows[first : first + self.chunk_rows]
            size, start = len(rows) * row_bytes, self.offset + first * row_bytes
            stop = start + size
            if rows.stop == self.rows.stop:
                stop = aligned(stop)
            yield Chunk(rows, self.columns, start, size, stop - start)

    def to_plain(self) -> list[Any]:
        """As plain data; :func:`~lret_dist.checkpoints.check.read_table` takes it back."""
        rows, columns = (self.rows.start, self.rows.stop), (self.columns.start, self.columns.stop)
        return [*rows, *columns, self.offset, self.chunk_rows, self.checksums]


@dataclass(slots=True)
class StoredArray:
    """An array of a checkpoint.

    Attributes:
        shape: its shape.
        dtype: its dtype, with the byte order.
        slabs: its parts, in the order of the file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slabs: list[Slab]

    def chunks(self, rows: range, columns: range) -> Iterator[tuple[Chunk, int]]:
        """Chunks that have a part in a rectangle, with their checksums."""
        for slab in self.slabs:
            if not overlap(slab.columns, columns) or not overlap(slab.rows, rows):
                continue
            chunks = slab.chunks(self.dtype.itemsize)
            for chunk, checksum in zip(chunks, slab.checksums, strict=True):
                if overlap(chunk.rows, rows):
                    yield chunk, checksum

    def to_plain(self) -> dict[str, Any]:
        """As plain data; :func:`~lret_dist.checkpoints.check.read_table` takes it back."""
        slabs = [slab.to_plain() for slab in self.slabs]
        return {"shape": list(self.shape), "dtype": self.dtype.str, "slabs": slabs}


def overlap(first: range, second: range) -> range:
    """The numbers that two ranges of step one share."""
    return range(max(first.start, second.start), min(first.stop, second.stop))


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one MPI rank has to write.

    Attributes:
        arrays: shape and dtype of the driver's own arrays; empty elsewhere.
        blocks: shape and dtype of the rank's block of every matrix.
        weighted: the matrices whose columns have weights.
    """

    arrays: dict[str, tuple[tuple[int, ...], str]]
    blocks: dict[str, tuple[tuple[int, ...], str]]
    weighted: frozenset[str]


def plan_table(
    grid: ProcessGrid, ranks: list[Announcement]
) -> tuple[dict[str, StoredArray], list[dict[str, Slab]], int]:
    """Where everything goes.

    Args:
        grid: the process grid that writes.
        ranks: what each of its MPI ranks has.

    Returns:
        The arrays by their names in the file, the slabs that each MPI rank writes, and the length.

    Raises:
        ValueError: when the blocks do not make up whole matrices.
    """
    plan = _Plan(grid.size)
    for name, (shape, dtype) in ranks[0].arrays.items():
        plan.add_array(f"arrays/{name}", shape, np.dtype(dtype))
    for name in ranks[0].blocks:
        _plan_matrix(plan, grid, name, ranks)
    return plan.table, plan.writers, plan.length


class _Plan:
    """A table that grows."""

    def __init__(self, mpi_ranks: int) -> None:
        self.table: dict[str, StoredArray] = {}
        self.writers: list[dict[str, Slab]] = [{} for _ in range(mpi_ranks)]
        self.length = ALIGNMENT

    def add_array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """An array of the driver's, seen as one column."""
        self.table[name] = StoredArray(shape, dtype, [])
        self.add_slab(name, 0, range(math.prod(shape)), range(1))

    def add_slab(self, name: str, writer: int, rows: range, columns: range) -> None:
        """A part of an array, written by one MPI rank; without entries it takes no room."""
        array = self.table[name]
        row_bytes = len(columns) * array.dtype.itemsize
        if not rows or not row_bytes:
            return
        slab = Slab(rows, columns, self.length, max(1, BUFFER_BYTES // row_bytes))
        array.slabs.append(slab)
        self.writers[writer][name] = slab
        self.length = aligned(self.length + len(rows) * row_bytes)


def _plan_matrix(plan: _Plan, grid: ProcessGrid, name: str, ranks: list[Announcement]) -> None:
    height, widths, dtype = _matrix_shape(grid, name, ranks)
    weighted = name in ranks[0].weighted
    matrix, weights = f"matrices/{name}", f"weights/{name}"
    plan.table[matrix] = StoredArray((height * grid.rows, sum(widths)), dtype, [])
    if weighted:
        plan.table[weights] = StoredArray((sum(widths),), np.dtype(np.float64), [])
    for group in range(grid.columns):
        columns = range(sum(widths[:group]), sum(widths[: group + 1]))
        for row in range(grid.rows):
            rows = range(row * height, (row + 1) * height)
            plan.add_slab(matrix, grid.mpi_rank(row, group), rows, columns)
        if weighted:
            plan.add_slab(weights, grid.mpi_rank(0, group), columns, range(1))


def _matrix_shape(
    grid: ProcessGrid, name: str, ranks: list[Announcement]
) -> tuple[int, list[int], np.dtype[Any]]:
    """Rows of a row group, columns of every column group, and the dtype."""
    if any(list(rank.blocks) != list(ranks[0].blocks) for rank in ranks):
        raise ValueError("every MPI rank must give the same matrices in the same order")
    blocks = [rank.blocks[name] for rank in ranks]
    filled = {shape[0] for shape, _ in blocks if math.prod(shape)}
    widths = [_width(blocks[grid.mpi_rank(0, group)][0]) for group in range(grid.columns)]
    agree = all(_width(shape) == widths[r % grid.columns] for r, (shape, _) in enumerate(blocks))
    kinds = {dtype for _, dtype in blocks}
    if len(filled) > 1 or not agree or len(kinds) > 1:
        raise ValueError(f"the blocks do not make up one matrix {name!r}: {blocks}")
    height = filled.pop() if filled else max(shape[0] for shape, _ in blocks)
    return height, widths, np.dtype(kinds.pop())


def _width(shape: tuple[int, ...]) -> int:
    """Columns of a block; one without rows has none."""
    return shape[1] if shape[0] else 0
