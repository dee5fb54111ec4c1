"""Memory that runs need: at least, and for each column; and the refusal of what cannot fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lret_dist.errors import InsufficientMemoryError
from lret_dist.units import size_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.machines.machine import Machine
    from lret_dist.programs.program import Program

__all__ = [
    "batch_bytes",
    "borrowed_bytes",
    "check_batch_memory",
    "check_decomposition",
    "check_density_memory",
    "check_memory",
    "columns_that_fit",
    "density_bytes",
    "least_row_groups",
    "not_given",
    "run_overhead",
]

#: Bytes an MPI rank needs beside the factor: transfer buffers, Python objects of the run.
_RUN_OVERHEAD = 64 << 20


def check_memory(
    num_qubits: int,
    rows_groups: int,
    itemsize: int,
    columns: int,
    results: int,
    machine: Machine,
) -> None:
    """Refuse a run whose smallest form cannot fit.

    Args:
        num_qubits: qubits that are simulated.
        rows_groups: row groups of the process grid.
        itemsize: bytes of one entry of the factor.
        columns: columns on one MPI rank at the start.
        results: bytes of what comes out: saved data and samples.
        machine: with the memory that one MPI rank may use.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    rows = (1 << num_qubits) // rows_groups
    needed = rows * columns * itemsize + 2 * 8 * rows + results
    if needed > machine.bytes_per_rank:
        raise InsufficientMemoryError(
            f"{num_qubits} qubits need at least {size_text(needed)} on each MPI rank ({rows} rows, "
            f"{columns} columns of {itemsize} bytes an entry, probabilities"
            f"; saved data and samples: {size_text(results)}), but {_limit(machine)}; "
            f"what would help: {_advice(itemsize, columns, results, machine)}"
        )


def check_density_memory(
    num_qubits: int, row_groups: int, itemsize: int, machine: Machine, waiting: int = 0
) -> None:
    """Refuse a density matrix that cannot fit, with those of histories that may wait.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    needed = (1 + waiting) * density_bytes(num_qubits, row_groups, itemsize)
    others = f" and {waiting} others, of histories that wait," if waiting else ""
    if needed > machine.bytes_per_rank:
        raise InsufficientMemoryError(
            f"the density matrix of {num_qubits} qubits{others} needs {size_text(needed)} on each "
            f'MPI rank, but {_limit(machine)}; what would help: method="low_rank" or "automatic", '
            f"or {_advice(itemsize, 1, 0, machine)}"
        )


def check_decomposition(state: NDArray[np.complex128], machine: Machine) -> None:
    """Refuse an initial state whose columns cannot be found: a matrix, and its eigenvectors.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    if state.ndim < 2 or state.shape[0] != state.shape[1]:
        return
    # The solver works on copies.
    needed = 5 * state.nbytes
    if needed > machine.bytes_per_rank:
        raise InsufficientMemoryError(
            f"the eigenvectors of the density matrix of {len(state)} rows that the run begins with "
            f"need {size_text(needed)}, but {_limit(machine)}; what would help: a factor or a "
            "state vector as initial_state"
        )


def density_bytes(num_qubits: int, row_groups: int, itemsize: int) -> int:
    """Bytes of a density matrix as real coefficients on one MPI rank, and to work with it.

    Args:
        num_qubits: qubits that are simulated.
        row_groups: row groups of the process grid.
        itemsize: bytes of a complex number.
    """
    return (itemsize // 2 << 2 * num_qubits) // row_groups + (64 << num_qubits)


def batch_bytes(rows: int, columns: int, itemsize: int) -> int:
    """Bytes of a batch of sampled columns: they, one to work with, and weights of rows."""
    return rows * ((columns + 1) * itemsize + 3 * 8)


def check_batch_memory(num_qubits: int, needed: int, machine: Machine) -> None:
    """Refuse a sampled run whose smallest batch takes ``needed`` bytes on each MPI rank.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    if needed > machine.bytes_per_rank:
        raise InsufficientMemoryError(
            f"two sampled columns of {num_qubits} qubits need {size_text(needed)} on each MPI rank"
            f', but {_limit(machine)}; what would help: truncation="certified", or '
            f"{_advice(8, 1, 0, machine)}"
        )


def least_row_groups(num_qubits: int, row_bytes: int, budget: int) -> int:
    """Row groups, a power of two, that rows of so many bytes need to fit in ``budget``."""
    groups = 1
    while groups < 1 << num_qubits and ((row_bytes + 16) << num_qubits) > groups * budget:
        groups *= 2
    return groups


def not_given(reason: str) -> str:
    """What to say of a run that was refused memory on its way, with the system's own words."""
    said = f" ({reason})" if reason and reason != "std::bad_alloc" else ""
    return (
        f"the system refused the run more memory{said}; what would help: a smaller max_memory_mb, "
        f"which the run then keeps to, a smaller max_rank, or fewer programs beside it"
    )


def _limit(machine: Machine) -> str:
    """How much there is, and which option says so."""
    there = size_text(machine.bytes_per_rank)
    if machine.limited_by is None:
        return f"{there} can be used beside Python and its libraries"
    return f"{machine.limited_by} allows {there}"


def _advice(itemsize: int, columns: int, results: int, machine: Machine) -> str:
    smaller_results, budget = "saving fewer qubits or fewer shots", machine.bytes_per_rank
    if not budget:
        return "more memory for each MPI rank"
    larger = [] if machine.limited_by is None else [f"a larger {machine.limited_by}"]
    if results > budget:
        return ", or ".join([*larger, smaller_results])
    ways = [*larger, 'more MPI ranks on more machines with parallelization="row"']
    if itemsize == 16:
        ways.append('precision="single"')
    if columns > 1:
        ways.append("a smaller initial_rank")
    if results > budget // 10:
        ways.append(smaller_results)
    return ", or ".join(ways)


def columns_that_fit(program: Program, grid: ProcessGrid, itemsize: int, budget: int) -> int:
    """Columns over the whole grid that leave room to grow, compress and sample in ``budget``.

    A column takes its rows and the headroom of growing; a compression of R columns takes about
    four R x R complex matrices on the driver. Column groups borrow columns from others.
    """
    rows = (1 << program.num_qubits) // grid.rows
    free = budget - 2 * 8 * rows - run_overhead(budget)
    free -= borrowed_bytes(grid, rows * itemsize)
    each = rows * itemsize * 1.3 / grid.columns
    columns = (math.sqrt(each**2 + 4 * 64 * max(free, 0)) - each) / (2 * 64)
    return max(1, int(columns))


def run_overhead(budget: int) -> int:
    """Bytes that are set aside of a budget for what a run needs beside its state."""
    return min(_RUN_OVERHEAD, budget // 4)


def borrowed_bytes(grid: ProcessGrid, column_bytes: int) -> int:
    """Bytes of the columns of other groups that an MPI rank builds branches of at a time: two."""
    return 2 * column_bytes if grid.columns > 1 else 0
