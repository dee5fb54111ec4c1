"""How many columns a run has step by step: as expected before it, or as it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lret_dist.budget import CompressionPolicy
from lret_dist.cost import density_pays, expected_ranks
from lret_dist.program import ChannelStep

if TYPE_CHECKING:
    from lret_dist.program import Program
    from lret_dist.records import History

__all__ = ["Compression", "Course", "expected_course", "recorded_course"]

#: Channel steps from one compression to the next, roughly, and what it leaves of the columns of
#: :func:`expected_ranks`: errors that do the same to the state share a column. Measured on random,
#: Fourier and variational circuits of 9 to 13 qubits; within a factor of two.
_STEPS_BETWEEN = 5
_KEPT_PART = 0.2


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
        last_columns: columns at the end.
        switched_at: number of the step from which on the density matrix is used, or None.
    """

    before: list[int] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)
    compressions: list[list[Compression]] = field(default_factory=list)
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


def expected_course(
    program: Program,
    *,
    epsilon: float,
    max_rank: int | None,
    first_columns: int,
    may_switch: bool,
    start_dense: bool,
) -> Course:
    """The rough course of a certified run.

    A compression keeps a part of :func:`expected_ranks`; in between columns grow to what calls for
    the next one.
    """
    ranks = expected_ranks(program, epsilon, max_rank)
    course = Course(switched_at=0 if start_dense else None)
    full = 1 << program.num_qubits
    growth = CompressionPolicy.GROWTH ** (1 / _STEPS_BETWEEN)
    columns, since = first_columns, 0
    for number, step in enumerate(program.steps):
        if course.switched_at is None and may_switch and density_pays(program, number, columns):
            course.switched_at = number
        kept = max(first_columns, round(_KEPT_PART * ranks[number]))
        grown, compressions = columns, []
        if isinstance(step, ChannelStep) and kept > first_columns:
            since += 1
            grown = min(max(kept, int(growth * columns)), 2 * full)
            if since == _STEPS_BETWEEN or grown > full:
                since = 0
                compressions.append(Compression(grown, kept))
        course._add(columns, grown, compressions)
        columns = compressions[-1].after if compressions else grown
    course.last_columns = columns
    return course


def recorded_course(
    program: Program, history: History, first_columns: int, switched_at: int | None
) -> Course:
    """The course that a certified run took."""
    course = Course(switched_at=switched_at)
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
