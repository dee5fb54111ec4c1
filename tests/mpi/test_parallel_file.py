"""Reading and writing one file at once, with MPI-IO and without."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI
from small_disk import largest_file

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.grid.parallel_file import open_file

WORLD = MPI.COMM_WORLD
SIZE = 1000


@pytest.fixture
def comm() -> GridCommunicator:
    return GridCommunicator(ProcessGrid(1, WORLD.size), WORLD)


@pytest.fixture
def path() -> Iterator[Path]:
    """An empty file that all MPI ranks see."""
    name = None
    if WORLD.rank == 0:
        descriptor, name = tempfile.mkstemp(prefix="lret-")
        os.close(descriptor)
    path = Path(WORLD.bcast(name))
    yield path
    WORLD.Barrier()
    if WORLD.rank == 0:
        path.unlink()


def data(rank: int) -> np.ndarray:
    return np.random.default_rng(rank).integers(0, 256, SIZE, dtype=np.uint8)


def test_all_write_and_all_read(comm: GridCommunicator, path: Path) -> None:
    with open_file(path, comm, write=True) as file:
        file.write_at(WORLD.rank * SIZE, data(WORLD.rank))
        file.sync()
    WORLD.Barrier()
    assert path.stat().st_size == WORLD.size * SIZE
    with open_file(path, comm, write=False) as file:
        for rank in range(WORLD.size):
            into = np.empty(SIZE, np.uint8)
            file.read_at(rank * SIZE, into)
            np.testing.assert_array_equal(into, data(rank))


def test_a_file_that_ends_early(comm: GridCommunicator, path: Path) -> None:
    if WORLD.rank == 0:
        path.write_bytes(bytes(SIZE))
    WORLD.Barrier()
    with open_file(path, comm, write=False) as file:
        for start, count in ((0, SIZE + 1), (SIZE - 1, 7), (SIZE, 1), (5 * SIZE, 1)):
            into = np.empty(count, np.uint8)
            with pytest.raises(CheckpointError, match=f"it ends at byte {max(start, SIZE)}"):
                file.read_at(start, into)


def test_a_write_that_is_cut_short(comm: GridCommunicator, path: Path) -> None:
    """Only a part of it fits: the MPI library must not take that for all."""
    WORLD.Barrier()
    with largest_file(SIZE // 2), open_file(path, comm, write=True) as file:
        with pytest.raises(OSError, match="File too large"):
            file.write_at(0, data(0))
        with pytest.raises(OSError, match="File too large"):
            file.write_at(SIZE, data(0))


def test_a_file_that_cannot_be_opened(comm: GridCommunicator, path: Path) -> None:
    for name, write, reason in (
        (path / "a", True, "Not a directory"),
        (path.with_name("lret-missing"), False, "No such file"),
        (path.parent, True, "Is a directory"),
    ):
        with pytest.raises(OSError, match=reason):
            open_file(name, comm, write=write)
