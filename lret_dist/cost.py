"""What the two ways to hold a state cost, to choose between them on the way.

Costs are in units of one entry of the density matrix going through one step on two qubits, about
0.5 ns on two cores.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.budget import TruncationBudget
from lret_dist.program import ChannelStep, UnitaryStep

if TYPE_CHECKING:
    from lret_dist.program import Program

__all__ = ["density_cost", "density_pays", "expected_ranks", "factor_cost", "sampled_cost"]

#: One entry of the factor through one channel: weights, branches and compression included.
_FACTOR_ENTRY = 20.0
#: One entry of a sampled column through one step.
_SAMPLED_ENTRY = 3.0
#: A step of either kind whatever its size, and one entry and column of the conversion.
_FACTOR_STEP, _DENSITY_STEP = 3e5, 1e5
_CONVERSION = 0.1
#: Qubits of the widest step that the density matrix takes without being asked for.
_WIDEST = 3


def expected_ranks(program: Program, epsilon: float, max_rank: int | None) -> list[int]:
    """Rough number of columns after each step, from the branches of the dominant column alone."""
    budget = TruncationBudget(program, epsilon)
    most = 1 << program.num_qubits
    most = max(1, min(most, max_rank or most))
    columns, before = 1, 0.0
    ranks = []
    for number, step in enumerate(program.steps):
        if isinstance(step, ChannelStep):
            weights = np.sort(step.mean_weights[1:])
            share = budget.allowed(number) - before
            columns += int(np.count_nonzero(np.cumsum(weights) > share))
            before += share
        ranks.append(min(columns, most))
    return ranks


def factor_cost(program: Program, ranks: list[int]) -> float:
    """Cost of a certified run with so many columns after each step."""
    return sum(_FACTOR_STEP + _FACTOR_ENTRY * (rank << program.num_qubits) for rank in ranks)


def density_cost(program: Program, number: int = 0) -> float:
    """Cost of the density matrix from a step on; infinite where a step is too wide for it."""
    if _widest(program) > _WIDEST:
        return math.inf
    return (len(program.steps) - number) * (_DENSITY_STEP + 4.0**program.num_qubits)


def sampled_cost(program: Program, columns: int, columns_of_batch: int) -> float:
    """Cost of a sampled run with so many sampled columns in all."""
    batches = columns / columns_of_batch
    each = _SAMPLED_ENTRY * ((columns_of_batch + 1) << program.num_qubits)
    return batches * len(program.steps) * (_FACTOR_STEP + each)


def density_pays(program: Program, number: int, columns: int) -> bool:
    """Whether to leave a factor of so many columns for the density matrix before a step.

    It does not depend on the process grid, so that results do not.
    """
    steps, entries = len(program.steps) - number, 4.0**program.num_qubits
    factor = factor_cost(program, [columns]) * steps
    return _CONVERSION * columns * entries + density_cost(program, number) < factor


def _widest(program: Program) -> int:
    widths = [len(s.qubits) for s in program.steps if isinstance(s, UnitaryStep | ChannelStep)]
    return max(widths, default=0)
