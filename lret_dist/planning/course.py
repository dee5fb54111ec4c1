"""How many columns a run has step by step: as expected before it, or as it came."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lret_dist.factors.budget import CompressionPolicy
from lret_dist.planning.cost import density_pays
from lret_dist.programs.program import ChannelStep

if TYPE_CHECKING:
    from lret_dist.planning.cost import Errors
    from lret_dist.programs.program import Program
    from lret_dist.records.run_records import History

__all__ = ["Compression", "Course", "expected_course", "most_combinations", "recorded_course"]

#: What a compression leaves of the combinations of errors: those that do the same to the state
#: share a column. Of the columns before it, it leaves a part within these bounds.
_KEPT_PART = 0.25
_KEPT_BOUNDS = (0.3, 0.6)
#: Columns that a step adds for each of its branches that weigh, and most of them, as a part of the
#: columns there are, where several errors at once count. All these were measured on random, Fourier
#: and variational circuits of 10 to 18 qubits; the most columns come out within a factor of two.
_BRANCHES, _MOST_RISE = 1.15, 0.25


@dataclass(frozen=True)
class Compression:
    """Columns before and after a compression."""

    before: int
    after: int


@dataclass
class Course:
    """The columns of a factor on its way through a program.

    Attributes:
        before: columns before each step.
        grown: columns after each step, before a compression that follows it.
        compressions: compressions in each step.
        lent: columns that column groups send each other in all, to build branches of.
        last_columns: columns at the end.
        switched_at: number of the step from which on the density matrix is used, or None.
    """

    before: list[int] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)
    compressions: list[list[Compression]] = field(default_factory=list)
    lent: int = 0
    last_columns: int = 1
    switched_at: int | None = None

    @property
    def most_columns(self) -> int:
        """Most columns at any moment."""
        return max([1, *self.before, *self.grown])

    def _add(self, before: int, grown: int, compressions: list[Compression]) -> None:
        self.before.append(before)
        self.grown.append(grown)
        self.compressions.append(compressions)


def most_combinations(num_qubits: int) -> int:
    """Combinations of errors beyond which a factor is expected to be full."""
    return int((1 << num_qubits) / _KEPT_PART)


def expected_course(
    program: Program,
    errors: list[Errors],
    *,
    first_columns: int,
    max_rank: int | None,
    may_switch: bool,
    start_dense: bool,
    groups: int = 1,
) -> Course:
    """The rough course of a certified run.

    Args:
        program: its steps.
        errors: of :func:`~lret_dist.planning.cost.expected_errors`, up to
            :func:`most_combinations`.
        first_columns: columns at the start.
        max_rank: most columns after a compression, or None.
        may_switch: whether the density matrix may take over.
        start_dense: whether it holds the state from the start.
        groups: column groups.
    """
    course = Course(switched_at=0 if start_dense else None)
    full = 1 << program.num_qubits
    most = min(full, max_rank or full)
    policy = CompressionPolicy(program.num_qubits, len(program.steps))
    columns = first_columns
    for number, (step, error) in enumerate(zip(program.steps, errors, strict=True)):
        noisy = isinstance(step, ChannelStep)
        # A run asks before noise alone: without it a column is the cheapest state.
        may_switch_here = may_switch and noisy and course.switched_at is None
        if may_switch_here and density_pays(program, number, columns):
            course.switched_at = number
        grown, compressions = columns, []
        if noisy:
            grown = min(columns + _new_columns(errors, number, columns), 2 * full)
            if policy.wants(grown, number) or grown > (max_rank or full):
                left = min(most, _kept(error, grown))
                policy.record(left, number)
                compressions.append(Compression(grown, left))
        course._add(columns, grown, compressions)
        if course.switched_at is None:
            course.lent += _lent(grown - columns, groups)
        columns = compressions[-1].after if compressions else grown
    course.last_columns = columns
    return course


def _lent(new: int, groups: int) -> int:
    """Columns that column groups send each other in a step: the heaviest, to all that need it."""
    return min(groups - 1, new * (groups - 1) // groups)


def _new_columns(errors: list[Errors], number: int, columns: int) -> int:
    """Branches that a step adds: of the heaviest column, or of all that have errors to come."""
    here, before = errors[number], errors[number - 1].combinations if number else 1
    risen = (here.combinations - before) / here.combinations
    return math.ceil(max(_BRANCHES * here.branches, columns * min(_MOST_RISE, risen)))


def _kept(error: Errors, columns: int) -> int:
    """What a compression leaves."""
    least, most = (part * columns for part in _KEPT_BOUNDS)
    return max(1, round(min(max(_KEPT_PART * error.combinations, least), most)))


def recorded_course(
    program: Program, history: History, first_columns: int, switched_at: int | None, lent: int
) -> Course:
    """The course that a certified run took."""
    course = Course(switched_at=switched_at, lent=lent)
    after = dict(zip(history.steps, history.ranks, strict=True))
    grown = dict(zip(history.steps, history.grown, strict=True))
    compressions: dict[int, list[Compression]] = {}
    for step, before, left in history.compressions:
        compressions.setdefault(step, []).append(Compression(before, left))
    columns = first_columns
    for number in range(1, len(program.steps) + 1):
        course._add(columns, grown.get(number, columns), compressions.get(number, []))
        columns = after.get(number, columns)
    course.last_columns = columns
    return course
