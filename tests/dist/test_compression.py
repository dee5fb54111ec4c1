"""Compression on one process; the MPI tests cover the other process grids."""

from __future__ import annotations

import numpy as np
import pytest

from lret_dist import ProcessGrid
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.factor import Factor
from lret_dist.grid.communicator import GridCommunicator

QUBITS = 8


def decaying_columns(number: int, decay: float, seed: int = 0) -> np.ndarray:
    """Columns whose density matrix has geometrically falling weights, mixed with each other."""
    rng = np.random.default_rng(seed)
    shape = (1 << QUBITS, number)
    basis, _ = np.linalg.qr(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    mixing, _ = np.linalg.qr(rng.normal(size=(number, number)))
    columns = basis * decay ** np.arange(number) @ mixing
    return columns / np.linalg.norm(columns)


def compressed(columns: np.ndarray, cut: Cut) -> tuple[Factor, float]:
    factor = Factor.from_columns(columns, np.linalg.norm(columns, axis=0) ** 2, 1)
    discarded = compress(factor, GridCommunicator(ProcessGrid(1, 1)), cut, QUBITS)
    return factor, discarded


# From 128 columns on a pivoted Cholesky factorization comes first where most weights are small.
@pytest.mark.parametrize(("number", "decay"), [(60, 0.9), (200, 0.9), (200, 0.97), (200, 0.999)])
@pytest.mark.parametrize("allowance", [0.0, 1e-6, 1e-2])
def test_compression_is_certified_and_close_to_the_best(
    number: int, decay: float, allowance: float
) -> None:
    columns = decaying_columns(number, decay)
    rho = columns @ columns.conj().T
    weights = np.linalg.eigvalsh(rho)[::-1][:number]
    tails = np.append(np.cumsum(weights[::-1])[::-1], 0)
    best = int(np.flatnonzero(tails <= allowance)[0])
    factor, discarded = compressed(columns, Cut(allowance, number))
    gone = np.linalg.eigvalsh(rho - factor.block @ factor.block.conj().T)
    assert gone.min() > -1e-13
    assert gone.sum() == pytest.approx(discarded, abs=1e-13)
    assert discarded <= allowance + 1e-13
    assert factor.columns <= 1.1 * best + 1
    np.testing.assert_allclose(factor.weights, np.linalg.norm(factor.block, axis=0) ** 2)


def test_little_gain_leaves_the_columns_alone() -> None:
    columns = decaying_columns(40, 0.999)
    factor, discarded = compressed(columns, Cut(1e-3, 40, least_gain=0.1))
    assert discarded == 0
    np.testing.assert_array_equal(factor.block, columns)


def test_most_columns_goes_before_the_allowance() -> None:
    columns = decaying_columns(200, 0.99)
    factor, discarded = compressed(columns, Cut(1e-9, 5))
    assert factor.columns == 5
    assert discarded > 0.1
    assert factor.weights.sum() == pytest.approx(1 - discarded)


def test_more_columns_than_rows() -> None:
    columns = np.hstack([decaying_columns(200, 0.98, seed) for seed in range(3)]) / np.sqrt(3)
    factor, discarded = compressed(columns, Cut(0.0, 10**6))
    assert factor.columns <= 1 << QUBITS
    assert discarded == pytest.approx(0, abs=1e-12)
    rho = columns @ columns.conj().T
    np.testing.assert_allclose(factor.block @ factor.block.conj().T, rho, atol=1e-14)
