"""``lret compare``: what it shows, writes and refuses, alone and on MPI ranks."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mpi_job import ENVIRONMENT, LAUNCHER
from qiskit import QuantumCircuit, qasm2
from rich.console import Console

from lret_qiskit.cli.app import cli
from lret_qiskit.cli.comparison_table import comparison_table
from lret_qiskit.comparison import Comparison, SimulatorRuns

LRET = Path(sysconfig.get_path("scripts")) / "lret"
RATES = ("--noise", "depolarizing:1e-3,1e-2", "--epsilon", "1e-3", "--seed", "4")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    circuit = QuantumCircuit(4, 4)
    circuit.ry(0.4, range(4))
    circuit.cx([0, 1, 2], [1, 2, 3])
    circuit.measure(range(4), range(4))
    path = tmp_path / "chain.qasm"
    path.write_text(qasm2.dumps(circuit))
    return path


def lret(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def check(document: dict, shots: int) -> None:
    assert (document["name"], document["num_qubits"], document["shots"]) == ("chain", 4, shots)
    assert [row["simulator"] for row in document["runs"]] == ["LRET", "Qiskit Aer"]
    assert document["trace_distance"] <= document["runs"][0]["error"] + 1e-6
    assert document["counts"]["value"] < 3 * document["counts"]["expected"]


def test_a_comparison_as_json_and_as_a_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "comparison.png"
    words = (file, *RATES, "--repeats", 1, "--shots", 2000, "--threads", 1, "--plot", picture)
    result = lret("compare", *words)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    check(document, 2000)
    assert document["file"] == str(file)
    assert [row["threads"] for row in document["runs"]] == [1, 1]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not LAUNCHER.exists(), reason="there is no MPI library")
def test_lret_runs_on_all_mpi_ranks(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "comparison.json"
    words = ["compare", str(file), *RATES, "--repeats", "1", "--output", str(output)]
    command = [str(LAUNCHER), "-n", "2", sys.executable, str(LRET), *words]
    run = subprocess.run(
        command,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    document = json.loads(output.read_text())
    check(document, 1024)
    assert [row["mpi_ranks"] for row in document["runs"]] == [2, 1]
    assert [row["threads"] for row in document["runs"]] == [1, 2]
    assert "LRET ran on 2 MPI ranks, Qiskit Aer beside MPI rank 0 alone" in run.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--limit", "0"], "0.0 is not in the range x>0"),
        (["--repeats", "0"], "0 is not in the range x>=1"),
        (["--threads", "0"], "0 is not in the range x>=1"),
        (["--epsilon", "2"], "epsilon must be at least 0 and less than 1"),
        (["--observable", "ZZZZ"], "--observable does not go with a comparison"),
        (["--plot", "/nowhere/x.png"], "there is no folder /nowhere"),
        (["--plot", "picture.txt"], "expected a name that ends with .png, .pdf, .svg"),
    ],
)
def test_what_a_comparison_refuses(
    file: Path, words: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    result = lret("compare", file, *words)
    assert result.exit_code in (1, 2)
    assert problem in result.stderr
    assert result.stdout == ""


def test_no_input_is_overwritten(file: Path) -> None:
    for option in ("--output", "--plot"):
        path = file.with_suffix(".png")
        path.unlink(missing_ok=True)
        path.hardlink_to(file)
        assert "would take the place of" in lret("compare", file, option, path).stderr


def shown(found: Comparison) -> str:
    console = Console(width=80, highlight=False)
    with console.capture() as captured:
        console.print(comparison_table(found))
    return captured.get()


def test_the_table_says_what_was_not_measured() -> None:
    mine = SimulatorRuns(
        simulator="LRET",
        method="low_rank",
        seconds=(0.2, 0.1, 0.3),
        memory_mib=0.4,
        error_kind="certified",
        error=2e-4,
    )
    ended = SimulatorRuns(
        simulator="Qiskit Aer",
        method="density_matrix",
        status="ended",
        reason="ended after 1 min",
    )
    refused = SimulatorRuns(
        simulator="Qiskit Aer",
        method="statevector",
        status="refused",
        reason="it takes 16 TiB of memory, where 8 GiB may be used",
        predicted_mib=16 * 2.0**20,
    )
    text = shown(
        Comparison(
            name="wide",
            num_qubits=40,
            measured_qubits=40,
            shots=100,
            noisy=True,
            limit=60,
            runs=(mine, ended, refused),
            notes=("A sentence.",),
        )
    )
    rows = [re.split(r"  +", line.strip()) for line in text.splitlines()]
    assert ["LRET", "low rank", "200 ms", "< 1 MiB", "at most 2.0e-04"] in rows
    assert ["Qiskit Aer", "density matrix", "> 1 min", "> 300", "ended after 1 min"] in rows
    assert ["Qiskit Aer", "statevector", "refused", "(16 TiB)"] in [row[:4] for row in rows]
    assert "A sentence." in text
