import numpy as np
import pytest
from core_cases import cases, unhurried
from core_reference import full_matrix, random_block, random_matrix, tolerance
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import _core


def expected_branches(block, bits, operators, index, source, scale):
    full = [full_matrix(len(block), bits, operator) for operator in operators]
    wide = block.astype(complex)
    columns = [s * full[k] @ wide[:, j] for k, j, s in zip(index, source, scale, strict=True)]
    return np.stack(columns, axis=1)


@unhurried
@given(
    case=cases(most_bits=6),
    branches=st.integers(1, 70),
    ordered=st.booleans(),
    shared=st.booleans(),
)
def test_branch(case, branches, ordered, shared):
    block, rng = case.block, case.rng
    size = 2 ** len(case.bits)
    operators = random_matrix(rng, 3, size, size)
    index = rng.integers(0, 3, branches)
    source = rng.integers(0, block.shape[1], branches)
    if ordered:
        order = np.lexsort((source, index))
        index, source = index[order], source[order]
    scale = rng.random(branches)
    if shared:
        storage = random_block(rng, case_qubits(case), block.shape[1] + branches, dtype=case.dtype)
        storage[:, : block.shape[1]] = block
        block, out = storage[:, : block.shape[1]], storage[:, block.shape[1] :]
    else:
        out = random_block(rng, case_qubits(case), branches, padding=2, dtype=case.dtype)
    before = block.copy()
    expected = expected_branches(block, case.bits, operators, index, source, scale)
    _core.branch(block, out, case.bits, operators, index, source, scale)
    limit = tolerance(case.dtype) * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(out, expected, rtol=0, atol=limit)
    np.testing.assert_array_equal(block, before)


def case_qubits(case):
    return len(case.block).bit_length() - 1


def arguments(**changes):
    keywords = {
        "block": np.zeros((8, 3), dtype=complex),
        "out": np.zeros((8, 2), dtype=complex),
        "bits": [0],
        "operators": np.zeros((2, 2, 2), dtype=complex),
        "operator_index": np.array([0, 1]),
        "source": np.array([2, 0]),
        "scale": np.ones(2),
    }
    return keywords | changes


def test_no_branches():
    empty = np.zeros(0, dtype=np.int64)
    storage = np.ones((8, 2), dtype=complex)
    _core.branch(
        **arguments(
            out=storage[:, :0],
            operator_index=empty,
            source=empty,
            scale=np.zeros(0),
        )
    )
    assert (storage == 1).all()


STORAGE = np.zeros((8, 6), dtype=complex)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"out": np.zeros((4, 2), complex)}, ValueError, "out must have 8 rows like block, not 4"),
        ({"out": np.zeros((8, 3), complex)}, ValueError, "operator_index must hold 3 elements"),
        ({"out": np.zeros((8, 2), np.complex64)}, TypeError, "out must be complex128"),
        ({"operators": np.zeros((2, 4, 4), complex)}, ValueError, r"shape \(K, 2, 2\) for 1 bits"),
        ({"operators": np.zeros((2, 2), complex)}, ValueError, "operators must be 3-D, not 2-D"),
        ({"operator_index": np.array([0, 2])}, ValueError, "operator_index must lie in 0..1"),
        ({"operator_index": np.array([0, -1])}, ValueError, "operator_index must lie in 0..1"),
        ({"operator_index": np.zeros(2)}, TypeError, "operator_index must be int64, not float64"),
        ({"source": np.array([0, 3])}, ValueError, "source must lie in 0..2, not 3"),
        ({"source": np.array([0])}, ValueError, "source must hold 2 elements, not 1"),
        ({"scale": np.ones(3)}, ValueError, "scale must hold 2 elements, not 3"),
        ({"bits": [3]}, ValueError, "bit 3 is out of range"),
        (
            {"block": STORAGE[:, :3], "out": STORAGE[:, 2:4]},
            ValueError,
            "out must not overlap the columns of block",
        ),
        (
            {"block": STORAGE[:, 3:], "out": STORAGE[:, 2:4]},
            ValueError,
            "out must not overlap the columns of block",
        ),
    ],
)
def test_rejects(changes, error, message):
    with pytest.raises(error, match=message):
        _core.branch(**arguments(**changes))


def test_shares_storage_on_either_side():
    rng = np.random.default_rng(1)
    storage = random_block(rng, 3, 6)
    keywords = arguments(
        block=storage[:, 3:], out=storage[:, 1:3], operators=random_matrix(rng, 2, 2, 2)
    )
    expected = expected_branches(
        keywords["block"], [0], keywords["operators"], [0, 1], [2, 0], [1, 1]
    )
    _core.branch(**keywords)
    np.testing.assert_allclose(keywords["out"], expected, atol=1e-12)
