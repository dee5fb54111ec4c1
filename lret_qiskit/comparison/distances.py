"""Distances between what two simulators found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from lret_dist import LowRankState
from lret_qiskit.comparison.records import CountsDistance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["counts_distance", "distribution_of", "total_variation", "trace_distance"]

#: Times that pooled counts are dealt out by chance.
_DEALS = 200
#: The part of them that a likely distance exceeds.
_UNLIKELY = 0.05


def trace_distance(first: NDArray[np.complex128], other: NDArray[np.complex128]) -> float:
    """Half the trace norm of the difference of two states.

    Cost: that of 2**n numbers for state vectors, of the eigenvalues of a matrix for others.

    Args:
        first: a density matrix, (2**n, 2**n), or a state vector, (2**n,).
        other: another of the same shape.
    """
    if first.ndim == 1:
        return LowRankState(first).trace_distance(other)
    difference = first - other
    # Its eigenvalues are as small as the states are close, so single precision, which takes half
    # the time, is relative to the distance.
    values = scipy.linalg.eigvalsh(
        difference.astype(np.complex64), overwrite_a=True, check_finite=False, driver="evd"
    )
    return float(np.abs(values).sum(dtype=np.float64) / 2)


def distribution_of(state: NDArray[np.complex128], kind: str) -> NDArray[np.float64]:
    """Probabilities of the outcomes, (2**n,), of what was saved as ``kind``."""
    if kind == "statevector":
        return np.abs(state) ** 2
    return np.real(np.diagonal(state) if kind == "density_matrix" else state)


def total_variation(first: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Half the sum of the differences of two distributions: 0 for equal ones, 1 at most."""
    return float(np.abs(first - other).sum() / 2)


def counts_distance(first: Mapping[str, int], other: Mapping[str, int]) -> CountsDistance:
    """How far apart two counts are, and how far chance puts them.

    Counts of one distribution are as likely as any other way to deal out all shots of both, which
    needs no knowledge of the distribution.

    Args:
        first: number of shots by outcome.
        other: the same of another run.
    """
    outcomes = sorted({*first, *other})
    table = np.array([[counts.get(x, 0) for x in outcomes] for counts in (first, other)], np.int64)
    shots = table.sum(axis=1)
    pooled = table.sum(axis=0)
    rng = np.random.default_rng(0)
    dealt = rng.multivariate_hypergeometric(pooled, shots[0], size=_DEALS, method="marginals")
    by_chance = np.abs(dealt / shots[0] - (pooled - dealt) / shots[1]).sum(axis=1) / 2
    return CountsDistance(
        value=total_variation(table[0] / shots[0], table[1] / shots[1]),
        expected=float(by_chance.mean()),
        likely=float(np.quantile(by_chance, 1 - _UNLIKELY)),
    )
