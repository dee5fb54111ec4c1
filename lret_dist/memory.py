"""Memory: what a run needs at least, what there is, and what was used."""

from __future__ import annotations

import ctypes
import math
import re
import resource
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lret_dist.errors import InsufficientMemoryError
from lret_dist.slurm import memory_on_host
from lret_dist.threads import own_cores

if TYPE_CHECKING:
    from lret_dist.machine import Machine
    from lret_dist.process_grid import ProcessGrid
    from lret_dist.program import Program

__all__ = [
    "FreeMemory",
    "available_bytes",
    "batch_bytes",
    "borrowed_bytes",
    "check_batch_memory",
    "check_density_memory",
    "check_memory",
    "columns_that_fit",
    "density_bytes",
    "least_row_groups",
    "not_given",
    "peak_mb",
    "process_headroom",
    "reset_peak",
    "return_large_blocks",
    "run_overhead",
    "usable",
]

#: Part of the free memory that a run may plan with.
_USABLE = 0.9
#: Bytes an MPI rank needs beside the factor: transfer buffers, Python objects of the run.
_RUN_OVERHEAD = 64 << 20
#: Addresses that the C library sets aside for a thread: its stack, and an arena of small blocks.
_THREAD_ADDRESSES = 72 << 20
#: The control groups of this process, where all of them are, and what of one's files can go: both
#: versions call it nearly alike.
_CGROUP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_INACTIVE = re.compile(r"^(?:total_)?inactive_file (\d+)$", re.MULTILINE)
#: M_MMAP_THRESHOLD of the GNU C library.
_MMAP_THRESHOLD = -3
#: Seconds from one time that free memory is given back to the next: that may take milliseconds, as
#: do the first touches of pages that are taken again.
_GIVE_BACK_SECONDS = 0.2
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def available_bytes() -> int:
    """Memory that this machine and this process's control group leave free, to all MPI ranks."""
    return min([int(psutil.virtual_memory().available), *_cgroup_headroom()])


def _cgroup_headroom() -> list[int]:
    """Free memory under the limits of this process's control groups, of version 1 and 2."""
    try:
        lines = _CGROUP.read_text().splitlines()
    except OSError:
        return []
    free = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            free += _group_headroom(_CGROUPS, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            free += _group_headroom(_CGROUPS / "memory", path, *files)
    return free


def _group_headroom(root: Path, path: str, most: str, used: str) -> list[int]:
    """Free memory of a control group and of those around it, innermost first."""
    free = []
    group = root / path.lstrip("/")
    while True:
        with suppress(OSError, ValueError):
            limit = int((group / most).read_text())
            taken = int((group / used).read_text()) - _reclaimable(group)
            free.append(max(0, limit - taken))
        if group in (root, group.parent):
            return free
        group = group.parent


def _reclaimable(group: Path) -> int:
    """Bytes of cached files in a control group that give way to anything else."""
    with suppress(OSError):
        # Version 1 tells first of the group alone, then of those inside it too.
        return max(map(int, _INACTIVE.findall((group / "memory.stat").read_text())), default=0)
    return 0


def process_headroom() -> list[int]:
    """Memory that the limits of this process itself leave free, such as that of ``ulimit -v``."""
    try:
        status = _STATUS.read_text()
    except OSError:
        return []
    free = []
    threads = (1 + len(own_cores())) * _THREAD_ADDRESSES
    kinds = ((resource.RLIMIT_AS, "VmSize", threads), (resource.RLIMIT_DATA, "VmData", 0))
    for kind, used, aside in kinds:
        limit = resource.getrlimit(kind)[0]
        match = re.search(rf"^{used}:\s+(\d+) kB", status, re.MULTILINE)
        if limit != resource.RLIM_INFINITY and match is not None:
            left = max(0, limit - (int(match[1]) << 10))
            # Small runs need few threads, if any.
            free.append(max(left - aside, left // 8))
    return free


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
            f"{num_qubits} qubits need at least {_gib(needed)} on each MPI rank ({rows} rows, "
            f"{columns} columns of {itemsize} bytes an entry, probabilities"
            f"; saved data and samples: {_gib(results)}), but {_limit(machine)}; "
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
            f"the density matrix of {num_qubits} qubits{others} needs {_gib(needed)} on each MPI "
            f'rank, but {_limit(machine)}; what would help: method="low_rank" or "automatic", or '
            f"{_advice(itemsize, 1, 0, machine)}"
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
            f"two sampled columns of {num_qubits} qubits need {_gib(needed)} on each MPI rank, but "
            f'{_limit(machine)}; what would help: truncation="certified", or '
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
    there = _gib(machine.bytes_per_rank)
    if machine.limited_by is None:
        return f"{there} can be used"
    return f"{machine.limited_by} allows {there}"


def _advice(itemsize: int, columns: int, results: int, machine: Machine) -> str:
    smaller_results, budget = "saving fewer qubits or fewer shots", machine.bytes_per_rank
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


def usable(available: int, ranks_on_host: int) -> int:
    """Bytes that one of the MPI ranks of a host may plan with: its share, within its own limits."""
    shares = [available / ranks_on_host, *_slurm_headroom(ranks_on_host)]
    return int(_USABLE * min(*shares, *process_headroom(), math.inf))


def _slurm_headroom(ranks_on_host: int) -> list[float]:
    """What this MPI rank has left of its share of the memory that Slurm gave the job here.

    Slurm may hold the job to it by a control group, by watching it, or not at all.
    """
    if (given := memory_on_host()) is None:
        return []
    return [max(0.0, given / ranks_on_host - psutil.Process().memory_info().rss)]


@cache
def return_large_blocks() -> None:
    """Have the C library return blocks from 1 MiB on to the system as soon as they are free.

    It would keep those of up to 32 MiB for later, between others: where factors of histories come
    and go, or grow in little memory, some have been seen to take twice the memory that they need.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 20)


class FreeMemory:
    """Memory that runs have left free in this process, and the C library keeps for later ones.

    That may be some 60 MiB above what is in use. During a run it saves time; between runs it is
    given back, so that a session does not seem to grow, and other programs have it.
    """

    def __init__(self) -> None:
        self._given_back = -math.inf

    def give_back(self) -> None:
        """Return it to the system, unless that was done just now."""
        if time.monotonic() - self._given_back < _GIVE_BACK_SECONDS:
            return
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self._given_back = time.monotonic()


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
