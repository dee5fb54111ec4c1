import numpy as np
import pytest
from core_cases import cases, unhurried
from core_reference import DTYPES, random_block, value_on
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import _core


@unhurried
@given(
    rows=st.integers(1, 40),
    columns=st.integers(0, 9),
    old_gap=st.integers(0, 9),
    new_gap=st.integers(0, 9),
    dtype=st.sampled_from(DTYPES),
)
def test_restride(rows, columns, old_gap, new_gap, dtype):
    old, new = columns + old_gap, columns + new_gap
    storage = np.arange(rows * max(old, new) + 3).astype(dtype)
    expected = storage[: rows * old].reshape(rows, old)[:, :columns].copy()
    _core.restride(storage, rows, columns, old, new)
    moved = storage[: rows * new].reshape(rows, new)[:, :columns]
    np.testing.assert_array_equal(moved, expected)


@unhurried
@given(case=cases(most_bits=4, least_bits=0), data=st.data())
def test_pack_and_unpack(case, data):
    block = case.block
    value = data.draw(st.integers(0, 2 ** len(case.bits) - 1))
    rows = [x for x in range(len(block)) if value_on(x, case.bits) == value]
    start = data.draw(st.integers(0, len(rows)))
    count = data.draw(st.integers(0, len(rows) - start))
    chosen = rows[start : start + count]

    out = np.empty((count, block.shape[1]), dtype=block.dtype)
    _core.pack_rows(block, case.bits, value, start, out)
    np.testing.assert_array_equal(out, block[chosen])

    expected = block.copy()
    expected[chosen] = 2 * out
    _core.unpack_rows(block, case.bits, value, start, 2 * out)
    np.testing.assert_array_equal(block, expected)


def test_round_trip_of_a_large_block():
    block = random_block(np.random.default_rng(0), 14, 5, padding=1)
    before = block.copy()
    out = np.empty((2**12, 5), dtype=complex)
    _core.pack_rows(block, [12, 3], 2, 0, out)
    block[:] = 0
    _core.unpack_rows(block, [12, 3], 2, 0, out)
    chosen = (np.arange(2**14) >> 3 & 1 == 1) & (np.arange(2**14) >> 12 & 1 == 0)
    np.testing.assert_array_equal(block[chosen], before[chosen])
    assert not block[~chosen].any()


def test_rejects_restride():
    storage = np.zeros(10, dtype=complex)
    with pytest.raises(ValueError, match="strides must be at least columns = 3, not 2 and 4"):
        _core.restride(storage, 2, 3, 2, 4)
    with pytest.raises(ValueError, match="storage must hold 3 rows at a stride of 4, but has 10"):
        _core.restride(storage, 3, 3, 3, 4)
    with pytest.raises(ValueError, match="storage must be 1-D, not 2-D"):
        _core.restride(storage.reshape(5, 2), 5, 2, 2, 2)
    with pytest.raises(ValueError, match="storage must be C-contiguous"):
        _core.restride(storage[::2], 2, 2, 2, 2)
    with pytest.raises(TypeError, match="storage must be complex128 or complex64, not float64"):
        _core.restride(storage.real.copy(), 2, 2, 2, 2)


def test_rejects_pack():
    block = np.zeros((8, 2), dtype=complex)
    out = np.zeros((2, 2), dtype=complex)
    with pytest.raises(ValueError, match="rows 3 to 5 are not in the subset of 4"):
        _core.pack_rows(block, [0], 0, 3, out)
    with pytest.raises(ValueError, match="value must be a number of 1 bits, not 2"):
        _core.pack_rows(block, [0], 2, 0, out)
    with pytest.raises(ValueError, match="the packed rows must have 2 columns like block, not 3"):
        _core.pack_rows(block, [0], 0, 0, np.zeros((2, 3), dtype=complex))
    with pytest.raises(TypeError, match="out must be complex128, not complex64"):
        _core.pack_rows(block, [0], 0, 0, out.astype(np.complex64))
    with pytest.raises(ValueError, match="source must have unit column stride"):
        _core.unpack_rows(block, [0], 0, 0, np.asfortranarray(out))
