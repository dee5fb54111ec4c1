"""What the two ways to hold a state cost, to choose between them on the way.

Costs are in units of one entry of the density matrix going through one step on two qubits, about
0.5 ns on two cores.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lret_dist.factors.budget import TruncationBudget
from lret_dist.programs.program import ChannelStep

if TYPE_CHECKING:
    from lret_dist.programs.program import Program

__all__ = [
    "Errors",
    "batch_cost",
    "density_cost",
    "density_pays",
    "expected_errors",
    "expected_ranks",
    "factor_cost",
    "takes_density",
]

#: One entry of the factor through one channel: weights, branches and products of compressions
#: included; and the part of a step in their eigenproblems, times the columns cubed.
_FACTOR_ENTRY, _EIGENVECTORS = 20.0, 2.0
#: One byte of a sampled column through one step, the exact columns beside it included, and a step
#: of a batch whatever its size.
_SAMPLED_BYTE, _SAMPLED_STEP = 0.06, 2e4
#: A step of either kind whatever its size, and one entry and column of the conversion.
_FACTOR_STEP, _DENSITY_STEP = 3e5, 1e5
_CONVERSION = 0.1
#: Making an entry of the density matrix, whatever the columns.
_DENSITY_START = 15.0
#: Qubits of the widest step that the density matrix takes without being asked for.
_WIDEST = 3


def expected_ranks(program: Program, epsilon: float, max_rank: int | None) -> list[int]:
    """Rough number of columns after each step: the combinations of errors that must be kept."""
    full = 1 << program.num_qubits
    most = max(1, min(full, max_rank or full))
    return [each.combinations for each in expected_errors(program, epsilon, most)]


class Errors(NamedTuple):
    """What of a program's errors must be kept at a step.

    Attributes:
        branches: branches of the step itself that weigh.
        combinations: combinations of errors up to there.
    """

    branches: int
    combinations: int


def expected_errors(program: Program, epsilon: float, most: int) -> list[Errors]:
    """The errors that must be kept at each step, their combinations counted up to ``most``.

    With B branches that weigh, and a Poisson distributed number of errors, up to J errors at once
    must be kept until the rest is within ``epsilon``: about sum over j <= J of B**j / j! columns.
    """
    budget = TruncationBudget(program, epsilon)
    branches, weight, before = 0, 0.0, 0.0
    errors = []
    for number, step in enumerate(program.steps):
        here = 0
        if isinstance(step, ChannelStep):
            share = budget.allowed(number) - before
            light = np.searchsorted(step.cumulated_weights, share, side="right")
            here = len(step.cumulated_weights) - int(light)
            before += share
            weight += step.noise_weight
        branches += here
        errors.append(Errors(here, _combinations(branches, weight, epsilon, most)))
    return errors


def _combinations(branches: int, weight: float, epsilon: float, most: int) -> int:
    """Sets of errors that must be kept, but no more than ``most``."""
    left, errors = -math.expm1(-weight), 0
    chance, number, total = math.exp(-weight), 1.0, 1.0
    while left > max(epsilon, 1e-15) and total < most:
        errors += 1
        number *= branches / errors
        total += number
        chance *= weight / errors
        left -= chance
    return int(min(total, most))


def factor_cost(program: Program, ranks: list[int]) -> float:
    """Cost of a certified run with so many columns after each step."""
    rows = 1 << program.num_qubits
    return sum(
        _FACTOR_STEP + _FACTOR_ENTRY * rank * rows + _EIGENVECTORS * rank**3 for rank in ranks
    )


def takes_density(program: Program) -> bool:
    """Whether no step is too wide for the density matrix."""
    return program.widest_narrow <= _WIDEST


def density_cost(program: Program, number: int = 0) -> float:
    """Cost of the density matrix from a step on; infinite where a step is too wide for it."""
    if not takes_density(program):
        return math.inf
    entries = 4.0**program.num_qubits
    return (len(program.steps) - number) * (_DENSITY_STEP + entries) + _DENSITY_START * entries


def batch_cost(program: Program, columns: int, itemsize: int) -> float:
    """Cost of one batch of so many sampled columns of so many bytes an entry."""
    column = itemsize << program.num_qubits
    return len(program.steps) * (_SAMPLED_STEP + _SAMPLED_BYTE * columns * column)


def density_pays(program: Program, number: int, columns: int) -> bool:
    """Whether to leave a factor of so many columns for the density matrix before a step.

    It does not depend on the process grid, so that results do not.
    """
    steps, entries = len(program.steps) - number, 4.0**program.num_qubits
    factor = factor_cost(program, [columns]) * steps
    return _CONVERSION * columns * entries + density_cost(program, number) < factor
