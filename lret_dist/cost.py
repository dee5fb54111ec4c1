"""What the two ways to hold a state cost, to choose between them on the way.

Costs are in units of one entry of the density matrix going through one step on two qubits, about
0.5 ns on two cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lret_dist.budget import TruncationBudget
from lret_dist.program import ChannelStep, UnitaryStep

if TYPE_CHECKING:
    from lret_dist.program import Program

__all__ = ["density_pays", "expected_ranks"]

#: One entry of the factor through one channel: weights, branches and compression included.
_FACTOR_ENTRY = 20.0
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


def density_pays(program: Program, number: int, columns: int) -> bool:
    """Whether to leave a factor of so many columns for the density matrix before a step.

    It does not depend on the process grid, so that results do not.
    """
    if _widest(program) > _WIDEST:
        return False
    steps, entries = len(program.steps) - number, 4.0**program.num_qubits
    factor = steps * (_FACTOR_STEP + _FACTOR_ENTRY * (columns << program.num_qubits))
    return _CONVERSION * columns * entries + steps * (_DENSITY_STEP + entries) < factor


def _widest(program: Program) -> int:
    widths = [len(s.qubits) for s in program.steps if isinstance(s, UnitaryStep | ChannelStep)]
    return max(widths, default=0)
