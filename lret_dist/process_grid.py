"""The process grid: which MPI rank holds which rows and columns. Pure integers, no messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lret_dist.options import Parallelization

__all__ = ["ProcessGrid", "choose_grid", "most_row_groups"]

#: Expected amplitudes (rows times columns) per MPI rank below which a further rank does not pay: on
#: two cores, 0.4 million in all took 0.14 s on one and 0.22 s on two, 9 million 3.0 s and 2.5 s.
_LEAST_AMPLITUDES_PER_RANK = 1 << 20


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


def choose_grid(
    parallelization: Parallelization,
    mpi_ranks: int,
    *,
    num_qubits: int,
    widest_step: int,
    expected_rank: int,
    least_rows: int = 1,
) -> ProcessGrid:
    """The process grid for a run.

    Args:
        parallelization: what the user asked for.
        mpi_ranks: MPI ranks there are.
        num_qubits: qubits that are simulated.
        widest_step: most qubits that must be local at once.
        expected_rank: rough number of columns, for ``"auto"``.
        least_rows: row groups that one column needs to fit in memory, for ``"auto"``.

    Raises:
        ValueError: for ``"row"`` on a number of MPI ranks that is no power of two.
    """
    most_rows = most_row_groups(num_qubits, widest_step)
    _check_power_of_two(parallelization, mpi_ranks)
    if parallelization == "row":
        return ProcessGrid(min(mpi_ranks, most_rows), 1)
    if parallelization == "column":
        return ProcessGrid(1, mpi_ranks)
    if parallelization == "hybrid":
        rows = min(_balanced_rows(mpi_ranks), most_rows)
        return ProcessGrid(rows, mpi_ranks // rows)
    rows_needed = min(least_rows, most_rows, _power_of_two_at_most(mpi_ranks))
    return _automatic(mpi_ranks, num_qubits, most_rows, expected_rank, rows_needed)


def _check_power_of_two(parallelization: Parallelization, mpi_ranks: int) -> None:
    """Refuse ``"row"`` on a number of MPI ranks that is no power of two, naming the nearest."""
    below = _power_of_two_at_most(mpi_ranks)
    if parallelization == "row" and below != mpi_ranks:
        raise ValueError(
            f'parallelization="row" needs a power of two of MPI ranks, got {mpi_ranks}: start '
            f'{below} or {2 * below}, or use "column", "hybrid" or "auto", which take any number'
        )


def _automatic(
    mpi_ranks: int, num_qubits: int, most_rows: int, expected_rank: int, rows_needed: int
) -> ProcessGrid:
    """Rows as far as a power of two goes, columns for the rest, on as many MPI ranks as pay.

    On one machine rows beat columns on every circuit tried, by up to a factor of two: a compression
    moves all columns several times, a step on a distributed bit half of the rows once.
    """
    paying = (expected_rank << num_qubits) // _LEAST_AMPLITUDES_PER_RANK
    used = mpi_ranks if paying >= mpi_ranks else _power_of_two_at_most(max(1, paying))
    used = max(used, rows_needed)
    rows = min(max(used & -used, rows_needed), most_rows)
    return ProcessGrid(rows, max(1, min(used // rows, expected_rank)))


def _balanced_rows(mpi_ranks: int) -> int:
    """The largest power of two that divides the number and is at most its square root."""
    rows = 1
    while mpi_ranks % (2 * rows) == 0 and 4 * rows * rows <= mpi_ranks:
        rows *= 2
    return rows


def _power_of_two_at_most(number: int) -> int:
    return 1 << (number.bit_length() - 1)
