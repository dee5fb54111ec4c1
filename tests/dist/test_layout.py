from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lret_dist.grid.layout import Layout, plan_exchange, plan_restore


@st.composite
def shuffled_layouts(draw: st.DrawFn) -> Layout:
    num_qubits = draw(st.integers(2, 8))
    layout = Layout(num_qubits, draw(st.integers(0, num_qubits - 1)))
    bits = st.integers(0, num_qubits - 1)
    for first, second in draw(st.lists(st.tuples(bits, bits), max_size=12)):
        layout.swap_bits(first, second)
    return layout


@given(layout=shuffled_layouts())
def test_bits_and_qubits_are_inverse(layout: Layout) -> None:
    assert [layout.qubit(layout.bit(q)) for q in range(layout.num_qubits)] == list(
        range(layout.num_qubits)
    )


@given(layout=shuffled_layouts(), data=st.data())
def test_exchange_brings_the_needed_qubits_and_swaps_as_little_as_it_can(
    layout: Layout, data: st.DataObject
) -> None:
    qubits = st.integers(0, layout.num_qubits - 1)
    needed = data.draw(st.lists(qubits, max_size=layout.local_bits, unique=True))
    far = [q for q in needed if not layout.is_local(q)]
    pairs = plan_exchange(layout, needed, lambda qubit: qubit)
    assert len(pairs) == len(far)
    assert len({bit for pair in pairs for bit in pair}) == 2 * len(pairs)
    for distributed, local in pairs:
        assert local < layout.local_bits <= distributed
        layout.swap_bits(distributed, local)
    assert all(layout.is_local(q) for q in needed)


def test_exchange_gives_up_the_qubit_that_is_used_last() -> None:
    layout = Layout(5, 1)
    uses = {0: 3, 1: 9, 2: 9, 3: 4, 4: 0}
    assert plan_exchange(layout, [4, 2], uses.__getitem__) == [(4, 1)]
    # Of qubits that are used equally late, the one on the highest bit goes.
    assert plan_exchange(layout, [4], lambda _: 7) == [(4, 3)]


@given(layout=shuffled_layouts())
def test_restore_puts_every_qubit_on_its_bit(layout: Layout) -> None:
    for first, second in plan_restore(layout):
        assert second < layout.local_bits
        layout.swap_bits(first, second)
    assert [layout.bit(q) for q in range(layout.num_qubits)] == list(range(layout.num_qubits))
