"""``lret slurm``: batch scripts."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import takewhile
from pathlib import Path

import pytest
from command_line import CLUSTER, LRET, RATES, brick_wall, lret, refused


def directives(script: str) -> dict[str, str]:
    # Slurm reads no further than to the first command.
    head = takewhile(lambda line: line.startswith("#"), script.splitlines())
    lines = [line for line in head if line.startswith("#SBATCH ")]
    return dict(line.removeprefix("#SBATCH --").split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without sinfo."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin/none")


def test_a_batch_script_asks_for_what_the_plan_says(no_slurm: None, ghz_file: Path) -> None:
    result = lret(
        "slurm", ghz_file, "--noise", RATES, *CLUSTER, "--account", "me", "--time", "12:00"
    )
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


def test_the_user_s_own_options_come_last(no_slurm: None, ghz_file: Path) -> None:
    own = ("--sbatch=--qos=long", "--sbatch=--mem=9G", "--sbatch=--exclusive")
    script = lret("slurm", ghz_file, *CLUSTER, *own, "--partition", "big").stdout
    assert "#SBATCH --exclusive\n" in script
    assert directives(script)["mem"] == "9G"
    assert directives(script)["partition"] == "big"
    assert script.index("--mem=400M") < script.index("--mem=9G")


@pytest.mark.parametrize("name", ["ghz.qasm", "it's $(touch oops)\n#SBATCH --mem=1 `x`.qasm"])
def test_a_batch_script_of_one_task_runs_the_circuit(
    no_slurm: None, tmp_path: Path, ghz_file: Path, name: str
) -> None:
    named = ghz_file.rename(tmp_path / name)
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
    no_slurm: None, tmp_path: Path, ghz_file: Path
) -> None:
    folder = tmp_path / "not made yet"
    script = lret(
        "slurm", ghz_file, *CLUSTER, "--checkpoint", folder, "--launcher", "srun -X"
    ).stdout
    assert not folder.exists()
    assert f"\nsrun -X {LRET} run {ghz_file} --checkpoint '{folder}' --output " in script
    assert "#SBATCH --requeue\n" in script
    assert directives(script)["signal"] == "TERM@120"
    checked = subprocess.run(["/bin/bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_several_tasks_that_a_user_asks_for_are_started(no_slurm: None, ghz_file: Path) -> None:
    words = ("slurm", ghz_file, *CLUSTER)
    assert f"\nexec {LRET} run" in lret(*words).stdout
    assert f"\nexec mpirun -n 2 {LRET} run" in lret(*words, "--launcher", "mpirun -n 2").stdout
    for asked in ("--sbatch=--ntasks-per-node=2", "--sbatch=--nodes=2", "--sbatch=-n2"):
        assert "\nexec srun " in lret(*words, asked).stdout


def test_the_script_restarts_as_the_one_to_copy_does(no_slurm: None, ghz_file: Path) -> None:
    written = lret("slurm", ghz_file, *CLUSTER, "--checkpoint", ghz_file.parent / "saved").stdout
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
    ],
)
def test_what_lret_slurm_refuses(
    no_slurm: None, ghz_file: Path, words: list[str], problem: str
) -> None:
    assert problem in refused("slurm", ghz_file, *words)


def test_a_cluster_that_is_too_small(no_slurm: None, ghz_file: Path) -> None:
    cluster = ("--cores-per-node", "8", "--memory-per-node", "1MiB")
    said = refused("slurm", ghz_file, *cluster, code=1)
    assert "no part of the cluster holds the run" in said


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
