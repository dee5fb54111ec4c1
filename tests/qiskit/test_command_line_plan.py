"""``lret plan``: what a run would take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import RATES, at_a_terminal, brick_wall, lret, refused
from qiskit_aer.noise import NoiseModel

import lret_dist
from lret_dist import Network
from lret_qiskit import LRETBackend
from lret_qiskit.circuit_files import load_circuit

NO_MPI = """
import sys
sys.modules["mpi4py"] = None
from lret_qiskit.cli import main
main()
"""


def test_a_pipe_gets_the_forecast_as_json(ghz_file: Path, ghz_noise: NoiseModel) -> None:
    words = ("-P", 8, "--threads-per-rank", 2, "--memory-per-rank", "1GiB")
    network = ("--latency", 1e-5, "--bandwidth", 1e9)
    result = lret("plan", ghz_file, "--noise", RATES, "--epsilon", 1e-3, *words, *network)
    document = json.loads(result.stdout)
    forecast = LRETBackend(noise_model=ghz_noise).plan(
        load_circuit(ghz_file),
        mpi_ranks=8,
        threads_per_rank=2,
        memory_per_rank="1GiB",
        network=Network(latency=1e-5, bandwidth=1e9),
        epsilon=1e-3,
    )
    expected = json.loads(json.dumps(forecast.to_dict()))
    head = {"file": str(ghz_file), "circuit": "ghz", "lret_version": lret_dist.__version__}
    assert document == head | expected


def test_a_terminal_gets_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    path = brick_wall(tmp_path, 20, 4)
    words = ("plan", path, "-P", 4, "--memory-per-rank", "64MiB", "--truncation", "certified")
    shown = at_a_terminal(*words)
    assert "20 qubits" in shown
    assert "on 4 MPI ranks of 1 thread and 64 MiB each" in shown
    # All of it, on a narrow terminal too.
    assert "*\N{NO-BREAK SPACE}4\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}1" in shown
    assert "…" not in shown
    # Styles may stay, but no colours.
    assert "\x1b[31m" not in shown
    monkeypatch.delenv("NO_COLOR")
    # Two MPI ranks of so little memory do not hold it.
    assert "\x1b[31m" in at_a_terminal(*words)


def test_no_mpi_library_is_needed(ghz_file: Path) -> None:
    command = [sys.executable, "-P", "-c", NO_MPI, "plan", str(ghz_file), "-P", "64"]
    planned = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(planned.stdout)["mpi_ranks"] == 64


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-P", "0"], "'-P' / '--mpi-ranks': 0 is not in the range"),
        (["--memory-per-rank", "much"], 'Error: --memory-per-rank must be like "4GiB"'),
        (["--latency", "0"], "'--latency': 0.0 is not in the range"),
        (["--bandwidth", "nan"], "bandwidth must be positive and finite, got nan"),
        (["--epsilon", "2"], "Error: --epsilon must be"),
    ],
)
def test_what_a_plan_refuses(ghz_file: Path, words: list[str], problem: str) -> None:
    assert problem in refused("plan", ghz_file, *words)
