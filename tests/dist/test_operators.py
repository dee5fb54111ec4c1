from __future__ import annotations

import numpy as np
import pytest
from dense_reference import embedded
from hypothesis import given
from hypothesis import strategies as st
from random_circuits import PARAMETERS, amplitude_damping, pauli_noise, random_unitary

from lret_dist.numerics.gates import gate_matrix, gate_names
from lret_dist.numerics.operators import Operator, bit_flips, restrict


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


@pytest.mark.parametrize(
    ("name", "flips"),
    [
        *[("cx", [0, -1]), ("cz", [0, 0]), ("cswap", [0, -1, -1]), ("x", [1]), ("y", [1])],
        *[("h", [-1]), ("rzz", [0, 0]), ("swap", [-1, -1])],
    ],
)
def test_bit_flips_of_gates(name: str, flips: list[int]) -> None:
    matrix = gate_matrix(name, np.full(PARAMETERS.get(name, 0), 0.3))
    assert bit_flips(matrix[np.newaxis])[0].tolist() == flips


def test_bit_flips_of_kraus_operators() -> None:
    np.testing.assert_array_equal(bit_flips(amplitude_damping(0.1)), [[0], [1]])
    rng = np.random.default_rng(1)
    flips = bit_flips(pauli_noise(rng, 2, 0.1))
    assert sorted(map(tuple, flips.tolist())) == [
        (a, b) for a in (0, 1) for b in (0, 1) for _ in range(4)
    ]
    np.testing.assert_array_equal(bit_flips(random_unitary(rng, 2)[np.newaxis]), [[-1, -1]])


def test_restriction_picks_the_matching_block() -> None:
    toffoli = gate_matrix("ccx")
    np.testing.assert_array_equal(restrict(toffoli, [0, 1], [1, 1]), gate_matrix("x"))
    np.testing.assert_array_equal(restrict(toffoli, [0], [1]), gate_matrix("cx"))
    np.testing.assert_array_equal(Operator(toffoli).restricted((0,), (0,)).matrix, np.eye(4))


def test_restriction_of_a_bit_that_is_flipped() -> None:
    z, y = gate_matrix("z"), gate_matrix("y")
    both = np.kron(y, z)  # Z on qubit 0, Y on qubit 1
    for value in (0, 1):
        np.testing.assert_array_equal(restrict(both, [1], [value], [1]), y[1 - value, value] * z)
        np.testing.assert_array_equal(
            Operator(both).restricted((1,), (value,)).matrix, y[1 - value, value] * z
        )
