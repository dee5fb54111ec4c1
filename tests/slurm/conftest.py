"""A Slurm of two nodes on this machine, as slurm/local_cluster.sh starts it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_jobs import ROOT, SLURM_SECONDS, Submitter, slurm

CLUSTER = ROOT / "slurm" / "local_cluster.sh"
#: Exit code of the cluster's script where Slurm cannot be installed.
NO_SLURM = 3


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """A running cluster; one that ran before goes on running."""
    started = subprocess.run([CLUSTER, "start"], capture_output=True, text=True, timeout=300)
    if started.returncode == NO_SLURM:
        pytest.skip(started.stderr)
    assert started.returncode == 0, started.stderr
    ran_before = "already" in started.stdout
    (name, value) = re.search(r"export (\w+)='(.*)'", started.stdout).groups()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        yield
    if not ran_before:
        subprocess.run([CLUSTER, "stop"], check=True, timeout=120)


@pytest.fixture
def sbatch(cluster: None, tmp_path: Path) -> Iterator[Submitter]:
    """Submits jobs; none outlives its test."""
    yield Submitter(tmp_path)
    subprocess.run(["scancel", "--user=root"], timeout=SLURM_SECONDS)
    end = time.monotonic() + SLURM_SECONDS
    while slurm("squeue", "--noheader"):
        assert time.monotonic() < end, "jobs do not end"
        time.sleep(0.1)
