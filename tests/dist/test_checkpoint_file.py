"""Checkpoint files on one process: what is read is what was written, or an error that says why."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_disk import largest_file, mounted, unmount

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.checkpoints.reader import Checkpoint, is_whole
from lret_dist.checkpoints.writer import Matrix, write_checkpoint
from lret_dist.grid.communicator import GridCommunicator

COMM = GridCommunicator(ProcessGrid(1, 1))
HEADER = {"program": "ab" * 20, "step": 3, "layout": [2, 0, 1], "error": float("inf"), "name": "ψ"}
DTYPES = [np.complex128, np.complex64, np.float64, np.float32]


def entries(rows: int, columns: int, dtype: Any = np.complex128, stride: int = 0) -> np.ndarray:
    """A block whose rows lie ``stride`` entries further apart than they are long."""
    whole = np.random.default_rng(rows * columns).normal(size=(rows, columns + stride))
    if np.dtype(dtype).kind == "c":
        whole = whole * (1 + 2j)
    return whole.astype(dtype)[:, :columns]


def write(path: Path, **more: Any) -> None:
    matrices = {"factor": Matrix(entries(16, 5), np.arange(5, dtype=np.float32))}
    arrays = {"samples": np.arange(30, dtype=np.uint8).reshape(10, 3), "value": np.array(1 + 2j)}
    parts = {"header": HEADER, "arrays": arrays, "matrices": matrices} | more
    write_checkpoint(path, COMM, **parts)


def read_all(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Everything that :func:`write` wrote."""
    checkpoint = Checkpoint(path, COMM)
    into = np.empty(checkpoint.shape("factor"), checkpoint.dtype("factor"))
    share = checkpoint.share("factor")
    checkpoint.read_matrix("factor", into, share)
    weights = checkpoint.read_weights("factor", share)
    assert weights is not None
    return checkpoint.header, checkpoint.read_arrays(), into, weights


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.checkpoints.table.BUFFER_BYTES", 200)


