"""The command ``lret``: what its subcommands have in common."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CLUSTER, LRET, RATES, lret, refused
from mpi_job import Job
from qiskit import QuantumCircuit, qpy
from qiskit_aer.noise import NoiseModel, depolarizing_error
from starting import NEEDS_LAUNCHER

import lret_dist
from lret_qiskit import NoiseModelImporter


@pytest.mark.parametrize("command", ["run", "slurm"])
def test_a_folder_that_cannot_be_written_to(
    disk: Callable[[str], Path], tmp_path: Path, ghz_file: Path, command: str
) -> None:
    output, link = disk("ro") / "result.json", tmp_path / "link.json"
    link.symlink_to(output)
    for path in (output, link):
        said = refused(command, ghz_file, "--output", path)
        assert f"the folder {output.parent} cannot be written to: Read-only file system" in said


def test_files_that_are_no_circuits(tmp_path: Path) -> None:
    assert "'FILE': File" in refused("run", tmp_path / "none.qasm")
    (tmp_path / "text.txt").write_text("")
    assert "ends with .qasm or .qpy" in refused("run", tmp_path / "text.txt", code=1)


def test_a_file_that_is_cut_off(tmp_path: Path, ghz: QuantumCircuit) -> None:
    path = tmp_path / "cut.qpy"
    with path.open("w+b") as opened:
        qpy.dump(ghz, opened)
        opened.truncate(opened.tell() // 2)
    said = refused("run", path, code=1)
    # One line, and nothing drawn.
    assert re.fullmatch(r"[ -~]+; the file is cut off or damaged\n", said)


@pytest.mark.parametrize(
    ("words", "meant"), [(["rum"], "run"), (["run", "x.qasm", "--obsrvable", "Z0"], "--observable")]
)
def test_what_may_have_been_meant(words: list[str], meant: str) -> None:
    assert re.search(rf"Did you mean '?{meant}'?\?", refused(*words))


@pytest.mark.parametrize(
    ("command", "option"), [("run", "--output"), ("slurm", "--output"), ("slurm", "--script")]
)
@pytest.mark.parametrize("which", ["circuit", "noise"])
def test_no_input_is_overwritten(
    tmp_path: Path, ghz_file: Path, ghz_noise: NoiseModel, command: str, option: str, which: str
) -> None:
    model = tmp_path / "noise.json"
    NoiseModelImporter.import_noise_model(ghz_noise).to_json(model)
    link = tmp_path / "link"
    link.symlink_to(ghz_file if which == "circuit" else model)
    before = link.read_text()
    cluster = CLUSTER if command == "slurm" else ()
    said = refused(command, ghz_file, "--noise", model, option, link, *cluster)
    assert f"{option} {link} would take the place of {link.resolve()}, an input" in said
    assert link.read_text() == before


@pytest.mark.parametrize(
    ("command", "option"), [("run", "--plot"), ("compare", "--plot"), ("slurm", "--script")]
)
def test_two_results_do_not_go_to_one_file(
    tmp_path: Path, ghz_file: Path, command: str, option: str
) -> None:
    path, link = tmp_path / "both.png", tmp_path / "link.png"
    link.symlink_to(path)
    said = refused(command, ghz_file, "--output", path, option, link)
    assert f"{option} {link} would take the place of {path}, the file of --output" in said


def test_warnings_are_lines_without_source(tmp_path: Path, ghz_file: Path) -> None:
    model = tmp_path / "noise.json"
    idle = NoiseModel()
    idle.add_all_qubit_quantum_error(depolarizing_error(1e-2, 1), ["sx"])
    NoiseModelImporter.import_noise_model(idle).to_json(model)
    words = [LRET, "run", ghz_file, "--noise", model]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"lret: warning: .*'sx' .*acts nowhere.*\n", ran.stderr), ran.stderr


@pytest.mark.parametrize("ranks", [0, pytest.param(2, marks=NEEDS_LAUNCHER)])
def test_alone_and_under_a_launcher(tmp_path: Path, ghz_file: Path, ranks: int) -> None:
    words = ("run", str(ghz_file), "--noise", RATES, "--observable", "Z0 Z1", "--seed", "3")
    job = Job(LRET, *words, ranks=ranks, log=tmp_path / "log")
    outcome = job.finish(120)
    assert outcome.code == 0, outcome.output
    # One document: MPI rank 1 has written nothing.
    document = json.loads(outcome.output)
    here = json.loads(lret(*words).stdout)
    assert document["counts"] == here["counts"]
    values = [each["observables"][0]["value"] for each in (document, here)]
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert document["metadata"]["mpi_ranks"] == max(ranks, 1)
    assert not job.strays()


@NEEDS_LAUNCHER
def test_a_mistake_is_told_once_under_a_launcher(tmp_path: Path, ghz_file: Path) -> None:
    words = ("run", str(ghz_file), "--epsilon", "2")
    outcome = Job(LRET, *words, ranks=2, log=tmp_path / "log").finish(60)
    assert outcome.code == 2
    assert outcome.output.count("--epsilon must be") == 1


def test_python_m_is_the_same_command() -> None:
    command = [sys.executable, "-P", "-m", "lret_qiskit", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == f"lret, version {lret_dist.__version__}\n"
