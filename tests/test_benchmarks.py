"""The benchmark suite runs, on circuits small enough for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1] / "benchmarks" / "suite.py"


@pytest.mark.parametrize(
    ("section", "workload"),
    [("state", "W1"), ("state", "W7-vqe-FakeTorino"), ("expectations", "W4")],
)
def test_section(section: str, workload: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    options = ["--qubits", "5", "--workloads", workload, "--repeats", "1", "--json", str(out)]
    command = [sys.executable, str(SUITE), section, *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    assert f"{workload:<22} n=5" in run.stdout
    (row,) = json.loads(out.read_text())
    assert len(row["runs"]) == 2
    for (one,) in row["runs"].values():
        assert one["seconds"] > 0
    if section == "expectations":
        values = [one["values"] for (one,) in row["runs"].values()]
        # 300 trajectories of a circuit with an error in one run of ten.
        for mine, theirs, exact in zip(*values, row["exact"], strict=True):
            assert abs(mine - exact) < 0.05
            assert abs(theirs - exact) < 0.2
