"""The simulators of a comparison, each with its runs so far."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_dist import get_session
from lret_dist.machines.available_memory import available_bytes, usable
from lret_dist.machines.launcher import was_launched
from lret_dist.machines.threads import own_cores, threads_per_rank
from lret_dist.units import size_text
from lret_qiskit.comparison.processes import SimulatorProcess
from lret_qiskit.comparison.records import (
    LRET,
    Measured,
    RunEndedError,
    RunFailedError,
    SimulatorRuns,
    Status,
)
from lret_qiskit.comparison.session_runs import SessionRuns

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AER", "Contestant", "Resources", "aer", "lret"]

AER = "Qiskit Aer"
#: Seconds from which a run is not repeated.
ONCE = 10.0
_MIB = 2**20
_BYTES = {"single": 8, "double": 16}


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What each side may use.

    Attributes:
        mpi_ranks: of LRET; 0 where it runs in a process of its own.
        threads: of each of LRET's MPI ranks.
        aer_threads: of Aer: as many as LRET has on this host.
        memory_bytes: that Aer may plan with.
    """

    mpi_ranks: int
    threads: int
    aer_threads: int
    memory_bytes: int

    @classmethod
    def of(cls, threads: int | None, max_memory_mb: float | None) -> Resources:
        """What there is here.

        Raises:
            ValueError: for threads under a launcher, where each MPI rank has its own.
        """
        memory = usable(available_bytes(), 1)
        if max_memory_mb is not None:
            memory = min(memory, int(max_memory_mb * _MIB))
        if not was_launched():
            own = threads or threads_per_rank([own_cores()])
            return cls(mpi_ranks=0, threads=own, aer_threads=own, memory_bytes=memory)
        if threads is not None:
            raise ValueError(
                "threads cannot be given under a launcher, where each MPI rank has its own: set "
                "OMP_NUM_THREADS instead"
            )
        machine = get_session().machine
        return cls(
            mpi_ranks=machine.mpi_ranks,
            threads=machine.threads,
            aer_threads=machine.threads * machine.mpi_ranks_on_host,
            memory_bytes=memory,
        )


class _Runner(Protocol):
    def run(self, kind: str, options: dict[str, Any], limit: float) -> Measured: ...


@dataclass
class Contestant:
    """A simulator, what runs it, and its runs.

    Attributes:
        simulator: its name.
        runner: what runs it.
        method: how it holds the state, as far as that is known before.
        threads: of each MPI rank.
        mpi_ranks: processes that work together.
        predicted_bytes: least memory of its state, or None if that is not known.
        status: what became of its runs.
        reason: why they were not made.
        runs: so far.
    """

    simulator: str
    runner: _Runner
    method: str
    threads: int
    mpi_ranks: int = 1
    predicted_bytes: int | None = None
    status: Status = "done"
    reason: str = ""
    runs: list[Measured] = field(default_factory=list)

    @property
    def wants_more(self) -> bool:
        """Whether another run is worth its time."""
        return self.status == "done" and (not self.runs or self.runs[0].seconds < ONCE)

    def measure(self, limit: float) -> None:
        """Make one run; note what has kept it from its end."""
        found = self.attempt("timed", {}, limit)
        if found is not None:
            self.runs.append(found)

    def attempt(self, kind: str, options: dict[str, Any], limit: float) -> Measured | None:
        """One run, or None, with the reason, where it did not end well."""
        try:
            return self.runner.run(kind, options, limit)
        except RunEndedError as error:
            self._give_up("ended", str(error))
        except RunFailedError as error:
            self._give_up("failed", str(error))
        return None

    def _give_up(self, status: Status, reason: str) -> None:
        # What has been measured holds.
        if not self.runs:
            self.status, self.reason = status, reason

    def row(self) -> SimulatorRuns:
        """What it took."""
        facts = self.runs[0].metadata if self.runs else {}
        kind, error = _error(self.simulator, facts) if self.runs else ("", None)
        sampled = facts.get("truncation") == "unbiased"
        return SimulatorRuns(
            simulator=self.simulator,
            method="sampled columns" if sampled else str(facts.get("method", self.method)),
            status=self.status,
            reason=self.reason,
            seconds=tuple(each.seconds for each in self.runs),
            memory_mib=max((each.memory_mib for each in self.runs), default=None),
            predicted_mib=None if self.predicted_bytes is None else self.predicted_bytes / _MIB,
            error_kind=kind,
            error=error,
            rank=facts.get("sampled_columns") or facts.get("final_rank"),
            threads=self.threads,
            mpi_ranks=self.mpi_ranks,
        )


def _error(simulator: str, facts: dict[str, Any]) -> tuple[str, float | None]:
    """What is certified of a run."""
    if simulator == LRET:
        if facts["truncation"] == "unbiased":
            return "statistical", facts["standard_error"]
        return "certified", facts["truncation_error"]
    if facts.get("method") == "density_matrix" or facts.get("measure_sampling"):
        return "exact", None
    return "shots", None


def warm_up() -> QuantumCircuit:
    """A small circuit, after which code and threads are there."""
    circuit = QuantumCircuit(6)
    for layer in range(4):
        circuit.rx(0.3, range(6))
        circuit.cx(range(layer % 2, 5, 2), range(1 + layer % 2, 6, 2))
    circuit.measure_all()
    return circuit


def warm_up_noise() -> NoiseModel:
    """Its noise, where there is noise."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(1e-2, 2), ["cx"])
    return noise


@contextmanager
def lret(job: dict[str, Any], resources: Resources) -> Iterator[Contestant]:
    """LRET, in a process of its own or on the MPI ranks of a launcher."""
    runner: SimulatorProcess | SessionRuns
    if resources.mpi_ranks:
        runner = SessionRuns(job)
    else:
        runner = SimulatorProcess("lret", job, threads=resources.threads)
    with runner:
        yield Contestant(LRET, runner, "automatic", resources.threads, max(1, resources.mpi_ranks))


@contextmanager
def aer(
    method: str, num_qubits: int, job: dict[str, Any], resources: Resources, precision: str
) -> Iterator[Contestant]:
    """Aer by one of its methods; refused where its state does not fit in memory.

    Args:
        method: ``"density_matrix"``, ``"statevector"`` or ``"automatic"``.
        num_qubits: that are used.
        job: of the process; ``backend`` is added.
        resources: what it may use.
        precision: ``"single"`` or ``"double"``.
    """
    threads = resources.aer_threads
    states = threads if method == "statevector" else 1
    size = states * _BYTES[precision] << num_qubits * (2 if method == "density_matrix" else 1)
    backend = {"method": method, "max_parallel_threads": threads, "precision": precision}
    backend["seed_simulator"] = job["options"]["seed_simulator"]
    # A launcher may have bound this process to the cores of one MPI rank.
    cores = range(os.cpu_count() or 1) if resources.mpi_ranks > 1 else None
    own = {**job, "backend": backend, "options": {"shots": job["options"]["shots"]}}
    with SimulatorProcess("aer", own, threads=threads, cores=cores) as runner:
        found = Contestant(AER, runner, method, threads, predicted_bytes=size)
        if size > resources.memory_bytes:
            found.status = "refused"
            free = size_text(resources.memory_bytes)
            found.reason = f"it takes {size_text(size)} of memory, where {free} may be used"
        yield found
