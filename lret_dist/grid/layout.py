"""Which bit of the row index each qubit lies on. Pure integers, the same on every MPI rank.

Bits 0 .. local_bits - 1 index the rows that an MPI rank holds; the bits above are distributed:
they are the number of its row group, but for those that are *flipped*. Flipping all values of a
qubit on a distributed bit so moves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Layout", "plan_distribution", "plan_exchange", "plan_restore"]


class Layout:
    """A one-to-one map of qubits to bits, first the identity.

    Attributes:
        num_qubits: number of qubits, and of bits.
        local_bits: bits that index the rows of an MPI rank.
        flipped: distributed bits that read the opposite of the row group's number, as a mask over
            row groups.
    """

    def __init__(self, num_qubits: int, distributed_bits: int) -> None:
        self.num_qubits = num_qubits
        self.local_bits = num_qubits - distributed_bits
        self.flipped = 0
        self._bit = list(range(num_qubits))
        self._qubit = list(range(num_qubits))

    @classmethod
    def of(cls, bits: Sequence[int], distributed_bits: int) -> Layout:
        """The layout with every qubit q on ``bits[q]``."""
        layout = cls(len(bits), distributed_bits)
        layout._bit = list(bits)
        for qubit, bit in enumerate(bits):
            layout._qubit[bit] = qubit
        return layout

    def copy(self) -> Layout:
        """An independent layout with the same map."""
        other = Layout(self.num_qubits, self.num_qubits - self.local_bits)
        other.flipped = self.flipped
        other._bit = self._bit.copy()
        other._qubit = self._qubit.copy()
        return other

    def bit(self, qubit: int) -> int:
        """The bit that a qubit lies on."""
        return self._bit[qubit]

    def qubit(self, bit: int) -> int:
        """The qubit that lies on a bit."""
        return self._qubit[bit]

    def bits(self, qubits: Iterable[int]) -> list[int]:
        """The bits of several qubits, in their order."""
        return [self._bit[qubit] for qubit in qubits]

    def is_local(self, qubit: int) -> bool:
        """Whether the qubit's bit indexes rows that one MPI rank holds."""
        return self._bit[qubit] < self.local_bits

    def values(self, row: int, bits: Iterable[int]) -> tuple[int, ...]:
        """What distributed bits read in a row group."""
        number = row ^ self.flipped
        return tuple(number >> (bit - self.local_bits) & 1 for bit in bits)

    def swap_bits(self, first: int, second: int) -> None:
        """Record that the values on two bits were swapped."""
        a, b = self._qubit[first], self._qubit[second]
        self._qubit[first], self._qubit[second] = b, a
        self._bit[a], self._bit[b] = second, first


def plan_distribution(layout: Layout, qubits: Iterable[int]) -> list[tuple[int, int]]:
    """Swaps (distributed bit, local bit) after which the given qubits lie on the distributed bits.

    Args:
        layout: where the qubits are.
        qubits: as many qubits as there are distributed bits.
    """
    wanted = set(qubits)
    assert len(wanted) == layout.num_qubits - layout.local_bits
    leaving = [bit for bit in layout.bits(wanted) if bit < layout.local_bits]
    spread = range(layout.local_bits, layout.num_qubits)
    entering = [bit for bit in spread if layout.qubit(bit) not in wanted]
    return list(zip(entering, sorted(leaving), strict=True))


def plan_exchange(
    layout: Layout,
    needed: Sequence[int],
    next_use: Callable[[int], int],
) -> list[tuple[int, int]]:
    """Swaps (distributed bit, local bit) that bring the needed qubits onto local bits.

    The local bits given up are those whose qubits are used last; of equals the highest, whose
    rows lie together.

    Args:
        layout: where the qubits are.
        needed: qubits that must be local.
        next_use: for a qubit, the number of the step that needs it local next.
    """
    incoming = [layout.bit(q) for q in needed if not layout.is_local(q)]
    if not incoming:
        return []
    staying = set(needed)
    candidates = [b for b in range(layout.local_bits) if layout.qubit(b) not in staying]
    candidates.sort(key=lambda bit: (next_use(layout.qubit(bit)), bit), reverse=True)
    assert len(candidates) >= len(incoming), "the process grid leaves a step too few local bits"
    return list(zip(incoming, candidates, strict=False))


def plan_restore(layout: Layout) -> list[tuple[int, int]]:
    """Swaps of bits, in order, after which every qubit q lies on bit q.

    A pair of distributed bits is swapped by way of a local one, so at least one bit of every swap
    is local, and it is the second.
    """
    planned = layout.copy()
    swaps: list[tuple[int, int]] = []
    for qubit in reversed(range(layout.num_qubits)):
        bit = planned.bit(qubit)
        if bit == qubit:
            continue
        route = [(qubit, bit)]
        if bit >= layout.local_bits:
            spare = layout.local_bits - 1
            route = [(bit, spare), (qubit, spare)]
        for pair in route:
            planned.swap_bits(*pair)
        swaps.extend(route)
    return swaps
