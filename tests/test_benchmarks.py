"""The benchmark suite runs, on circuits small enough for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lret_qiskit.comparison import Comparison, SimulatorRuns

SUITE = Path(__file__).parents[1] / "benchmarks" / "suite.py"
SCALING, COMPARE = SUITE.with_name("scaling_test.py"), SUITE.with_name("compare_aer.py")


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
        ("dynamic", "W8-memory", 3),
        ("dynamic", "W8-ghz", 3),
        ("kernels", "dense gate", 1),
    ],
)
def test_section(section: str, workload: str, simulators: int, tmp_path: Path) -> None:
    arguments = [section, "--qubits", "5", "--workloads", workload]
    (row,), printed = run_suite(tmp_path, *arguments)
    assert f"{workload:<22} n=5" in printed
    assert f"| {workload} " in (tmp_path / "table.md").read_text() or section == "kernels"
    assert len(row["runs"]) == simulators
    for (one,) in row["runs"].values():
        assert one["seconds"] > 0
    if section == "expectations":
        # 1000 trajectories of a circuit with an error in one run of ten; 10 shots a string.
        for (one,), most in zip(row["runs"].values(), (0.05, 0.12, 1.7), strict=True):
            worst = max(abs(a - b) for a, b in zip(one["values"], row["exact"], strict=True))
            assert worst < most


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    arguments = ["state", "--qubits", "5", "--workloads", "W1"]
    first, _ = run_suite(tmp_path, *arguments)
    again, _ = run_suite(tmp_path, *arguments)
    assert again == first


def earlier(section: str, qubits: int, options: dict, seconds: dict[str, float]) -> dict:
    """A row as the suite keeps it: LRET in no time, its rivals in so many seconds."""
    facts = {"bytes": 0, "values": [0.0], "truncation": "certified", "method": "low_rank"}
    facts["truncation_error"] = 0.0
    runs = {name: [facts | {"seconds": time}] for name, time in {"lret": 0.001, **seconds}.items()}
    row = {"section": section, "workload": "W4" if section == "counts" else "W1"}
    row |= {"qubits": qubits, "options": options, "threads": 1, "limit": 1.0, "runs": runs}
    return row | {"extrapolated": {}, "exact": [0.0] * 100}


def test_runs_that_would_take_too_long_are_extrapolated(tmp_path: Path) -> None:
    rows = [earlier("state", n, {}, {"aer-density_matrix": 5.0 ** (n - 5)}) for n in (5, 6)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    arguments = ["state", "--workloads", "W1", "--qubits", "7", "--limit", "1"]
    *_, row = run_suite(tmp_path, *arguments)[0]
    assert row["qubits"] == 7
    assert row["runs"]["lret"]
    assert not row["runs"]["aer-density_matrix"]
    assert row["extrapolated"]["aer-density_matrix"]["seconds"] == pytest.approx(25)


def test_an_ended_rival_is_only_known_to_be_slower(tmp_path: Path) -> None:
    row = earlier("state", 5, {}, {"aer-density_matrix": 1.0})
    row["runs"]["aer-density_matrix"] = []
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    _, printed = run_suite(tmp_path, "state", "--workloads", "W1", "--qubits", "5")
    assert "Aer > 1 s > 1e+03x" in printed
    line = next(x for x in (tmp_path / "table.md").read_text().splitlines() if "| W1" in x)
    assert [cell.strip() for cell in line.split("|")[4:8]] == ["> 1 s", "> 1e+03", "0 MiB", ""]


def test_more_shots_are_extrapolated(tmp_path: Path) -> None:
    rows = [
        earlier("counts", 5, {"shots": shots}, {"aer-statevector": t, "qsim": t, "qulacs": q})
        for shots, t, q in ((1_000, 2.0, 1.0), (10_000, 20.0, 4.0))
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    arguments = ["counts", "--workloads", "W4", "--qubits", "5", "--limit", "1"]
    *_, row = run_suite(tmp_path, *arguments)[0]
    assert row["options"] == {"shots": 100_000}
    guesses = {name: guess["seconds"] for name, guess in row["extrapolated"].items()}
    assert guesses == pytest.approx({"aer-statevector": 200, "qsim": 200, "qulacs": 16})


@pytest.mark.parametrize(
    ("arguments", "kept", "message"),
    [
        (["states"], "[]", "there is no section 'states', only state, expectations"),
        (["kernels", "--qubits", "5"], '[{"section":', "rows.json holds no measurements"),
        (["state", "--workloads", "W9"], "[]", "nothing to measure"),
    ],
)
def test_wrong_calls_say_so(arguments: list[str], kept: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(kept)
    command = [sys.executable, str(SUITE), *arguments, "--json", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert file.read_text() == kept


def test_scaling(tmp_path: Path) -> None:
    out, page = tmp_path / "scaling.json", tmp_path / "scaling.md"
    command = [sys.executable, str(SCALING), "--quick", "--ranks", "1", "2", "--json", str(out)]
    command += ["--markdown", str(page), "--plot", str(tmp_path / "scaling.svg")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "scaling.svg").exists()
    rows = json.loads(out.read_text())
    assert {row["section"] for row in rows} == {"strong", "weak", "memory"}
    for row in rows:
        assert len(row["memory"]) == row["ranks"]
        assert row["seconds"] > 0
        assert row["predicted"]["seconds"] > 0
        assert (row["bytes"] > 0) == (row["grid"] != [1, 1])
    headings = [line for line in page.read_text().splitlines() if line.startswith("## ")]
    assert [heading.split()[1] for heading in headings] == [
        *("Strong", "The", "Weak", "Memory", "Projection")
    ]


def test_comparison_with_aer(tmp_path: Path) -> None:
    out, page, picture = (tmp_path / name for name in ("aer.json", "aer.md", "aer.png"))
    key = {"circuit": "ghz", "noise": "depolarizing:1e-3,1e-2", "qubits": 40, "shots": 1000}
    key |= {"epsilon": 1e-3, "threads": None, "repeats": 1, "limit": 60.0}
    mine = SimulatorRuns(simulator="LRET", method="low_rank", seconds=(2.5,), memory_mib=3.0)
    ended = SimulatorRuns(simulator="Qiskit Aer", method="density_matrix", status="ended")
    facts = {"num_qubits": 40, "measured_qubits": 40, "shots": 1000, "noisy": True, "limit": 60.0}
    earlier = Comparison(name="ghz, earlier", runs=(mine, ended), **facts)
    # What was compared is not compared again: on 40 qubits it would take for ever.
    out.write_text(json.dumps([{"key": key, "comparison": earlier.to_dict()}]))
    command = [sys.executable, str(COMPARE), "--circuit", "ghz", "--repeats", "1", "--json", out]
    command += ["--noise", key["noise"], "--qubits", "3", "40"]
    command += ["--markdown", page, "--plot", picture]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    before, made = json.loads(out.read_text())
    assert before["comparison"] == json.loads(json.dumps(earlier.to_dict()))
    assert made["comparison"]["trace_distance"] < 1e-3
    lines = run.stdout.splitlines()
    assert ["n=3 " in lines[0], "n=40" in lines[1], "> 1 min" in lines[1]] == [True] * 3
    assert len([x for x in page.read_text().splitlines() if x.startswith("| ghz")]) == 2
    assert picture.read_bytes().startswith(b"\x89PNG")
