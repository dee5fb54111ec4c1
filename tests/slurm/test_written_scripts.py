"""Batch scripts that ``lret slurm`` writes, submitted to a real Slurm."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from slurm_jobs import Submitter

LRET = Path(sysconfig.get_path("scripts")) / "lret"
GHZ = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[4];
creg c[4];
h q[0];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
measure q -> c;
"""


@pytest.mark.parametrize("options", [(), ("--checkpoint", "saved", "--sbatch=--nodes=2")])
def test_a_written_script_runs_the_circuit(
    sbatch: Submitter, tmp_path: Path, options: tuple[str, ...]
) -> None:
    circuit, script, output = (tmp_path / name for name in ("ghz.qasm", "job.sh", "result.json"))
    circuit.write_text(GHZ)
    run = [str(circuit), "--noise", "depolarizing:1e-2,5e-2", "--seed", "3"]
    words = [LRET, "slurm", *run, "--output", output, "--script", script, *options]
    # What the nodes are like is asked of the cluster.
    subprocess.run(words, cwd=tmp_path, check=True, timeout=60)
    job = sbatch.run(str(script))
    document = json.loads(output.read_text())
    assert document["metadata"]["mpi_ranks"] == (2 if options else 1)
    assert job.shown("NumNodes") == ("2" if options else "1")
    alone = subprocess.run([LRET, "run", *run], capture_output=True, check=True, timeout=60)
    assert document["counts"] == json.loads(alone.stdout)["counts"]
    assert f"rank {document['metadata']['final_rank']}" in job.output
