"""``lret compare``: what it shows, writes and refuses, alone and on MPI ranks."""

import json
import re
from pathlib import Path

import pytest
from command_line import LRET, lret, refused
from mpi_job import Job
from qiskit import QuantumCircuit, qasm2
from rich.console import Console
from starting import NEEDS_LAUNCHER

from lret_qiskit.cli.comparison_table import comparison_table
from lret_qiskit.comparison import Comparison, SimulatorRuns

ERRORS = ("--noise", "depolarizing:1e-3,1e-2", "--epsilon", "1e-3", "--seed", "4")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    circuit = QuantumCircuit(4, 4)
    circuit.ry(0.4, range(4))
    circuit.cx([0, 1, 2], [1, 2, 3])
    circuit.measure(range(4), range(4))
    path = tmp_path / "chain.qasm"
    path.write_text(qasm2.dumps(circuit))
    return path


def check(document: dict, shots: int) -> None:
    assert (document["name"], document["num_qubits"], document["shots"]) == ("chain", 4, shots)
    assert [row["simulator"] for row in document["runs"]] == ["LRET", "Qiskit Aer"]
    assert document["trace_distance"] <= document["runs"][0]["error"] + 1e-6
    assert document["counts"]["value"] < 3 * document["counts"]["expected"]


def test_a_comparison_as_json_and_as_a_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "comparison.png"
    words = (file, *ERRORS, "--repeats", 1, "--shots", 2000, "--threads", 1, "--plot", picture)
    document = json.loads(lret("compare", *words).stdout)
    check(document, 2000)
    assert document["file"] == str(file)
    assert [row["threads"] for row in document["runs"]] == [1, 1]
    assert picture.read_bytes().startswith(b"\x89PNG")


@NEEDS_LAUNCHER
def test_lret_runs_on_all_mpi_ranks(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "comparison.json"
    words = ["compare", str(file), *ERRORS, "--repeats", "1", "--output", str(output)]
    outcome = Job(LRET, *words, ranks=2, log=tmp_path / "log").finish(200)
    assert outcome.code == 0, outcome.output
    document = json.loads(output.read_text())
    check(document, 1024)
    assert [row["mpi_ranks"] for row in document["runs"]] == [2, 1]
    assert [row["threads"] for row in document["runs"]] == [1, 2]
    assert "LRET ran on 2 MPI ranks, Qiskit Aer beside MPI rank 0 alone" in outcome.output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--limit", "0"], "0.0 is not in the range x>0"),
        (["--repeats", "0"], "0 is not in the range x>=1"),
        (["--threads", "0"], "0 is not in the range x>=1"),
        (["--epsilon", "2"], "epsilon must be at least 0 and less than 1"),
        (["--plot", "/nowhere/x.png"], "there is no folder /nowhere"),
        (["--plot", "picture.txt"], "expected a name that ends with .png, .pdf, .svg"),
    ],
)
def test_what_a_comparison_refuses(file: Path, words: list[str], problem: str) -> None:
    assert problem in refused("compare", file, *words)


def test_no_input_is_overwritten(file: Path) -> None:
    for option in ("--output", "--plot"):
        path = file.with_suffix(".png")
        path.unlink(missing_ok=True)
        path.hardlink_to(file)
        assert "would take the place of" in refused("compare", file, option, path)


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
