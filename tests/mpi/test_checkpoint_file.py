"""Checkpoint files between process grids; every MPI rank takes part."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from small_disk import largest_file, mounted, unmount

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.checkpoints.folder import CheckpointFolder
from lret_dist.checkpoints.reader import Checkpoint
from lret_dist.checkpoints.writer import Matrix, write_checkpoint
from lret_dist.grid.communicator import GridCommunicator, split

WORLD = MPI.COMM_WORLD
ROWS = 16
PROGRAM = "0123456789abcdef"
DRIVERS = {"samples": np.arange(7, dtype=np.uint8), "rho": np.arange(4).reshape(2, 2) * 1j}


def grids(size: int) -> list[ProcessGrid]:
    return [ProcessGrid(rows, size // rows) for rows in (1, 2, 4) if size % rows == 0]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One new folder for all MPI ranks."""
    made = tempfile.mkdtemp(prefix="lret-") if WORLD.rank == 0 else None
    path = Path(WORLD.bcast(made))
    yield path
    WORLD.Barrier()
    if WORLD.rank == 0:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=grids(WORLD.size), ids=str)
def comm(request: pytest.FixtureRequest) -> Iterator[GridCommunicator]:
    made = GridCommunicator(request.param, WORLD)
    yield made
    made.free()


def entries(columns: int, dtype: Any) -> np.ndarray:
    """The whole matrix, the same on every MPI rank."""
    values = np.random.default_rng(columns).normal(size=(ROWS, columns, 2))
    if np.dtype(dtype).kind == "c":
        return (values @ [1, 1j]).astype(dtype)
    return values[..., 0].astype(dtype)


def part(comm: GridCommunicator, whole: np.ndarray, widths: list[int], stride: int) -> Matrix:
    """This MPI rank's block, with rows ``stride`` entries further apart, and weights."""
    height, first = len(whole) // comm.grid.rows, sum(widths[: comm.column])
    width = widths[comm.column]
    block = np.full((height, width + stride), np.nan, whole.dtype)[:, :width]
    block[:] = whole[comm.row * height : (comm.row + 1) * height, first : first + width]
    return Matrix(block, (np.abs(whole) ** 2).sum(axis=0)[first : first + width].astype(float))


def vector(comm: GridCommunicator) -> Matrix:
    """One column that column group 0 holds."""
    height = ROWS // comm.grid.rows
    whole = np.arange(ROWS, dtype=np.float32)[comm.row * height : (comm.row + 1) * height]
    return Matrix((whole if comm.column == 0 else whole[:0]).reshape(-1, 1))


def write(path: Path, comm: GridCommunicator, widths: list[int], dtype: Any = complex) -> None:
    whole = entries(sum(widths), dtype)
    matrices = {"factor": part(comm, whole, widths, 2), "vector": vector(comm)}
    arrays = DRIVERS if comm.is_driver else {}
    write_checkpoint(path, comm, {"widths": widths}, arrays=arrays, matrices=matrices)


def check(path: Path, comm: GridCommunicator, dtype: Any = complex) -> None:
    """Read what :func:`write` wrote, on any grid, with rows of another stride."""
    checkpoint = Checkpoint(path, comm)
    columns = sum(checkpoint.header["widths"])
    assert checkpoint.shape("factor") == (ROWS, columns)
    assert checkpoint.dtype("factor") == dtype
    exact = part(comm, entries(columns, dtype), split(columns, comm.grid.columns), 1)
    into = np.zeros((len(exact.block), exact.block.shape[1] + 3), dtype)[:, : exact.block.shape[1]]
    checkpoint.read_matrix("factor", into, checkpoint.share("factor"))
    np.testing.assert_array_equal(into, exact.block)
    weights = checkpoint.read_weights("factor", checkpoint.share("factor"))
    np.testing.assert_array_equal(weights, exact.weights)
    check_vector(checkpoint, comm)
    arrays = checkpoint.read_arrays()
    assert arrays.keys() == (DRIVERS.keys() if comm.is_driver else set())
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, DRIVERS[name])


