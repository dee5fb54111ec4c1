"""The classical memory of shots, and how it is shared out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import Bits, Constant
from lret_dist.classical import Apply
from lret_dist.control_flow import Store
from lret_dist.shots import Shots


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.data())
def test_shots_are_divided_and_keep_their_numbers(truths: list[bool], data: st.DataObject) -> None:
    shots = Shots.zeros(len(truths), 3)
    shots.rows[:, 0] = np.array(truths) * 4 + 1
    start = data.draw(st.integers(0, len(truths) - 1))
    part = slice(start, len(truths))
    middle = shots.divide(part, Apply("equal", (Bits((2,)), Constant(1))))
    assert middle == len(truths) - sum(truths[start:])
    assert not (shots.rows[start:middle, 0] & 4).any()
    assert (shots.rows[middle:, 0] & 4).all()
    assert [truths[number] for number in shots.numbers] == (shots.rows[:, 0] > 4).tolist()
    assert sorted(shots.numbers) == list(range(len(truths)))


def test_without_a_condition_it_holds_for_all() -> None:
    assert Shots.zeros(5, 1).divide(slice(1, 4), None) == 1


def test_places_undo_a_shuffle() -> None:
    shots = Shots.zeros(50, 8)
    shots.rows[:, 0] = np.arange(50)
    shots.shuffle(np.random.default_rng(1))
    assert shots.rows[:, 0].tolist() != list(range(50))
    assert shots.rows[shots.places(), 0].tolist() == list(range(50))


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
