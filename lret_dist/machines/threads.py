"""Threads of one MPI rank, for the kernels and for BLAS alike."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy.linalg
import scipy.linalg.blas
from threadpoolctl import ThreadpoolController

from lret_dist import _core
from lret_dist.machines.slurm import cpus_per_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["limited_threads", "one_kernel_thread", "own_cores", "threads_per_rank"]

# Both libraries must be loaded before the controller looks for them, which takes it some time.
_LOADED = (numpy.linalg, scipy.linalg.blas)
_BLAS = ThreadpoolController()


def own_cores() -> frozenset[int]:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def threads_per_rank(cores_of_ranks: Sequence[frozenset[int]]) -> int:
    """Threads for this MPI rank: what the user or Slurm said, else a fair share of its cores.

    Args:
        cores_of_ranks: cores of every MPI rank on this machine, this one's among them. A launcher
            may have given each its own; where it did not, they share.
    """
    mine = own_cores()
    share = max(1, len(mine) // sum(not mine.isdisjoint(cores) for cores in cores_of_ranks))
    if (said := _openmp_threads()) is not None:
        return min(said, len(mine))
    # Slurm's number is for a task, and an MPI rank may be one of several that a task has started.
    return min(cpus_per_task() or share, share)


def _openmp_threads() -> int | None:
    # It may be a list, one number for each nesting level.
    value = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(value) if value.isdecimal() and int(value) > 0 else None


@contextmanager
def one_kernel_thread() -> Iterator[None]:
    """Run every kernel on the thread that calls it, while several threads do so."""
    before = _core.get_num_threads()
    _core.set_num_threads(1)
    try:
        yield
    finally:
        _core.set_num_threads(before)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Run the kernels with this many threads, and put the numbers back afterwards.

    BLAS and LAPACK get one: the kernels call BLAS from their own threads, and two BLAS threads on
    two cores that are not idle have been seen to take a hundred times as long as one over the
    eigenvectors of a 430 x 430 matrix.
    """
    before = _core.get_num_threads()
    _core.set_num_threads(threads)
    try:
        with _BLAS.limit(limits=1, user_api="blas"):
            yield
    finally:
        _core.set_num_threads(before)
