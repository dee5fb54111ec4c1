"""What to ask a cluster for: the smallest part of it that holds a run and does it in good time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lret_dist.errors import InsufficientMemoryError
from lret_dist.machines.machine import USUAL_SPEEDS, Machine, measure_kernels
from lret_dist.planning.forecast import forecast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.machines.slurm_nodes import Nodes
    from lret_dist.planning.forecast import Forecast
    from lret_dist.planning.jobs import SimulationRequest

__all__ = ["Allocation", "choose_allocation"]

#: Bytes of Python and its libraries in each MPI rank.
_PYTHON = 300 << 20
#: Part of the memory of a job that LRET plans with.
_USABLE = 0.9
#: Seconds that are short enough, whatever more cores could do.
_SHORT = 60.0
#: Twice the cores are worth it where they take this part of the time, or less.
_WORTH = 0.7
#: How the speed of a kernel grows with threads, as a power: memory does not keep up.
_SPEED_OF_THREADS = 0.9
#: Bytes that memory is asked for in.
_STEP = 100 << 20
#: Memory and time follow the number of columns, which is often wrong by a factor of two.
_MEMORY_MARGIN, _TIME_MARGIN, _START_SECONDS = 2.0, 3.0, 300


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """A part of a cluster, and what a run would take on it.

    Attributes:
        nodes: nodes.
        tasks_per_node: MPI ranks on each.
        cpus_per_task: threads of each MPI rank.
        memory_per_node: bytes to ask for on each node.
        seconds: time limit to ask for, in whole minutes.
        forecast: what the run is expected to take there.
    """

    nodes: int
    tasks_per_node: int
    cpus_per_task: int
    memory_per_node: int
    seconds: int
    forecast: Forecast

    @property
    def tasks(self) -> int:
        """MPI ranks in all."""
        return self.nodes * self.tasks_per_node


@dataclass(frozen=True)
class _Part:
    nodes: int
    tasks_per_node: int
    cpus_per_task: int

    def machine(self, nodes: Nodes) -> Machine:
        """What a run finds there if the job has all memory of its nodes."""
        memory = _USABLE * (nodes.memory_bytes // self.tasks_per_node - _PYTHON)
        share = self.cpus_per_task**-_SPEED_OF_THREADS
        applied, formed = (share * seconds for seconds in measure_kernels(1))
        return Machine(
            mpi_ranks=self.nodes * self.tasks_per_node,
            bytes_per_rank=max(1, int(memory)),
            speeds=replace(USUAL_SPEEDS, pass_seconds=applied, gram_seconds=formed),
            threads=self.cpus_per_task,
        )


def choose_allocation(request: SimulationRequest, nodes: Nodes, most_nodes: int) -> Allocation:
    """Choose nodes, tasks, cores, memory and time for a run.

    One core is doubled to more, to a whole node with a task for each socket, and to more nodes,
    for as long as the run does not fit, or would take more than a minute and at most 0.7 of its
    time with twice the cores.

    A core is taken to be as fast as one of this machine.

    Args:
        request: what is run.
        nodes: what the nodes are like.
        most_nodes: most nodes to take.

    Raises:
        ValueError: for a request that cannot be run.
        InsufficientMemoryError: when so many nodes do not hold it.
    """
    best: tuple[_Part, Forecast] | None = None
    refusal: InsufficientMemoryError | None = None
    for part in _parts(nodes, min(most_nodes, nodes.number)):
        try:
            expected = forecast(request, part.machine(nodes))
        except InsufficientMemoryError as error:
            refusal = error
            continue
        if best is not None and not _is_better(expected, best[1]):
            break
        best = part, expected
        if expected.fits() and expected.prediction.seconds <= _SHORT:
            break
    if best is None:
        raise InsufficientMemoryError(f"no part of the cluster holds the run: {refusal}")
    return _allocation(*best, nodes)


def _parts(nodes: Nodes, most_nodes: int) -> Iterator[_Part]:
    """Parts of a cluster, each with about twice the cores of the one before."""
    tasks = _power_of_two(min(nodes.sockets, nodes.cores))
    cores = 1
    while cores < nodes.cores and cores <= nodes.cores // tasks:
        yield _Part(1, 1, cores)
        cores *= 2
    count = 1
    while count <= most_nodes:
        yield _Part(count, tasks, nodes.cores // tasks)
        count *= 2


def _power_of_two(number: int) -> int:
    return 1 << (number.bit_length() - 1)


def _is_better(new: Forecast, old: Forecast) -> bool:
    if not old.fits():
        return True
    return new.fits() and new.prediction.seconds <= _WORTH * old.prediction.seconds


def _allocation(part: _Part, expected: Forecast, nodes: Nodes) -> Allocation:
    # A run that does not fit takes all there is.
    memory = min(expected.prediction.memory_bytes, expected.memory_per_rank)
    wanted = part.tasks_per_node * (_MEMORY_MARGIN * memory / _USABLE + _PYTHON)
    seconds = _TIME_MARGIN * expected.prediction.seconds + _START_SECONDS
    return Allocation(
        nodes=part.nodes,
        tasks_per_node=part.tasks_per_node,
        cpus_per_task=part.cpus_per_task,
        memory_per_node=min(nodes.memory_bytes, math.ceil(wanted / _STEP) * _STEP),
        seconds=60 * math.ceil(seconds / 60),
        forecast=expected,
    )
