"""Memory, open files and threads of the processes of all MPI ranks, job by job."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from lret_dist.machines.launcher import launched_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

_MIB = 2**20


@dataclass(frozen=True)
class Course:
    """What one MPI rank had once the session had settled, and later on.

    Attributes:
        rank: the MPI rank.
        settled: mean resident memory of a window of jobs from the settled session on, in MiB.
        highest: highest mean of any window after that.
        last: mean of the last window.
        files: fewest open files in the first and in the last window.
        threads: fewest threads in the first and in the last window.
    """

    rank: int
    settled: float
    highest: float
    last: float
    files: tuple[int, int]
    threads: tuple[int, int]

    @property
    def growth(self) -> float:
        """By which part the memory has grown, at its highest."""
        return max(self.highest, self.last) / self.settled - 1

    def is_flat(self, limit: float) -> bool:
        """Whether memory has grown by ``limit`` at most, and files and threads not at all."""
        counts = (self.files, self.threads)
        return self.growth <= limit and all(last <= first for first, last in counts)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self) | {"growth": self.growth}


class Watch:
    """Readings of the processes of all MPI ranks, in order.

    Attributes:
        memory: MiB of each reading and MPI rank.
    """

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = list(processes)
        self._readings: list[list[tuple[float, int, int]]] = []

    def read(self) -> None:
        """Take a reading."""
        self._readings.append([_reading(process) for process in self._processes])

    @property
    def memory(self) -> list[list[float]]:
        """Resident MiB at each reading, of each MPI rank."""
        return [[mib for mib, _, _ in reading] for reading in self._readings]

    def courses(self, settle: int, window: int) -> list[Course]:
        """What the readings tell, for each MPI rank.

        Args:
            settle: readings that do not count.
            window: readings whose means are compared.
        """
        readings = np.array(self._readings[settle:])
        return [course(rank, readings[:, rank], window) for rank in range(readings.shape[1])]


def course(rank: int, readings: np.ndarray[Any, Any], window: int) -> Course:
    """The course of an MPI rank.

    Args:
        rank: its number.
        readings: (number, 3) MiB, open files and threads.
        window: readings of which means are taken.
    """
    memory, counts = readings[:, 0], readings[:, 1:]
    means = np.convolve(memory, np.full(window, 1 / window), mode="valid")
    first, last = counts[:window].min(axis=0), counts[-window:].min(axis=0)
    files, threads = zip(first.astype(int).tolist(), last.astype(int).tolist(), strict=True)
    return Course(rank, float(means[0]), float(means.max()), float(means[-1]), files, threads)


def mpi_ranks() -> list[psutil.Process]:
    """The processes of all MPI ranks on this machine, in order, seen from any of them."""
    me = psutil.Process(os.getpid())
    launcher = me.parent()
    siblings = [me] if launcher is None else launcher.children()
    ranks = {launched_rank(process.environ()): process for process in siblings}
    if str(len(ranks) - 1) not in ranks:
        raise SystemExit("not all MPI ranks are on this machine; start them with mpirun -n 3")
    return [ranks[str(number)] for number in range(len(ranks))]


def _reading(process: psutil.Process) -> tuple[float, int, int]:
    with process.oneshot():
        resident = process.memory_info().rss / _MIB
        return resident, process.num_fds(), process.num_threads()
