"""One run at a time with the same checkpoints."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lret_dist import CheckpointError, Circuit, ProcessGrid, simulate
from lret_dist.checkpoints import lock as checkpoint_lock
from lret_dist.checkpoints.lock import alone_with
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.records.run_records import CheckpointSettings

COMM = GridCommunicator(ProcessGrid(1, 1))
NAME = "0123456789ab.lock"


def files(folder: Path, fingerprint: str = "0123456789abcdef") -> CheckpointSettings:
    return CheckpointSettings(folder=str(folder), fingerprint=fingerprint, interval=1.0)


def use(folder: Path) -> None:
    with alone_with(files(folder), COMM):
        assert (folder / NAME).exists()


def test_an_equal_run_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with alone_with(files(tmp_path), COMM):
        text = r"0123456789ab\.lock.*another run of the same circuit.*wait .*folder.* seed"
        for _ in range(2):
            with pytest.raises(CheckpointError, match=text):
                use(tmp_path)
    use(tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_runs_may_use_the_folder(tmp_path: Path) -> None:
    with alone_with(files(tmp_path, "f" * 40), COMM), alone_with(None, COMM):
        use(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [f"{'f' * 12}.lock"]


def test_a_failed_run_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"), alone_with(files(tmp_path), COMM):
        raise RuntimeError("broken")
    assert not list(tmp_path.iterdir())


def test_a_file_that_nobody_holds_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    use(tmp_path)
    assert not list(tmp_path.iterdir())


HOLDER = """
import os, sys, time
from lret_dist import ProcessGrid
from lret_dist.checkpoints.lock import alone_with
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.records.run_records import CheckpointSettings

files = CheckpointSettings(folder=sys.argv[1], fingerprint="0123456789abcdef", interval=1.0)
with alone_with(files, GridCommunicator(ProcessGrid(1, 1))):
    if not os.fork():
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


def test_a_killed_process_lets_go_though_its_child_lives(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(CheckpointError, match="another run"):
                use(tmp_path)
            holder.kill()
            holder.wait()
            use(tmp_path)
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with alone_with(files(tmp_path), COMM):
            assert not list(tmp_path.iterdir())


def test_a_file_that_is_removed_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a file without a name keeps nobody off."""
    opened = checkpoint_lock._opened
    removals = [lambda: None, (tmp_path / NAME).unlink, (tmp_path / NAME).unlink]

    def open_and_remove(path: Path) -> int:
        descriptor = opened(path)
        removals.pop()()
        return descriptor

    monkeypatch.setattr(checkpoint_lock, "_opened", open_and_remove)
    use(tmp_path)
    assert not removals


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(CheckpointError, match=rf"\({NAME}\): Is a directory"):
        use(tmp_path)
    with pytest.raises(CheckpointError, match=r"missing cannot be locked .* No such file"):
        use(tmp_path / "missing")


def test_many_runs_one_after_the_other(tmp_path: Path) -> None:
    """However lock and removal fall together, there is never more than one at a time."""
    inside, most, done = [0], [0], [0]

    def work() -> None:
        while done[0] < 300:
            try:
                with alone_with(files(tmp_path), COMM):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    done[0] += 1
                    inside[0] -= 1
            except CheckpointError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not list(tmp_path.iterdir())


def test_a_run_holds_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name that its fingerprint gives it, whatever parts it has."""
    monkeypatch.setattr("lret_dist.planning.jobs.fingerprint", lambda *_: "0123456789abcdef")
    circuit = Circuit(2).gate("h", [0]).measure_all()
    with alone_with(files(tmp_path), COMM), pytest.raises(CheckpointError, match="another run"):
        simulate(circuit, shots=10, checkpoint=tmp_path)
    assert simulate(circuit, shots=10, checkpoint=tmp_path).metadata.checkpoints == 0
    assert not list(tmp_path.iterdir())
