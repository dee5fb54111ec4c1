"""The classical memory of all shots, which the histories of a run share out among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.classical import store_rows, truths
from lret_dist.sampling import write_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.classical import Expression
    from lret_dist.control_flow import Misread, Store

__all__ = ["Shots"]


@dataclass
class Shots:
    """The classical memory of all shots; those of one history lie side by side.

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

    def store(self, part: slice, store: Store) -> None:
        """Store a number in the bits of some shots."""
        if len(self.rows[part]):
            store_rows(self.rows[part], store.target, store.value)

    def misread(self, part: slice, misread: Misread, rng: np.random.Generator) -> None:
        """Read bits of some shots wrongly, several at once."""
        rows = self.rows[part]
        places = [divmod(clbit, 8) for clbit in misread.clbits]
        before = np.zeros(len(rows), np.intp)
        for number, (byte, bit) in enumerate(places):
            before |= (rows[:, byte] >> bit & 1).astype(np.intp) << number
        edges = np.cumsum(misread.probabilities, axis=1)[:, :-1]
        after = (rng.random(len(rows))[:, np.newaxis] >= edges[before]).sum(axis=1)
        bits = after[:, np.newaxis] >> np.arange(len(places)) & 1
        write_bits(rows, misread.clbits, bits.astype(np.bool_))

    def divide(self, part: slice, condition: Expression | None) -> int:
        """Bring the shots of a part for which a condition holds behind the others.

        Returns:
            The place of the first one that it holds for.
        """
        if condition is None:
            return int(part.start)
        holds = truths(condition, self.rows[part])
        if holds.any() and not holds.all():
            order = np.argsort(holds, kind="stable")
            self.rows[part] = self.rows[part][order]
            self.numbers[part] = self.numbers[part][order]
        return int(part.stop - holds.sum())

    def registers(self, part: slice, bits: int) -> list[int]:
        """The first so many bits of each shot of a part; zero where there are no shots."""
        mask = (1 << bits) - 1
        rows = self.rows[part]
        return [int.from_bytes(row.tobytes(), "little") & mask for row in rows] or [0]

    def shuffle(self, rng: np.random.Generator) -> None:
        """Put the shots into another order, in which histories do not show."""
        order = np.arange(len(self.rows))
        rng.shuffle(order)
        self.rows[:] = self.rows[order]
        self.numbers[:] = self.numbers[order]

    def shown(self, bits: int) -> NDArray[np.uint8]:
        """The first so many bits of all shots, (shots, bytes)."""
        shown = self.rows[:, : -(-bits // 8)]
        if bits % 8 and self.rows.shape[1] > 0:
            shown = shown.copy()
            shown[:, -1] &= (1 << bits % 8) - 1
        return np.ascontiguousarray(shown)

    def places(self) -> NDArray[np.int64]:
        """The place of each shot by its number."""
        return np.argsort(self.numbers)
