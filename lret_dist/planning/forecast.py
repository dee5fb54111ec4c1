"""What a run would take on MPI ranks that need not be there: planned as a run is, then not run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any

from lret_dist.errors import InsufficientMemoryError
from lret_dist.grid.process_grid import ProcessGrid, most_row_groups
from lret_dist.machines.available_memory import available_bytes, usable
from lret_dist.machines.machine import Machine, Network, Speeds, measure_kernels
from lret_dist.machines.threads import own_cores
from lret_dist.options import SimulationOptions
from lret_dist.planning.forecast_text import as_text
from lret_dist.planning.jobs import SimulationRequest, planned, prepare
from lret_dist.planning.prediction import best_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.circuits.circuit import Circuit
    from lret_dist.circuits.noise import NoiseModel
    from lret_dist.planning.jobs import Job
    from lret_dist.planning.prediction import Prediction

__all__ = ["Forecast", "bytes_of", "forecast", "plan", "plan_request"]

_UNITS = {"": 1, "B": 1} | {
    prefix + unit: base**power
    for power, prefix in enumerate("KMGT", 1)
    for unit, base in (("B", 1000), ("iB", 1024))
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([KMGT]?i?B?)\s*", re.IGNORECASE)
#: Most MPI ranks that are tried to find how many would hold a run.
_MOST_RANKS = 1 << 20
#: MPI ranks of the alternatives, as multiples of those asked for.
_MULTIPLES = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 2, 4)
#: How far epsilon must be from the weight of two errors at once for the columns to be known.
_CLOSE = 1.5


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run is expected to take. ``print`` shows it as a table.

    Times follow from the ``speeds`` and from the expected number of columns, which is rough: within
    a factor of two on most circuits that were tried. Of a sampled run the number of batches is as
    rough, unless ``resolution`` gives it.

    Attributes:
        prediction: what the run takes on the grid that it would choose: time in seconds, memory in
            bytes, messages, most columns.
        grid_reason: why this grid.
        alternatives: the same on other grids, with as many MPI ranks and with fewer and more.
        method: ``"low_rank"``, ``"density_matrix"`` from the first step on, ``"low_rank, then
            density_matrix"``, or ``"sampled"``.
        truncation_reason: why small branches are discarded, or sampled.
        num_qubits: qubits that are simulated, without idle ones.
        steps: fused steps.
        mpi_ranks: MPI ranks there are; the grid may leave some of them idle.
        threads_per_rank: threads of each of them.
        memory_per_rank: bytes that each of them may use, libraries and Python not included.
        columns_that_fit: most columns that fit on the grid; a certified run that needs more
            discards more than ``epsilon``, with a warning.
        speeds: how fast each of them is taken to compute and to talk.
        warning: why columns, time and memory may come out far larger, or an empty text.
    """

    prediction: Prediction
    grid_reason: str
    alternatives: tuple[Prediction, ...]
    method: str
    truncation_reason: str
    num_qubits: int
    steps: int
    mpi_ranks: int
    threads_per_rank: int
    memory_per_rank: int
    columns_that_fit: int
    speeds: Speeds
    warning: str = ""

    @property
    def grid(self) -> ProcessGrid:
        """The process grid that the run would take."""
        return self.prediction.grid

    def fits(self, prediction: Prediction | None = None) -> bool:
        """Whether this, or an alternative, fits in ``memory_per_rank``."""
        return (prediction or self.prediction).memory_bytes <= self.memory_per_rank

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, texts, lists and dictionaries."""
        found = {name: getattr(self, name) for name in _names(self)}
        found["speeds"] = {name: getattr(self.speeds, name) for name in _names(self.speeds)}
        found["prediction"] = self._row(self.prediction)
        found["alternatives"] = [self._row(each) for each in self.alternatives]
        return found

    def _row(self, prediction: Prediction) -> dict[str, Any]:
        row = {name: getattr(prediction, name) for name in _names(prediction)}
        row["grid"] = (prediction.grid.rows, prediction.grid.columns)
        row["bytes_per_rank"] = prediction.bytes_per_rank
        row["messages_per_rank"] = prediction.messages_per_rank
        return row | {"fits": self.fits(prediction)}

    def __str__(self) -> str:
        return as_text(self)


def plan(
    circuit: Circuit,
    noise: NoiseModel | None = None,
    *,
    mpi_ranks: int,
    memory_per_rank: float | str | None = None,
    threads_per_rank: int = 1,
    network: Network | None = None,
    **options: Any,
) -> Forecast:
    """What :func:`~lret_dist.api.simulate` would take on so many MPI ranks; nothing is run.

    The circuit is checked and planned as for a run, so a plan for this machine names the process
    grid that the run then takes. No MPI library is needed, whatever ``mpi_ranks`` is.

    Args:
        circuit: the circuit.
        noise: errors bound to its instructions.
        mpi_ranks: MPI ranks to plan for.
        memory_per_rank: bytes that each of them may use, or a text such as ``"4GiB"``; default:
            what this machine has free, shared by as many MPI ranks as it has cores for.
        threads_per_rank: threads of each of them.
        network: how fast they talk; default: 2 microseconds, 10 GB/s for each MPI rank.
        **options: fields of :class:`~lret_dist.options.SimulationOptions`.

    Raises:
        ValueError: or TypeError, for bad arguments.
        InsufficientMemoryError: when it cannot fit, saying how many MPI ranks would hold it.
    """
    request = SimulationRequest(circuit=circuit, noise=noise, options=SimulationOptions(**options))
    return plan_request(
        request,
        mpi_ranks=mpi_ranks,
        memory_per_rank=memory_per_rank,
        threads_per_rank=threads_per_rank,
        network=network,
    )


def plan_request(
    request: SimulationRequest,
    *,
    mpi_ranks: int,
    memory_per_rank: float | str | None = None,
    threads_per_rank: int = 1,
    network: Network | None = None,
) -> Forecast:
    """As :func:`plan`, for a request."""
    ranks = _positive("mpi_ranks", mpi_ranks)
    threads = _positive("threads_per_rank", threads_per_rank)
    memory = (
        _usable_here(ranks, threads)
        if memory_per_rank is None
        else bytes_of("memory_per_rank", memory_per_rank)
    )
    if not isinstance(network, Network | None):
        raise TypeError(f"network must be a Network, got {network!r}")
    speeds = _speeds(threads, network or Network())
    return forecast(
        request, Machine(mpi_ranks=ranks, bytes_per_rank=memory, speeds=speeds, threads=threads)
    )


def forecast(request: SimulationRequest, machine: Machine) -> Forecast:
    """What a run would take on a machine.

    Raises:
        ValueError: for a process grid that cannot be made.
        InsufficientMemoryError: when it cannot fit, saying how many MPI ranks would hold it.
    """
    machine = machine.limited(request.options.max_memory_mb)
    try:
        prepared = prepare(request, machine)
    except InsufficientMemoryError as error:
        raise InsufficientMemoryError(f"{error}{_advice(request, machine)}") from None
    job, predict = planned(prepared, machine)
    return Forecast(
        prediction=job.prediction,
        grid_reason=job.grid_reason,
        alternatives=tuple(_alternatives(job, predict, machine)),
        method=_method(job),
        truncation_reason=job.truncation_reason,
        num_qubits=job.program.num_qubits,
        steps=len(job.program.steps),
        mpi_ranks=machine.mpi_ranks,
        threads_per_rank=machine.threads,
        memory_per_rank=machine.bytes_per_rank,
        columns_that_fit=job.settings.memory_columns,
        speeds=machine.speeds,
        warning=_warning(job),
    )


def _warning(job: Job) -> str:
    """Says that the columns are uncertain: there, where two errors at once may have to be kept."""
    settings, expected = job.settings, job.prediction
    dense = settings.start == "density_matrix" or expected.switched_at is not None
    bounded = settings.max_rank is not None or expected.rank >= 1 << job.program.num_qubits
    mean, epsilon = job.program.noise_weight, settings.epsilon
    two = 1 - math.exp(-mean) * (1 + mean)
    if settings.sampling is not None or dense or bounded or epsilon >= _CLOSE * two:
        return ""
    return (
        "The number of columns may be far larger, and time and memory with it: epsilon is "
        f"close to the weight of two errors at once ({two:.2g}), or below it."
    )


def _alternatives(
    job: Job, predict: Callable[[ProcessGrid], Prediction], machine: Machine
) -> list[Prediction]:
    """All partitions of as many MPI ranks, and the best of fewer and more."""
    programs = [each for each in (job.program, job.averages) if each is not None]
    widest = max(each.widest_step for each in programs)
    most_rows = most_row_groups(job.program.num_qubits, widest)
    found = [predict(grid) for grid in _partitions(machine.mpi_ranks, most_rows)]
    for multiple in _MULTIPLES:
        if (ranks := int(multiple * machine.mpi_ranks)) >= 1:
            others = sorted(_partitions(ranks, most_rows), key=lambda grid: grid.rows)
            found.append(best_of(predict, others, machine.bytes_per_rank))
    by_grid = {each.grid: each for each in found if each.grid != job.grid}
    return sorted(by_grid.values(), key=lambda each: (each.grid.size, each.grid.rows))


def _partitions(mpi_ranks: int, most_rows: int) -> set[ProcessGrid]:
    """By rows as far as that goes, by columns, and by both in equal parts."""
    most = min(most_rows, 1 << mpi_ranks.bit_length() - 1)
    balanced = min(most, 1 << mpi_ranks.bit_length() // 2)
    return {ProcessGrid(rows, mpi_ranks // rows) for rows in (1, balanced, most)}


def _method(job: Job) -> str:
    if job.settings.sampling is not None:
        return "sampled"
    if job.settings.start == "density_matrix" or job.prediction.switched_at == 0:
        return "density_matrix"
    return "low_rank" if job.prediction.switched_at is None else "low_rank, then density_matrix"


def _advice(request: SimulationRequest, machine: Machine) -> str:
    """How many MPI ranks like these would do, if any."""
    ranks = 1 << machine.mpi_ranks.bit_length()
    while ranks <= _MOST_RANKS:
        try:
            prepare(request, replace(machine, mpi_ranks=ranks))
        except (InsufficientMemoryError, ValueError):
            ranks *= 2
        else:
            return f"; {ranks} MPI ranks like these would hold it"
    return ""


def _speeds(threads: int, network: Network) -> Speeds:
    """Kernels as measured here, on more threads than there are cores in proportion."""
    here = min(threads, len(own_cores()))
    applied, formed = (seconds * here / threads for seconds in measure_kernels(here))
    return Speeds(
        pass_seconds=applied,
        gram_seconds=formed,
        latency=network.latency,
        bandwidth=network.bandwidth,
    )


def _usable_here(mpi_ranks: int, threads: int) -> int:
    """Bytes for each of as many MPI ranks as this machine has cores for."""
    return usable(available_bytes(), min(mpi_ranks, max(1, len(own_cores()) // threads)))


def bytes_of(name: str, size: Any) -> int:
    """A number of bytes, or a text with a unit, as a number; errors call it by its name."""
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is None or (unit := _unit(match[2])) is None:
            raise ValueError(f'{name} must be like "4GiB", got {size!r}')
        number = float(match[1]) * unit
    elif isinstance(size, bool) or not isinstance(size, Real):
        raise TypeError(f'{name} must be bytes or a text like "4GiB", got {size!r}')
    else:
        number = float(size)
    if not 1 <= number < math.inf:
        raise ValueError(f"{name} must be at least one byte, got {size!r}")
    return int(number)


def _unit(name: str) -> int | None:
    """Bytes of a unit, whatever its case; a letter alone is the binary one."""
    known = {text.lower(): size for text, size in _UNITS.items()}
    return known.get(name.lower(), known.get(f"{name.lower()}ib"))


def _positive(name: str, value: Any) -> int:
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def _names(record: Forecast | Prediction | Speeds) -> list[str]:
    return [field.name for field in fields(record)]
