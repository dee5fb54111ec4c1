from __future__ import annotations

import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from lret_dist import CheckpointError, ProcessGrid
from lret_dist.checkpoints.folder import CheckpointFolder
from lret_dist.checkpoints.reader import Checkpoint
from lret_dist.checkpoints.writer import Matrix
from lret_dist.grid.communicator import GridCommunicator

COMM = GridCommunicator(ProcessGrid(1, 1))
PROGRAM = "0123456789abcdef"
OTHER = "f" * 40


def folder_of(path: Path, program: str = PROGRAM) -> CheckpointFolder:
    return CheckpointFolder(path, program, COMM)


def write(path: Path, *steps: int, program: str = PROGRAM) -> None:
    for step in steps:
        block = np.full((4, 2), float(step))
        matrices = {"factor": Matrix(block)}
        folder_of(path, program).write(step, {"layout": [0]}, arrays={}, matrices=matrices)


def load(checkpoint: Checkpoint) -> int:
    block = np.empty((4, 2))
    checkpoint.read_matrix("factor", block, range(2))
    assert (block == checkpoint.header["step"]).all()
    return int(checkpoint.header["step"])


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir())


def damage(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 3, 11, 100)
    assert names(tmp_path) == ["0123456789ab-00000011.lret", "0123456789ab-00000100.lret"]
    assert folder_of(tmp_path).read(load) == (100, None)


def test_programs_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    write(tmp_path, 1, 2, 3)
    write(tmp_path, 7, program=OTHER)
    assert len(names(tmp_path)) == 4
    assert folder_of(tmp_path).read(load) == (3, None)
    assert folder_of(tmp_path, OTHER).read(load) == (7, None)


def test_steps_beyond_eight_digits_are_newer(tmp_path: Path) -> None:
    write(tmp_path, 99_999_999, 100_000_000)
    assert folder_of(tmp_path).read(load) == (100_000_000, None)


@pytest.mark.parametrize("place", [0, 4096, -1], ids=["head", "data", "end"])
def test_the_one_before_takes_over(tmp_path: Path, place: int) -> None:
    write(tmp_path, 1, 2)
    damage(folder_of(tmp_path).path(2), place)
    step, warning = folder_of(tmp_path).read(load)
    assert step == 1
    assert warning is not None
    assert "00000002.lret cannot be read" in warning
    assert "00000001.lret, is used instead" in warning


def test_none_is_good(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"{tmp_path} has no checkpoint of this program"):
        folder_of(tmp_path).read(load)
    write(tmp_path, 1, 2)
    damage(folder_of(tmp_path).path(1), 4096)
    damage(folder_of(tmp_path).path(2), 5)
    with pytest.raises(CheckpointError, match=r"2\.lret cannot .* no LRET.*1\.lret .* are damaged"):
        folder_of(tmp_path).read(load)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(CheckpointError, match=r"missing cannot be read: No such file"):
        folder_of(missing).read(load)
    with pytest.raises(CheckpointError, match=r"cannot be written: No such file"):
        write(missing, 1)


def test_damaged_ones_count_for_none(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    damage(folder_of(tmp_path).path(2), -1)
    write(tmp_path, 3)
    assert len(names(tmp_path)) == 3
    write(tmp_path, 4)
    assert [name[13:21] for name in names(tmp_path)] == ["00000003", "00000004"]


def test_what_was_begun_is_removed(tmp_path: Path) -> None:
    for name in ("0123456789ab-00000009.lret.partial", "ffffffffffff-00000009.lret.partial"):
        (tmp_path / name).write_bytes(b"begun")
    write(tmp_path, 1)
    assert names(tmp_path) == ["0123456789ab-00000001.lret", "ffffffffffff-00000009.lret.partial"]


@pytest.mark.parametrize("ending", ["", ".partial"])
def test_folders_in_the_way_are_passed_over(tmp_path: Path, ending: str) -> None:
    write(tmp_path, 1)
    for step in (2, 3):
        (tmp_path / f"0123456789ab-{step:08d}.lret{ending}").mkdir()
    (tmp_path / "0123456789ab-00000007.lret.partial").touch()
    matrices = {"factor": Matrix(np.full((4, 2), 4.0))}
    folder = folder_of(tmp_path)
    assert folder.write(2, {}, arrays={}, matrices=matrices) == 4
    assert folder.read(load) == (4, None)
    assert not (tmp_path / "0123456789ab-00000007.lret.partial").exists()
    folder.remove_all()
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True, True]


def test_a_run_that_began_anew_keeps_its_own(tmp_path: Path) -> None:
    write(tmp_path, 8, 9, 1)
    assert [name[13:21] for name in names(tmp_path)] == ["00000001", "00000008", "00000009"]


def test_a_hash_with_the_same_beginning_is_another_program(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(CheckpointError, match="belongs to another program"):
        folder_of(tmp_path, PROGRAM + "00").read(load)


def test_what_is_no_hash() -> None:
    with pytest.raises(ValueError, match=r"hex digits, not '\.\./etc'"):
        folder_of(Path(), "../etc")


def test_a_load_that_failed_leaves_its_memory(tmp_path: Path) -> None:
    """The second checkpoint must not need room for two."""
    write(tmp_path, 1, 2)
    damage(folder_of(tmp_path).path(2), 4096)
    alive: list[Block] = []

    def load_tracked(checkpoint: Checkpoint) -> int:
        assert all(block() is None for block in alive)
        block = np.empty((4, 2)).view(Tracked)
        alive.append(weakref.ref(block))
        checkpoint.read_matrix("factor", block, range(2))
        return 1

    assert folder_of(tmp_path).read(load_tracked)[0] == 1
    assert len(alive) == 2


class Tracked(np.ndarray):
    """An array that can be watched."""


Block = weakref.ref[Tracked]


WRITER = """
import itertools, sys
from pathlib import Path
import numpy as np
from lret_dist import ProcessGrid
from lret_dist.checkpoints.folder import CheckpointFolder
from lret_dist.checkpoints.writer import Matrix
from lret_dist.grid.communicator import GridCommunicator

folder = CheckpointFolder(Path(sys.argv[1]), sys.argv[2], GridCommunicator(ProcessGrid(1, 1)))
for step in itertools.count():
    matrices = {"factor": Matrix(np.full((4, 1 << 17), float(step)))}
    folder.write(step, {}, arrays={}, matrices=matrices)
"""


def test_a_killed_run_leaves_good_ones(tmp_path: Path) -> None:
    """At whatever moment it is killed."""
    for seconds in (0.0, 0.003, 0.007, 0.011):
        program = f"{round(seconds * 1000):012x}"
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), program]) as run:
            while len(folder_of(tmp_path, program).files()) < 2:
                assert run.poll() is None
                time.sleep(0.001)
            time.sleep(seconds)
            run.kill()
        step, warning = folder_of(tmp_path, program).read(load_wide)
        assert step >= 1
        assert warning is None
        write(tmp_path, step + 1, program=program)
        assert not [name for name in names(tmp_path) if name.endswith(".partial")]


def load_wide(checkpoint: Checkpoint) -> int:
    block = np.empty(checkpoint.shape("factor"))
    checkpoint.read_matrix("factor", block, checkpoint.share("factor"))
    assert (block == checkpoint.header["step"]).all()
    return int(checkpoint.header["step"])
