"""The classical memory of shots, and how it is shared out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import Bits, Constant
from lret_dist.circuits.classical import Apply
from lret_dist.circuits.control_flow import Store
from lret_dist.records.shots import Shots


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.data())
def test_shots_are_divided_and_keep_their_numbers(truths: list[bool], data: st.DataObject) -> None:
    shots = Shots.zeros(len(truths), 3)
    shots.rows[:, 0] = np.array(truths) * 4 + 1
    start = data.draw(st.integers(0, len(truths) - 1))
    part = slice(start, len(truths))
    condition = Apply("equal", (Bits((2,)), Constant(1)))
    middle = shots.divide(part, shots.holds(part, condition))
    assert middle == len(truths) - sum(truths[start:])
    assert not (shots.rows[start:middle, 0] & 4).any()
    assert (shots.rows[middle:, 0] & 4).all()
    assert [truths[number] for number in shots.numbers] == (shots.rows[:, 0] > 4).tolist()
    shots.sort()
    assert shots.numbers.tolist() == list(range(len(truths)))
    assert (shots.rows[:, 0] > 4).tolist() == truths


def test_without_a_condition_it_holds_for_all() -> None:
    assert Shots.zeros(5, 1).holds(slice(1, 4), None).tolist() == [True] * 3


@given(st.permutations(range(6)), st.integers(1, 6), st.integers(0, 2**9 - 1))
def test_a_part_may_be_any_shots(order: list[int], number: int, value: int) -> None:
    part = np.array(order[:number])
    shots = Shots.zeros(6, 9)
    shots.store(part, Store(Bits(tuple(range(9))), Constant(value)))
    assert shots.registers(part, 9) == [value] * number
    rest = np.array(order[number:], dtype=np.int64)
    assert not shots.rows[rest].any()
    shots.write(part, [8], np.ones((number, 1), np.bool_))
    assert shots.holds(part, Bits((8,))).all()
    assert not shots.rows[rest].any()


def test_only_classical_bits_are_shown() -> None:
    shots = Shots(np.array([[0xFF, 0xFF, 0xFF]], np.uint8), np.zeros(1, np.int64))
    assert shots.shown(11).tolist() == [[0xFF, 0x07]]
    assert shots.shown(16).tolist() == [[0xFF, 0xFF]]
    assert shots.shown(0).shape == (1, 0)
    assert shots.registers(slice(0, 1), 11) == [0x7FF]


def test_without_shots_there_is_one_empty_register() -> None:
    shots = Shots.zeros(0, 9)
    shots.store(slice(0, 0), Store(Bits((1,)), Constant(1)))
    assert shots.registers(slice(0, 0), 9) == [0]
