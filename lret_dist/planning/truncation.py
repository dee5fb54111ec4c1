"""What becomes of branches too small to keep: discarded with a certificate, or sampled."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuits.saves import SaveDensityMatrix, SaveExpectationValue, SaveProbabilities
from lret_dist.options import DEFAULT_EPSILON
from lret_dist.planning.cost import batch_cost, density_cost, factor_cost
from lret_dist.planning.histories_choice import most_waiting
from lret_dist.planning.memory import batch_bytes, check_batch_memory, density_bytes
from lret_dist.programs.program import SetStep
from lret_dist.records.run_records import Sampling

if TYPE_CHECKING:
    from lret_dist.circuits.saves import Save
    from lret_dist.machines.machine import Machine
    from lret_dist.options import SimulationOptions
    from lret_dist.programs.program import Program

__all__ = ["TOO_LARGE", "TruncationChoice", "choose_truncation"]

#: Why a run samples that was to be certified.
TOO_LARGE = "a certified run would not fit in memory"
#: Sampled columns of a batch, fewest where few are needed, and most exact columns beside them.
_COLUMNS, _FEWEST_COLUMNS, _EXACT_COLUMNS = 16, 8, 8
#: Bytes of columns that a thread keeps in the cache from step to step, roughly.
_CACHED_BYTES = 10 << 20
#: Branches that each sampled column gathers.
_BRANCHES = 8
#: Batches that measure the spread, from which the number of all follows.
_FIRST_BATCHES = 2
#: Standard error aimed at, in units of that of the shots, and without shots.
_PART_OF_SHOTS, _WITHOUT_SHOTS = 0.25, 1e-3
#: Variance of an expectation value over sampled columns of unit weight, where nothing is known.
_USUAL_VARIANCE = 0.05
#: Standard error from which single precision is enough: some 30 times its rounding.
_SINGLE_FROM = 3e-5
#: How many times faster sampling must be before a certified error is given up for it: for saved
#: values, and for counts, which have a statistical error anyway.
_ADVANTAGE, _ADVANTAGE_FOR_COUNTS = 2.0, 1.0
#: Costs of a certified run, in the units of lret_dist.planning.cost, that are never worth saving:
#: 0.1 s for counts, and 10 s where values are saved.
_CHEAP_COUNTS, _CHEAP_VALUES = 2e8, 2e10
#: Widest density matrix whose saving does not ask for the whole state.
_PART_OF_STATE = 6


@dataclass(frozen=True, kw_only=True)
class TruncationChoice:
    """The decision, and why it was taken."""

    sampling: Sampling | None
    reason: str


def choose_truncation(
    program: Program,
    averages: Program | None,
    options: SimulationOptions,
    ranks: list[int],
    machine: Machine,
) -> TruncationChoice:
    """Decide for one run.

    Args:
        program: what is run.
        averages: where it measures on its way, the program for what is saved, or None.
        options: what was asked for.
        ranks: expected number of columns after each step of a certified run.
        machine: the MPI ranks, and the memory that each may use.

    Raises:
        ValueError: where sampling was asked for, and is not possible.
        InsufficientMemoryError: where it was asked for, and not even the smallest batch fits.
    """
    if options.truncation == "certified":
        return TruncationChoice(sampling=None, reason="asked for")
    saves = (averages or program).saves
    if (unfit := _not_sampled(program, saves)) is not None:
        if options.truncation == "unbiased":
            raise ValueError(f'truncation="unbiased" is not possible: {unfit}; use "auto"')
        return TruncationChoice(sampling=None, reason=unfit)
    sampling = _sampling(program, options, machine.bytes_per_rank)
    least = _least_bytes(program, options, sampling, machine.mpi_ranks)
    if options.truncation == "unbiased":
        check_batch_memory(program.num_qubits, least, machine)
        return TruncationChoice(sampling=sampling, reason="asked for")
    if least > machine.bytes_per_rank:
        return TruncationChoice(sampling=None, reason="sampled columns would not fit in memory")
    return _cheaper(program, saves, options, ranks, machine.bytes_per_rank, sampling)


def _cheaper(
    program: Program,
    saves: list[Save],
    options: SimulationOptions,
    ranks: list[int],
    budget: int,
    sampling: Sampling,
) -> TruncationChoice:
    """Decide where both ways are open."""
    if (reason := _certified_anyway(program, saves, options)) is not None:
        return TruncationChoice(sampling=None, reason=reason)
    if options.standard_error is not None or options.resolution is not None:
        return TruncationChoice(sampling=sampling, reason="a statistical error was asked for")
    certified, memory = _certified_cost(program, options, ranks, budget)
    if memory > budget:
        return TruncationChoice(sampling=sampling, reason=TOO_LARGE)
    if program.has_histories:
        return TruncationChoice(sampling=None, reason="outcomes on the way split the run")
    if options.epsilon != DEFAULT_EPSILON:
        return TruncationChoice(sampling=None, reason="epsilon was given")
    cheap, advantage = (
        (_CHEAP_VALUES, _ADVANTAGE) if saves else (_CHEAP_COUNTS, _ADVANTAGE_FOR_COUNTS)
    )
    worth = certified / (advantage * batch_cost(program, sampling.columns, sampling.dtype.itemsize))
    if worth < sampling.batches or certified < cheap:
        return TruncationChoice(sampling=None, reason="affordable")
    return TruncationChoice(
        sampling=replace(sampling, worth=worth), reason="much faster than a certified run"
    )


def _not_sampled(program: Program, saves: list[Save]) -> str | None:
    """Why small branches cannot be sampled, or None."""
    for save in saves:
        known = isinstance(save, SaveDensityMatrix | SaveProbabilities | SaveExpectationValue)
        if not known or save.subtype != "average":
            return f"{save.key!r} is no average that is linear in the state"
    if len({save.key for save in saves}) < len(saves):
        return "several values are saved under one key"
    if saves and program.is_dynamic:
        return "values are saved where outcomes decide what is done"
    if program.has_loops:
        return "steps may be repeated"
    if any(isinstance(step, SetStep) for step in program.steps):
        return "the state is set on the way"
    return None


def _certified_anyway(
    program: Program, saves: list[Save], options: SimulationOptions
) -> str | None:
    """Why a run must be certified, or None."""
    if options.method == "density_matrix":
        return "the density matrix discards nothing"
    if options.max_rank is not None:
        return "max_rank was given"
    if program.noise_weight == 0:
        return "there is no noise"
    wide = [save for save in saves if isinstance(save, SaveDensityMatrix)]
    if any(len(save.qubits) > _PART_OF_STATE for save in wide):
        return "a large density matrix is saved"
    return None


def _sampling(program: Program, options: SimulationOptions, budget: int) -> Sampling:
    """How to sample a run."""
    left_out = max(1e-12, 1 - math.exp(-program.noise_weight))
    dtype = _sampled_dtype(options, left_out)
    rows, copies = 1 << program.num_qubits, 1 + most_waiting(program, options.shots)
    column, free = dtype.itemsize * rows, budget - _tally_bytes(rows)
    fitting = max(2, int((free - batch_bytes(rows, 0, dtype.itemsize)) / (1.1 * column * copies)))
    cached = max(_FEWEST_COLUMNS, _CACHED_BYTES // column)
    most_columns = max(1, min(_COLUMNS, cached, fitting // 3))
    exact = max(1, min(_EXACT_COLUMNS, 1 << program.num_qubits, fitting // 3))
    if options.resolution is not None:
        wanted, target, resolution = left_out / (2 * options.resolution), None, options.resolution
        columns = most_columns
        batches = max(_FIRST_BATCHES, math.ceil(wanted / columns))
        most = batches
    else:
        target = options.standard_error or _target(options)
        wanted = _USUAL_VARIANCE * (left_out / target) ** 2
        columns = max(_FEWEST_COLUMNS, math.ceil(wanted / _FIRST_BATCHES))
        columns = min(columns, most_columns)
        # An exact column takes the time of a sampled one in every batch.
        resolution = min(0.25, left_out / (2 * columns))
        batches = _FIRST_BATCHES
        most = max(batches, math.ceil(4 * (left_out / target) ** 2 / columns))
    return Sampling(
        dtype=dtype,
        resolution=resolution,
        columns=columns,
        spacing=left_out / _BRANCHES,
        exact_columns=exact,
        batches=batches,
        blind_batches=max(batches, math.ceil(wanted / columns)),
        most_batches=most,
        batches_in_memory=max(
            1, free // batch_bytes(rows, (columns + exact) * copies, dtype.itemsize)
        ),
        worth=math.inf,
        target=target,
    )


def _tally_bytes(rows: int) -> int:
    """Bytes of what all batches have found, and to draw samples from it."""
    return 2 * 8 * rows


def _least_bytes(
    program: Program, options: SimulationOptions, sampling: Sampling, mpi_ranks: int
) -> int:
    """Bytes on each MPI rank of a sampled and an exact column, rows split as far as that goes."""
    rows = (1 << program.num_qubits) >> (mpi_ranks.bit_length() - 1)
    columns = 2 * (1 + most_waiting(program, options.shots))
    return batch_bytes(rows, columns, sampling.dtype.itemsize) + _tally_bytes(rows)


def _sampled_dtype(options: SimulationOptions, left_out: float) -> np.dtype[Any]:
    """Single precision where its rounding does not show beside the standard error."""
    if options.precision != "auto":
        return options.dtype
    if options.resolution is None:
        error = options.standard_error or _target(options)
    else:
        error = math.sqrt(2 * _USUAL_VARIANCE * options.resolution * left_out)
    # It cannot be larger than what is sampled.
    return np.dtype(np.complex64 if min(error, left_out) >= _SINGLE_FROM else np.complex128)


def _target(options: SimulationOptions) -> float:
    return _PART_OF_SHOTS / math.sqrt(options.shots) if options.shots else _WITHOUT_SHOTS


def _certified_cost(
    program: Program, options: SimulationOptions, ranks: list[int], budget: int
) -> tuple[float, int]:
    """Cost and bytes of the cheaper certified method."""
    itemsize = options.dtype.itemsize
    factor = (factor_cost(program, ranks), (max(ranks, default=1) * itemsize) << program.num_qubits)
    if options.method == "low_rank":
        return factor
    density = (density_cost(program), 2 * density_bytes(program.num_qubits, 1, itemsize))
    fitting = [each for each in (factor, density) if each[1] <= budget]
    return min(fitting or [factor])