def check_vector(checkpoint: Checkpoint, comm: GridCommunicator) -> None:
    exact = vector(comm).block
    into = np.zeros_like(exact)
    checkpoint.read_matrix("vector", into, range(1))
    np.testing.assert_array_equal(into, exact)
    assert checkpoint.read_weights("vector", range(1)) is None


@pytest.mark.parametrize(
    ("dtype", "some", "buffer"),
    [
        (np.complex128, [5, 0, 17, 2], 1),
        (np.complex64, [0, 3], 150),
        (np.float64, [1], 1 << 20),
        (np.float32, [0, 0, 0, 40], 700),
    ],
)
def test_every_grid_reads_what_every_grid_wrote(
    folder: Path,
    comm: GridCommunicator,
    dtype: Any,
    some: list[int],
    buffer: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lret_dist.checkpoints.table.BUFFER_BYTES", buffer)
    widths = (some * comm.grid.columns)[: comm.grid.columns]
    write(folder / "a.lret", comm, widths, dtype)
    check(folder / "a.lret", comm, dtype)
    for grid in grids(WORLD.size):
        other = GridCommunicator(grid, WORLD)
        check(folder / "a.lret", other, dtype)
        other.free()
    assert [file.name for file in folder.iterdir()] == ["a.lret"]


def test_other_numbers_of_mpi_ranks(folder: Path, comm: GridCommunicator) -> None:
    """What all have written is read by some, and by each alone; and the other way round."""
    write(folder / "all.lret", comm, ([4, 0, 1, 9] * 2)[: comm.grid.columns])
    check(folder / "all.lret", GridCommunicator(ProcessGrid(1, 1), MPI.COMM_SELF))
    some = WORLD.Split(WORLD.rank % 2, WORLD.rank)
    for grid in grids(some.size):
        sub = GridCommunicator(grid, some)
        check(folder / "all.lret", sub)
        write(folder / f"{WORLD.rank % 2}.lret", sub, ([3, 6, 0, 2] * 2)[: grid.columns])
        sub.free()
    some.Free()
    WORLD.Barrier()
    for written in {0, min(1, WORLD.size - 1)}:
        check(folder / f"{written}.lret", comm)
    WORLD.Barrier()


def test_damage_is_told_to_all(folder: Path, comm: GridCommunicator) -> None:
    """A chunk that one MPI rank alone reads."""
    path = folder / "a.lret"
    write(path, comm, [2] * comm.grid.columns)
    if WORLD.rank == 0:
        content = bytearray(path.read_bytes())
        place = bytes(content).index(entries(2 * comm.grid.columns, complex)[-1, -1].tobytes())
        content[place] ^= 1
        path.write_bytes(content)
    WORLD.Barrier()
    with pytest.raises(CheckpointError, match=r"bytes from byte \d+ on are damaged") as raised:
        check(path, comm)
    texts = WORLD.allgather(str(raised.value))
    assert len(set(texts)) == 1
    last = f"MPI rank {WORLD.size - 1} on {MPI.Get_processor_name()}" if WORLD.size > 1 else "read"
    assert f"{last}: " in texts[0]


def big() -> dict[str, Matrix]:
    """256 KiB on every MPI rank."""
    return {"factor": Matrix(np.ones((1 << 12, 4), complex), np.ones(4))}


@pytest.mark.parametrize("small", ["last", "first", "all"])
@pytest.mark.parametrize("size", [5000, (1 << 18) + 4095])
def test_one_that_cannot_write_fails_all(
    folder: Path, comm: GridCommunicator, small: str, size: int
) -> None:
    path = folder / "a.lret"
    write(path, comm, [1] * comm.grid.columns)
    before = path.read_bytes()
    ranks = {"last": [WORLD.size - 1], "first": [0], "all": list(range(WORLD.size))}[small]
    # The first of several MPI ranks has its block at the front, the header at the end.
    limit = size if WORLD.rank in ranks else 1 << 30
    WORLD.Barrier()
    with largest_file(limit), pytest.raises(CheckpointError) as raised:
        write_checkpoint(path, comm, {}, arrays={}, matrices=big())
    texts = WORLD.allgather(str(raised.value))
    assert len(set(texts)) == 1
    assert f"{path} cannot be written: " in texts[0]
    assert "File too large (EFBIG)" in texts[0]
    if WORLD.size > 1 and small != "all":
        assert f"MPI rank {ranks[0]} on {MPI.Get_processor_name()}" in texts[0]
    assert path.read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["a.lret"]
    check(path, comm)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("size=300k", "No space left on device (ENOSPC)"),
        ("size=64k", "No space left on device (ENOSPC)"),
        ("ro", "Read-only file system (EROFS)"),
    ],
)
def test_a_full_disk_fails_all(
    folder: Path, comm: GridCommunicator, options: str, reason: str
) -> None:
    if not WORLD.bcast(mounted(folder, options) if WORLD.rank == 0 else None):
        pytest.skip("mounting is not permitted")
    try:
        matrices = big() | {"more": big()["factor"]}
        with pytest.raises(CheckpointError) as raised:
            write_checkpoint(folder / "a.lret", comm, {}, arrays={}, matrices=matrices)
        assert reason in str(raised.value)
        assert not list(folder.iterdir())
    finally:
        WORLD.Barrier()
        if WORLD.rank == 0:
            unmount(folder)


