import numpy as np
import pytest
from core_cases import cases, unhurried
from core_reference import DTYPES, random_block, random_matrix, tolerance
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import _core


@unhurried
@given(case=cases(most_bits=0, least_bits=0, most_columns=40))
def test_gram(case):
    out = _core.gram(case.block)
    wide = case.block.astype(complex)
    expected = wide.conj().T @ wide
    assert out.dtype == case.dtype
    np.testing.assert_allclose(out, expected, atol=tolerance(case.dtype) * len(wide))
    np.testing.assert_array_equal(out, out.conj().T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [150, 300])
def test_gram_of_many_columns(columns, dtype):
    block = random_block(np.random.default_rng(0), 9, columns, padding=7, dtype=dtype)
    out = _core.gram(block)
    np.testing.assert_allclose(out, block.conj().T @ block, atol=tolerance(dtype) * 512)
    np.testing.assert_array_equal(out, out.conj().T)


@unhurried
@given(
    case=cases(most_bits=0, least_bits=0, most_columns=40),
    new_columns=st.integers(1, 40),
    place=st.sampled_from(["apart", "in place"]),
)
def test_rotate(case, new_columns, place):
    block, rng = case.block, case.rng
    columns = block.shape[1]
    if place == "in place":
        new_columns = min(new_columns, columns)
        out = block[:, :new_columns]
    else:
        out = random_block(
            rng, len(block).bit_length() - 1, new_columns, padding=3, dtype=case.dtype
        )
    matrix = random_matrix(rng, columns, new_columns).astype(case.dtype)
    expected = block @ matrix
    _core.rotate(block, matrix, out)
    np.testing.assert_allclose(out, expected, atol=tolerance(case.dtype) * columns * 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rotate_in_place_over_many_chunks(dtype):
    rng = np.random.default_rng(4)
    storage = random_block(rng, 13, 120, dtype=dtype)
    block = storage[:, :100]
    untouched = storage[:, 60:].copy()
    matrix = random_matrix(rng, 100, 60).astype(dtype)
    expected = block @ matrix
    _core.rotate(block, matrix, block[:, :60])
    np.testing.assert_allclose(storage[:, :60], expected, atol=tolerance(dtype) * 400)
    np.testing.assert_array_equal(storage[:, 60:], untouched)


def test_zero_columns():
    block = np.empty((8, 0), dtype=np.complex128)
    assert _core.gram(block).shape == (0, 0)
    full = random_block(np.random.default_rng(0), 3, 2)
    _core.rotate(full, np.zeros((2, 0), dtype=complex), full[:, :0])


def test_zero_rows():
    none = np.empty((0, 3), dtype=complex)
    np.testing.assert_array_equal(_core.gram(none), np.zeros((3, 3)))
    _core.rotate(none, np.eye(3, dtype=complex), none)


def test_product_over_no_columns_is_zero():
    out = np.full((8, 2), 9, dtype=complex)
    _core.rotate(np.empty((8, 0), dtype=complex), np.empty((0, 2), dtype=complex), out)
    np.testing.assert_array_equal(out, np.zeros((8, 2)))


def test_rotate_one_row_in_place():
    row = np.array([[1, 2, 3, 4]], dtype=complex)
    matrix = np.array([[0, 1], [0, 0], [1, 0], [0, 0]], dtype=complex)
    _core.rotate(row, matrix, row[:, :2])
    np.testing.assert_array_equal(row, [[3, 1, 3, 4]])


def test_rejects():
    block = np.zeros((8, 4), dtype=complex)
    matrix = np.zeros((4, 2), dtype=complex)
    with pytest.raises(ValueError, match=r"matrix must have shape \(4, 3\) and out 8 rows"):
        _core.rotate(block, matrix, np.zeros((8, 3), dtype=complex))
    with pytest.raises(ValueError, match=r"matrix must have shape \(4, 2\) and out 8 rows"):
        _core.rotate(block, matrix, np.zeros((4, 2), dtype=complex))
    with pytest.raises(TypeError, match="matrix must be complex128, not complex64"):
        _core.rotate(block, matrix.astype(np.complex64), block[:, :2])
    with pytest.raises(TypeError, match="out must be complex128, not complex64"):
        _core.rotate(block, matrix, np.zeros((8, 2), dtype=np.complex64))
    with pytest.raises(ValueError, match="only with the same rows"):
        _core.rotate(block[:4], matrix, block[1:5, :2])
    # One element further and then half of one: no column of block.
    numbers = np.zeros(8 * 4 * 2 + 8).view(complex)
    halves = numbers.view(float)[1:-7].view(complex).reshape(8, 4)
    with pytest.raises(ValueError, match="only with the same rows"):
        _core.rotate(numbers[:32].reshape(8, 4), matrix, halves[:, :2])
    fixed = np.zeros((8, 2), dtype=complex)
    fixed.setflags(write=False)
    with pytest.raises(ValueError, match="out must be writeable, but it is read-only"):
        _core.rotate(block, matrix, fixed)
    strange = np.lib.stride_tricks.as_strided(block, (2, 4), (2**31 * 16, 16))
    with pytest.raises(ValueError, match="fits a 32-bit integer, not 2147483648"):
        _core.gram(strange)
    shifted = np.frombuffer(bytes(8 * 2 * 16 + 1), dtype=complex, offset=1).reshape(8, 2)
    with pytest.raises(ValueError, match="block must be aligned to 8 bytes"):
        _core.gram(shifted)
    with pytest.raises(ValueError, match="out must not overlap matrix"):
        _core.rotate(block, block[:4, :2], block[:, :2])
    with pytest.raises(ValueError, match="block must be 2-D, not 1-D"):
        _core.gram(block[0])
