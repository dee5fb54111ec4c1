"""``lret slurm``: a batch script for a circuit, with what it asks for chosen by its plan."""

from __future__ import annotations

import re
import shlex
import sys
import sysconfig
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lret_dist.files.atomic_file import write_text
from lret_dist.machines.slurm import installed_mpi_option
from lret_dist.machines.slurm_nodes import Nodes, SinfoError, read_nodes
from lret_dist.planning.allocation import choose_allocation
from lret_dist.planning.forecast import bytes_of
from lret_dist.units import size_text, time_text
from lret_qiskit.cli.batch_script import BatchScript
from lret_qiskit.cli.messages import note, usage_errors
from lret_qiskit.cli.new_file import NewFile, check_targets
from lret_qiskit.cli.run_options import (
    NamedRun,
    as_arguments,
    circuit_file,
    input_files,
    run_options,
)

if TYPE_CHECKING:
    from lret_dist.planning.allocation import Allocation

__all__ = ["slurm"]

#: Nodes that are thought of where nothing is known of the cluster.
_MOST_NODES = 16
#: Options of sbatch that may ask for several tasks.
_TASKS = re.compile(r"--n(odes|tasks)|-[Nn]")


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    """What a user says of the cluster and the job, None for what is not said."""

    partition: str | None
    account: str | None
    max_nodes: int | None
    cores_per_node: int | None
    memory_per_node: str | None
    time: str | None
    sbatch: tuple[str, ...]
    launcher: str | None

    @property
    def most_nodes(self) -> int:
        """Most nodes to take."""
        return self.max_nodes or _MOST_NODES

    def directives(self) -> list[str]:
        """Options of sbatch; those of the user's own come last, and go before others."""
        named = {"partition": self.partition, "account": self.account}
        words = [f"--{name}={value}" for name, value in named.items() if value is not None]
        return [*words, *self.sbatch]


