"""Runs that are saved: signals, kills, full disks, and what is left to go on from."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mpi_job import LAUNCHER, Job

from lret_dist.checkpoints.reader import is_whole

Launch = Callable[..., Job]

#: Seconds from a fault to the end of the job.
SOON = 10.0
#: Seconds for a job that starts, works and ends.
WHOLE = 60.0
#: Layers of a circuit that takes some seconds, and seconds into it at which signals are sent:
#: few, for machines that need less than two seconds for the whole of it.
LAYERS, INTO_THE_RUN = "24", 0.2
#: Random moments at which an MPI rank is killed, and the most seconds into the run.
KILLS, LATEST = int(os.environ.get("LRET_RANDOM_KILLS", "12")), 1.2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def number(name: str, output: str) -> float:
    match = re.search(rf"{name} (\S+)", output)
    assert match is not None, output
    return float(match[1])


def assert_same_within_their_errors(first: str, second: str) -> None:
    bound = number("certified", first) + number("certified", second)
    assert abs(number("value", first) - number("value", second)) <= bound


def wait_until_under_way(job: Job) -> None:
    for rank in (0, 1):
        job.wait_for(f"MPI rank {rank} can be saved")
    time.sleep(INTO_THE_RUN)


def wait_until_there_is(job: Job, folder: Path, pattern: str) -> None:
    end = time.monotonic() + WHOLE
    while not list(folder.glob(pattern)):
        assert time.monotonic() < end, job.output
        time.sleep(0.05)


def saved_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.lret"))
    assert all(is_whole(path) for path in files)
    return files


@pytest.mark.parametrize("rank", [None, 0, 1])
def test_stopped_by_sigterm_and_gone_on_with(
    launch: Launch, folder: Path, rank: int | None
) -> None:
    """Slurm tells the launcher, or every MPI rank."""
    if rank is None and LAUNCHER.with_name("prterun").exists():
        pytest.skip("Open MPI's mpirun ends its job at once on SIGTERM; it hands on SIGUSR1")
    job = launch("saved_run", str(folder), LAYERS, "100", ranks=2)
    wait_until_under_way(job)
    job.signal(signal.SIGTERM, rank=rank)
    outcome = job.finish(SOON)
    assert outcome.code != 0
    assert re.search(
        r"stopped by SIGTERM on MPI rank [01] after \d+ of its \d+ steps", outcome.output
    )
    assert len(saved_files(folder)) == 1
    again = launch("saved_run", str(folder), LAYERS, "100", ranks=1).finish(WHOLE)
    assert again.code == 0, again.output
    assert "resumed True" in again.output
    assert not list(folder.iterdir())
    whole = launch("saved_run", str(folder), LAYERS, "100", ranks=2).finish(WHOLE)
    assert "resumed False" in whole.output
    assert_same_within_their_errors(again.output, whole.output)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_batch_in_teams_is_stopped_by_sigterm(launch: Launch, folder: Path, rank: int) -> None:
    """Whichever team hears it: all of them save what they run, and begin nothing more."""
    job = launch("saved_batch", str(folder), ranks=2)
    wait_until_under_way(job)
    job.signal(signal.SIGTERM, rank=rank)
    outcome = job.finish(SOON)
    assert outcome.code == 0, outcome.output
    ended = outcome.output.count("outcome SimulationResult team of 1")
    saved = outcome.output.count(f"the run was stopped by SIGTERM on MPI rank {rank} after")
    others = outcome.output.count(f"the batch was stopped by SIGTERM on MPI rank {rank} before")
    assert ended + saved + others == 4, outcome.output
    # The other team may just have ended a circuit.
    assert saved in (1, 2), outcome.output
    assert ended < 3, outcome.output
    assert len(saved_files(folder)) == saved


@pytest.mark.parametrize("rank", [None, 1])
def test_sigusr1_saves_and_goes_on(launch: Launch, folder: Path, rank: int | None) -> None:
    job = launch("saved_run", str(folder), LAYERS, "100", ranks=2)
    wait_until_under_way(job)
    job.signal(signal.SIGUSR1, rank=rank)
    wait_until_there_is(job, folder, "*.lret")
    outcome = job.finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert "resumed False" in outcome.output


def test_killed_at_random_moments(launch: Launch, folder: Path) -> None:
    """Every run goes on where the one before was saved last; the last one is left alone."""
    rng = random.Random(4)
    for _ in range(KILLS):
        job = launch("saved_run", str(folder), LAYERS, "0.1", ranks=2)
        job.wait_for("ready")
        time.sleep(rng.uniform(0, LATEST))
        if job.has_ended():
            assert "value" in job.output
            continue
        job.signal(signal.SIGKILL, rank=rng.randrange(2))
        outcome = job.finish(SOON)
        assert outcome.code != 0
        saved_files(folder)
    resumes = bool(saved_files(folder))
    outcome = launch("saved_run", str(folder), LAYERS, "100", ranks=2).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert f"resumed {resumes}" in outcome.output
    whole = launch("saved_run", str(folder), LAYERS, "100", ranks=2).finish(WHOLE)
    assert_same_within_their_errors(outcome.output, whole.output)


@pytest.mark.parametrize("ranks", [0, 2])
def test_two_equal_runs_at_once(launch: Launch, folder: Path, ranks: int) -> None:
    """The second one is refused at once, and the first takes no notice."""
    first = launch("saved_run", str(folder), LAYERS, "0.1", ranks=2)
    wait_until_there_is(first, folder, "*.lret")
    second = launch("saved_run", str(folder), LAYERS, "0.1", ranks=ranks).finish(SOON)
    assert second.code != 0
    assert "another run of the same circuit uses them" in second.output
    outcome = first.finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert "resumed False" in outcome.output
    assert not list(folder.iterdir())


def test_a_killed_run_goes_on_at_once(launch: Launch, folder: Path) -> None:
    job = launch("saved_run", str(folder), LAYERS, "0.1", ranks=2)
    wait_until_there_is(job, folder, "*.lret")
    job.signal(signal.SIGKILL, rank=0)
    assert job.finish(SOON).code != 0
    assert list(folder.glob("*.lock"))
    again = launch("saved_run", str(folder), LAYERS, "100", ranks=2).finish(WHOLE)
    assert "resumed True" in again.output
    assert not list(folder.iterdir())


@pytest.mark.parametrize("rank", [0, 1])
def test_full_disk(launch: Launch, folder: Path, rank: int) -> None:
    outcome = launch("saved_run", str(folder), LAYERS, "0.2", str(rank), ranks=2).finish(WHOLE)
    assert outcome.code != 0
    assert re.search(rf"cannot be written: MPI rank {rank} on \S+: File too large", outcome.output)
    (good,) = folder.iterdir()
    assert is_whole(good)
    again = launch("saved_run", str(folder), LAYERS, "100", ranks=2).finish(WHOLE)
    assert again.code == 0, again.output
    assert "resumed True" in again.output


@pytest.mark.parametrize(
    ("place", "rank"),
    [
        ("factors.state.swap_bits", 2),
        ("runs.low_rank.candidate_weights", 3),
        ("factors.compression._core.gram", 2),
        ("factors.compression._eigenvectors", 0),
        ("runs.low_rank.append_branches", 1),
        ("factors.dealing._tell", 3),
        ("grid.communicator.GridCommunicator.trade_over_columns", 1),
        ("runs.evolution.sample_rows", 3),
        ("runs.run_saver.RunSaver.save", 1),
    ],
)
def test_exception_in_a_phase_ends_the_job(
    launch: Launch, folder: Path, place: str, rank: int
) -> None:
    outcome = launch("raises_in", place, str(rank), str(folder), ranks=4).finish(WHOLE)
    assert outcome.code != 0
    assert f"MPI rank {rank} of 4" in outcome.output
    assert "broken on purpose" in outcome.output
    assert "done" not in outcome.output.splitlines()
    saved_files(folder)


def test_sigterm_after_the_last_decision_of_a_run(launch: Launch) -> None:
    """Nothing of a batch begins after it, and what has ended is not lost."""
    outcome = launch("late_signal", ranks=0).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    lines = outcome.output.splitlines()
    assert lines[0] == "counts {3: 10}"
    assert lines[1] == "the run was stopped by SIGTERM on MPI rank 0 before it began"
    assert lines[2] == "the batch was stopped by SIGTERM on MPI rank 0 before this circuit began"
    assert lines[3] == "again {3: 10} {3: 10} {3: 10}"
