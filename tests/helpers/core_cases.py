"""Hypothesis strategies for blocks and bits."""

from dataclasses import dataclass

import numpy as np
from core_reference import DTYPES, random_block
from hypothesis import settings
from hypothesis import strategies as st

# No deadline: a busy machine is no failure.
unhurried = settings(deadline=None, max_examples=60)


@dataclass
class Case:
    """A block, some of its row bits, and the generator for the rest of the test's data."""

    rng: np.random.Generator
    block: np.ndarray
    bits: list[int]
    others: list[int]

    @property
    def dtype(self):
        return self.block.dtype


@st.composite
def cases(draw, most_bits, least_bits=1, most_columns=20):
    """Up to 7 qubits; columns around the vector lengths; rows with and without gaps."""
    qubits = draw(st.integers(max(1, least_bits), 7))
    columns = draw(st.integers(1, most_columns))
    padding = draw(st.sampled_from([0, 0, 1, 5]))
    dtype = draw(st.sampled_from(DTYPES))
    order = draw(st.permutations(range(qubits)))
    count = draw(st.integers(least_bits, min(most_bits, qubits)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block = random_block(rng, qubits, columns, padding=padding, dtype=dtype)
    return Case(rng, block, order[:count], order[count:])
