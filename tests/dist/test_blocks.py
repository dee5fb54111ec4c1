"""Blocks of gates and noise: their product, and equal ones multiplied once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import pauli_noise, random_unitary, weak_noise

from lret_dist.numerics.channels import embed, superoperator
from lret_dist.programs import blocks
from lret_dist.programs.blocks import Block
from lret_dist.programs.program import ChannelStep, UnitaryStep


def random_block(rng: np.random.Generator, qubits: tuple[int, ...]) -> tuple[Block, np.ndarray]:
    """A block, and the superoperator that it should have."""
    block, width = Block(qubits), len(qubits)
    expected = np.eye(4**width, dtype=complex)
    for _ in range(rng.integers(1, 6)):
        chosen = tuple(int(q) for q in rng.permutation(qubits)[: rng.integers(1, width + 1)])
        places = [qubits.index(q) for q in chosen]
        match rng.integers(4):
            case 0 | 1:
                kraus = random_unitary(rng, len(chosen))[np.newaxis]
                block.then_gate(kraus[0], chosen)
            case 2:
                kraus = pauli_noise(rng, len(chosen), 0.2)
                block.then_channel(kraus, chosen)
            case _:
                kraus = weak_noise(rng, 1, 0.1)
                places = places[:1]
                inner = Block(chosen[:1])
                inner.then_channel(kraus, chosen[:1])
                inner.then_gate(gate := random_unitary(rng, 1), chosen[:1])
                block.then_block(inner)
                kraus = gate @ kraus
        expected = superoperator(embed(kraus, places, width)) @ expected
    return block, expected


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(3,), (5, 2), (0, 1)]))
def test_products(seed: int, qubits: tuple[int, ...]) -> None:
    block, expected = random_block(np.random.default_rng(seed), qubits)
    step = block.step()
    kraus = step.operator.matrix[np.newaxis] if isinstance(step, UnitaryStep) else step.kraus
    np.testing.assert_allclose(superoperator(kraus), expected, atol=1e-10)
    assert step.qubits == qubits


@pytest.mark.parametrize("qubits", [(0, 1), (7, 3)])
def test_equal_blocks_are_multiplied_once(qubits: tuple[int, int]) -> None:
    """Wherever they lie: only what is in them counts."""
    rng = np.random.default_rng(12)
    noise, gate = pauli_noise(rng, 2, 0.1), random_unitary(rng, 2)

    def step(angle: float) -> UnitaryStep | ChannelStep:
        block = Block(qubits)
        block.then_gate(np.diag([1, np.exp(1j * (angle + qubits[0]))]), qubits[:1])
        block.then_channel(noise, qubits)
        block.then_gate(gate, qubits)
        return block.step()

    first = step(0.25)
    before = blocks._kraus.cache_info()
    again, other = step(0.25), step(0.5)
    after = blocks._kraus.cache_info()
    assert after.hits - before.hits == 1
    assert isinstance(first, ChannelStep)
    assert isinstance(again, ChannelStep)
    assert isinstance(other, ChannelStep)
    assert again.kraus is first.kraus
    assert not np.allclose(other.kraus, first.kraus)
