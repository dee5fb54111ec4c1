"""The process grid: which MPI rank holds which rows and columns. Pure integers, no messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lret_dist.options import Parallelization

__all__ = ["ProcessGrid", "most_row_groups", "possible_grids"]


@dataclass(frozen=True, slots=True)
class ProcessGrid:
    """``rows`` x ``columns`` MPI ranks; rank ``i * columns + j`` stands at (i, j).

    All MPI ranks of row group i hold the rows whose top bits are i; all of column group j hold
    the same columns. ``rows`` is a power of two. MPI ranks beyond ``size`` are idle.
    """

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.rows & (self.rows - 1) or self.columns < 1:
            raise ValueError(f"a process grid needs 2**k x m MPI ranks, got {self}")

    @property
    def size(self) -> int:
        """Number of MPI ranks that take part."""
        return self.rows * self.columns

    @property
    def row_bits(self) -> int:
        """Number of bits of the row index that are distributed."""
        return self.rows.bit_length() - 1

    @property
    def kind(self) -> str:
        """``"none"``, ``"row"``, ``"column"`` or ``"hybrid"``."""
        if self.size == 1:
            return "none"
        if self.columns == 1:
            return "row"
        return "column" if self.rows == 1 else "hybrid"

    def position(self, mpi_rank: int) -> tuple[int, int]:
        """(row group, column group) of an MPI rank."""
        return divmod(mpi_rank, self.columns)

    def mpi_rank(self, row: int, column: int) -> int:
        """The MPI rank at a position."""
        return row * self.columns + column


def most_row_groups(num_qubits: int, widest_step: int) -> int:
    """Most row groups that leave every step enough local bits."""
    return 1 << max(0, num_qubits - max(widest_step, 1))


def possible_grids(
    parallelization: Parallelization,
    process_grid: tuple[int, int] | None,
    mpi_ranks: int,
    *,
    num_qubits: int,
    widest_step: int,
    least_rows: int = 1,
) -> list[ProcessGrid]:
    """The process grids that a run may use; more than one only where it is to be chosen.

    The first has the fewest row groups that fit, and the most column groups.

    Args:
        parallelization: what the user asked for.
        process_grid: the grid that the user asked for, or None.
        mpi_ranks: MPI ranks there are.
        num_qubits: qubits that are simulated.
        widest_step: most qubits that must be local at once.
        least_rows: row groups that one column needs to fit in memory, for ``"auto"``.

    Raises:
        ValueError: for a grid that cannot be made, saying which can.
    """
    most_rows = most_row_groups(num_qubits, widest_step)
    _check_power_of_two(parallelization, mpi_ranks)
    if process_grid is not None:
        return [_given(process_grid, mpi_ranks, most_rows)]
    if parallelization == "row":
        return [ProcessGrid(min(mpi_ranks, most_rows), 1)]
    if parallelization == "column":
        return [ProcessGrid(1, mpi_ranks)]
    if parallelization == "hybrid":
        rows = min(_balanced_rows(mpi_ranks), most_rows)
        return [ProcessGrid(rows, mpi_ranks // rows)]
    least = min(least_rows, most_rows, _power_of_two_at_most(mpi_ranks))
    return _all_grids(mpi_ranks, least, most_rows)


def _all_grids(mpi_ranks: int, least_rows: int, most_rows: int) -> list[ProcessGrid]:
    """Grids with as many columns as there can be for their rows, and halves of that."""
    grids = []
    rows = least_rows
    while rows <= min(mpi_ranks, most_rows):
        columns = mpi_ranks // rows
        while columns:
            grids.append(ProcessGrid(rows, columns))
            columns //= 2
        rows *= 2
    return grids


def _given(process_grid: tuple[int, int], mpi_ranks: int, most_rows: int) -> ProcessGrid:
    grid = ProcessGrid(*process_grid)
    if grid.size > mpi_ranks:
        raise ValueError(
            f"process_grid {grid.rows} x {grid.columns} needs {grid.size} MPI ranks, there are "
            f"{mpi_ranks}"
        )
    if grid.rows > most_rows:
        raise ValueError(
            f"process_grid {grid.rows} x {grid.columns} leaves the widest step of this circuit too "
            f"few local qubits: at most {most_rows} row groups are possible"
        )
    return grid


def _check_power_of_two(parallelization: Parallelization, mpi_ranks: int) -> None:
    """Refuse ``"row"`` on a number of MPI ranks that is no power of two, naming the nearest."""
    below = _power_of_two_at_most(mpi_ranks)
    if parallelization == "row" and below != mpi_ranks:
        raise ValueError(
            f'parallelization="row" needs a power of two of MPI ranks, got {mpi_ranks}: start '
            f'{below} or {2 * below}, or use "column", "hybrid" or "auto", which take any number'
        )


def _balanced_rows(mpi_ranks: int) -> int:
    """The largest power of two that divides the number and is at most its square root."""
    rows = 1
    while mpi_ranks % (2 * rows) == 0 and 4 * rows * rows <= mpi_ranks:
        rows *= 2
    return rows


def _power_of_two_at_most(number: int) -> int:
    return 1 << (number.bit_length() - 1)
