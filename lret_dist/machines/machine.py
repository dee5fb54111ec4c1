"""What a session runs on: MPI ranks, memory, and how fast they compute and talk, measured once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from functools import cache
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.machines.threads import limited_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpi4py import MPI

__all__ = [
    "USUAL_SPEEDS",
    "Machine",
    "Member",
    "Network",
    "Speeds",
    "measure_kernels",
    "measure_network",
]

#: The block that kernels are timed on: 4 MiB, as large as what a thread works on in the cache.
_ROWS, _COLUMNS = 4096, 64
#: Bytes of the messages that bandwidth is measured with; how often everything is measured at least,
#: and seconds that a kernel is: threads of a BLAS library spin for longer than one takes.
_MESSAGE_BYTES = 1 << 22
_TIMES, _KERNEL_SECONDS = 3, 0.03


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """How fast an MPI rank computes and talks while all others do.

    Attributes:
        pass_seconds: to apply a two-qubit matrix, for each entry of a factor.
        gram_seconds: to form a Gram matrix, for each row and pair of columns.
        latency: seconds of an empty message.
        bandwidth: bytes that an MPI rank sends in a second, while it receives as many.
    """

    pass_seconds: float
    gram_seconds: float
    latency: float
    bandwidth: float


#: What is assumed where nothing is measured: one thread of a core of 2023, a 100 Gbit/s network.
USUAL_SPEEDS = Speeds(pass_seconds=7e-10, gram_seconds=1.4e-10, latency=2e-6, bandwidth=1e10)


@dataclass(frozen=True, kw_only=True)
class Network:
    """How fast MPI ranks talk.

    Attributes:
        latency: seconds of an empty message.
        bandwidth: bytes that an MPI rank sends in a second, while it receives as many.

    Raises:
        ValueError: for numbers that are not positive.
    """

    latency: float = USUAL_SPEEDS.latency
    bandwidth: float = USUAL_SPEEDS.bandwidth

    def __post_init__(self) -> None:
        for name in ("latency", "bandwidth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"a network's {name} must be a number, got {value!r}")
            if not 0 < float(value) < math.inf:
                raise ValueError(f"a network's {name} must be positive and finite, got {value}")


@dataclass(frozen=True)
class Member:
    """One MPI rank of a session.

    Attributes:
        host: name of the host that it runs on.
        threads: its threads.
        bytes_free: memory that it could use when the session was made.
    """

    host: str
    threads: int
    bytes_free: int


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a session runs on.

    Attributes:
        mpi_ranks: number of MPI ranks.
        bytes_per_rank: memory that each of them may use.
        speeds: of the slowest of them.
        threads: threads of each of them.
        limited_by: name of the option that gives ``bytes_per_rank``, None for the machine itself.
        mpi_ranks_on_host: those of them that share the driver's host.
        members: the MPI ranks one by one, as MPI rank 0 of a session knows them; else empty.
    """

    mpi_ranks: int
    bytes_per_rank: int
    speeds: Speeds = USUAL_SPEEDS
    threads: int = 1
    limited_by: str | None = None
    mpi_ranks_on_host: int = 1
    members: tuple[Member, ...] = field(default=(), repr=False, compare=False)

    def limited(self, max_memory_mb: float | None) -> Machine:
        """As a run sees it that may use so many MiB on each MPI rank, or all there are."""
        if max_memory_mb is None or max_memory_mb * 2**20 >= self.bytes_per_rank:
            return self
        most = int(max_memory_mb * 2**20)
        return replace(self, bytes_per_rank=most, limited_by="max_memory_mb")


@cache
def measure_kernels(threads: int) -> tuple[float, float]:
    """Seconds of the two kernels in :class:`Speeds` on so many threads.

    Takes some 60 ms the first time; a process has the same speeds ever after.
    """
    block = np.full((_ROWS, _COLUMNS), 0.1 + 0.1j)
    matrix = np.full((4, 4), 0.1 + 0.1j)
    with limited_threads(threads):
        applied = _least_seconds(lambda: _core.apply_matrix(block, [3, 7], matrix), _KERNEL_SECONDS)
        formed = _least_seconds(lambda: _core.gram(block), _KERNEL_SECONDS)
    return applied / block.size, formed / (_ROWS * _COLUMNS**2)


def measure_network(comm: MPI.Intracomm) -> tuple[float, float]:
    """Latency and bandwidth in :class:`Speeds`, all MPI ranks talking in pairs; collective."""
    latency, sending = 0.0, 0.0
    for distance in {1, 1 << (comm.size.bit_length() - 2)} if comm.size > 1 else ():
        partner = comm.rank ^ distance
        for size in (8, _MESSAGE_BYTES):
            seconds = _exchange_seconds(comm, partner, size)
            if size == 8:
                latency = max(latency, seconds)
            else:
                sending = max(sending, (seconds - latency) / size)
    return latency, 1 / sending if sending > 0 else USUAL_SPEEDS.bandwidth


def _exchange_seconds(comm: MPI.Intracomm, partner: int, size: int) -> float:
    send, receive = np.zeros(size, np.uint8), np.empty(size, np.uint8)

    def exchange() -> None:
        if partner < comm.size:
            comm.Sendrecv(send, partner, recvbuf=receive, source=partner)

    comm.Barrier()
    return _least_seconds(exchange)


def _least_seconds(work: Callable[[], Any], in_all: float = 0.0) -> float:
    """The shortest time of several, at least ``in_all`` seconds long; the first is left out."""
    seconds: list[float] = []
    while len(seconds) <= _TIMES or sum(seconds) < in_all:
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
