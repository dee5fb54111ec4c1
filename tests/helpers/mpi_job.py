"""Real jobs in subprocesses: started, disturbed, and searched for what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

#: Marks every process of a job in its environment, so that strays can be found.
MARK = "LRET_TEST_JOB"
#: Names that the launchers give the MPI rank of a process.
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK")
LAUNCHER = Path(sys.executable).with_name("mpirun")
#: Where both MPI libraries keep the memory that their processes share, and its names.
SHARED_MEMORY = Path("/dev/shm")
SEGMENTS = ("mpich_shm_*", "sm_segment.*")
_YOUNG = 1.0

ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Outcome:
    """How a job ended: exit code, everything it wrote, and seconds since the fault."""

    code: int
    output: str
    seconds: float


class Job:
    """A script on ``ranks`` MPI ranks, or without a launcher when ``ranks`` is 0."""

    def __init__(self, script: Path, *arguments: str, ranks: int, log: Path, **variables: str):
        self._id = uuid.uuid4().hex
        self._log = log
        launcher = [str(LAUNCHER), "-n", str(ranks)] if ranks else []
        # Launchers leave small files in the temporary folder when they are killed.
        own = {MARK: self._id, "TMPDIR": str(log.parent)}
        environment = os.environ | ENVIRONMENT | variables | own
        self._segments = set(_segments())
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*launcher, sys.executable, str(script), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                # Shells let what they start in the background ignore Ctrl-C.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        self._since = time.monotonic()

    @property
    def output(self) -> str:
        """Everything that any process of the job has written so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until the job has written ``text``."""
        end = time.monotonic() + seconds
        while text not in self.output:
            assert self._process.poll() is None, f"ended with no {text!r}:\n{self.output}"
            assert time.monotonic() < end, f"no {text!r} in {seconds} s:\n{self.output}"
            time.sleep(0.02)

    def has_ended(self) -> bool:
        """Whether the process that was started has ended."""
        return self._process.poll() is not None

    def signal(self, number: int, rank: int | None = None) -> None:
        """Send a signal to the process that was started or to one MPI rank; the fault is now."""
        target = self._process.pid if rank is None else self._pid_of(rank)
        self._since = time.monotonic()
        os.kill(target, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process group, as a terminal does."""
        self._since = time.monotonic()
        os.killpg(self._process.pid, number)

    def signal_launcher(self, number: int) -> None:
        """Send a signal to the launcher that the script has started."""
        (launcher,) = psutil.Process(self._process.pid).children()
        self._since = time.monotonic()
        launcher.send_signal(number)

    def finish(self, seconds: float) -> Outcome:
        """Wait for the end, at most ``seconds`` from the fault or, without one, from the start."""
        left = self._since + seconds - time.monotonic()
        try:
            code = self._process.wait(timeout=max(left, 0.1))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.output}") from None
        return Outcome(code, self.output, time.monotonic() - self._since)

    def strays(self, grace: float = 2.0) -> list[int]:
        """Processes of the job that are still alive ``grace`` seconds from now."""
        end = time.monotonic() + grace
        while (alive := [process.pid for process in self._processes()]) and time.monotonic() < end:
            time.sleep(0.05)
        return alive

    def kill(self) -> None:
        """End everything that belongs to the job."""
        for process in self._processes():
            process.kill()
        self._process.wait(timeout=10)
        self._free_shared_memory()

    def _free_shared_memory(self) -> None:
        """Remove what killed processes left: little each, but /dev/shm may hold just 64 MiB."""
        new = set(_segments()) - self._segments
        in_use = "".join(map(_memory_map, psutil.pids())) if new else ""
        for segment in new:
            # One that is very young may belong to another job, and be used in a moment.
            if str(segment) not in in_use and _age(segment) > _YOUNG:
                segment.unlink(missing_ok=True)

    def _pid_of(self, rank: int) -> int:
        for process in self._processes():
            environment = process.environ()
            if str(rank) in [environment.get(name) for name in RANK_VARIABLES]:
                return process.pid
        raise AssertionError(f"no process with MPI rank {rank}:\n{self.output}")

    def _processes(self) -> list[psutil.Process]:
        mine = []
        for process in psutil.process_iter():
            try:
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and process.environ().get(MARK) == self._id:
                    mine.append(process)
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return mine


def _segments() -> list[Path]:
    return [path for pattern in SEGMENTS for path in SHARED_MEMORY.glob(pattern)]


def _age(path: Path) -> float:
    """Seconds since a file was written, 0 where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _memory_map(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""
