"""Stretches without noise: unitaries that meet become fewer, wider ones where that is cheaper."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.numerics.channels import embed
from lret_dist.numerics.operators import DENSE_COST, DIAGONAL_COST, Operator
from lret_dist.programs.program import ChannelStep, UnitaryStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lret_dist.programs.program import Step

__all__ = ["merge_unitaries"]

#: Most qubits of a merged unitary, and of one that is diagonal.
_DENSE_QUBITS, _DIAGONAL_QUBITS = 3, 6
#: On fewer qubits merging takes longer than what it saves.
_FEWEST_QUBITS = 20


def merge_unitaries(steps: Sequence[Step], num_qubits: int) -> list[Step]:
    """The same steps, with groups of unitaries replaced by their product.

    A group is what can be moved next to its first member past steps on other qubits.
    """
    if num_qubits < _FEWEST_QUBITS:
        return list(steps)
    merged: list[Step] = []
    taken: set[int] = set()
    for number, step in enumerate(steps):
        if number in taken:
            continue
        if isinstance(step, UnitaryStep):
            group = _cheapest_group(steps, number, taken)
            taken.update(group)
            step = _product([_unitary(steps[member]) for member in group])
        merged.append(step)
    return merged


def _cheapest_group(steps: Sequence[Step], first: int, taken: set[int]) -> list[int]:
    """Numbers of the unitaries to merge with the first one, which may be none."""
    best, saved = [first], 0.0
    for diagonal in (False, True):
        group = _group(steps, first, taken, diagonal=diagonal)
        if len(group) > 1:
            members = [_unitary(steps[member]) for member in group]
            width = len({qubit for member in members for qubit in member.qubits})
            cost = DIAGONAL_COST if diagonal else DENSE_COST[width]
            saving = sum(member.operator.cost for member in members) - cost
            if saving > saved:
                best, saved = group, saving
    return best


def _group(steps: Sequence[Step], first: int, taken: set[int], *, diagonal: bool) -> list[int]:
    limit = _DIAGONAL_QUBITS if diagonal else _DENSE_QUBITS
    step = _unitary(steps[first])
    if len(step.qubits) > limit or (diagonal and not step.operator.is_diagonal):
        return []
    group, qubits, blocked = [first], set(step.qubits), set[int]()
    for number in range(first + 1, len(steps)):
        if number in taken:
            continue
        other = steps[number]
        if not isinstance(other, UnitaryStep | ChannelStep) or qubits <= blocked:
            break
        fits = isinstance(other, UnitaryStep) and len(qubits.union(other.qubits)) <= limit
        if fits and not blocked.intersection(other.qubits):
            near = _unitary(other).operator.is_diagonal if diagonal else qubits & set(other.qubits)
            if near:
                group.append(number)
                qubits.update(other.qubits)
                continue
        blocked.update(other.qubits)
    return group


def _product(members: list[UnitaryStep]) -> UnitaryStep:
    if len(members) == 1:
        return members[0]
    qubits = tuple(sorted({qubit for member in members for qubit in member.qubits}))
    places = {qubit: place for place, qubit in enumerate(qubits)}
    matrices = [
        embed(member.operator.matrix, [places[q] for q in member.qubits], len(qubits))
        for member in members
    ]
    matrix = reduce(lambda done, later: np.asarray(later @ done), matrices)
    return UnitaryStep(qubits, Operator(matrix), tuple(members))


def _unitary(step: Step) -> UnitaryStep:
    assert isinstance(step, UnitaryStep)
    return step
