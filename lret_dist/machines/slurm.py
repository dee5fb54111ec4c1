"""What Slurm says of the job that this process is part of, and how it starts an MPI library."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "cpus_per_task",
    "installed_mpi_library",
    "installed_mpi_option",
    "memory_on_host",
    "missing_mpi_option",
    "mpi_option",
    "step_tasks",
]

#: MPI libraries by the beginning of what they say of themselves, and what srun calls their way of
#: starting.
_MPI_OPTIONS = (("Open MPI", "pmix"), ("MPICH", "pmi2"), ("Intel", "pmi2"), ("MVAPICH", "pmi2"))
#: Prints what the MPI library says of itself, without starting MPI.
_ASK_LIBRARY = (
    "import mpi4py; mpi4py.rc.initialize = False; "
    "from mpi4py import MPI; print(MPI.Get_library_version())"
)
#: Seconds that loading the MPI library may take, from the slow file system of a busy cluster.
_PATIENCE = 60
_MPI_DEFAULT = re.compile(r"^MpiDefault\s*=\s*(\S+)", re.MULTILINE)


def step_tasks(environment: Mapping[str, str] = os.environ) -> int:
    """Tasks of the job step that srun made for this process; 0 outside one.

    In the batch script itself SLURM_PROCID is set too, but the step is the script's own.
    """
    return _number(environment, "SLURM_STEP_NUM_TASKS") or 0


def cpus_per_task(environment: Mapping[str, str] = os.environ) -> int | None:
    """Cores that the job asked for with ``--cpus-per-task``, or None."""
    return _number(environment, "SLURM_CPUS_PER_TASK")


def memory_on_host(environment: Mapping[str, str] = os.environ) -> int | None:
    """Bytes that the job was given on this host, None where Slurm does not say.

    ``--mem=0`` asks for all there is. Of jobs of sbatch and salloc either the variable of a node is
    set or that of a core; of a step that srun makes without either, none.
    """
    if (node := _number(environment, "SLURM_MEM_PER_NODE")) is not None:
        return node << 20
    core = _number(environment, "SLURM_MEM_PER_CPU")
    cores = _number(environment, "SLURM_CPUS_ON_NODE")
    return None if core is None or cores is None else core * cores << 20


def mpi_option(library: str) -> str | None:
    """What ``srun --mpi=`` needs for an MPI library, by what the library says of itself."""
    return next((option for name, option in _MPI_OPTIONS if library.startswith(name)), None)


def installed_mpi_library() -> str | None:
    """What the MPI library of this Python says of itself; None where there is none.

    The library is loaded in a process of its own, and MPI is not started.
    """
    command = [sys.executable, "-P", "-c", _ASK_LIBRARY]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return told.stdout.strip() if told.returncode == 0 else None


def installed_mpi_option() -> str | None:
    """As :func:`mpi_option`, for the MPI library of this Python; None where there is none."""
    library = installed_mpi_library()
    return None if library is None else mpi_option(library)


def missing_mpi_option(environment: Mapping[str, str] = os.environ) -> str | None:
    """What ``srun --mpi=`` must be told here: None where user or cluster have chosen already."""
    if environment.get("SLURM_MPI_TYPE") or _mpi_default(environment) != "none":
        return None
    return installed_mpi_option()


def _mpi_default(environment: Mapping[str, str]) -> str | None:
    """What srun takes without ``--mpi``, as the cluster's configuration has it, if it tells."""
    scontrol = shutil.which("scontrol", path=environment.get("PATH", os.defpath))
    if scontrol is None:
        return None
    try:
        told = subprocess.run(
            [scontrol, "show", "config"],
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    found = _MPI_DEFAULT.search(told.stdout)
    return None if found is None else found[1]


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "").strip()
    return int(value) if value.isdecimal() and int(value) > 0 else None
