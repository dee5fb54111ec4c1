"""Memory: what a run needs at least, what there is, and what was used."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lret_dist.errors import InsufficientMemoryError

if TYPE_CHECKING:
    from lret_dist.process_grid import ProcessGrid
    from lret_dist.program import Program

__all__ = [
    "RUN_OVERHEAD",
    "available_bytes",
    "borrowed_bytes",
    "check_density_memory",
    "check_memory",
    "columns_that_fit",
    "density_bytes",
    "least_row_groups",
    "peak_mb",
    "reset_peak",
    "usable",
]

#: Part of the free memory that a run may plan with.
_USABLE = 0.9
#: Bytes an MPI rank needs beside the factor: transfer buffers, Python objects of the run.
RUN_OVERHEAD = 64 << 20
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def available_bytes() -> int:
    """Memory that this machine and this process's control group leave free."""
    return min([int(psutil.virtual_memory().available), *_cgroup_headroom()])


def _cgroup_headroom() -> list[int]:
    """Free memory under the limits of this process's control groups, version 2, innermost first."""
    try:
        text = Path("/proc/self/cgroup").read_text()
    except OSError:
        return []
    match = re.search(r"^0::/(.*)$", text, re.MULTILINE)
    if match is None:
        return []
    group = Path("/sys/fs/cgroup") / match[1]
    free = []
    for folder in (group, *group.parents):
        try:
            limit = (folder / "memory.max").read_text().strip()
            used = int((folder / "memory.current").read_text())
        except (OSError, ValueError):
            continue
        if limit.isdigit():
            free.append(max(0, int(limit) - used))
    return free


def check_memory(
    num_qubits: int,
    rows_groups: int,
    itemsize: int,
    columns: int,
    results: int,
    budget: int,
) -> None:
    """Refuse a run whose smallest form cannot fit.

    Args:
        num_qubits: qubits that are simulated.
        rows_groups: row groups of the process grid.
        itemsize: bytes of one entry of the factor.
        columns: columns on one MPI rank at the start.
        results: bytes of what comes out: saved data and samples.
        budget: bytes that one MPI rank may use.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    rows = (1 << num_qubits) // rows_groups
    needed = rows * columns * itemsize + 2 * 8 * rows + results
    if needed > budget:
        raise InsufficientMemoryError(
            f"{num_qubits} qubits need at least {_gib(needed)} on each MPI rank ({rows} rows, "
            f"{columns} columns of {itemsize} bytes an entry, probabilities"
            f"; saved data and samples: {_gib(results)}), but {_gib(budget)} can be used; "
            f"what would help: {_advice(itemsize, columns, results, budget)}"
        )


def check_density_memory(num_qubits: int, row_groups: int, itemsize: int, budget: int) -> None:
    """Refuse a density matrix that cannot fit.

    Raises:
        InsufficientMemoryError: saying how much is needed, how much there is, what would help.
    """
    needed = density_bytes(num_qubits, row_groups, itemsize)
    if needed > budget:
        raise InsufficientMemoryError(
            f"the density matrix of {num_qubits} qubits needs {_gib(needed)} on each MPI rank, but "
            f'{_gib(budget)} can be used; what would help: method="low_rank" or "automatic", or '
            f"{_advice(itemsize, 1, 0, budget)}"
        )


def density_bytes(num_qubits: int, row_groups: int, itemsize: int) -> int:
    """Bytes of a density matrix as real coefficients on one MPI rank, and to work with it.

    Args:
        num_qubits: qubits that are simulated.
        row_groups: row groups of the process grid.
        itemsize: bytes of a complex number.
    """
    return (itemsize // 2 << 2 * num_qubits) // row_groups + (64 << num_qubits)


def least_row_groups(num_qubits: int, row_bytes: int, budget: int) -> int:
    """Row groups, a power of two, that rows of so many bytes need to fit in ``budget``."""
    groups = 1
    while groups < 1 << num_qubits and ((row_bytes + 16) << num_qubits) > groups * budget:
        groups *= 2
    return groups


def _advice(itemsize: int, columns: int, results: int, budget: int) -> str:
    smaller_results = "saving fewer qubits or fewer shots"
    if results > budget:
        return smaller_results
    ways = ['more MPI ranks on more machines with parallelization="row"']
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
    free = budget - 2 * 8 * rows - min(RUN_OVERHEAD, budget // 4)
    free -= borrowed_bytes(grid, rows * itemsize)
    each = rows * itemsize * 1.3 / grid.columns
    columns = (math.sqrt(each**2 + 4 * 64 * max(free, 0)) - each) / (2 * 64)
    return max(1, int(columns))


def borrowed_bytes(grid: ProcessGrid, column_bytes: int) -> int:
    """Bytes of the columns of other groups that an MPI rank builds branches of at a time: two."""
    return 2 * column_bytes if grid.columns > 1 else 0


def usable(available: int, ranks_on_host: int) -> int:
    """Bytes that one of the MPI ranks of a host may plan with."""
    return int(_USABLE * available / ranks_on_host)


def reset_peak() -> None:
    """Start to watch the largest resident memory anew, where the system allows it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return


def peak_mb() -> float:
    """Largest resident memory of this process since :func:`reset_peak`, in MiB."""
    try:
        match = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        match = None
    if match is None:
        return float(psutil.Process().memory_info().rss) / 2**20
    return int(match[1]) / 1024


def _gib(size: float) -> str:
    if size >= 2**30:
        return f"{size / 2**30:.1f} GiB"
    return f"{size / 2**20:.0f} MiB"
