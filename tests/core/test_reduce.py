import numpy as np
import pytest
from core_cases import cases, unhurried
from core_reference import DTYPES, pauli_matrix, random_block, reduced_matrices
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import _core


def limit(block):
    return 1e-13 * len(block) if block.dtype == np.complex128 else 1e-6 * len(block)


@unhurried
@given(case=cases(most_bits=3, most_columns=70))
def test_reduced_matrices(case):
    out = _core.reduced_matrices(case.block, case.bits)
    expected = reduced_matrices(case.block, case.bits)
    assert out.shape == expected.shape
    np.testing.assert_allclose(out, expected, rtol=0, atol=limit(case.block))


@unhurried
@given(case=cases(most_bits=0, least_bits=0, most_columns=70))
def test_column_weights(case):
    expected = (np.abs(case.block.astype(complex)) ** 2).sum(axis=0)
    np.testing.assert_allclose(_core.column_weights(case.block), expected, rtol=1e-13)


@unhurried
@given(case=cases(most_bits=0, least_bits=0, most_columns=70))
def test_probabilities(case):
    expected = (np.abs(case.block.astype(complex)) ** 2).sum(axis=1)
    np.testing.assert_allclose(_core.probabilities(case.block), expected, rtol=1e-13)


@unhurried
@given(case=cases(most_bits=0, least_bits=0), data=st.data())
def test_pauli_overlap(case, data):
    left = case.block
    rows, columns = left.shape
    padding = data.draw(st.sampled_from([0, 3]))
    right = random_block(
        case.rng, rows.bit_length() - 1, columns, padding=padding, dtype=left.dtype
    )
    x_mask = data.draw(st.integers(0, rows - 1))
    z_mask = data.draw(st.integers(0, rows - 1))
    expected = np.vdot(left.astype(complex), pauli_matrix(rows, x_mask, z_mask) @ right)
    out = _core.pauli_overlap(left, right, x_mask, z_mask)
    assert abs(out - expected) < 1e-12 * rows * columns


def test_pauli_overlap_is_an_expectation_value():
    plus_i = np.array([[1], [1j]]) / np.sqrt(2)
    assert 1j * _core.pauli_overlap(plus_i, plus_i, 1, 1) == pytest.approx(1)
    assert _core.pauli_overlap(plus_i, plus_i, 0, 0) == pytest.approx(1)
    assert _core.pauli_overlap(plus_i, plus_i, 0, 1) == pytest.approx(0)


@pytest.mark.parametrize("columns", [1, 3, 600])
def test_many_chunks_and_tiles(columns):
    block = random_block(np.random.default_rng(2), 11, columns, dtype=np.complex64)
    wide = block.astype(complex)
    weights = (np.abs(wide) ** 2).sum(axis=0)
    np.testing.assert_allclose(_core.column_weights(block), weights, rtol=1e-12)
    low = wide.reshape(64, 2, 16, columns)
    reduced = np.einsum("iajc,ibjc->cab", low, low.conj())
    np.testing.assert_allclose(_core.reduced_matrices(block, [4]), reduced, atol=1e-9)
    overlap = _core.pauli_overlap(block, block, 0, 1 << 4)
    assert overlap == pytest.approx((reduced[:, 0, 0] - reduced[:, 1, 1]).sum())


def test_complex64_sums_are_accumulated_in_double():
    block = np.full((2**20, 1), 1e-3, dtype=np.complex64)
    exact = 2**20 * float(np.float32(1e-3)) ** 2
    assert _core.column_weights(block)[0] == pytest.approx(exact, rel=1e-12)


def test_zero_columns():
    block = np.empty((8, 0), dtype=np.complex128)
    assert _core.reduced_matrices(block, [0, 1]).shape == (0, 4, 4)
    assert _core.column_weights(block).shape == (0,)
    np.testing.assert_array_equal(_core.probabilities(block), np.zeros(8))
    assert _core.pauli_overlap(block, block, 1, 1) == 0


def test_read_only_blocks_can_be_read():
    block = random_block(np.random.default_rng(0), 3, 2)
    block.flags.writeable = False
    assert _core.column_weights(block).shape == (2,)
    assert _core.reduced_matrices(block, [2]).shape == (2, 2, 2)


