"""The batch scripts of slurm/, submitted as they are to a real Slurm."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from mpi_job import Job
from slurm_jobs import Submitted, Submitter, counts_in, mpi_option, slurm

ROOT = Path(__file__).parents[2]
SMALL = ("--qubits", "9", "--steps", "2")
PARTITIONS = ("row", "column", "hybrid")
#: A run of some seconds that is saved every half second.
LONG = ("examples/long_run.py", "--qubits", "12", "--steps", "40", "--every", "0.5")


def alone_output(script: str, *arguments: str, folder: Path, ranks: int = 0) -> str:
    """What an example writes that Slurm has no part in."""
    variables = {"PYTHONPATH": str(ROOT / "examples")}
    job = Job(ROOT / script, *arguments, ranks=ranks, log=folder / "log", **variables)
    outcome = job.finish(120)
    assert outcome.code == 0, outcome.output
    return outcome.output


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The line of most counts of examples/demo.py in one process."""
    folder = tmp_path_factory.mktemp("alone")
    return most_counts(alone_output("examples/demo.py", *SMALL, folder=folder))


def most_counts(output: str) -> str:
    return next(line for line in output.splitlines() if "most counts" in line)


def test_one_node(sbatch: Submitter, alone: str) -> None:
    job = sbatch.run("slurm/one_node.sbatch", "examples/demo.py", "row", *SMALL)
    assert "2 MPI ranks, partition row" in job.output
    assert "1 threads per MPI rank" in job.output
    assert most_counts(job.output) == alone


@pytest.mark.parametrize("partition", PARTITIONS)
def test_several_nodes(sbatch: Submitter, alone: str, partition: str) -> None:
    job = sbatch.run("slurm/several_nodes.sbatch", "examples/demo.py", partition, *SMALL)
    assert f"4 MPI ranks, partition {partition}" in job.output
    assert job.shown("NumNodes") == "2"
    assert most_counts(job.output) == alone


def test_the_library_s_own_launcher_finds_the_nodes(sbatch: Submitter, alone: str) -> None:
    mpirun = Path(sys.executable).with_name("mpirun")
    script = ("slurm/several_nodes.sbatch", "examples/demo.py", "row", *SMALL)
    job = sbatch.run(*script, LRET_LAUNCHER=str(mpirun))
    assert "4 MPI ranks, partition row" in job.output
    assert most_counts(job.output) == alone


def test_an_array_writes_one_file_for_each_value(sbatch: Submitter, tmp_path: Path) -> None:
    results = tmp_path / "results"
    script = ("slurm/array.sbatch", "examples/sweep.py", "--output", str(results))
    sbatch.run("--array=0,7", *script)
    rates = [json.loads((results / f"rate-{k}.json").read_text())["rate"] for k in (0, 7)]
    assert rates == [2.0**-5, 2.0**-12]
    table = alone_output("examples/sweep.py", "--output", str(results), "--table", folder=tmp_path)
    assert len(re.findall(r"[+]0\.\d{6}  [+]- ", table)) == 2
    assert table.count("missing") == 6


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob("*.lret"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The counts of the long run, that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    arguments = (*LONG, "--checkpoint", str(folder / "checkpoints"))
    return counts_in(alone_output(*arguments, folder=folder, ranks=2))


def started(sbatch: Submitter, folder: Path) -> Submitted:
    """A job in the middle of its run, which can be saved and has been."""
    job = sbatch.start("slurm/checkpoint.sbatch", *LONG, "--checkpoint", str(folder))
    job.wait_for("checkpoint", lambda: bool(checkpoints(folder)))
    return job


def assert_goes_on(job: Submitted, undisturbed: dict[str, int]) -> None:
    """It was saved, is put back in the queue, and ends as if nothing had been."""
    job.start_again_now()
    assert "stopped by SIGTERM" in job.output
    assert "Traceback" not in job.output
    assert not job.counts
    job.wait_for_state("COMPLETED", 120)
    assert job.shown("Restarts") == "1"
    assert job.counts == undisturbed


def test_a_job_is_saved_before_its_time_limit_and_puts_itself_back(
    sbatch: Submitter, tmp_path: Path, undisturbed: dict[str, int]
) -> None:
    folder = tmp_path / "checkpoints"
    job = started(sbatch, folder)
    # As --signal=TERM@120 does: to the steps, not to the script.
    slurm("scancel", "--signal=TERM", str(job.number))
    assert_goes_on(job, undisturbed)
    assert not checkpoints(folder)


def test_a_job_gives_way_to_an_urgent_one_and_goes_on_after_it(
    sbatch: Submitter, tmp_path: Path, undisturbed: dict[str, int]
) -> None:
    job = started(sbatch, tmp_path / "checkpoints")
    sbatch.run("--partition=urgent", "--nodes=2", "--exclusive", "--wrap", "hostname")
    assert_goes_on(job, undisturbed)


def test_a_launcher_that_is_not_the_library_s_is_refused(sbatch: Submitter) -> None:
    wrong = "srun --mpi=none --kill-on-bad-exit=1"
    script = ("slurm/one_node.sbatch", "examples/bell.py")
    job = sbatch.run(*script, code=1, LRET_LAUNCHER=wrong)
    assert "the launcher started 2 processes" in job.output
    assert f"start the job with srun --mpi={mpi_option()}" in job.output
    assert "'00'" not in job.output


def test_a_run_gets_the_memory_and_the_cores_of_its_job(sbatch: Submitter) -> None:
    one_task = ("--ntasks-per-node=1", "--cpus-per-task=2", "--mem-per-cpu=700M")
    demo = ("slurm/one_node.sbatch", "examples/demo.py", "row", "--steps", "2")
    job = sbatch.run(*one_task, *demo, "--qubits", "10")
    assert "2 threads per MPI rank" in job.output
    job = sbatch.run(*one_task, *demo, "--qubits", "27", code=1)
    assert "InsufficientMemoryError: 27 qubits need at least 4 GiB" in job.output
    limit = re.search(r"but ([\d.]+) (MiB|GiB) can be used", job.output)
    assert limit is not None
    size = float(limit[1]) * {"MiB": 1, "GiB": 1024}[limit[2]]
    # Nine tenths of what Python and Qiskit leave.
    assert 0.6 * 1400 < size < 0.9 * 1400


def test_the_end_of_one_task_ends_the_job(sbatch: Submitter) -> None:
    job = sbatch.start("slurm/one_node.sbatch", *LONG)
    job.wait_for("start of the run", lambda: "started" in job.output)
    slurm("scancel", "--signal=KILL", f"{job.number}.0")
    job.wait_for_state("FAILED", 30)
    assert not job.counts
