from __future__ import annotations

import numpy as np
import pytest
from dense_reference import embedded
from hypothesis import given
from hypothesis import strategies as st
from random_circuits import PARAMETERS, random_unitary

from lret_dist.gates import gate_matrix, gate_names
from lret_dist.operators import Operator, block_diagonal_positions, restrict


@pytest.mark.parametrize("name", [*gate_names(), "dense", "scalar"])
@given(seed=st.integers(0, 2**32))
def test_every_structure_gives_the_dense_product(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if name == "dense":
        matrix = random_unitary(rng, 3)
    elif name == "scalar":
        matrix = np.diag(np.full(2, 0.5j))
    else:
        matrix = gate_matrix(name, rng.uniform(-4, 4, PARAMETERS.get(name, 0)))
    width = len(matrix).bit_length() - 1
    qubits = tuple(int(q) for q in rng.permutation(4)[:width])
    block = rng.normal(size=(16, 3)) + 1j * rng.normal(size=(16, 3))
    exact = embedded(matrix, qubits, 4) @ block
    Operator(matrix).apply(block, qubits)
    np.testing.assert_allclose(block, exact, atol=1e-13)


def test_block_diagonal_positions() -> None:
    assert block_diagonal_positions(gate_matrix("cx")[np.newaxis]) == {0}
    assert block_diagonal_positions(gate_matrix("cz")[np.newaxis]) == {0, 1}
    assert block_diagonal_positions(gate_matrix("cswap")[np.newaxis]) == {0}
    both = np.array([gate_matrix("cx"), gate_matrix("swap")])
    assert block_diagonal_positions(both) == frozenset()


def test_restriction_picks_the_matching_block() -> None:
    toffoli = gate_matrix("ccx")
    np.testing.assert_array_equal(restrict(toffoli, [0, 1], [1, 1]), gate_matrix("x"))
    np.testing.assert_array_equal(restrict(toffoli, [0], [1]), gate_matrix("cx"))
    np.testing.assert_array_equal(Operator(toffoli).restricted((0,), (0,)).matrix, np.eye(4))
