"""Classical expressions: every operator, wrapped at its width, shot by shot."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import Apply, Bits, ClassicalError, Constant
from lret_dist.circuits.classical import OPERATORS, bits_read, evaluated, store_rows, truths

ONE, OTHER = Bits((0, 1, 2, 3)), Bits((4, 5, 6, 7))
INTEGER_OPERATORS = {
    "bit_and": operator.and_,
    "bit_or": operator.or_,
    "bit_xor": operator.xor,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "shift_left": operator.lshift,
    "shift_right": operator.rshift,
}
COMPARISONS = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
NIBBLES = st.integers(0, 15)


@given(NIBBLES, NIBBLES, st.sampled_from(sorted(INTEGER_OPERATORS)))
def test_integers_wrap_around(one: int, other: int, name: str) -> None:
    found = evaluated(Apply(name, (ONE, OTHER), 4), one | other << 4)
    assert found == INTEGER_OPERATORS[name](one, other) % 16


@given(NIBBLES, NIBBLES, st.sampled_from(sorted(COMPARISONS)))
def test_comparisons(one: int, other: int, name: str) -> None:
    found = evaluated(Apply(name, (ONE, OTHER)), one | other << 4)
    assert found is COMPARISONS[name](one, other)


@given(NIBBLES, NIBBLES)
def test_logic_and_bits(one: int, other: int) -> None:
    memory = one | other << 4
    assert evaluated(Apply("logic_and", (ONE, OTHER)), memory) is bool(one and other)
    assert evaluated(Apply("logic_or", (ONE, OTHER)), memory) is bool(one or other)
    assert evaluated(Apply("logic_not", (ONE,)), memory) is (not one)
    assert evaluated(Apply("bit_not", (ONE,), 4), memory) == 15 - one
    assert evaluated(Apply("index", (ONE, Constant(2))), memory) is bool(one & 4)
    assert evaluated(Apply("bool", (ONE,)), memory) is bool(one)


@given(NIBBLES, st.integers(1, 15))
def test_division(one: int, other: int) -> None:
    memory = one | other << 4
    assert evaluated(Apply("div", (ONE, OTHER), 4), memory) == one // other
    halves = Apply("div", (Apply("float", (ONE,)), Constant(2.0)))
    assert evaluated(halves, memory) == one / 2
    assert evaluated(Apply("uint", (halves,), 4), memory) == one // 2


def test_every_operator_is_tested() -> None:
    others = {"logic_and", "logic_or", "logic_not", "bit_not", "index", "bool", "div"}
    tested = {*INTEGER_OPERATORS, *COMPARISONS, *others, "float", "uint", "negate"}
    assert tested == set(OPERATORS)
    assert evaluated(Apply("negate", (Constant(1.5),)), 0) == -1.5


def test_expressions_without_a_value() -> None:
    with pytest.raises(ClassicalError, match="3 / 0 in a classical expression has no value"):
        evaluated(Apply("div", (ONE, OTHER), 4), 3)
    huge = Apply("float", (Apply("shift_left", (Constant(1), Constant(2000))),))
    with pytest.raises(ClassicalError, match="has no value: int too large"):
        evaluated(huge, 0)


def test_a_shift_by_a_huge_number_is_zero() -> None:
    assert evaluated(Apply("shift_left", (Constant(5), Constant(1 << 60)), 8), 0) == 0


def test_bits_that_are_read() -> None:
    expression = Apply("add", (Bits((3, 9)), Apply("bool", (Bits((1,)),))), 4)
    assert sorted(bits_read(expression)) == [1, 3, 9]


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=8))
def test_shots_are_told_apart(memories: list[int]) -> None:
    rows = np.array([list(memory.to_bytes(2, "little")) for memory in memories], np.uint8)
    found = truths(Apply("less", (Bits(tuple(range(3, 11))), Constant(100))), rows)
    assert found.tolist() == [(memory >> 3 & 255) < 100 for memory in memories]


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=8))
def test_stored_numbers(memories: list[int]) -> None:
    rows = np.array([list(memory.to_bytes(2, "little")) for memory in memories], np.uint8)
    store_rows(rows, Bits((12, 1, 5)), Apply("add", (Bits((0, 2)), Constant(3)), 3))
    for row, memory in zip(rows, memories, strict=True):
        value = ((memory & 1) + (memory >> 2 & 1) * 2 + 3) % 8
        expected = memory & ~(1 << 12 | 1 << 1 | 1 << 5)
        expected |= (value & 1) << 12 | (value >> 1 & 1) << 1 | (value >> 2) << 5
        assert int.from_bytes(row.tobytes(), "little") == expected


def test_floating_point_variables() -> None:
    rows = np.zeros((1, 9), np.uint8)
    number = Bits(tuple(range(3, 67)), "float")
    store_rows(rows, number, Constant(-0.1))
    memory = int.from_bytes(rows[0].tobytes(), "little")
    assert evaluated(number, memory) == -0.1
