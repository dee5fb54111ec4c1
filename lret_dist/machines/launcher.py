"""How this process was started: by an MPI launcher or alone. Imports no MPI library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from lret_dist.machines import slurm

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_at_a_terminal", "launched_processes", "launched_rank", "was_launched"]

#: Variables with the number of processes, by launcher: Hydra and other PMI launchers (MPICH, Intel
#: MPI, srun --mpi=pmi2), Open MPI's mpirun, MVAPICH, Cray PALS, IBM jsrun, Flux.
_SIZE_VARIABLES = (
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "PALS_SIZE",
    "JSM_NAMESPACE_SIZE",
    "FLUX_JOB_SIZE",
)
#: Variables that a launcher sets without a number of processes, beside those above.
_OTHER_VARIABLES = ("PMI_RANK", "PMIX_RANK", "PALS_RANKID")

#: Variables with the MPI rank.
_RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PALS_RANKID", "SLURM_PROCID")


def was_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an MPI launcher started this process."""
    if any(name in environment for name in (*_SIZE_VARIABLES, *_OTHER_VARIABLES)):
        return True
    return slurm.step_tasks(environment) > 1


def launched_processes(environment: Mapping[str, str] = os.environ) -> int | None:
    """Number of processes that the launcher started, or None where it does not say."""
    for name in _SIZE_VARIABLES:
        value = environment.get(name, "")
        if value.isdecimal():
            return int(value)
    tasks = slurm.step_tasks(environment)
    return tasks if tasks > 1 else None


def is_at_a_terminal(stream: TextIO) -> bool:
    """Whether a person reads a stream: a launcher's end of it may look like a terminal, and not be.

    Open MPI gives MPI ranks one of its own, and passes on what comes from there.
    """
    return stream.isatty() and not was_launched()


def launched_rank(environment: Mapping[str, str] = os.environ) -> str:
    """The MPI rank that the launcher gave this process; empty where it does not say."""
    return next((environment[name] for name in _RANK_VARIABLES if name in environment), "")
