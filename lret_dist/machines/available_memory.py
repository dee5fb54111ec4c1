"""How much memory there is for runs, under the limits of everything that may set one."""

from __future__ import annotations

import math
import re
import resource
import time
from contextlib import suppress
from pathlib import Path

import psutil

from lret_dist.machines.slurm import memory_on_host
from lret_dist.machines.threads import own_cores

__all__ = ["MemoryWatch", "available_bytes", "process_headroom", "usable"]

#: Part of the free memory that a run may plan with.
_USABLE = 0.9
#: Addresses that the C library sets aside for a thread: its stack, and an arena of small blocks.
_THREAD_ADDRESSES = 72 << 20
#: The control groups of this process, where all of them are, and what of one's files can go: both
#: versions call it nearly alike.
_CGROUP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_INACTIVE = re.compile(r"^(?:total_)?inactive_file (\d+)$", re.MULTILINE)
_STATUS = Path("/proc/self/status")
#: Seconds that a look at the free memory holds good: a look takes 0.2 ms.
_LOOK_SECONDS = 0.05


class MemoryWatch:
    """Memory that an MPI rank of this host may use just now, looked at again and again.

    What the user's program keeps, results among it, and what others have taken is not free any
    more.
    """

    def __init__(self, ranks_on_host: int) -> None:
        self._ranks_on_host = ranks_on_host
        self._looked, self._free = -math.inf, 0

    def free(self) -> int:
        """Bytes, as of a moment ago."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self.look()
        return self._free

    def look(self) -> None:
        """Look now."""
        self._free = usable(available_bytes(), self._ranks_on_host)
        self._looked = time.monotonic()


def available_bytes() -> int:
    """Memory that this machine and this process's control group leave free, to all MPI ranks."""
    return min([int(psutil.virtual_memory().available), *_cgroup_headroom()])


def usable(available: int, ranks_on_host: int) -> int:
    """Bytes that one of the MPI ranks of a host may plan with: its share, within its own limits."""
    shares = [available / ranks_on_host, *_slurm_headroom(ranks_on_host)]
    return int(_USABLE * min(*shares, *process_headroom(), math.inf))


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


def _slurm_headroom(ranks_on_host: int) -> list[float]:
    """What this MPI rank has left of its share of the memory that Slurm gave the job here.

    Slurm may hold the job to it by a control group, by watching it, or not at all.
    """
    if (given := memory_on_host()) is None:
        return []
    return [max(0.0, given / ranks_on_host - psutil.Process().memory_info().rss)]


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
