"""A failure on some MPI ranks is told to all of them."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from mpi4py import MPI

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.grid.agreement import agreeing
from lret_dist.grid.communicator import GridCommunicator

WORLD = MPI.COMM_WORLD
HOST = socket.gethostname()


@pytest.fixture
def comm() -> GridCommunicator:
    return GridCommunicator(ProcessGrid(1, WORLD.size), WORLD)


def fail(comm: GridCommunicator, ranks: list[int]) -> None:
    with agreeing(comm, "it cannot be done"):
        if WORLD.rank in ranks:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file")
        if WORLD.rank == 0:
            raise MemoryError


def test_nothing_happens_where_none_fails(comm: GridCommunicator) -> None:
    with agreeing(comm, "it cannot be done"):
        pass


def test_each_reason_has_its_mpi_ranks(comm: GridCommunicator) -> None:
    others = list(range(1, WORLD.size))
    with pytest.raises(CheckpointError) as raised:
        fail(comm, others)
    expected = "it cannot be done: " + (f"MPI rank 0 on {HOST}: " if others else "") + "MemoryError"
    if others:
        number = f"s {', '.join(map(str, others))}" if len(others) > 1 else " 1"
        expected += f"; MPI rank{number} on {HOST}: No space left on device (ENOSPC)"
    assert str(raised.value) == expected
    own = OSError if WORLD.rank in others else MemoryError
    assert isinstance(raised.value.__cause__, own)
