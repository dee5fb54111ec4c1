import sys
from pathlib import Path

import pytest

from lret_dist import LauncherError
from lret_dist.sessions.launching import in_allocation, launch_command, launch_environment


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python beside which there is no launcher yet."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    return tmp_path / "bin" / "python"


def launcher(folder: Path, name: str, prints: str = "") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{prints}'\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


def test_the_launcher_beside_python_comes_first(python: Path, tmp_path: Path) -> None:
    beside, elsewhere = launcher(python.parent, "mpirun"), launcher(tmp_path / "path", "mpirun")
    environment = {"PATH": str(tmp_path / "path"), "SLURM_JOB_ID": "1"}
    assert launch_command(4, environment) == [beside, "-n", "4"]
    Path(beside).unlink()
    assert launch_command(4, environment) == [elsewhere, "-n", "4"]


def test_slurm_has_a_launcher_of_its_own(python: Path, tmp_path: Path) -> None:
    srun = launcher(tmp_path / "path", "srun")
    environment = {"PATH": str(tmp_path / "path")}
    with pytest.raises(LauncherError, match="no mpirun on the search path"):
        launch_command(4, environment)
    assert launch_command(4, environment | {"SLURM_JOB_ID": "1"})[:3] == [srun, "-n", "4"]


@pytest.mark.parametrize(
    ("default", "chosen", "words"),
    [
        ("MpiDefault              = none", {}, ["--mpi=pmi2"]),
        ("MpiDefault              = pmix", {}, []),
        ("MpiDefault              = none", {"SLURM_MPI_TYPE": "pmix_v4"}, []),
        ("what nobody understands", {}, []),
    ],
)
def test_srun_is_told_of_the_mpi_library_where_nobody_has_chosen(
    python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    default: str,
    chosen: dict[str, str],
    words: list[str],
) -> None:
    path = tmp_path / "path"
    launcher(path, "srun")
    launcher(path, "scontrol", f"Configuration data\nMpiParams = (null)\n{default}\nEnd")
    monkeypatch.setattr("lret_dist.machines.slurm.installed_mpi_option", lambda: "pmi2")
    environment = {"PATH": str(path), "SLURM_JOB_ID": "1"} | chosen
    command = launch_command(4, environment)
    assert [word for word in command if word.startswith("--mpi")] == words


def test_no_launcher(python: Path, tmp_path: Path) -> None:
    looked_for = rf"there is no {python.parent}/mpirun, and no mpirun or srun.*lret-dist\[mpich\]"
    with pytest.raises(LauncherError, match=looked_for):
        launch_command(2, {"PATH": str(tmp_path), "SLURM_JOB_ID": "1"})


def test_what_another_launcher_said_is_not_passed_on() -> None:
    said = {"PMI_RANK": "0", "PMIX_NAMESPACE": "x", "OMPI_COMM_WORLD_SIZE": "1", "HOME": "/root"}
    environment = launch_environment(said)
    assert not environment.keys() & (said.keys() - {"HOME"})
    assert environment["HOME"] == "/root"


def test_what_the_user_said_to_open_mpi_goes_first() -> None:
    name = "PRTE_MCA_hwloc_default_binding_policy"
    assert launch_environment({})[name] == "none"
    assert launch_environment({name: "core"})[name] == "core"


def test_other_hosts_are_expected_in_an_allocation_only() -> None:
    assert not in_allocation({})
    assert in_allocation({"SLURM_JOB_ID": "7"})
