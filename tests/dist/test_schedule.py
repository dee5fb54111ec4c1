from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lret_dist.grid.schedule import Access, Window, windows


@st.composite
def lists_of_accesses(draw: st.DrawFn) -> tuple[int, list[Access]]:
    num_bits = draw(st.integers(3, 8))
    bits = st.lists(st.integers(0, num_bits - 1), max_size=3, unique=True)
    accesses = []
    for _ in range(draw(st.integers(0, 30))):
        masks = [sum(1 << bit for bit in draw(bits)) for _ in range(3)]
        mixed, changed, read = masks[0], masks[0] | masks[1], masks[2]
        accesses.append(Access(mixed, changed, read & ~changed))
    return num_bits, accesses


def ones(mask: int) -> int:
    return mask.bit_count()


def conflict(first: Access, second: Access) -> bool:
    return bool(
        first.changed & (second.changed | second.read)
        or second.changed & (first.changed | first.read)
    )


@given(case=lists_of_accesses(), data=st.data())
def test_every_step_runs_once_in_an_order_that_its_dependencies_allow(
    case: tuple[int, list[Access]], data: st.DataObject
) -> None:
    num_bits, accesses = case
    distributed = data.draw(st.integers(0, num_bits - 3))
    found = list(windows(accesses, num_bits, distributed))
    order = [number for window in found for number in window.steps]
    assert sorted(order) == list(range(len(accesses)))
    place = {number: position for position, number in enumerate(order)}
    for later in range(len(accesses)):
        for earlier in range(later):
            if conflict(accesses[earlier], accesses[later]):
                assert place[earlier] < place[later]
    for window in found:
        assert ones(window.distributed) == distributed
        assert not any(accesses[number].mixed & window.distributed for number in window.steps)


def test_nothing_distributed_keeps_the_order() -> None:
    accesses = [Access(1 << k % 3, 1 << k % 3, 0) for k in range(9)]
    assert list(windows(accesses, 3, 0)) == [Window(0, list(range(9)))]


def brick_wall(num_bits: int, layers: int) -> list[Access]:
    pairs = [3 << bit for layer in range(layers) for bit in range(layer % 2, num_bits - 1, 2)]
    return [Access(mask, mask, 0) for mask in pairs]


@pytest.mark.parametrize(("distributed", "exchanges"), [(1, 3), (2, 4), (3, 4)])
def test_a_brick_wall_is_exchanged_once_in_many_layers(distributed: int, exchanges: int) -> None:
    """One exchange for every distributed gate would be 20, 40 or 60 of them."""
    found = list(windows(brick_wall(16, 40), 16, distributed))
    assert len(found) - 1 <= exchanges


def test_steps_that_only_read_a_bit_pass_each_other_on_it() -> None:
    # A controlled gate from the distributed bit 2, a gate that mixes it, and one more control.
    accesses = [Access(0b001, 0b001, 0b100), Access(0b100, 0b100, 0), Access(0b010, 0b010, 0b100)]
    found = list(windows([accesses[0], accesses[2], accesses[1]], 3, 1))
    assert [window.steps for window in found] == [[0, 1], [2]]
    assert found[0].distributed == 0b100
    # The last one waits for the mixing gate.
    steps = [window.steps for window in windows(accesses, 3, 1)]
    assert steps[0] in ([0], [0, 1])


def test_long_programs_are_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.grid.schedule._LOOK_AHEAD", 5)
    rng = random.Random(1)
    masks = [sum(1 << bit for bit in rng.sample(range(6), 2)) for _ in range(200)]
    found = list(windows([Access(mask, mask, 0) for mask in masks], 6, 2))
    assert sorted(number for window in found for number in window.steps) == list(range(200))
