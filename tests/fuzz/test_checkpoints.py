"""Checkpoints that were damaged: refused, or passed over, or what they were."""

import io
import json
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import damaged, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.checkpoints.folder import CheckpointFolder
from lret_dist.checkpoints.reader import Checkpoint, is_whole
from lret_dist.checkpoints.writer import Matrix, write_checkpoint
from lret_dist.grid.communicator import GridCommunicator

COMM = GridCommunicator(ProcessGrid(1, 1))
TRAILER = struct.Struct("<QQQI")
PROGRAM = "ab" * 20
Read = tuple[dict[str, Any], dict[str, bytes], bytes, bytes | None]


def write(path: Path, step: int = 1) -> bytes:
    block = np.random.default_rng(step).normal(size=(16, 5)) + 1j
    write_checkpoint(
        path,
        COMM,
        {"program": PROGRAM, "step": step, "layout": [2, 0, 1]},
        arrays={"samples": np.arange(30, dtype=np.uint8).reshape(10, 3)},
        matrices={"factor": Matrix(block, np.arange(5.0))},
    )
    return path.read_bytes()


def read(checkpoint: Checkpoint) -> Read:
    into = np.empty(checkpoint.shape("factor"), checkpoint.dtype("factor"))
    share = checkpoint.share("factor")
    checkpoint.read_matrix("factor", into, share)
    weights = checkpoint.read_weights("factor", share)
    arrays = {name: array.tobytes() for name, array in checkpoint.read_arrays().items()}
    return checkpoint.header, arrays, into.tobytes(), None if weights is None else weights.tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@fuzzed(150)
@given(data=st.data())
def test_damaged_bytes(folder: Path, data: st.DataObject) -> None:
    """The run before is used instead, with a text for the user."""
    checkpoints = CheckpointFolder(folder, PROGRAM, COMM)
    good = write(checkpoints.path(2), 2)
    write(checkpoints.path(1), 1)
    expected = read(Checkpoint(checkpoints.path(2), COMM))
    before = read(Checkpoint(checkpoints.path(1), COMM))
    content = data.draw(damaged(good))
    checkpoints.path(2).write_bytes(content)
    found, warning = checkpoints.read(read)
    assert found == (before if warning else expected)
    assert bool(warning) == (content != good)
    if warning:
        assert str(checkpoints.path(2)) in warning


def made_up(good: bytes, change: Any) -> bytes:
    """The file with another header, and checksums that fit it."""
    offset, size, _, _ = TRAILER.unpack_from(good, len(good) - 40)
    text = change(good[offset : offset + size])
    fields = TRAILER.pack(offset, len(text), offset + len(text) + 40, zlib.crc32(text))
    return good[:offset] + text + fields + struct.pack("<I", zlib.crc32(fields)) + b"LRET end"


def check_made_up(path: Path, content: bytes) -> None:
    """What is not refused declares no more than the file holds; reading raises nothing else."""
    path.write_bytes(content)
    try:
        checkpoint = Checkpoint(path, COMM)
    except CheckpointError as error:
        problem = str(error)
    else:
        with suppress(CheckpointError):
            rows, columns = checkpoint.shape("factor")
            assert rows * columns * checkpoint.dtype("factor").itemsize <= len(content)
            read(checkpoint)
        return
    assert str(path) in problem
    assert not is_whole(path)


@fuzzed(150)
@given(data=st.data())
def test_headers_that_somebody_made_up(folder: Path, data: st.DataObject) -> None:
    path = folder / "made-up.lret"
    header = lambda text: json.dumps(data.draw(mutated(json.loads(text)))).encode()  # noqa: E731
    check_made_up(path, made_up(write(path), header))


@fuzzed(80)
@given(data=st.data())
def test_headers_that_are_no_documents(folder: Path, data: st.DataObject) -> None:
    path = folder / "damaged.lret"
    check_made_up(path, made_up(write(path), lambda text: data.draw(damaged(text))))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("shape", [1 << 40, 5]), "do not make up"),
        (("shape", [1 << 80, 5]), "expected an integer from 0"),
        (("shape", [80]), "expected rows and columns"),
        (("dtype", "|O"), "expected the dtype of numbers"),
        (("dtype", "<c99"), "expected the dtype of numbers"),
        (("dtype", "V1000000000000"), "expected the dtype of numbers"),
        (("slabs", []), "do not make up 16 x 5 entries"),
        (("slabs", [[0, 16, 0, 5, 4096, 0, [1]]]), "not empty"),
        (("slabs", [[0, 16, 0, 5, 4096, 1 << 20, [1, 2]]]), "expected 1 to 1 elements, got 2"),
        (("slabs", [[0, 16, 0, 5, 4096, 99, [1 << 40]]]), "expected integers of 32 bits"),
        (("slabs", [[0, 16, 0, 5, 1 << 40, 99, [1]]]), "are no place in a file"),
        (("slabs", [[0, 1 << 50, 0, 5, 4096, 1 << 50, [1]]]), "are no place in a file"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path: Path, change: tuple, problem: str) -> None:
    def changed(text: bytes) -> bytes:
        plain = json.loads(text)
        plain["arrays"]["matrices/factor"][change[0]] = change[1]
        return json.dumps(plain).encode()

    path = tmp_path / "a.lret"
    path.write_bytes(made_up(write(path), changed))
    with pytest.raises(CheckpointError, match=problem) as caught:
        Checkpoint(path, COMM)
    assert "arrays['matrices/factor']" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"header": {}, "header": {}, "arrays": {}}', "the key 'header' twice"),
        (b'{"header": [], "arrays": {}}', "header: expected an object"),
        (b"\xff", "codec can't decode"),
    ],
)
def test_what_is_wrong_in_a_header(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "a.lret"
    path.write_bytes(made_up(write(path), lambda _: text))
    with pytest.raises(CheckpointError, match=problem):
        Checkpoint(path, COMM)
    assert not is_whole(path)


def test_a_header_that_is_too_long(tmp_path: Path) -> None:
    """Its end says that it has a terabyte, and nothing is allocated for that."""
    path = tmp_path / "a.lret"
    head = write(path)[:4096]
    fields = TRAILER.pack(4096, 1 << 40, 4096 + 40, 0)
    end = fields + struct.pack("<I", zlib.crc32(fields)) + b"LRET end"
    path.write_bytes(io.BytesIO(head + end).getvalue())
    with pytest.raises(CheckpointError, match="its header has 1099511627776 bytes, more than"):
        Checkpoint(path, COMM)