def _one_word(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A value of an option of sbatch, which would take what follows a space for another option."""
    if value is not None and (not value.isprintable() or value.split() != [value]):
        raise click.BadParameter(f"expected one word, got {value!r}")
    return value


@click.command(short_help="Write a batch script that runs a circuit on Slurm.")
@circuit_file
@run_options
@click.option("--output", type=NewFile(), help="The JSON file of the result.")
@click.option("--script", type=NewFile(), help="Where to write the script.")
@click.option(
    "--partition",
    callback=_one_word,
    help="Partition of the cluster.  [default: the cluster's own]",
)
@click.option("--account", callback=_one_word, help="Account that the job is charged to.")
@click.option("--max-nodes", type=click.IntRange(1), help="Most nodes.  [default: 16]")
@click.option("--cores-per-node", type=click.IntRange(1), help="[default: as sinfo tells]")
@click.option("--memory-per-node", help='As "256GiB".  [default: as sinfo tells]')
@click.option(
    "--time", callback=_one_word, help="Time limit, as sbatch takes it.  [default: from the plan]"
)
@click.option("--sbatch", multiple=True, metavar="OPTION", help='Any other, as "--qos=long".')
@click.option("--launcher", help="What starts MPI ranks.  [default: srun, as the MPI library asks]")
def slurm(file: Path, output: Path | None, script: Path | None, **given: Any) -> None:
    """Write a batch script that simulates the circuit in FILE with "lret run" on a Slurm cluster.

    Nodes, tasks, cores, memory and time follow from a plan of the run: the least that holds it,
    and more for as long as that pays. The cluster is asked by sinfo what its nodes are like; where
    there is no Slurm, say it with --cores-per-node and --memory-per-node.

    The script goes to standard output, and why it is as it is to standard error:

        lret slurm circuit.qasm --noise noise.json | sbatch

    With --checkpoint, the job is saved before its time is up and puts itself back in the queue.
    """
    wishes = _Wishes(**{field.name: given.pop(field.name) for field in fields(_Wishes)})
    check_targets({"--output": output, "--script": script}, input_files(file, given))
    nodes = _nodes(wishes)
    allocation = _allocation(file, given, nodes, wishes.most_nodes)
    restarts = given["checkpoint"] is not None
    written = BatchScript(
        name=f"lret-{file.stem}",
        comments=[shlex.join(["lret", *sys.argv[1:]]), *_reasons(allocation)],
        allocation=allocation,
        time_limit=wishes.time or _time_limit(allocation, nodes, restarts=restarts),
        directives=[_checked(each) for each in wishes.directives()],
        launcher=_launcher(wishes, alone=allocation.tasks == 1 and not restarts),
        command=_command(file, given, output),
        restarts=restarts,
    ).text()
    if script is None:
        click.echo(written, nl=False)
    else:
        write_text(script, written)
    for line in _reasons(allocation):
        note(line)


def _nodes(wishes: _Wishes) -> Nodes:
    """What the nodes are like: as Slurm tells, unless the user has said it."""
    cores, memory = wishes.cores_per_node, wishes.memory_per_node
    with usage_errors():
        said = None if memory is None else bytes_of("memory_per_node", memory)
    try:
        nodes = read_nodes(wishes.partition)
    except SinfoError as error:
        if cores is None or said is None:
            raise click.UsageError(
                f"{error}; say what a node has: --cores-per-node 64 --memory-per-node 256GiB"
            ) from None
        return Nodes(number=wishes.most_nodes, cores=cores, memory_bytes=said)
    return replace(nodes, cores=cores or nodes.cores, memory_bytes=said or nodes.memory_bytes)


def _checked(directive: str) -> str:
    """A word that may stand in a line of ``#SBATCH``."""
    if not directive.isprintable() or not directive.startswith("-"):
        raise click.UsageError(f"expected an option of sbatch on one line, got {directive!r}")
    return directive


def _allocation(file: Path, given: dict[str, Any], nodes: Nodes, most_nodes: int) -> Allocation:
    """What to ask for. Nothing is written to a folder of checkpoints yet."""
    request = NamedRun.of(file, {**given, "checkpoint": None}).request()
    return choose_allocation(request, nodes, most_nodes)


def _time_limit(allocation: Allocation, nodes: Nodes, *, restarts: bool) -> str:
    """What to ask for, within what the partition gives."""
    minutes = allocation.seconds // 60
    if nodes.time_limit is not None and minutes > (most := nodes.time_limit // 60):
        if not restarts and allocation.forecast.prediction.seconds > nodes.time_limit:
            note(
                f"a job may take {most} minutes in the partition {nodes.partition}, the run takes "
                "longer: with --checkpoint FOLDER one job after the other goes on with it"
            )
        minutes = most
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _reasons(allocation: Allocation) -> list[str]:
    """What the run is expected to take."""
    forecast = allocation.forecast
    expected = forecast.prediction
    state = "a density matrix" if forecast.method == "density_matrix" else f"rank {expected.rank}"
    sampled = f", {expected.batches} batches" if expected.batches else ""
    reasons = [
        f"Qubits: {forecast.num_qubits}, steps: {forecast.steps}; {state}{sampled}, "
        f"{time_text(expected.seconds)} and {size_text(expected.memory_bytes)} on "
        f"{_ranks(allocation)} are expected.",
        "Time and memory follow the number of columns, which is rough: twice the memory and three "
        "times the time are asked for.",
    ]
    if forecast.warning:
        reasons.append(forecast.warning)
    if not forecast.fits():
        reasons.append(
            "That does not fit: more than epsilon will be discarded; the result will say how much."
        )
    return reasons


def _ranks(allocation: Allocation) -> str:
    if allocation.tasks == 1:
        return "one MPI rank"
    grid = allocation.forecast.grid
    return f"each of {allocation.tasks} MPI ranks, in a grid of {grid.rows} x {grid.columns},"


def _launcher(wishes: _Wishes, *, alone: bool) -> list[str]:
    """What starts the command on all tasks; nothing where it is ``alone``, and no wish says else.

    Signals of ``--signal`` reach tasks that srun has started, and not the script.
    """
    if wishes.launcher is not None:
        return shlex.split(wishes.launcher)
    if alone and not any(map(_TASKS.match, wishes.sbatch)):
        return []
    option = installed_mpi_option()
    mpi = [] if option is None else [f"--mpi={option}"]
    return ["srun", *mpi, "--cpu-bind=cores", "--kill-on-bad-exit=1"]


def _command(file: Path, given: dict[str, Any], output: Path | None) -> str:
    """The command that runs the circuit in the job, quoted for the shell."""
    lret = Path(sysconfig.get_path("scripts")) / "lret"
    program = [str(lret)] if lret.exists() else [sys.executable, "-P", "-m", "lret_qiskit"]
    words = [*program, "run", str(file.resolve()), *as_arguments(given), "--output"]
    if output is not None:
        return shlex.join([*words, str(output.resolve())])
    return f'{shlex.join(words)} {shlex.quote(f"lret-{file.stem}-")}"$SLURM_JOB_ID.json"'