def test_rejects():
    block = np.zeros((16, 2), dtype=complex)
    with pytest.raises(ValueError, match="bits must hold 1 to 3 bits, not 4"):
        _core.reduced_matrices(block, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="bits must hold 1 to 3 bits, not 0"):
        _core.reduced_matrices(block, [])
    with pytest.raises(ValueError, match="bit 4 is out of range"):
        _core.reduced_matrices(block, [4])
    with pytest.raises(ValueError, match="power of two of rows, not 3"):
        _core.column_weights(block[:3])
    with pytest.raises(ValueError, match="power of two of rows, not 3"):
        _core.probabilities(block[:3])
    with pytest.raises(ValueError, match="left and right must have the same shape"):
        _core.pauli_overlap(block, block[:8], 0, 0)
    with pytest.raises(ValueError, match="x_mask must be a number of 4 bits, not 16"):
        _core.pauli_overlap(block, block, 16, 0)
    with pytest.raises(ValueError, match="z_mask must be a number of 4 bits, not -1"):
        _core.pauli_overlap(block, block, 0, -1)
    with pytest.raises(TypeError, match="right must be complex128, not complex64"):
        _core.pauli_overlap(block, block.astype(np.complex64), 0, 0)


@unhurried
@given(
    seed=st.integers(0, 2**32),
    num_bits=st.integers(0, 9),
    count=st.integers(0, 4),
    dtype=st.sampled_from(DTYPES),
)
def test_pauli_values(seed, num_bits, count, dtype):
    rng = np.random.default_rng(seed)
    shape = (count, 1 << num_bits)
    columns = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    x_masks, z_masks = rng.integers(0, 1 << num_bits, (2, 5))
    values = _core.pauli_values(columns, x_masks, z_masks)
    assert values.shape == (count, 5)
    for column, row in zip(columns, values, strict=True):
        block = np.ascontiguousarray(column[:, np.newaxis])
        for x_mask, z_mask, value in zip(x_masks, z_masks, row, strict=True):
            phase = 1j ** int(x_mask & z_mask).bit_count()
            expected = phase * _core.pauli_overlap(block, block, int(x_mask), int(z_mask))
            assert abs(value - expected) <= 1e-12 * (1 + abs(expected)) * len(column)


def test_rejects_pauli_values():
    columns, one = np.zeros((2, 8), complex), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="x_masks must be a number of 3 bits, not 8"):
        _core.pauli_values(columns, one + 8, one)
    with pytest.raises(ValueError, match="z_masks must hold 1 elements, not 2"):
        _core.pauli_values(columns, one, np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="power of two"):
        _core.pauli_values(columns[:, :3].copy(), one, one)
    with pytest.raises(TypeError, match="columns must be complex128 or complex64, not float64"):
        _core.pauli_values(columns.real.copy(), one, one)


@unhurried
@given(
    num_bits=st.integers(0, 11),
    count=st.integers(0, 5),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32 - 1),
)
def test_squares_of_columns(num_bits, count, dtype, seed):
    rng = np.random.default_rng(seed)
    shape = (count, 2**num_bits)
    columns = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    factors = rng.uniform(0, 2, count)
    squares = np.abs(columns.astype(complex)) ** 2
    signs = 1 - 2 * (np.arange(2**num_bits)[:, np.newaxis] >> np.arange(num_bits + 1) & 1)
    exact = {"rtol": 1e-12, "atol": 1e-12 * 2**num_bits}
    np.testing.assert_allclose(_core.squared_norms(columns), squares.sum(axis=1), **exact)
    np.testing.assert_allclose(_core.z_values(columns), squares @ signs, **exact)
    found = _core.weighted_probabilities(columns, factors)
    np.testing.assert_allclose(found, factors @ squares, **exact)


def test_rejects_columns():
    columns = np.zeros((2, 8), complex)
    for function in (_core.squared_norms, _core.z_values):
        with pytest.raises(ValueError, match="power of two"):
            function(columns[:, :3].copy())
        with pytest.raises(TypeError, match="columns must be complex128 or complex64"):
            function(columns.real.copy())
    with pytest.raises(ValueError, match="columns must hold 24 elements, not 16"):
        _core.weighted_probabilities(columns, np.zeros(3))
