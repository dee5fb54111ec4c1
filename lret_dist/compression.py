"""Compression: replacing the factor by fewer columns, over the whole process grid.

L <- L V, where G = L^dagger L = V diag(w) V^dagger and only the largest weights w are kept. The
trace that goes is the sum of the others. To form G and to rotate, rows are traded inside a column
group tile by tile, so that each MPI rank holds all columns of some rows; the new columns are dealt
out in order of weight, which balances them. With more columns than the matrix has rows, the
density matrix itself is diagonalised instead.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.communicator import BUFFER_BYTES, GridCommunicator, Patch, Transfer, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.factor import Block, Factor

__all__ = ["Cut", "compress"]

FloatArray: TypeAlias = NDArray[np.float64]

#: Size from which a pivoted Cholesky factorization is tried before an eigenproblem is solved, and
#: the part of the pivots up to which it is used.
_LEAST_PIVOTED = 128
_PIVOTED_PART = 0.7

#: Part of the largest weight below which an eigenvalue of a Gram matrix is rounding.
_ROUNDING = {np.dtype(np.complex128): 1e-15, np.dtype(np.complex64): 1e-9}


@dataclass(frozen=True)
class Cut:
    """How far a compression may go.

    Attributes:
        allowance: weight that may be discarded.
        most_columns: most columns to keep, whatever the allowance.
        least_gain: part of the columns that must go for a rotation to be worth it.
    """

    allowance: float
    most_columns: int
    least_gain: float = 0.0


def compress(factor: Factor, comm: GridCommunicator, cut: Cut, num_qubits: int) -> float:
    """Replace the factor by its largest eigenvectors, in place; collective over the grid.

    Returns:
        The weight that was discarded.
    """
    per_group = comm.columns_per_group(factor.columns)
    before = _total_weight(factor, comm)
    if sum(per_group) > 1 << num_qubits:
        _compress_by_density_matrix(factor, comm, cut, num_qubits)
    else:
        vectors, _ = _spectrum(_gram(factor, comm, per_group), comm, cut)
        if vectors.shape[1] == sum(per_group) and not _unbalanced(per_group):
            return 0.0
        _rotate(factor, comm, per_group, vectors.astype(factor.dtype, copy=False))
    factor.weights = _core.column_weights(factor.block)
    comm.sum_over_rows(factor.weights)
    return max(0.0, before - _total_weight(factor, comm))


def _total_weight(factor: Factor, comm: GridCommunicator) -> float:
    total = np.array([factor.weights.sum()])
    comm.sum_over_columns(total)
    return float(total[0])


def _unbalanced(per_group: list[int]) -> bool:
    return max(per_group) > 1 + sum(per_group) // len(per_group)


def _spectrum(
    matrix: NDArray[Any], comm: GridCommunicator, cut: Cut
) -> tuple[NDArray[np.complex128], FloatArray]:
    """Kept eigenvectors (as columns) and their weights, largest first.

    The driver computes them; everybody gets the same bits.
    """
    size = len(matrix)
    shape = np.zeros(1, np.int64)
    vectors = np.empty((size, 0), np.complex128)
    weights = np.empty(0)
    if comm.is_driver:
        values, columns = _eigenvectors(matrix.astype(np.complex128), cut)
        rest = max(0.0, float(matrix.trace().real) - float(values.sum()))
        shape[0] = _kept(values, rest, cut, size, _ROUNDING[matrix.dtype])
        vectors = np.ascontiguousarray(columns[:, : shape[0]])
        weights = values[: shape[0]].copy()
    comm.broadcast(shape)
    if not comm.is_driver:
        vectors, weights = np.empty((size, shape[0]), np.complex128), np.empty(shape[0])
    comm.broadcast(vectors)
    comm.broadcast(weights)
    return vectors, weights


def _eigenvectors(
    matrix: NDArray[np.complex128], cut: Cut
) -> tuple[FloatArray, NDArray[np.complex128]]:
    """Eigenvalues, largest first, and eigenvectors of a positive matrix, or its largest part.

    Where most weights are small, a pivoted Cholesky factorization C C^dagger first picks the
    part that matters: it ends when what is left has less than a tenth of the allowance as its
    trace. With C = Q R, the eigenvectors of that part are Q times those of R R^dagger. It costs
    about 12 size k^2 operations for k pivots, and the full problem 50 size^3.
    """
    size = len(matrix)
    if size >= _LEAST_PIVOTED and cut.allowance > 0:
        lower, pivots, number, _ = scipy.linalg.lapack.zpstrf(
            matrix, tol=0.1 * cut.allowance / size, lower=1
        )
        if number < _PIVOTED_PART * size:
            part = np.tril(lower)[:, :number]
            basis, triangle = scipy.linalg.qr(part, mode="economic", check_finite=False)
            values, inner = _eigh(triangle @ triangle.conj().T)
            vectors = np.empty((size, number), np.complex128)
            vectors[pivots - 1] = basis @ inner
            return values, vectors
    return _eigh(matrix)


def _eigh(matrix: NDArray[np.complex128]) -> tuple[FloatArray, NDArray[np.complex128]]:
    """Eigenvalues, largest first, negative ones as zero, and eigenvectors."""
    values, vectors = scipy.linalg.eigh(matrix, check_finite=False, driver="evd")
    return np.clip(values[::-1], 0, None), vectors[:, ::-1]


def _kept(values: FloatArray, rest: float, cut: Cut, size: int, rounding: float) -> int:
    """How many of the descending weights to keep; ``rest`` is what lies outside all of them."""
    tails = np.append(np.cumsum(values[::-1])[::-1], 0.0) + rest
    within = np.flatnonzero(tails <= cut.allowance)
    kept = int(within[0]) if len(within) else len(values)
    kept = min(kept, int(np.count_nonzero(values > rounding * values[0])))
    if size - kept < cut.least_gain * size:
        kept = len(values)
    return max(1, min(kept, cut.most_columns))


def _gram(factor: Factor, comm: GridCommunicator, per_group: list[int]) -> NDArray[Any]:
    """L^dagger L over all columns of the grid, the same on every MPI rank's driver."""
    total = sum(per_group)
    gram: NDArray[Any]
    if comm.grid.columns == 1:
        gram = _core.gram(factor.block)
    else:
        gram = np.zeros((total, total), factor.dtype)
        for _, tile in _tiles(factor, comm, per_group):
            gram += _core.gram(tile)
    comm.sum_on_driver(gram)
    return gram


