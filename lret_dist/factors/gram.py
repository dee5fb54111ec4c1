"""The Gram matrix L^dagger L, and how columns that are spread are traded for rows to form it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.grid.communicator import BUFFER_BYTES, Parcel, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from lret_dist.factors.factor import Factor
    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["columns_for_rows", "gram_matrix", "length", "shares_of", "turns"]


def gram_matrix(factor: Factor, comm: GridCommunicator) -> NDArray[Any] | None:
    """L^dagger L, (rank, rank), on the driver; the factor is left as it is; collective."""
    if comm.grid.columns == 1:
        gram: NDArray[Any] = _core.gram(factor.block)
    else:
        per_group = comm.columns_per_group(factor.columns)
        gram = np.zeros((sum(per_group),) * 2, factor.dtype)

        def add(_: range, pieces: list[NDArray[Any]]) -> None:
            np.add(gram, _core.gram(np.concatenate(pieces, axis=1)), out=gram)

        comm.trade_over_columns(columns_for_rows(factor, comm.column, per_group, add))
    comm.sum_on_driver(gram)
    return gram if comm.is_driver else None


def columns_for_rows(
    factor: Factor,
    here: int,
    per_group: list[int],
    put: Callable[[range, list[NDArray[Any]]], None],
) -> Iterator[Parcel]:
    """Parcels by which column group ``here`` gets the columns of all groups for its rows.

    ``put`` takes a range of rows that the groups share out, and this group's part of them, one
    array for each group's columns.
    """
    groups = len(per_group)
    step = max(1, BUFFER_BYTES // (sum(per_group) * factor.dtype.itemsize)) * groups
    for start in range(0, factor.rows, step):
        rows = range(start, min(start + step, factor.rows))
        parts = shares_of(rows, groups)
        pieces = [np.empty((length(parts[here]), n), factor.dtype) for n in per_group]
        pieces[here][:] = factor.block[parts[here]]
        for target, source in turns(here, groups):
            sent = np.ascontiguousarray(factor.block[parts[target]])
            last = source == (here + 1) % groups
            then = partial(put, rows, pieces) if last else None
            yield Parcel(target, sent, source, pieces[source], then)


def turns(here: int, groups: int) -> list[tuple[int, int]]:
    """To whom a column group sends and from whom it takes at a time, turn by turn."""
    return [((here + turn) % groups, (here - turn) % groups) for turn in range(1, groups)]


def shares_of(rows: range, groups: int) -> list[slice]:
    """The rows of a range that each column group takes."""
    edges = np.cumsum([rows.start, *split(len(rows), groups)]).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def length(part: slice) -> int:
    """Number of rows of a part."""
    return int(part.stop - part.start)
