"""Whatever goes wrong, the whole job ends soon, with a code that says so, and leaves nothing."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable

import pytest
from mpi_job import Job

Launch = Callable[..., Job]

#: Seconds from a fault to the end of the job.
SOON = 10.0
#: Seconds for a job that starts, works and ends.
WHOLE = 30.0
#: Seconds into the long run at which it is disturbed.
INTO_THE_RUN = 1.0


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_killed_while_idle(launch: Launch, rank: int) -> None:
    job = launch("idle", ranks=3)
    job.wait_for("ready")
    job.signal(signal.SIGKILL, rank=rank)
    assert job.finish(SOON).code != 0


@pytest.mark.parametrize("rank", [0, 1])
def test_killed_during_a_run(launch: Launch, rank: int) -> None:
    job = launch("long_run")
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    job.signal(signal.SIGKILL, rank=rank)
    outcome = job.finish(SOON)
    assert outcome.code != 0
    assert "done" not in outcome.output.splitlines()


@pytest.mark.parametrize("script", ["idle", "long_run"])
def test_launcher_killed(launch: Launch, script: str) -> None:
    """The fixture checks what matters: that nothing runs on without its launcher."""
    job = launch(script)
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    job.signal(signal.SIGKILL)
    assert job.finish(SOON).code != 0


def test_worker_raises_during_a_run(launch: Launch) -> None:
    outcome = launch("worker_raises").finish(WHOLE)
    assert outcome.code != 0
    assert "MPI rank 1 of 2" in outcome.output
    assert "broken on purpose" in outcome.output
    assert "Traceback" in outcome.output
    assert "done" not in outcome.output.splitlines()


def test_driver_raises(launch: Launch) -> None:
    outcome = launch("driver_raises", ranks=3).finish(WHOLE)
    assert outcome.code != 0
    assert outcome.output.count("RuntimeError: the user's own mistake") == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("ranks", [1, 3])
def test_exit_code_of_the_script(launch: Launch, when: str, ranks: int) -> None:
    assert launch("exits", when, ranks=ranks).finish(WHOLE).code == 3


def test_only_the_driver_exits_early(launch: Launch) -> None:
    """The workers already wait for runs, or are about to, when MPI rank 0 leaves."""
    assert launch("exits", "driver-before", ranks=2).finish(WHOLE).code == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["idle", "long_run"])
def test_interrupted_launcher(launch: Launch, script: str, number: int) -> None:
    job = launch(script)
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    job.signal(number)
    assert job.finish(SOON).code != 0


def test_sigusr1_leaves_the_workers_alone(launch: Launch) -> None:
    """Slurm sends it to every MPI rank, whether there is a run to be saved or not."""
    job = launch("waits", ranks=3)
    job.wait_for("ready")
    for rank in (1, 2):
        job.signal(signal.SIGUSR1, rank=rank)
    time.sleep(0.5)
    job.signal(signal.SIGUSR1, rank=0)  # which the script handles
    outcome = job.finish(SOON)
    assert outcome.code == 0, outcome.output
    assert "counts {3: 10}" in outcome.output


@pytest.mark.parametrize("script", ["idle", "long_run"])
def test_interrupted_single_process(launch: Launch, script: str) -> None:
    job = launch(script, ranks=0)
    job.wait_for("ready")
    time.sleep(INTO_THE_RUN)
    job.signal(signal.SIGINT)
    outcome = job.finish(SOON)
    assert outcome.code != 0
    assert "KeyboardInterrupt" in outcome.output


@pytest.mark.parametrize("ranks", [0, 2])
def test_mistake_leaves_the_workers_usable(launch: Launch, ranks: int) -> None:
    outcome = launch("recovers", ranks=ranks).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("caught") == 3
    assert "counts {3: 10}" in outcome.output


def test_a_call_for_all_mpi_ranks_while_they_serve(launch: Launch) -> None:
    outcome = launch("collective", ranks=3).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert "caught the other MPI ranks serve this one since a provider" in outcome.output
    assert "alone {1: 5}" in outcome.output
    assert "counts {1: 10}" in outcome.output


@pytest.mark.parametrize(
    ("size", "rank"),
    [("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")],
)
def test_launcher_of_another_mpi(launch: Launch, size: str, rank: str) -> None:
    """Four processes that do not see each other are an error, not four equal runs."""
    outcome = launch("prints_ranks", ranks=0, **{size: "4", rank: "0"}).finish(WHOLE)
    assert outcome.code != 0
    assert "LauncherError" in outcome.output
    assert "MPI ranks" not in outcome.output


@pytest.mark.parametrize("ranks", [0, 2])
def test_forked_child_simulates_alone(launch: Launch, ranks: int) -> None:
    outcome = launch("forks", ranks=ranks, OMP_NUM_THREADS="2").finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("counts {4095: 10}") == 2
    assert f"MPI ranks {max(ranks, 1)}" in outcome.output
    assert "MPI ranks 1," in outcome.output


@pytest.mark.parametrize("ranks", [0, 2])
def test_forked_child_waits_for_no_job_of_its_parent(launch: Launch, ranks: int) -> None:
    outcome = launch("forks_awaiting", ranks=ranks).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("refused: the run belongs to process") == 3
    assert "ended before: {3: 1024}" in outcome.output


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_thread_awaits_runs_after_the_script(launch: Launch, ranks: int) -> None:
    outcome = launch("outlives", ranks=ranks, OMP_NUM_THREADS="2").finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert "unbiased done" in outcome.output
    assert "density_matrix done" in outcome.output


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_good_job_ends_cleanly(launch: Launch, ranks: int) -> None:
    outcome = launch("prints_ranks", ranks=ranks).finish(WHOLE)
    assert outcome.code == 0, outcome.output
    assert outcome.output.strip() == f"MPI ranks {ranks}"


def test_good_and_bad_jobs_in_one_session(launch: Launch) -> None:
    """The first jobs of the soak, which are too few to tell whether memory grows."""
    outcome = launch("soaks", "--jobs=60", "--settle=20", "--limit=1", ranks=3).finish(180)
    assert outcome.code == 0, outcome.output
    assert re.search(r"^60 jobs, [1-9]\d* of them bad, .* 0 wrong$", outcome.output, re.MULTILINE)
