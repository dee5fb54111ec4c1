from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lret_dist.factors.factor import Factor


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8), double=st.booleans())
def test_columns_survive_growing_and_shrinking(sizes: list[int], double: bool) -> None:
    rng = np.random.default_rng(1)
    factor = Factor(8, np.dtype(np.complex128 if double else np.complex64), reserve=2)
    kept = np.empty((8, 0))
    for size in sizes:
        if size > factor.columns:
            new = rng.normal(size=(8, size - factor.columns)).astype(factor.dtype)
            factor.append(new.shape[1])[:] = new
            kept = np.hstack([kept, new])
        else:
            factor.resize(size)
            kept = kept[:, :size]
        assert factor.columns == size
        np.testing.assert_array_equal(factor.block, kept)


def test_copy_is_independent() -> None:
    factor = Factor.from_columns(np.ones((4, 2), complex), np.full(2, 4.0), 1)
    other = factor.copy()
    other.block[:] = 0
    other.weights[:] = 0
    assert (factor.block == 1).all()
    assert (factor.weights == 4).all()
