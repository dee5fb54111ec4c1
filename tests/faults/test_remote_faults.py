"""MPI ranks that a process starts end with it, and their end is an ordinary error in it."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable

import pytest
from mpi_job import Job
from starting import NEEDS_LAUNCHER

pytestmark = NEEDS_LAUNCHER

Launch = Callable[..., Job]

#: Seconds from a fault to the end of the job.
SOON = 10.0
#: Seconds for a job that starts, works and ends.
WHOLE = 30.0
#: Seconds into the long run at which it is disturbed.
INTO_THE_RUN = 0.5


@pytest.mark.parametrize(
    ("script", "number"),
    [("idle", signal.SIGTERM), ("idle", signal.SIGKILL), ("long_run", signal.SIGKILL)],
)
def test_the_users_process_killed(launch: Launch, script: str, number: int) -> None:
    job = launch(script, "2", ranks=0)
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    job.signal(number)
    assert job.finish(SOON).code == -number
    assert not job.strays(SOON)


@pytest.mark.parametrize("rank", [0, 1, None])
def test_mpi_ranks_killed(launch: Launch, rank: int | None) -> None:
    """The error tells who it was; None is the launcher."""
    job = launch("remote_ends", ranks=0)
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    if rank is None:
        job.signal_launcher(signal.SIGKILL)
    else:
        job.signal(signal.SIGKILL, rank=rank)
    outcome = job.finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("ended: the 2 MPI ranks of this session have ended") == 3
    assert outcome.output.count("later: the 2 MPI ranks of this session have ended") == 1
    assert "MPI ranks 2 counts {1: 10}" in outcome.output
    if rank is None:
        assert "was killed by SIGKILL" in outcome.output
    else:
        named = re.search(rf"MPI rank {rank} is process (\d+) on", outcome.output)
        assert named is not None
        assert re.search(rf"PID {named[1]} (on|RUNNING)", outcome.output)


def test_interrupted(launch: Launch) -> None:
    """As by a terminal or a notebook: all that the user's process group holds gets the signal."""
    job = launch("remote_interrupted", ranks=0)
    for times in (1, 2):
        job.wait_for("ready\n" + "interrupted True\nready\n" * (times - 1))
        time.sleep(INTO_THE_RUN)
        job.signal_group(signal.SIGINT)
    outcome = job.finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("interrupted") == 2
    assert "MPI ranks 2 counts {1: 10}" in outcome.output


@pytest.mark.parametrize(("way", "code"), [("exit", 3), ("raise", 1)])
def test_the_script_ends_while_a_run_goes_on(launch: Launch, way: str, code: int) -> None:
    outcome = launch("remote_exits", way, ranks=0).finish(WHOLE)
    assert outcome.code == code, outcome.output
    assert ("the user's own mistake" in outcome.output) == (way == "raise")


def test_forked_children(launch: Launch) -> None:
    job = launch("remote_forks", ranks=0)
    job.wait_for("ready")
    job.signal(signal.SIGKILL)
    outcome = job.finish(SOON)
    for line in ("refused: the session belongs to process", "child 1", "child 3", "parent 2"):
        assert outcome.output.count(line) == 1
    time.sleep(2)
    # The child is still there, and nothing else.
    assert len(job.strays(0)) == 1
    assert not job.strays(SOON)


def test_a_kept_factor(launch: Launch) -> None:
    job = launch("remote_factor", ranks=0)
    job.wait_for("ready")
    job.signal(signal.SIGKILL, rank=1)
    outcome = job.finish(WHOLE)
    assert outcome.code == 0, outcome.output
    lines = ("refused: the session belongs to process", "fidelity 1.0")
    for line in (*lines, "ended: the 2 MPI ranks of this session have ended", "closed"):
        assert outcome.output.count(line) == 1


def test_another_number_under_a_launcher(launch: Launch) -> None:
    outcome = launch("idle", "3", ranks=2).finish(WHOLE)
    assert outcome.code != 0
    assert outcome.output.count("ValueError: mpi_ranks is 3, but this script runs under") == 1


def test_the_launchers_own_number(launch: Launch) -> None:
    """It starts no others: the session is that of the launcher's MPI ranks."""
    job = launch("idle", "2", ranks=2)
    job.wait_for("ready")
    assert "ValueError" not in job.output
    job.signal(signal.SIGTERM)
    assert job.finish(SOON).code != 0


def test_launched_alone(launch: Launch) -> None:
    """A launcher of one process, such as a notebook server's, is no hindrance."""
    job = launch("idle", "2", ranks=1)
    job.wait_for("ready")
    job.signal(signal.SIGTERM)
    job.finish(SOON)
    assert not job.strays(SOON)
