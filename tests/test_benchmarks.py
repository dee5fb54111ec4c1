"""The benchmark suite runs, on circuits small enough for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1] / "benchmarks" / "suite.py"


def run_suite(folder: Path, *arguments: str) -> tuple[list[dict], str]:
    out = folder / "rows.json"
    options = ["--repeats", "1", "--json", str(out), "--markdown", str(folder / "table.md")]
    command = [sys.executable, str(SUITE), *arguments, *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(out.read_text()), run.stdout


@pytest.mark.parametrize(
    ("section", "workload", "simulators"),
    [
        ("state", "W1", 2),
        ("state", "W7-vqe-FakeTorino", 2),
        ("expectations", "W4", 3),
        ("kernels", "dense gate", 1),
    ],
)
def test_section(section: str, workload: str, simulators: int, tmp_path: Path) -> None:
    arguments = [section, "--qubits", "5", "--workloads", workload]
    (row,), printed = run_suite(tmp_path, *arguments)
    assert f"{workload:<22} n=5" in printed
    assert workload in (tmp_path / "table.md").read_text() or section == "kernels"
    assert len(row["runs"]) == simulators
    for (one,) in row["runs"].values():
        assert one["seconds"] > 0
    if section == "expectations":
        # 1000 trajectories of a circuit with an error in one run of ten; 10 shots a string.
        for (one,), most in zip(row["runs"].values(), (0.05, 0.12, 1.7), strict=True):
            worst = max(abs(a - b) for a, b in zip(one["values"], row["exact"], strict=True))
            assert worst < most
    # What was measured is not measured again.
    (again,), _ = run_suite(tmp_path, *arguments)
    assert again == row
