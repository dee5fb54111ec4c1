"""What a simulation gives back: sampled bits, saved data and how the run went."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.records.run_records import History

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunMetadata", "SimulationResult"]


#: Bytes of the widest integer that NumPy sorts.
_WORD_BYTES = 8


@dataclass(kw_only=True)
class RunMetadata:
    """How a run went.

    Attributes:
        final_rank: columns of the factor at the end.
        max_rank: largest number of columns after any step.
        num_truncations: compressions that removed columns.
        truncation: what became of small branches: ``"certified"``, they were discarded, or
            ``"unbiased"``, they were sampled.
        truncation_reason: why.
        truncation_error: certified bound on the trace distance to the exact state: the trace that
            was discarded. None if unbiased.
        epsilon: trace that might be discarded, as it was asked for. None if unbiased.
        fidelity: certified lower bound on the fidelity with the exact state. None if unbiased.
        standard_error: the largest standard error of a saved value, and of <Z> of a qubit that is
            measured at the end, shots not included. None if certified, and for the counts of a
            circuit that measures on its way.
        sampled_columns: sampled columns that it comes from, 0 if certified.
        execution_time_seconds: time of the simulation, from the checked circuit to the result.
        translation_time_seconds: time to turn the caller's circuit into LRET's; set by frontends.
        parallelization: how the factor was split: ``"row"``, ``"column"``, ``"hybrid"``, or
            ``"none"`` on one MPI rank.
        process_grid: (row groups, column groups); their product is the number of MPI ranks used.
        grid_reason: why this grid was taken.
        mpi_ranks: MPI ranks of the session.
        team_ranks: of those, the ones that the run could use: all, or a team of them where a batch
            was spread over teams.
        communication: ``bytes`` and ``messages`` that each MPI rank of the grid counted, each one
            counted once over all of them; ``bytes_by_purpose``, of all; ``predicted``: time,
            memory, rank and messages as expected before the run; and of certified runs
            that began here and do not measure on their way ``modelled_bytes``, what the model
            gives for the ranks that the run had.
        threads_per_rank: threads that the kernels used on each MPI rank.
        peak_memory_mb: largest resident memory of any one MPI rank during the run, in MiB.
        precision: ``"double"`` or ``"single"``.
        seed: seed that was used; running again with it gives the same samples.
        checkpoints: checkpoints that were written.
        resumed: whether the run went on from a checkpoint.
        num_qubits: qubits that were simulated, without idle ones.
        active_input_qubits: which of the circuit's qubits these are.
        measure_sampling: whether all shots were sampled from one final state: no outcome on the way
            told them apart.
        method: how the state was held at the end: ``"low_rank"`` or ``"density_matrix"``, for which
            the ranks are those of a full factor.
        method_reason: why.
    """

    final_rank: int
    max_rank: int
    num_truncations: int
    truncation: str
    truncation_reason: str
    truncation_error: float | None
    epsilon: float | None
    fidelity: float | None
    standard_error: float | None
    sampled_columns: int
    execution_time_seconds: float
    translation_time_seconds: float = 0.0
    parallelization: str
    process_grid: tuple[int, int]
    grid_reason: str
    communication: dict[str, Any]
    mpi_ranks: int
    team_ranks: int
    threads_per_rank: int
    peak_memory_mb: float
    precision: str
    seed: int
    checkpoints: int
    resumed: bool
    num_qubits: int
    active_input_qubits: list[int]
    measure_sampling: bool
    method: str
    method_reason: str

    def to_dict(self) -> dict[str, Any]:
        """The metadata as a plain dictionary."""
        return asdict(self)


@dataclass(kw_only=True)
class SimulationResult:
    """The result of one circuit.

    Attributes:
        samples: one row per shot: the classical register as (shots, ceil(num_clbits / 8)) bytes,
            bit 0 lowest, or None when nothing was measured or shots is 0.
        num_clbits: number of classical bits.
        data: saved values by key: arrays and floats.
        metadata: how the run went.
        standard_errors: of the saved data of an unbiased run, by key and of the same shape.
        history: rank, discarded weight and time step by step.
        warnings: what the caller should know, such as a truncation beyond ``epsilon``.
    """

    samples: NDArray[np.uint8] | None
    num_clbits: int
    data: dict[str, Any] = field(default_factory=dict)
    metadata: RunMetadata
    standard_errors: dict[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=History)
    warnings: list[str] = field(default_factory=list)

    def memory(self) -> list[int]:
        """The classical register of every shot as an integer, clbit 0 lowest, in shot order."""
        if self.samples is None:
            return []
        return [int.from_bytes(row.tobytes(), "little") for row in self.samples]

    def counts(self) -> dict[int, int]:
        """How often each value of the classical register came, by value."""
        if self.samples is None:
            return {}
        width = self.samples.shape[1]
        if width > _WORD_BYTES:
            return dict(Counter(self.memory()))
        words = np.zeros((len(self.samples), _WORD_BYTES), np.uint8)
        words[:, :width] = self.samples
        values, times = np.unique(words.view("<u8"), return_counts=True)
        return dict(zip(values.tolist(), times.tolist(), strict=True))
