"""What a comparison found, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lret_dist.errors import LretError
from lret_dist.units import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "LRET",
    "Comparison",
    "CountsDistance",
    "Measured",
    "RunEndedError",
    "RunFailedError",
    "SimulatorRuns",
    "Status",
]

#: What became of a simulator's runs: all made; the first ended at the limit; not even begun, as
#: they would not fit in memory; failed.
Status: TypeAlias = Literal["done", "ended", "refused", "failed"]
#: How a row names LRET.
LRET = "LRET"


class RunEndedError(LretError):
    """A run took longer than it may, and was ended."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"ended after {time_text(limit)}")


class RunFailedError(LretError):
    """A run failed; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run.

    Attributes:
        seconds: by the clock, from the call of ``run`` to its result.
        memory_mib: that the run added to the peak of its process, of the fullest MPI rank.
        metadata: of the result.
        counts: by outcome.
        state: what was saved of it, or None.
        state_errors: its standard errors, where branches were sampled.
    """

    seconds: float
    memory_mib: float
    metadata: dict[str, Any]
    counts: dict[str, int]
    state: NDArray[np.complex128] | None = None
    state_errors: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class SimulatorRuns:
    """What one simulator took: a row of a comparison.

    Attributes:
        simulator: ``"LRET"`` or ``"Qiskit Aer"``.
        method: how it held the state, such as ``"density_matrix"``.
        status: whether the runs were made.
        reason: why they were not, else empty.
        seconds: of each run, by the clock; none where ``status`` is not ``"done"``.
        memory_mib: that a run added to the peak of its process, MiB, of the fullest MPI rank.
        predicted_mib: least memory that the state takes, MiB, where it is known beforehand.
        error_kind: ``"certified"``, a bound on the trace distance to the exact state;
            ``"statistical"``, a standard error beside that of the shots; ``"exact"`` but for
            rounding; ``"shots"``, that of the shots alone; empty where there was no run.
        error: its size, or None.
        rank: columns of LRET's factor at the end, or None.
        threads: of each MPI rank.
        mpi_ranks: processes that worked together.
    """

    simulator: str
    method: str
    status: Status = "done"
    reason: str = ""
    seconds: tuple[float, ...] = ()
    memory_mib: float | None = None
    predicted_mib: float | None = None
    error_kind: str = ""
    error: float | None = None
    rank: int | None = None
    threads: int = 1
    mpi_ranks: int = 1

    @property
    def median_seconds(self) -> float | None:
        """Median time of the runs, or None where they were not made."""
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True, kw_only=True)
class CountsDistance:
    """How far apart two counts are, and how far chance alone puts counts of one distribution.

    Attributes:
        value: total variation distance of the frequencies.
        expected: its mean, if both were drawn from one distribution.
        likely: what it then exceeds in one case of twenty.
    """

    value: float
    expected: float
    likely: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """LRET and Qiskit Aer on the same circuit and noise.

    Attributes:
        name: of the circuit.
        num_qubits: qubits that were simulated.
        measured_qubits: qubits that are measured, which distances are of.
        shots: samples that each simulator took.
        noisy: whether there was a noise model.
        limit: seconds that a run might take.
        runs: LRET's row, then Aer's: a second one where the density matrix was not possible.
        trace_distance: between both states of the measured qubits, or None if not computed.
        total_variation: distance between the exact distributions of their outcomes, before
            readout errors, or None if not computed.
        expected_total_variation: what the standard errors of a sampled run make of it on average,
            or None where LRET's distribution has no statistical error.
        counts: distance between the counts, or None without.
        notes: what else there is to know, a sentence each.
    """

    name: str
    num_qubits: int
    measured_qubits: int
    shots: int
    noisy: bool
    limit: float
    runs: tuple[SimulatorRuns, ...]
    trace_distance: float | None = None
    total_variation: float | None = None
    expected_total_variation: float | None = None
    counts: CountsDistance | None = None
    notes: tuple[str, ...] = ()

    @property
    def lret(self) -> SimulatorRuns:
        """LRET's row."""
        return self.runs[0]

    @property
    def aer(self) -> SimulatorRuns:
        """Aer's row: the last one, which was measured if any was."""
        return self.runs[-1]

    @property
    def times_faster(self) -> float | None:
        """Aer's median time divided by LRET's; at least that, where Aer was ended."""
        return self._times(self.aer)

    @property
    def times_less_memory(self) -> float | None:
        """Aer's memory divided by LRET's, each taken as 1 MiB at least, or None if not measured."""
        mine, other = self.lret.memory_mib, self.aer.memory_mib
        return None if mine is None or other is None else max(other, 1.0) / max(mine, 1.0)

    def times(self, runs: SimulatorRuns) -> str:
        """How many times longer a row took than LRET, as text; empty if that is not known."""
        ratio = self._times(runs)
        if ratio is None or runs is self.lret:
            return ""
        return f"{'> ' if runs.status == 'ended' else ''}{ratio:.3g}"

    def _times(self, runs: SimulatorRuns) -> float | None:
        mine = self.lret.median_seconds
        other = self.limit if runs.status == "ended" else runs.median_seconds
        return None if mine is None or other is None else other / mine

    def to_dict(self) -> dict[str, Any]:
        """All of it as dictionaries, lists, strings and numbers."""
        medians = [{"median_seconds": each.median_seconds} for each in self.runs]
        rows = [asdict(each) | more for each, more in zip(self.runs, medians, strict=True)]
        return asdict(self) | {
            "runs": [row | {"seconds": list(row["seconds"])} for row in rows],
            "notes": list(self.notes),
            "times_faster": self.times_faster,
            "times_less_memory": self.times_less_memory,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Comparison:
        """What :meth:`to_dict` gave.

        Raises:
            ValueError: for anything else.
        """
        given = {k: v for k, v in document.items() if not k.startswith("times_")}
        try:
            rows = [{k: v for k, v in r.items() if k != "median_seconds"} for r in given["runs"]]
            given["runs"] = tuple(
                SimulatorRuns(**r | {"seconds": tuple(r["seconds"])}) for r in rows
            )
            given["notes"] = tuple(given["notes"])
            given["counts"] = CountsDistance(**given["counts"]) if given["counts"] else None
            return cls(**given)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"expected what Comparison.to_dict gives; {error!r}") from None
