"""Threads of one MPI rank, for the kernels and for BLAS alike."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy.linalg
import scipy.linalg.blas
from threadpoolctl import ThreadpoolController

from lret_dist import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["available_cores", "limited_threads", "one_kernel_thread", "threads_per_rank"]

# Both libraries must be loaded before the controller looks for them.
_LOADED = (numpy.linalg, scipy.linalg.blas)


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_rank(ranks_on_host: int) -> int:
    """Threads for this MPI rank: what the user or Slurm said, else a fair share of the cores.

    Args:
        ranks_on_host: MPI ranks that share this machine.
    """
    cores = available_cores()
    for variable in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        # OMP_NUM_THREADS may be a list, one number for each nesting level.
        value = os.environ.get(variable, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            return min(int(value), cores)
    bound = cores < (os.cpu_count() or 1)
    return cores if bound else max(1, cores // ranks_on_host)


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
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _core.set_num_threads(before)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
