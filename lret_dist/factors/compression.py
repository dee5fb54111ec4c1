"""Compression: replacing the factor by fewer columns, over the whole process grid.

L <- L V, where G = L^dagger L = V diag(w) V^dagger and only the largest weights w are kept. The
trace that goes is the sum of the others. Where columns are spread they are first traded for rows,
in place, so that each MPI rank holds all columns of some rows; the new columns are dealt out in
order of weight, which balances them. With more columns than the matrix has rows, the density matrix
itself is diagonalised instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.factors.gram import columns_for_rows, length, shares_of, turns
from lret_dist.grid.communicator import BUFFER_BYTES, GridCommunicator, Parcel, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lret_dist.factors.factor import Factor

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


@dataclass(frozen=True)
class _Tile:
    """All columns of this column group's part of a range of rows.

    Attributes:
        rows: the range that the column groups share out.
        entries: (rows of this part, all columns), in the order of the column groups.
    """

    rows: range
    entries: NDArray[Any]


def compress(factor: Factor, comm: GridCommunicator, cut: Cut, num_qubits: int) -> float:
    """Replace the factor by its largest eigenvectors, in place; collective over the grid.

    Returns:
        The weight that was discarded.
    """
    per_group = comm.columns_per_group(factor.columns)
    before = _total_weight(factor, comm)
    if sum(per_group) > 1 << num_qubits:
        _compress_by_density_matrix(factor, comm, cut, num_qubits)
    elif not _compress_by_gram_matrix(factor, comm, cut, per_group):
        return 0.0
    factor.weights = _core.column_weights(factor.block)
    comm.sum_over_rows(factor.weights)
    return max(0.0, before - _total_weight(factor, comm))


def _total_weight(factor: Factor, comm: GridCommunicator) -> float:
    total = np.array([factor.weights.sum()])
    comm.sum_over_columns(total)
    return float(total[0])


def _compress_by_gram_matrix(
    factor: Factor, comm: GridCommunicator, cut: Cut, per_group: list[int]
) -> bool:
    """Eigenvectors of L^dagger L; whether any column went."""
    total, alone = sum(per_group), comm.grid.columns == 1
    tiles: list[_Tile] = []
    gram: NDArray[Any]
    if alone:
        gram = _core.gram(factor.block)
    else:
        gram = np.zeros((total, total), factor.dtype)
        tiles = _trade_for_rows(factor, comm, per_group, gram)
    comm.sum_on_driver(gram)
    vectors, _ = _spectrum(gram, comm, cut)
    kept = int(vectors.shape[1])
    turn: Any = vectors.astype(factor.dtype, copy=False)
    if not alone and kept == total:
        _trade_back(factor, comm, tiles, per_group, np.copy)
    elif not alone:
        dealt = _dealt(turn, comm.grid.columns)
        _trade_back(factor, comm, tiles, split(kept, comm.grid.columns), partial(_turned, dealt))
    elif kept < total:
        _core.rotate(factor.block, turn, factor.first(kept))
        factor.resize(kept)
    return kept < total


def _dealt(turn: NDArray[Any], groups: int) -> NDArray[Any]:
    """New columns in the order of the column groups that get them, dealt out in turn."""
    kept = turn.shape[1]
    order = np.concatenate([np.arange(kept)[group::groups] for group in range(groups)])
    return np.ascontiguousarray(turn[:, order])


def _turned(turn: Any, tile: NDArray[Any]) -> NDArray[Any]:
    out = np.empty((len(tile), turn.shape[1]), tile.dtype)
    _core.rotate(tile, turn, out)
    return out


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


def _trade_for_rows(
    factor: Factor, comm: GridCommunicator, per_group: list[int], gram: NDArray[Any]
) -> list[_Tile]:
    """Trade columns for rows: each column group gets all columns of its part of the rows.

    Tiles replace the rows in memory one by one. The Gram matrix of each is added to ``gram`` while
    the next one travels.
    """
    total, here = sum(per_group), comm.column
    factor.reserve(max(per_group))
    tiles: list[_Tile] = []

    def put(rows: range, pieces: list[NDArray[Any]]) -> None:
        tile = factor.memory_of(rows, (len(pieces[here]), total))
        np.concatenate(pieces, axis=1, out=tile)
        np.add(gram, _core.gram(tile), out=gram)
        tiles.append(_Tile(rows, tile))

    comm.trade_over_columns(columns_for_rows(factor, here, per_group, put))
    return tiles


def _trade_back(
    factor: Factor,
    comm: GridCommunicator,
    tiles: list[_Tile],
    widths: list[int],
    turned: Callable[[NDArray[Any]], NDArray[Any]],
) -> None:
    """Trade rows for columns: each column group gets so many of those that the turned tiles have.

    ``turned`` leaves the tile as it is: its memory is that of the rows that are to come.
    """
    groups, here = len(widths), comm.column
    edges = [0, *np.cumsum(widths).tolist()]
    share = [slice(start, stop) for start, stop in pairwise(edges)]
    columns = factor.first(widths[here])

    def parcels() -> Iterator[Parcel]:
        for tile in tiles:
            parts, made = shares_of(tile.rows, groups), turned(tile.entries)
            columns[parts[here]] = made[:, share[here]]
            for target, source in turns(here, groups):
                sent = np.ascontiguousarray(made[:, share[target]])
                came = np.empty((length(parts[source]), widths[here]), factor.dtype)
                put = partial(columns.__setitem__, parts[source], came)
                yield Parcel(target, sent, source, came, put)

    comm.trade_over_columns(parcels())
    factor.resize(widths[here])


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
