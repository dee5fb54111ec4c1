"""The classical memory of all shots, which the histories of a run share out among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lret_dist.circuits.classical import store_rows, truths
from lret_dist.numerics.sampling import misread_together, write_bits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lret_dist.circuits.classical import Expression
    from lret_dist.circuits.control_flow import Misread, Store

__all__ = ["Part", "Shots"]

Part: TypeAlias = "slice | NDArray[np.int64]"


@dataclass
class Shots:
    """The classical memory of all shots; a part of them is a slice, or an array of places.

    Attributes:
        rows: memory of each shot, (shots, bytes), bit 0 lowest.
        numbers: number of each shot, which it keeps wherever it is moved to.
    """

    rows: NDArray[np.uint8]
    numbers: NDArray[np.int64]

    @classmethod
    def zeros(cls, number: int, bits: int) -> Shots:
        """So many shots, whose bits are zero."""
        return cls(np.zeros((number, -(-bits // 8)), np.uint8), np.arange(number))

    def store(self, part: Part, store: Store) -> None:
        """Store a number in the bits of some shots."""
        rows = self.rows[part]
        if len(rows):
            store_rows(rows, store.target, store.value)
            self.rows[part] = rows

    def misread(self, part: Part, misread: Misread, uniform: NDArray[np.float64]) -> None:
        """Read bits of some shots wrongly, several at once, with a random number for each."""
        rows = self.rows[part]
        places = [divmod(clbit, 8) for clbit in misread.clbits]
        before = np.zeros(len(rows), np.int64)
        for number, (byte, bit) in enumerate(places):
            before |= (rows[:, byte] >> bit & 1).astype(np.int64) << number
        after = misread_together(before, misread.probabilities, uniform)
        bits = after[:, np.newaxis] >> np.arange(len(places)) & 1
        self.write(part, misread.clbits, bits.astype(np.bool_))

    def write(self, part: Part, clbits: Iterable[int], bits: NDArray[np.bool_]) -> None:
        """Write bits, (shots, bits), into the memory of some shots."""
        rows = self.rows[part]
        write_bits(rows, clbits, bits)
        self.rows[part] = rows

    def holds(self, part: Part, condition: Expression | None) -> NDArray[np.bool_]:
        """Of which shots of a part a condition holds; None always does."""
        rows = self.rows[part]
        return np.ones(len(rows), np.bool_) if condition is None else truths(condition, rows)

    def divide(self, part: slice, behind: NDArray[np.bool_]) -> int:
        """Bring some shots of a part behind the others of it.

        Returns:
            The place of the first one of these.
        """
        if behind.any() and not behind.all():
            order = np.argsort(behind, kind="stable")
            self.rows[part] = self.rows[part][order]
            self.numbers[part] = self.numbers[part][order]
        return int(part.stop - behind.sum())

    def registers(self, part: Part, bits: int) -> list[int]:
        """The first so many bits of each shot of a part; zero where there are no shots."""
        mask = (1 << bits) - 1
        rows = self.rows[part]
        return [int.from_bytes(row.tobytes(), "little") & mask for row in rows] or [0]

    def sort(self) -> None:
        """Put the shots in the order of their numbers, in which histories do not show."""
        order = np.argsort(self.numbers)
        self.rows[:] = self.rows[order]
        self.numbers[:] = self.numbers[order]

    def shown(self, bits: int) -> NDArray[np.uint8]:
        """The first so many bits of all shots, (shots, bytes)."""
        shown = self.rows[:, : -(-bits // 8)]
        if bits % 8 and self.rows.shape[1] > 0:
            shown = shown.copy()
            shown[:, -1] &= (1 << bits % 8) - 1
        return np.ascontiguousarray(shown)