def test_what_is_read_is_what_was_written(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "a.lret"
    write(path)
    header, arrays, factor, weights = read_all(path)
    assert header == HEADER
    assert arrays.keys() == {"samples", "value"}
    np.testing.assert_array_equal(arrays["samples"], np.arange(30).reshape(10, 3))
    assert arrays["value"] == 1 + 2j
    np.testing.assert_array_equal(factor, entries(16, 5))
    np.testing.assert_array_equal(weights, np.arange(5.0))
    assert list(tmp_path.iterdir()) == [path]


@given(
    rows=st.sampled_from([1, 2, 8, 64]),
    columns=st.integers(0, 9),
    stride=st.integers(0, 3),
    dtype=st.sampled_from(DTYPES),
    buffer=st.sampled_from([1, 100, 1000, 1 << 20]),
    start=st.integers(0, 9),
    count=st.integers(0, 9),
)
def test_any_part_of_any_block(
    rows: int, columns: int, stride: int, dtype: Any, buffer: int, start: int, count: int
) -> None:
    block = entries(rows, columns, dtype, stride)
    part = range(min(start, columns), min(start + count, columns))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("lret_dist.checkpoints.table.BUFFER_BYTES", buffer)
        path = Path(folder, "a.lret")
        matrices = {"m": Matrix(block, np.arange(columns) * 1.5), "bare": Matrix(block)}
        write(path, arrays={}, matrices=matrices)
        checkpoint = Checkpoint(path, COMM)
        wide = np.zeros((rows, len(part) + 2), dtype)
        checkpoint.read_matrix("m", wide[:, 1:-1], part)
        np.testing.assert_array_equal(wide[:, 1:-1], block[:, part.start : part.stop])
        assert not wide[:, [0, -1]].any()
        np.testing.assert_array_equal(checkpoint.read_weights("m", part), np.array(part) * 1.5)
        assert checkpoint.read_weights("bare", part) is None


@given(
    array=hnp.arrays(
        st.one_of(
            hnp.integer_dtypes(endianness="?"),
            hnp.unsigned_integer_dtypes(),
            hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
            hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
            hnp.boolean_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
    )
)
def test_arrays_of_any_dtype(array: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.lret")
        write(path, arrays={"": array, "a/b": array.T}, matrices={})
        found = Checkpoint(path, COMM).read_arrays()
    for name, exact in (("", array), ("a/b", array.T)):
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], exact)


def test_every_flipped_byte_is_found(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "a.lret"
    write(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    edges = [0, 15, 16, 19, 20, 27, 28, 4091, 4095, *range(len(whole) - 45, len(whole))]
    header = whole.index(b'{"header"')
    inside = [*rng.integers(0, header, 400), *range(header, len(whole), 7)]
    with path.open("r+b", buffering=0) as file:
        for place in map(int, [*edges, *inside]):
            os.pwrite(file.fileno(), bytes([whole[place] ^ 1 << int(rng.integers(8))]), place)
            with pytest.raises(CheckpointError, match=str(path)):
                read_all(path)
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    read_all(path)


def test_every_truncation_is_found(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "a.lret"
    write(path)
    whole = path.read_bytes()
    lengths = [0, 1, 16, 31, 4095, 4096, 4097, *range(5000, len(whole), 411), len(whole) - 1]
    for length in lengths:
        path.write_bytes(whole[:length])
        assert not is_whole(path)
        with pytest.raises(CheckpointError, match=r"empty|cut off|first bytes"):
            read_all(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match="as if it had been cut off"):
        read_all(path)
    path.write_bytes(whole[:8192] + whole[4096:])
    with pytest.raises(CheckpointError, match=f"has {len(whole) + 4096} bytes instead of"):
        read_all(path)


def test_a_damaged_chunk_is_named(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "a.lret"
    write(path, arrays={})
    damaged = bytearray(path.read_bytes())
    damaged[4096 + 165] ^= 4
    path.write_bytes(damaged)
    assert is_whole(path)
    with pytest.raises(CheckpointError, match=r"read: its 160 bytes from byte 4256 on are damaged"):
        read_all(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"hello", "it is no LRET checkpoint"),
        (b"\x89HDF\r\n\x1a\n" * 1000, "it is no LRET checkpoint"),
        (b"LRET checkpoint\n", "it was cut off after 16 bytes"),
        (b"LRET checkpoint\n" + bytes(9000), "its first 4096 bytes are damaged"),
    ],
)
def test_foreign_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.lret"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{path} cannot be read: {reason}"):
        Checkpoint(path, COMM)


def test_a_later_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.lret"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lret_dist.checkpoints.frame._VERSION", 3)
        write(path)
    with pytest.raises(CheckpointError, match="format is version 3; this LRET reads 2"):
        Checkpoint(path, COMM)


def test_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.lret"
    with pytest.raises(CheckpointError, match=r"cannot be read: No such file .* \(ENOENT\)"):
        Checkpoint(path, COMM)
    with pytest.raises(
        CheckpointError, match=r"cannot be read: expected a regular file, got a folder"
    ):
        Checkpoint(tmp_path, COMM)
    write(path)
    checkpoint = Checkpoint(path, COMM)
    with pytest.raises(CheckpointError, match="has no 'other' in matrices"):
        checkpoint.shape("other")
    with pytest.raises(
        CheckpointError, match=r"holds \(16, 2\) entries of complex128 here, not .*64"
    ):
        checkpoint.read_matrix("factor", np.empty((16, 2), np.complex64), range(2))
    path.unlink()
    write(path)
    with pytest.raises(CheckpointError, match="another file lies here"):
        checkpoint.read_arrays()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"header": {"a": {1, 2}}}, "set is not JSON serializable"),
        ({"arrays": {"a": np.array([None])}}, "arrays/a must hold numbers, not object"),
        ({"arrays": {"a": np.zeros(2, [("x", "f8")])}}, "arrays/a must hold numbers"),
    ],
)
def test_what_cannot_be_kept(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        write(tmp_path / "a.lret", **more)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    folders: list[Path] = []

    def mount(options: str) -> Path:
        if not mounted(tmp_path, options):
            pytest.skip("mounting is not permitted")
        folders.append(tmp_path)
        return tmp_path

    yield mount
    for folder in folders:
        unmount(folder)


BIG = {"arrays": {}, "matrices": {"factor": Matrix(entries(1 << 12, 64), np.ones(64))}}


def test_a_full_disk_leaves_the_older_checkpoint(disk: Callable[[str], Path]) -> None:
    path = disk("size=2m") / "a.lret"
    write(path)
    with pytest.raises(CheckpointError, match=r"a\.lret cannot be written: No space left on"):
        write(path, **BIG)
    assert [file.name for file in path.parent.iterdir()] == ["a.lret"]
    read_all(path)


def test_a_disk_that_is_full_at_the_header(disk: Callable[[str], Path]) -> None:
    path = disk("size=12k") / "a.lret"
    header = {"text": "x" * 9000}
    matrices = {"factor": Matrix(np.ones((1, 1)))}
    with pytest.raises(CheckpointError, match="No space left on device"):
        write(path, header=header, arrays={}, matrices=matrices)
    assert not list(path.parent.iterdir())


def test_a_folder_that_cannot_be_written(disk: Callable[[str], Path]) -> None:
    with pytest.raises(CheckpointError, match=r"Read-only file system \(EROFS\)"):
        write(disk("ro") / "a.lret")


@pytest.mark.parametrize("size", [100, 5000, 1 << 20, (1 << 20) + 77, (1 << 22) + 4096])
def test_a_file_that_grows_too_large(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.lret"
    write(path)
    with (
        largest_file(size),
        pytest.raises(CheckpointError, match=r"cannot be written: File too large \(EFBIG\)"),
    ):
        write(path, **BIG)
    assert list(tmp_path.iterdir()) == [path]
    read_all(path)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"No such file or directory \(ENOENT\)"):
        write(tmp_path / "missing" / "a.lret")
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=os.strerror(errno.ENOTDIR)):
        write(tmp_path / "file" / "a.lret")


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.lret"
    path.mkdir()
    with pytest.raises(CheckpointError, match="Is a directory"):
        write(path)
    assert list(tmp_path.iterdir()) == [path]
