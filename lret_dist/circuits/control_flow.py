"""Operations of a circuit that depend on its classical bits, or change them, as plain data.

Control flow is flat: a jump goes on at a mark. An if block is a jump past it, a while loop a jump
back; so a circuit stays a list of operations.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from lret_dist.circuits.classical import bits_read

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from lret_dist.circuits.classical import Bits, Expression

__all__ = [
    "CONTROL_FLOW",
    "ControlFlow",
    "Jump",
    "Mark",
    "Misread",
    "SetState",
    "Store",
    "check_jumps",
]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a circuit that jumps may go to."""

    mark: str
    qubits: tuple[int, ...] = ()
    name: str = "mark"
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at a mark, where ``condition`` holds; None holds always."""

    mark: str
    condition: Expression | None = None
    qubits: tuple[int, ...] = ()
    name: str = "jump"
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """Write the value of an expression into classical bits."""

    target: Bits
    value: Expression
    qubits: tuple[int, ...] = ()
    name: str = "store"
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Misread:
    """Read classical bits wrongly, several at once.

    Attributes:
        clbits: the bits, the lowest first.
        probabilities: (2**k, 2**k) probabilities p[bits before, bits after].
        qubits: no qubit.
        name: the instruction's name.
        label: a user's label.
    """

    clbits: tuple[int, ...]
    probabilities: NDArray[np.float64]
    qubits: tuple[int, ...] = ()
    name: str = "misread"
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SetState:
    """Put all qubits into a state, whatever theirs was.

    Attributes:
        qubits: all qubits; the first is the lowest bit of a row.
        columns: (2**n, r) complex128, L of rho = L L^dagger with trace one.
        name: the instruction's name.
        label: a user's label.
    """

    qubits: tuple[int, ...]
    columns: NDArray[np.complex128]
    name: str = "set_density_matrix"
    label: str | None = None


ControlFlow: TypeAlias = Mark | Jump | Store | Misread
CONTROL_FLOW = (Mark, Jump, Store, Misread)


def check_jumps(operations: Iterable[object], memory_bits: int) -> None:
    """Check that jumps have a place to go to, and expressions bits to read and write.

    Raises:
        ValueError: naming the mark or the bit.
    """
    flow = [each for each in operations if isinstance(each, CONTROL_FLOW)]
    marks = Counter(each.mark for each in flow if isinstance(each, Mark))
    for mark, number in marks.items():
        if number > 1:
            raise ValueError(f"the mark {mark!r} stands in {number} places")
    for each in flow:
        if isinstance(each, Jump) and each.mark not in marks:
            raise ValueError(f"a jump goes to {each.mark!r}, and there is no such mark")
        for bit in _bits(each):
            if not 0 <= bit < memory_bits:
                raise ValueError(
                    f"classical bit {bit} is out of range: the circuit has {memory_bits}"
                )


def _bits(operation: ControlFlow) -> Iterable[int]:
    if isinstance(operation, Store):
        return [*operation.target.bits, *bits_read(operation.value)]
    if isinstance(operation, Misread):
        return operation.clbits
    if isinstance(operation, Jump) and operation.condition is not None:
        return bits_read(operation.condition)
    return ()
