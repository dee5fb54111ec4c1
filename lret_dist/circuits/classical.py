"""Classical expressions over the bits of a shot, as plain data.

A shot's classical memory is one integer, bit 0 lowest: its classical bits, then those of classical
variables. Unsigned integers wrap around at their width, as in OpenQASM 3.
"""

from __future__ import annotations

import operator
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from lret_dist.errors import ClassicalError
from lret_dist.numerics.sampling import write_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = [
    "FLOAT_BITS",
    "OPERATORS",
    "Apply",
    "Bits",
    "Constant",
    "Expression",
    "bits_read",
    "evaluated",
    "store_rows",
    "truths",
]

Value: TypeAlias = bool | int | float

#: Bits of a floating-point variable.
FLOAT_BITS = 64


@dataclass(frozen=True, slots=True)
class Constant:
    """A number known beforehand."""

    value: Value


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits of the memory read as one number.

    Attributes:
        bits: their positions, lowest bit of the number first.
        kind: an unsigned integer, or a floating-point number of 64 bits.
    """

    bits: tuple[int, ...]
    kind: Literal["uint", "float"] = "uint"


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator applied to operands.

    Attributes:
        operator: a key of ``OPERATORS``.
        operands: its operands.
        width: bits of the result, at which it wraps around; None for truth values and floats.
    """

    operator: str
    operands: tuple[Expression, ...]
    width: int | None = None


Expression: TypeAlias = Constant | Bits | Apply


def _shifted_left(number: int, places: int) -> int:
    # No register is so wide that more places would leave anything.
    return number << min(places, 1 << 16)


def _divided(one: Value, other: Value) -> Value:
    if other == 0:
        raise ClassicalError(f"{one} / {other} in a classical expression has no value")
    if isinstance(one, float) or isinstance(other, float):
        return one / other
    return one // other


#: Operators of expressions: integers may be of any width, the result is cut to its own.
OPERATORS: dict[str, Callable[..., Value]] = {
    "bool": bool,
    "uint": int,
    "float": float,
    "bit_not": operator.invert,
    "logic_not": operator.not_,
    "negate": operator.neg,
    "bit_and": operator.and_,
    "bit_or": operator.or_,
    "bit_xor": operator.xor,
    "logic_and": lambda one, other: bool(one and other),
    "logic_or": lambda one, other: bool(one or other),
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "shift_left": _shifted_left,
    "shift_right": operator.rshift,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _divided,
    "index": lambda number, place: bool(number >> place & 1),
}


def evaluated(expression: Expression, memory: int) -> Value:
    """The value of an expression in a shot's memory.

    Raises:
        ClassicalError: for a division by zero, or a number that is too large.
    """
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Bits):
        return _read(expression, memory)
    operands = [evaluated(each, memory) for each in expression.operands]
    try:
        value = OPERATORS[expression.operator](*operands)
    except (OverflowError, ValueError) as error:
        raise ClassicalError(f"a classical expression has no value: {error}") from None
    return value if expression.width is None else int(value) & ((1 << expression.width) - 1)


def bits_read(expression: Expression) -> Iterator[int]:
    """The bits that an expression depends on."""
    if isinstance(expression, Bits):
        yield from expression.bits
    elif isinstance(expression, Apply):
        for operand in expression.operands:
            yield from bits_read(operand)


def truths(expression: Expression, rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether an expression holds, (shots,), in memories (shots, bytes)."""
    values, which = _values(expression, rows)
    return np.array([bool(value) for value in values])[which]


def store_rows(rows: NDArray[np.uint8], target: Bits, expression: Expression) -> None:
    """Write an expression's value into bits of the memories (shots, bytes), in place."""
    values, which = _values(expression, rows)
    numbers = [_stored(target, value) for value in values]
    bits = [[number >> place & 1 for place in range(len(target.bits))] for number in numbers]
    write_bits(rows, target.bits, np.array(bits, np.bool_)[which])


def _values(
    expression: Expression, rows: NDArray[np.uint8]
) -> tuple[list[Value], NDArray[np.intp]]:
    """The values of an expression in memories (shots, bytes), and which of them each shot has."""
    mask = np.zeros(rows.shape[1], np.uint8)
    for bit in bits_read(expression):
        mask[bit // 8] |= 1 << bit % 8
    distinct, which = _distinct(rows & mask)
    memories = (int.from_bytes(row.tobytes(), "little") for row in distinct)
    return [evaluated(expression, memory) for memory in memories], which


def _distinct(rows: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """The different memories, and which of them each shot has."""
    if (rows == rows[:1]).all():
        return rows[:1], np.zeros(len(rows), np.intp)
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)


def _read(source: Bits, memory: int) -> Value:
    number = sum((memory >> bit & 1) << place for place, bit in enumerate(source.bits))
    if source.kind == "uint":
        return number
    value: float = struct.unpack("<d", number.to_bytes(8, "little"))[0]
    return value


def _stored(target: Bits, value: Value) -> int:
    """The number that stands in the bits of a target for a value."""
    if target.kind == "float":
        return int.from_bytes(struct.pack("<d", float(value)), "little")
    try:
        return int(value)
    except (OverflowError, ValueError):
        raise ClassicalError(f"{value} cannot be stored in an unsigned integer") from None
