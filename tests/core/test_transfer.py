import numpy as np
import pytest
from core_cases import unhurried
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import _core

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-4}


def reference(vector, bits, matrix):
    index = np.arange(len(vector))
    values = sum((index >> bit & 1) << place for place, bit in enumerate(bits))
    rest = index & ~sum(1 << bit for bit in bits)
    offsets = [
        sum((a >> place & 1) << bit for place, bit in enumerate(bits)) for a in range(len(matrix))
    ]
    return sum(matrix[values, a] * vector[rest | offset] for a, offset in enumerate(offsets))


@unhurried
@given(
    seed=st.integers(0, 2**32),
    num_bits=st.integers(2, 13),
    widths=st.lists(st.integers(2, 6), min_size=0, max_size=4),
    dtype=st.sampled_from([np.float64, np.float32]),
    threads=st.integers(1, 3),
)
def test_steps_in_order(seed, num_bits, widths, dtype, threads):
    rng = np.random.default_rng(seed)
    touched = rng.permutation(num_bits)[:8]
    vector = rng.normal(size=1 << num_bits).astype(dtype)
    expected, steps = vector.astype(float), []
    for width in widths:
        bits = [int(bit) for bit in rng.permutation(touched)[: min(width, len(touched))]]
        matrix = rng.normal(size=(1 << len(bits),) * 2)
        steps.append((bits, matrix))
        expected = reference(expected, bits, matrix)
    before = _core.get_num_threads()
    _core.set_num_threads(threads)
    _core.apply_transfers(vector, steps)
    _core.set_num_threads(before)
    np.testing.assert_allclose(vector, expected, atol=TOLERANCE[dtype] * np.abs(expected).max())


def test_largest_step():
    rng = np.random.default_rng(1)
    vector, matrix = rng.normal(size=1 << 13), rng.normal(size=(1 << 12, 1 << 12))
    bits = [int(bit) for bit in rng.permutation(13)[:12]]
    expected = reference(vector, bits, matrix)
    _core.apply_transfers(vector, [(bits, matrix)])
    np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-10)


def test_a_large_vector_on_high_and_on_low_bits():
    rng = np.random.default_rng(2)
    vector = rng.normal(size=1 << 18)
    expected, steps = vector, []
    for bits in ([16, 17, 0, 1], [1, 0], [2, 3, 16, 0]):
        matrix = rng.normal(size=(1 << len(bits),) * 2)
        steps.append((bits, matrix))
        expected = reference(expected, bits, matrix)
    _core.apply_transfers(vector, steps)
    np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-11)


def test_rejections():
    vector = np.zeros(1 << 14)
    with pytest.raises(TypeError, match="vector must be float64 or float32, not complex128"):
        _core.apply_transfers(vector.astype(complex), [])
    with pytest.raises(ValueError, match="vector must be 1-D, not 2-D"):
        _core.apply_transfers(vector.reshape(2, -1), [])
    with pytest.raises(ValueError, match="power of two"):
        _core.apply_transfers(vector[:-1], [])
    with pytest.raises(ValueError, match="bit 14 is out of range"):
        _core.apply_transfers(vector, [([14, 0], np.eye(4))])
    with pytest.raises(ValueError, match="bit 3 occurs twice"):
        _core.apply_transfers(vector, [([3, 3], np.eye(4))])
    with pytest.raises(ValueError, match="matrix must hold 16 elements, not 4"):
        _core.apply_transfers(vector, [([3, 2], np.eye(2))])
    steps = [([bit, bit + 1], np.eye(4)) for bit in range(0, 14, 2)]
    with pytest.raises(ValueError, match="may touch 12 bits, not 14"):
        _core.apply_transfers(vector, steps)
    vector.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        _core.apply_transfers(vector, [])
