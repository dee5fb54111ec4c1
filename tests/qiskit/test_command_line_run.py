"""``lret run``: what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_line import LRET, RATES, brick_wall, lret, refused
from mpi_job import Job
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from small_disk import largest_file

import lret_dist
from lret_qiskit import LRETBackend
from lret_qiskit.cli.app import cli


def test_a_pipe_gets_the_whole_result_as_json(ghz: QuantumCircuit, ghz_file: Path) -> None:
    document = json.loads(lret("run", ghz_file, "--seed", 7, "--shots", 500).stdout)
    expected = LRETBackend().run(ghz, seed_simulator=7, shots=500).result()
    assert document["counts"] == expected.get_counts()
    assert (document["shots"], document["seed"]) == (500, 7)
    assert document["circuit"] == "ghz"
    assert document["lret_version"] == lret_dist.__version__
    assert document["metadata"]["truncation_error"] == 0.0


def test_a_summary_goes_beside_the_file_of_the_result(tmp_path: Path, ghz_file: Path) -> None:
    output = tmp_path / "result.json"
    shown = lret("run", ghz_file, "--output", output, "--seed", 1).stdout
    document = json.loads(output.read_text())
    for bits, times in document["counts"].items():
        assert re.search(rf"^{bits} +{times} ", shown, re.MULTILINE)
    assert "at most 0.00e+00 (trace distance)" in shown
    shown = lret("run", ghz_file, "--output", output, "--noise", RATES, "--truncation", "unbiased")
    assert "standard error  " in shown.stdout


@pytest.mark.parametrize("option", [[], ["--no-progress"], ["--progress"]])
def test_progress_is_told_line_by_line_where_that_is_asked_for(
    tmp_path: Path, option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.runs.progress_bar._LATE", 0)
    monkeypatch.setattr("lret_dist.runs.progress_bar._LOOK", 0.01)
    wall = brick_wall(tmp_path, 10, 10)
    result = lret("run", wall, "--noise", RATES, "--truncation", "certified", *option)
    assert json.loads(result.stdout)["shots"] == 1024
    told = re.findall(r"^lret: \d+%, step \d+/\d+, rank \d+", result.stderr, re.MULTILINE)
    assert bool(told) == (option == ["--progress"]), result.stderr


def check_shown_instead(result: Result, output: Path, reason: str) -> None:
    """The whole result is on standard output, and the old file is as it was."""
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert sum(document["counts"].values()) == document["shots"] == 1024
    said = f"Error: {output} cannot be written: {reason}; the result is on standard output\n"
    assert result.stderr == said
    assert [path.read_text() for path in output.parent.iterdir()] == ["old"]


def test_a_result_whose_disk_is_full_is_shown(disk: Callable[[str], Path], ghz_file: Path) -> None:
    output = disk("size=4k") / "result.json"
    output.write_text("old")
    result = CliRunner().invoke(cli, ["run", str(ghz_file), "--output", str(output)])
    check_shown_instead(result, output, "No space left on device")


def test_a_result_that_is_too_large_for_a_file_is_shown(tmp_path: Path, ghz_file: Path) -> None:
    output = tmp_path / "disk" / "result.json"
    output.parent.mkdir()
    output.write_text("old")
    with largest_file(100):
        result = CliRunner().invoke(cli, ["run", str(ghz_file), "--output", str(output)])
    check_shown_instead(result, output, "File too large")


def test_nothing_is_left_of_the_check(tmp_path: Path, ghz_file: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    assert "epsilon" in refused("run", ghz_file, "--epsilon", 2, "--output", folder / "result.json")
    assert list(folder.iterdir()) == []


def test_output_that_is_no_file_is_written_to(ghz_file: Path) -> None:
    assert "rank 1" in lret("run", ghz_file, "--output", "/dev/null").stdout


def test_a_circuit_that_measures_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; h q[0];')
    result = lret("run", path)
    assert "measures nothing: there will be no counts" in result.stderr
    assert json.loads(result.stdout)["counts"] == {}
    words = ("--noise", RATES, "--truncation", "unbiased", "--output", tmp_path / "result.json")
    assert "standard error  none" in lret("run", path, *words).stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--noise", "no/thing"], "depolarizing:P1,P2 or a fake device such as fake_torino, got"),
        (["--noise", "torin"], "no fake device: did you mean fake_torino?"),
        (["--noise", "nothing.json"], "No such file or directory"),
        (["--noise", "depolarizing:1e-3"], "two probabilities, as in depolarizing:1e-3,1e-2"),
        (["--noise", "depolarizing:0.1,2"], "got 'depolarizing:0.1,2'"),
        (["--noise", "depolarizing:0.1,nan"], "got 'depolarizing:0.1,nan'"),
        (["--epsilon", "2"], "Error: --epsilon must be at least 0 and less than 1"),
        (["--shots", "-1"], "Error: --shots must be"),
        (["--seed", "-1"], "Error: --seed must be from 0 to"),
        (
            ["--max-rank", "2", "--truncation", "unbiased"],
            "--max-rank needs --truncation certified",
        ),
        (["--plot", "x.txt"], "expected a name that ends with .png, .pdf, .svg, got x.txt"),
        (["--plot", "/nowhere/x.png"], "there is no folder /nowhere"),
        (["--shots", "many"], "'many' is not a valid integer"),
        (["--truncation", "none"], "'none' is not one of"),
        (["--output", "/nowhere/x.json"], "there is no folder /nowhere"),
        (["--max-memory-mb", "0"], "'--max-memory-mb': 0.0 is not in the range x>0"),
        (["--max-memory-mb", "-1"], "'--max-memory-mb': -1.0 is not in the range x>0"),
        (["--max-memory-mb", "nan"], "--max-memory-mb must be positive and finite, got nan"),
    ],
)
def test_what_a_run_refuses(ghz_file: Path, words: list[str], problem: str) -> None:
    assert problem in refused("run", ghz_file, *words)


def test_failures_are_in_the_words_of_the_command_line(ghz_file: Path) -> None:
    said = refused("run", ghz_file, "--max-memory-mb", "1e-5", code=1)
    assert re.match(r"Error: 3 qubits need at least .* --max-memory-mb allows 10 B", said)


def test_parameters_without_values(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("theta"), 0)
    path = tmp_path / "open.qpy"
    with path.open("wb") as opened:
        qpy.dump(circuit, opened)
    said = refused("run", path, code=1)
    assert "parameters without values: theta; give them values with circuit.assign" in said


def test_a_run_that_was_stopped_and_saved_goes_on(tmp_path: Path) -> None:
    path, folder = brick_wall(tmp_path, 12, 40), tmp_path / "checkpoints"
    words = ["run", str(path), "--noise", "depolarizing:1e-5,1e-4", "--truncation", "certified"]
    words += ["--epsilon", "1e-2", "--method", "low_rank", "--seed", "4"]
    saved = [*words, "--checkpoint", str(folder), "--checkpoint-interval", "0.3"]
    job = Job(LRET, *saved, ranks=0, log=tmp_path / "log")
    while not list(folder.glob("*.lret")):
        assert not job.has_ended(), job.output
        time.sleep(0.02)
    job.signal(signal.SIGTERM)
    outcome = job.finish(60)
    assert outcome.code == os.EX_TEMPFAIL, outcome.output
    assert "stopped by SIGTERM" in outcome.output
    assert "Traceback" not in outcome.output
    output = tmp_path / "result.json"
    assert "resumed" in lret(*saved, "--output", output).stdout
    document = json.loads(output.read_text())
    assert document["metadata"]["resumed"]
    assert document["counts"] == json.loads(lret(*words).stdout)["counts"]