def test_a_folder_that_is_none(folder: Path, comm: GridCommunicator) -> None:
    with pytest.raises(CheckpointError, match=r"No such file or directory \(ENOENT\)"):
        write(folder / "missing" / "a.lret", comm, [1] * comm.grid.columns)


def test_a_folder_that_another_host_does_not_share(comm: GridCommunicator, folder: Path) -> None:
    """Every MPI rank sees a folder of its own, and in it a file of the same name or none."""
    own = folder / str(WORLD.rank)
    own.mkdir()
    for begun in (False, True):
        if begun:
            (own / "a.lret.partial").write_bytes(b"begun")
        if WORLD.size == 1:
            continue
        with pytest.raises(CheckpointError, match=r"No such file|no LRET checkpoint"):
            write(own / "a.lret", comm, [1] * comm.grid.columns)


def test_blocks_that_make_up_no_matrix(folder: Path, comm: GridCommunicator) -> None:
    path = folder / "a.lret"
    uneven = {"factor": Matrix(np.ones((4 << (WORLD.rank == 0), 1)))}
    unlike = {str(WORLD.rank): Matrix(np.ones((4, 1)))}
    if WORLD.size > 1:
        with pytest.raises(ValueError, match="do not make up one matrix 'factor'"):
            write_checkpoint(path, comm, {}, arrays={}, matrices=uneven)
        with pytest.raises(ValueError, match="must give the same matrices"):
            write_checkpoint(path, comm, {}, arrays={}, matrices=unlike)
    bad = Matrix(np.ones((4, 1)), np.ones(1 + (WORLD.rank == WORLD.size - 1)))
    with pytest.raises(CheckpointError, match="2 weights for 1 columns"):
        write_checkpoint(path, comm, {}, arrays={}, matrices={"factor": bad})


def test_all_take_the_same_file(folder: Path, comm: GridCommunicator) -> None:
    """The newest, or the one before it where one MPI rank has found damage."""
    checkpoints = CheckpointFolder(folder, PROGRAM, comm)
    for step in (1, 2, 3):
        matrices = {"factor": Matrix(np.full((8, 2), step * 1.0))}
        path = checkpoints.path(checkpoints.write(step, {}, arrays={}, matrices=matrices))
    WORLD.Barrier()
    assert [file.name[-6] for file in checkpoints.files()] == ["3", "2"]
    assert checkpoints.read(load)[0] == 3
    if WORLD.rank == 0:
        content = bytearray(path.read_bytes())
        content[content.rindex(np.array(3.0).tobytes())] ^= 1
        path.write_bytes(content)
    WORLD.Barrier()
    step, warning = checkpoints.read(load)
    assert step == 2
    assert warning is not None
    assert len(set(WORLD.allgather(warning))) == 1
    assert "00000003.lret cannot be read" in warning


def load(checkpoint: Checkpoint) -> int:
    into = np.empty((8, 2))
    checkpoint.read_matrix("factor", into, checkpoint.share("factor"))
    assert (into == checkpoint.header["step"]).all()
    return int(checkpoint.header["step"])
