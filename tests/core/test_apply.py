import numpy as np
import pytest
from core_cases import cases, unhurried
from core_reference import (
    DTYPES,
    controlled_matrix,
    full_matrix,
    random_block,
    random_matrix,
    tolerance,
    value_on,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from lret_dist import _core


def assert_block(block, expected):
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(block, expected, rtol=0, atol=tolerance(block.dtype) * scale)


@unhurried
@given(case=cases(most_bits=6))
def test_apply_matrix(case):
    size = 2 ** len(case.bits)
    matrix = random_matrix(case.rng, size, size)
    expected = full_matrix(len(case.block), case.bits, matrix) @ case.block
    _core.apply_matrix(case.block, case.bits, matrix)
    assert_block(case.block, expected)


@unhurried
@given(case=cases(most_bits=4), data=st.data())
def test_apply_controlled(case, data):
    controls = case.others[: data.draw(st.integers(0, len(case.others)))]
    value = data.draw(st.integers(0, 2 ** len(controls) - 1))
    size = 2 ** len(case.bits)
    matrix = random_matrix(case.rng, size, size)
    before = case.block.copy()
    expected = controlled_matrix(len(before), controls, value, case.bits, matrix) @ before
    _core.apply_controlled(case.block, controls, value, case.bits, matrix)
    assert_block(case.block, expected)
    untouched = [x for x in range(len(before)) if value_on(x, controls) != value]
    np.testing.assert_array_equal(case.block[untouched], before[untouched])


@unhurried
@given(case=cases(most_bits=7), ones=st.booleans())
def test_apply_diagonal(case, ones):
    diagonal = random_matrix(case.rng, 2 ** len(case.bits))
    if ones:
        diagonal[case.rng.random(len(diagonal)) < 0.7] = 1
    rows = [value_on(x, case.bits) for x in range(len(case.block))]
    expected = diagonal[rows, None] * case.block
    _core.apply_diagonal(case.block, case.bits, diagonal)
    assert_block(case.block, expected)


def test_apply_diagonal_of_many_bits():
    rng = np.random.default_rng(3)
    for columns in (1, 3, 9):
        block = random_block(rng, 12, columns)
        bits = [int(b) for b in rng.permutation(12)]
        diagonal = random_matrix(rng, 2**12)
        rows = [value_on(x, bits) for x in range(2**12)]
        expected = diagonal[rows, None] * block
        _core.apply_diagonal(block, bits, diagonal)
        assert_block(block, expected)


@unhurried
@given(case=cases(most_bits=6), pure=st.booleans())
def test_apply_permutation(case, pure):
    size = 2 ** len(case.bits)
    source = case.rng.permutation(size)
    phases = np.exp(2j * np.pi * case.rng.random(size))
    if pure:
        phases[case.rng.random(size) < 0.7] = 1
    matrix = np.zeros((size, size), dtype=complex)
    matrix[np.arange(size), source] = phases
    expected = full_matrix(len(case.block), case.bits, matrix) @ case.block
    _core.apply_permutation(case.block, case.bits, source, phases)
    assert_block(case.block, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 3, 64])
def test_every_pair_of_bits(dtype, columns):
    rng = np.random.default_rng(5)
    matrix = random_matrix(rng, 4, 4)
    for a in range(6):
        for b in range(6):
            if a == b:
                continue
            block = random_block(rng, 6, columns, dtype=dtype)
            expected = full_matrix(64, [a, b], matrix) @ block
            _core.apply_matrix(block, [a, b], matrix)
            assert_block(block, expected)


@pytest.mark.parametrize("columns", [1, 2, 3])
@settings(unhurried, max_examples=20)
@given(bit=st.integers(0, 13), other=st.integers(0, 13))
def test_long_vectors_in_threads(columns, bit, other):
    rng = np.random.default_rng(7)
    block = random_block(rng, 14, columns)
    bits = [bit] if bit == other else [bit, other]
    size = 2 ** len(bits)
    matrix = random_matrix(rng, size, size)
    tensor = block.reshape([2] * 14 + [columns])
    axes = [13 - b for b in reversed(bits)]
    moved = np.moveaxis(tensor, axes, range(len(bits)))
    product = np.tensordot(matrix.reshape([2] * (2 * len(bits))), moved, axes=len(bits))
    expected = np.moveaxis(product, range(len(bits)), axes).reshape(block.shape).copy()
    _core.apply_matrix(block, bits, matrix)
    assert_block(block, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [15, 17, 20, 31, 33])
def test_wide_matrix_on_rows_between_a_register_and_a_tile(dtype, columns):
    rng = np.random.default_rng(columns)
    block = random_block(rng, 6, columns, dtype=dtype)
    matrix, bits = random_matrix(rng, 64, 64) / 8, [3, 1, 0, 4, 5, 2]
    exact = full_matrix(64, bits, matrix) @ block
    _core.apply_matrix(block, bits, matrix)
    np.testing.assert_allclose(block, exact, atol=10 * tolerance(dtype))


