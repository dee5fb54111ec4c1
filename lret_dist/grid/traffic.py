"""What travels between MPI ranks, counted.

Every byte that leaves an MPI rank for another is counted once, on one side: messages between two
of them, and what is summed or gathered, where they are sent; what is broadcast, where it arrives.
So the counts of all MPI ranks add up to what has travelled, whatever tree a library sends it by.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PURPOSES", "Purpose", "Traffic"]

#: What messages are for: exchanging row bits; weights and decisions of steps; compressions; and
#: everything about results: saved values, samples, the trace.
Purpose = Literal["exchange", "steps", "compression", "results"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass
class Traffic:
    """Messages and bytes of one MPI rank, by purpose.

    Attributes:
        messages: number of messages for each purpose.
        bytes: their bytes.
        lent_columns: columns of the factor that went to other column groups, to build branches of.
    """

    messages: dict[Purpose, int] = field(default_factory=lambda: dict.fromkeys(PURPOSES, 0))
    bytes: dict[Purpose, int] = field(default_factory=lambda: dict.fromkeys(PURPOSES, 0))
    lent_columns: int = 0
    _purpose: Purpose = "results"

    @contextmanager
    def counted_as(self, purpose: Purpose) -> Iterator[None]:
        """Count all that travels meanwhile for this purpose."""
        before, self._purpose = self._purpose, purpose
        try:
            yield
        finally:
            self._purpose = before

    def note(self, size: int, messages: int = 1) -> None:
        """Note messages of so many bytes in all."""
        self.messages[self._purpose] += messages
        self.bytes[self._purpose] += size