def _rotate(factor: Factor, comm: GridCommunicator, per_group: list[int], vectors: Block) -> None:
    """L <- L V with the new columns dealt out to the column groups in turn, in place."""
    groups = comm.grid.columns
    kept = vectors.shape[1]
    if groups == 1:
        _core.rotate(factor.block, vectors, factor.block[:, :kept])
        factor.resize(kept)
        return
    dealt = np.concatenate([np.arange(kept)[group::groups] for group in range(groups)])
    shares = [len(range(group, kept, groups)) for group in range(groups)]
    dealt_out: Any = np.ascontiguousarray(vectors[:, dealt])
    mine = shares[comm.column]
    factor.reserve(mine)
    under_way: deque[Transfer] = deque()
    for rows, tile in _tiles(factor, comm, per_group):
        turned = np.empty((len(tile), kept), factor.dtype)
        _core.rotate(tile, dealt_out, turned)
        if under_way:
            under_way.popleft().wait()
        under_way.append(_give_back(factor, comm, rows, turned, shares))
    under_way.popleft().wait()
    factor.resize(mine)


def _tiles(
    factor: Factor, comm: GridCommunicator, per_group: list[int]
) -> Iterator[tuple[range, NDArray[Any]]]:
    """Trade rows so that each column group has all columns of its share of a range of rows.

    The next tile travels while one is worked on.

    Yields:
        The range of rows that the column groups trade, and this MPI rank's share of it with all
        columns, in the order of the column groups.
    """
    groups, total = comm.grid.columns, sum(per_group)
    step = max(1, BUFFER_BYTES // (total * factor.dtype.itemsize)) * groups
    ranges = [range(s, min(s + step, factor.rows)) for s in range(0, factor.rows, step)]
    widths = [0, *np.cumsum(per_group).tolist()]

    def begin(rows: range) -> tuple[NDArray[Any], Transfer]:
        parts = _parts(rows, groups)
        tile = np.empty((len(parts[comm.column]), total), factor.dtype)
        came = [Patch(start, len(tile), stop - start, total) for start, stop in pairwise(widths)]
        sent = [factor.patch(part, factor.columns) for part in parts]
        return tile, comm.trade_over_columns(factor.storage, sent, tile.reshape(-1), came)

    following = begin(ranges[0])
    for number, rows in enumerate(ranges):
        tile, transfer = following
        transfer.wait()
        if number + 1 < len(ranges):
            following = begin(ranges[number + 1])
        yield rows, tile


def _give_back(
    factor: Factor, comm: GridCommunicator, rows: range, turned: NDArray[Any], widths: list[int]
) -> Transfer:
    """Begin to send each column group its columns of the turned rows, and to take ours."""
    edges = [0, *np.cumsum(widths).tolist()]
    kept = turned.shape[1]
    sent = [Patch(start, len(turned), stop - start, kept) for start, stop in pairwise(edges)]
    parts = _parts(rows, comm.grid.columns)
    came = [factor.patch(part, widths[comm.column]) for part in parts]
    return comm.trade_over_columns(turned.reshape(-1), sent, factor.storage, came)


def _parts(rows: range, groups: int) -> list[range]:
    """The rows of a range that each column group takes."""
    edges = [0, *np.cumsum(split(len(rows), groups)).tolist()]
    return [rows[start:stop] for start, stop in pairwise(edges)]


def _compress_by_density_matrix(
    factor: Factor, comm: GridCommunicator, cut: Cut, num_qubits: int
) -> None:
    """Eigenvectors of rho = L L^dagger, for factors with more columns than rho has rows."""
    rho = np.zeros((1 << num_qubits,) * 2, factor.dtype)
    most = max(1, BUFFER_BYTES // (len(rho) * factor.dtype.itemsize))
    for turn, start in enumerate(range(0, factor.columns, most)):
        root = turn % comm.grid.rows
        part = np.ascontiguousarray(factor.block[:, start : start + most])
        whole = comm.gather_rows(part, root)
        if whole is not None and comm.row == root:
            rho += _core.gram(np.ascontiguousarray(whole.conj().T))
    comm.sum_on_driver(rho)
    limits = Cut(cut.allowance, min(cut.most_columns, len(rho)), 0.0)
    vectors, weights = _spectrum(rho, comm, limits)
    mine = slice(comm.column, None, comm.grid.columns)
    here = slice(comm.row * factor.rows, (comm.row + 1) * factor.rows)
    roots = np.sqrt(weights[mine])
    factor.resize(0)
    factor.append(len(roots))[:] = vectors[here, mine] * roots
    factor.resize(len(roots))