def test_zero_columns_are_a_no_op():
    storage = np.ones((8, 3), dtype=np.complex128)
    block = storage[:, :0]
    _core.apply_matrix(block, [0], 2 * np.eye(2, dtype=complex))
    _core.apply_controlled(block, [1], 1, [0], 2 * np.eye(2, dtype=complex))
    _core.apply_diagonal(block, [0], np.full(2, 2, dtype=complex))
    _core.apply_permutation(block, [0], np.array([1, 0]), np.full(2, 2, dtype=complex))
    assert (storage == 1).all()


X = np.array([[0, 1], [1, 0]], dtype=complex)


def block_of(*shape, dtype=np.complex128):
    return np.zeros(shape, dtype=dtype)


def read_only():
    block = block_of(8, 2)
    block.flags.writeable = False
    return block


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (block_of(8), "block must be 2-D, not 1-D"),
        (block_of(2, 2, 2), "block must be 2-D, not 3-D"),
        (block_of(6, 2), "power of two of rows, not 6"),
        (block_of(0, 2), "power of two of rows, not 0"),
        (block_of(8, 4)[:, ::2], "block must have unit column stride, not 32 bytes"),
        (block_of(8, 2)[::-1], "block must have a row stride of at least its 2 columns"),
        (np.broadcast_to(block_of(2), (8, 2)), "row stride of at least its 2 columns, not 0"),
        (read_only(), "block must be writeable"),
    ],
)
def test_rejects_block(block, message):
    with pytest.raises(ValueError, match=message):
        _core.apply_matrix(block, [0], X)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, ">c16", np.clongdouble])
def test_rejects_dtype_of_block(dtype):
    with pytest.raises(TypeError, match="block must be complex128 or complex64, not"):
        _core.apply_matrix(block_of(8, 2, dtype=dtype), [0], X)


def test_rejects_what_is_no_array():
    with pytest.raises(TypeError, match="incompatible function arguments"):
        _core.apply_matrix([[1j]], [0], X)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ([3], "bits: bit 3 is out of range for a block with 3 row bits"),
        ([-1], "bits: bit -1 is out of range"),
        ([1, 1], "bits: bit 1 occurs twice"),
        ([], "bits must hold 1 to 6 bits, not 0"),
    ],
)
def test_rejects_bits(bits, message):
    matrix = np.eye(2 ** len(bits), dtype=complex)
    with pytest.raises(ValueError, match=message):
        _core.apply_matrix(block_of(8, 2), bits, matrix)


def test_rejects_too_many_bits():
    with pytest.raises(ValueError, match="bits must hold 1 to 6 bits, not 7"):
        _core.apply_matrix(block_of(2**7, 1), list(range(7)), np.eye(128, dtype=complex))


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (X.astype(np.complex64), TypeError, "matrix must be complex128, not complex64"),
        (X.real, TypeError, "matrix must be complex128, not float64"),
        (X[0], ValueError, "matrix must be 2-D, not 1-D"),
        (np.asfortranarray(X + 0.0), ValueError, "matrix must be C-contiguous"),
        (np.eye(4, dtype=complex), ValueError, r"shape \(2, 2\) for 1 bits, not \(4, 4\)"),
        (np.ones((1, 4), dtype=complex), ValueError, r"shape \(2, 2\) for 1 bits, not \(1, 4\)"),
    ],
)
def test_rejects_matrix(matrix, error, message):
    with pytest.raises(error, match=message):
        _core.apply_matrix(block_of(8, 2), [0], matrix)


def test_rejects_controls():
    with pytest.raises(ValueError, match="bit 1 occurs twice"):
        _core.apply_controlled(block_of(8, 2), [1], 0, [1], X)
    with pytest.raises(ValueError, match="control_value must be a number of 1 bits, not 2"):
        _core.apply_controlled(block_of(8, 2), [1], 2, [0], X)
    with pytest.raises(ValueError, match="bit 5 is out of range"):
        _core.apply_controlled(block_of(8, 2), [5], 0, [1], X)


def test_rejects_diagonal():
    with pytest.raises(ValueError, match="diagonal must hold 2 elements, not 4"):
        _core.apply_diagonal(block_of(8, 2), [0], np.ones(4, dtype=complex))
    with pytest.raises(TypeError, match="diagonal must be complex128, not float64"):
        _core.apply_diagonal(block_of(8, 2), [0], np.ones(2))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ([0, 0], ValueError, "source must be a permutation of 0..1"),
        ([0, 2], ValueError, "source must be a permutation of 0..1"),
        ([0, -1], ValueError, "source must be a permutation of 0..1"),
        ([0, 1, 2], ValueError, "source must hold 2 elements, not 3"),
    ],
)
def test_rejects_permutation(source, error, message):
    with pytest.raises(error, match=message):
        _core.apply_permutation(
            block_of(8, 2), [0], np.array(source, dtype=np.int64), np.ones(2, dtype=complex)
        )


def test_rejects_dtype_of_source():
    with pytest.raises(TypeError, match="source must be int64, not int32"):
        _core.apply_permutation(
            block_of(8, 2), [0], np.array([1, 0], dtype=np.int32), np.ones(2, dtype=complex)
        )
