import pytest

from lret_dist.machines.available_memory import available_bytes, usable
from lret_dist.machines.slurm import cpus_per_task, memory_on_host, mpi_option, step_tasks


@pytest.mark.parametrize(
    ("environment", "mebibytes"),
    [
        ({}, None),
        ({"SLURM_MEM_PER_NODE": "4096"}, 4096),
        ({"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_ON_NODE": "8"}, 4000),
        ({"SLURM_MEM_PER_CPU": "500"}, None),
        ({"SLURM_MEM_PER_NODE": "0"}, None),
        ({"SLURM_MEM_PER_NODE": "all of it"}, None),
    ],
)
def test_memory_on_host(environment: dict[str, str], mebibytes: int | None) -> None:
    expected = None if mebibytes is None else mebibytes << 20
    assert memory_on_host(environment) == expected


def test_an_mpi_rank_plans_with_its_share_of_what_slurm_gave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SLURM_MEM_PER_NODE", raising=False)
    available = available_bytes()
    free = usable(available, 1)
    monkeypatch.setenv("SLURM_MEM_PER_NODE", str(1 << 30))
    assert usable(available, 1) == pytest.approx(free)
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1000")
    # Python with its libraries takes some of this.
    assert 0 < usable(available, 1) < 0.9 * (970 << 20)
    assert usable(available, 2) < usable(available, 1) / 2
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    assert usable(available, 1) == 0


def test_tasks_and_cores() -> None:
    assert step_tasks({}) == 0
    assert step_tasks({"SLURM_STEP_NUM_TASKS": "4"}) == 4
    assert cpus_per_task({"SLURM_CPUS_PER_TASK": "8"}) == 8
    assert cpus_per_task({"SLURM_CPUS_PER_TASK": ""}) is None


@pytest.mark.parametrize(
    ("library", "option"),
    [
        ("MPICH Version: 5.0.2", "pmi2"),
        ("Intel(R) MPI Library 2021.13", "pmi2"),
        ("Open MPI v5.0.8", "pmix"),
        ("HPE MPT 2.25", None),
    ],
)
def test_what_srun_needs_for_an_mpi_library(library: str, option: str | None) -> None:
    assert mpi_option(library) == option
