from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lret_dist.factors.dealing import deal

NUMBERS = st.integers(0, 40)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9))
def test_column_groups_become_as_even_as_can_be(counts: list[tuple[int, int]]) -> None:
    columns, chosen = map(list, zip(*counts, strict=True))
    handovers = deal(columns, chosen)
    after = [old + new for old, new in counts]
    for each in handovers:
        assert len(each) > 0
        after[each.source] -= len(each)
        after[each.target] += len(each)
    assert sum(after) == sum(columns) + sum(chosen)
    most = max(after)
    for here, old in zip(after, columns, strict=True):
        # What a group had stays, and is the only thing that may keep it above the others.
        assert here >= old
        assert here == old or here >= most - 1 or most in columns
    fullest = max([new for new, old in zip(after, columns, strict=True) if new > old], default=0)
    assert all(here >= fullest - 1 for here in after)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9))
def test_a_group_hands_over_its_last_branches_or_takes_some(counts: list[tuple[int, int]]) -> None:
    columns, chosen = map(list, zip(*counts, strict=True))
    handovers = deal(columns, chosen)
    assert not {each.source for each in handovers} & {each.target for each in handovers}
    for group, number in enumerate(chosen):
        parts = [each.branches for each in handovers if each.source == group]
        if parts:
            assert [part.stop for part in parts] == [*(part.start for part in parts[1:]), number]
            assert parts[0].start >= 0


def test_even_groups_hand_over_nothing() -> None:
    assert deal([3, 3, 2], [1, 1, 2]) == []
    assert deal([5], [7]) == []
