"""What a run is told, and what it notes down on its way."""

from __future__ import annotations

import hashlib
import time
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from lret_dist.records.saved_values import SavedValues

if TYPE_CHECKING:
    import numpy as np

    from lret_dist.circuits.saves import Save
    from lret_dist.factors.budget import CompressionPolicy, TruncationBudget
    from lret_dist.planning.histories_choice import Way
    from lret_dist.records.shots import Part, Shots

__all__ = ["CheckpointSettings", "History", "Outcome", "Path", "RunSettings", "Sampling"]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every MPI rank must know beside the program.

    Attributes:
        shots: samples of the classical bits.
        seed: seed of all random numbers.
        epsilon: trace that may be discarded in all.
        max_rank: most columns after a step, or None.
        memory_columns: most columns that fit in memory, over the whole grid.
        dtype: the factor's dtype in a certified run.
        reserve: columns to set memory aside for at the start.
        start: what the run begins with: the factor, or the density matrix itself.
        histories: which way they go.
        may_switch: whether the factor may give way to the density matrix on the way.
        sampling: how small branches are sampled, or None to discard them within ``epsilon``.
        checkpoint: where the run is saved, or None.
    """

    shots: int
    seed: int
    epsilon: float
    max_rank: int | None
    memory_columns: int
    dtype: np.dtype[Any]
    reserve: int
    start: Literal["low_rank", "density_matrix"]
    may_switch: bool
    histories: Way = "apart"
    sampling: Sampling | None = None
    checkpoint: CheckpointSettings | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """Where and how often a run is saved.

    Attributes:
        folder: folder of the files.
        fingerprint: hash of what is computed, in hex digits.
        interval: seconds from one checkpoint to the next.
    """

    folder: str
    fingerprint: str
    interval: float

    def part(self, name: str) -> CheckpointSettings:
        """The same for one part of what is computed."""
        hashed = hashlib.sha256(f"{self.fingerprint} {name}".encode()).hexdigest()
        return replace(self, fingerprint=hashed)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How small branches are sampled.

    Attributes:
        dtype: the columns' dtype.
        resolution: least weight of a branch that becomes an exact column.
        columns: sampled columns of a batch.
        spacing: weight left out between two branches that join the same sampled column.
        exact_columns: most exact columns.
        batches: batches to begin with.
        blind_batches: batches of a program whose standard error cannot be measured, because it
            measures on its way.
        most_batches: most batches in all.
        batches_in_memory: most batches whose columns fit in memory at once.
        worth: number of batches beyond which a certified run is to be preferred.
        target: standard error at which no more batches are run, or None to run no more.
    """

    dtype: np.dtype[Any]
    resolution: float
    columns: int
    spacing: float
    exact_columns: int
    batches: int
    blind_batches: int
    most_batches: int
    batches_in_memory: int
    worth: float
    target: float | None


@dataclass
class History:
    """The course of a run: one entry for each step that was done, in order.

    A pass over the density matrix does several steps, and has one entry.

    Attributes:
        steps: number of the last step done, counted from 1 over the fused program.
        ranks: columns after it.
        grown: columns before the compression that follows it, if any does.
        discarded: trace discarded so far.
        seconds: time since the run began.
        compressions: of each compression the step that it follows or precedes, and the columns
            before and after it.
    """

    steps: list[int] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)
    discarded: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    compressions: list[tuple[int, int, int]] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter, repr=False)

    def note(self, step: int, rank: int, discarded: float, grown: int | None = None) -> None:
        """Note that a step is done."""
        self.steps.append(step)
        self.ranks.append(rank)
        self.grown.append(rank if grown is None else grown)
        self.discarded.append(discarded)
        self.seconds.append(time.perf_counter() - self.started)

    def to_dict(self) -> dict[str, list[Any]]:
        """The lists with one entry for each step, by name."""
        names = ("steps", "ranks", "grown", "discarded", "seconds")
        return {name: list(getattr(self, name)) for name in names}


@dataclass
class Outcome:
    """What a run came to; shots, saved values and data are whole on the driver only.

    Attributes:
        shots: the classical memory of all shots.
        saved: values that shots have saved.
        data: what the result shows of them, by key.
        switched_at: number of the first step that the density matrix went through, or None.
        standard_error: the largest of a sampled run, or None.
        standard_errors: of what is saved, by key.
        sampled_columns: sampled columns of all batches.
    """

    shots: Shots
    saved: SavedValues = field(default_factory=SavedValues)
    data: dict[str, Any] = field(default_factory=dict)
    final_rank: int = 0
    max_rank: int = 0
    num_truncations: int = 0
    truncation_error: float = 0.0
    switched_at: int | None = None
    standard_error: float | None = None
    standard_errors: dict[str, Any] = field(default_factory=dict)
    sampled_columns: int = 0
    history: History = field(default_factory=History)

    def add(self, other: Outcome) -> None:
        """Add the saved data of another run of the same circuit."""
        self.saved.merge(other.saved)
        self.data.update(other.data)
        self.standard_errors.update(other.standard_errors)
        self.standard_error = other.standard_error
        self.sampled_columns += other.sampled_columns
        self.final_rank = max(self.final_rank, other.final_rank)
        self.max_rank = max(self.max_rank, other.max_rank)
        self.num_truncations += other.num_truncations
        self.truncation_error = max(self.truncation_error, other.truncation_error)

    def take(self, save: Save, value: Any, part: Part, num_clbits: int) -> None:
        """Note a value that some shots have saved, on the driver."""
        by_register = save.subtype.startswith("c_")
        registers = self.shots.registers(part, num_clbits) if by_register else None
        self.saved.add(save, value, self.shots.numbers[part], registers)

    def note_rank(self, rank: int) -> None:
        """Note the number of columns after a step."""
        self.max_rank = max(self.max_rank, rank)


@dataclass
class Path:
    """One sequence of measured outcomes: its shots, and what it may still discard.

    Attributes:
        draws: random decisions that its shots have come through.
        shots: its shots.
        budget: what it may discard.
        policy: when its factor is compressed.
        lost: the largest part of the trace that the states had lost that it has left so far.
    """

    draws: int
    shots: slice
    budget: TruncationBudget
    policy: CompressionPolicy
    lost: float = 0.0

    @property
    def number(self) -> int:
        """Number of shots."""
        number: int = self.shots.stop - self.shots.start
        return number

    def child(self, shots: slice) -> Path:
        """The path that goes on with some of the shots."""
        return Path(self.draws, shots, copy(self.budget), copy(self.policy), self.lost)

    def note_loss(self, trace: float) -> None:
        """Note the trace of a state that is left, or at the end."""
        self.lost = max(self.lost, min(1.0, 1.0 - trace))
