"""The text of a batch script for Slurm. Its lines are explained in slurm/README.md."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lret_dist.planning.allocation import Allocation

__all__ = ["BatchScript"]

#: Restarts of a job that is saved before its time is up.
_MOST_RESTARTS = 100
_UNPRINTABLE = re.compile(r"[^ -~]")
_NOT_IN_NAMES = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class BatchScript:
    """A job: what it asks for, and what it runs.

    Attributes:
        name: of the job.
        comments: lines for its reader.
        allocation: what it asks for.
        time_limit: as ``--time`` takes it.
        directives: other options of ``sbatch``.
        launcher: the words before the command that start it on all tasks, none for one process.
        command: what it runs, quoted for the shell.
        restarts: whether it is saved before its time is up, and put back in the queue.
    """

    name: str
    comments: Sequence[str]
    allocation: Allocation
    time_limit: str
    directives: Sequence[str]
    launcher: Sequence[str]
    command: str
    restarts: bool

    def text(self) -> str:
        """The script."""
        body = self._restarting() if self.restarts else self._plain()
        return "\n".join(
            [
                "#!/usr/bin/env bash",
                *_commented(self.comments),
                *(f"#SBATCH {directive}" for directive in self._directives()),
                "set -euo pipefail",
                "",
                "# Where MPI comes from a module, load it here: module load ...",
                "export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK",
                "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK",
                "",
                *body,
                "",
            ]
        )

    def _directives(self) -> list[str]:
        asked = self.allocation
        lines = [
            f"--job-name={_NOT_IN_NAMES.sub('-', self.name)}",
            f"--nodes={asked.nodes}",
            f"--ntasks-per-node={asked.tasks_per_node}",
            f"--cpus-per-task={asked.cpus_per_task}",
            f"--mem={asked.memory_per_node >> 20}M",
            f"--time={self.time_limit}",
        ]
        if self.restarts:
            lines += ["--signal=TERM@120", "--requeue", "--open-mode=append"]
        return [*lines, "--output=%x-%j.out", *self.directives]

    def _plain(self) -> list[str]:
        return [f"exec {self._started}"]

    def _restarting(self) -> list[str]:
        return [
            "# Slurm may tell this script to end as well: it waits for the run, which is saved.",
            "trap : TERM",
            "# MPICH names shared memory by job and step: that of a killed start must not be met.",
            "for ((start = 0; start < ${SLURM_RESTART_COUNT:-0}; start++)); do "
            "srun --mpi=none --ntasks=1 true; done",
            "code=0",
            f"{self._started} || code=$?",
            "",
            f"# {os.EX_TEMPFAIL}: the run was stopped and saved.",
            f"if ((code == {os.EX_TEMPFAIL} "
            f"&& ${{SLURM_RESTART_COUNT:-0}} < {_MOST_RESTARTS})); then",
            '  scontrol requeue "$SLURM_JOB_ID"',
            "fi",
            'exit "$code"',
        ]

    @property
    def _started(self) -> str:
        return f"{shlex.join(self.launcher)} {self.command}" if self.launcher else self.command


def _commented(lines: Iterable[str]) -> list[str]:
    """Lines as comments: nothing in them can end a comment."""
    plain = (_UNPRINTABLE.sub("?", line) for line in lines)
    # Words of a command line stay whole.
    return [
        f"# {part}"
        for line in plain
        for part in wrap(line, 98, break_long_words=False, break_on_hyphens=False)
    ]
