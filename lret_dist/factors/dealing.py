"""Building the chosen branches, dealt out so that all column groups have equally many columns.

The heaviest columns have most branches, and all of one column have it in common: so where a group
would have too many, it sends the column, once, and others build some of the branches from it.
Columns that have a place stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.factors.branching import Branches
from lret_dist.grid.communicator import BUFFER_BYTES, Parcel
from lret_dist.grid.exchange import trade_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from lret_dist.factors.factor import Block
    from lret_dist.factors.state import State
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import ChannelStep

__all__ = ["Handover", "append_branches", "deal", "keep_dominant"]


@dataclass(frozen=True)
class Handover:
    """Branches of one column group's columns that another one is to build and keep.

    Attributes:
        source: the group that chose them.
        target: the group that gets them.
        branches: which, of those that the source chose.
    """

    source: int
    target: int
    branches: slice

    def __len__(self) -> int:
        return int(self.branches.stop - self.branches.start)


def deal(columns: Sequence[int], chosen: Sequence[int]) -> list[Handover]:
    """Who hands over what, in the order in which everybody does it.

    A group keeps its columns and the first of its branches, as many as there is room for.

    Args:
        columns: columns of each column group.
        chosen: branches that each of them has chosen.
    """
    wanted = _evened(columns, sum(columns) + sum(chosen))
    room = [most - old - new for most, old, new in zip(wanted, columns, chosen, strict=True)]
    found, target = [], 0
    for source, spare in enumerate(room):
        start = chosen[source] - max(0, -spare)
        while start < chosen[source]:
            while room[target] <= 0:
                target += 1
            number = min(room[target], chosen[source] - start)
            found.append(Handover(source, target, slice(start, start + number)))
            room[target] -= number
            start += number
    return found


def _evened(columns: Sequence[int], total: int) -> list[int]:
    """As even numbers as there can be of which none is below what a group has."""
    wanted, left = list(columns), total
    fullest_first = sorted(range(len(columns)), key=columns.__getitem__, reverse=True)
    for place, group in enumerate(fullest_first):
        wanted[group] = max(columns[group], -(-left // (len(columns) - place)))
        left -= wanted[group]
    return wanted


def append_branches(state: State, source: State, step: ChannelStep, branches: Branches) -> None:
    """Add the chosen branches of the columns of ``source`` to those of ``state``; collective.

    Args:
        state: what grows.
        source: the state before the step's dominant operator, often the same.
        step: the channel.
        branches: those that this column group has chosen, sorted by operator.
    """
    factor, comm, columns = state.factor, state.comm, source.factor.columns
    with comm.traffic.counted_as("steps"):
        counts = comm.counts_per_group(factor.columns, len(branches))
    handovers = deal([old for old, _ in counts], [new for _, new in counts])
    staying, coming = branches, 0
    if leaving := sum(len(each) for each in handovers if each.source == comm.column):
        branches = branches.by_source()
        staying = branches[: len(branches) - leaving].by_operator()
    else:
        coming = sum(len(each) for each in handovers if each.target == comm.column)
    out = factor.append(len(staying) + coming)
    old = source.factor.block[:, :columns]
    build = partial(_build, source=source, step=step)
    build(old, staying, out[:, : len(staying)])
    factor.weights = np.concatenate([factor.weights, staying.weights])
    if not handovers:
        return
    with comm.traffic.counted_as("steps"):
        most = max(1, BUFFER_BYTES // (factor.rows * factor.dtype.itemsize))
        shares = _tell(handovers, comm, branches, most)
        comm.trade_over_columns(_parcels(shares, old, out[:, len(staying) :], build, most))
    comm.traffic.lent_columns += sum(len(share.columns) for share in shares)
    weights = [share.branches.weights for share in shares if share.target == comm.column]
    factor.weights = np.concatenate([factor.weights, *weights])


def keep_dominant(
    state: State, step: ChannelStep, columns: int, kept_weights: NDArray[np.float64]
) -> None:
    """Apply the dominant operator to the first columns, those from before the step, in place."""
    state.apply_to(state.factor.block[:, :columns], step.dominant, step.qubits)
    state.factor.weights[:columns] = kept_weights


def _build(old: Block, branches: Branches, out: Block, source: State, step: ChannelStep) -> None:
    """Write branches of old columns, sorted by operator, into ``out``."""
    if not len(branches):
        return
    bits, fixed = source.split_bits(step.qubits)
    kraus = step.restricted(*fixed)
    if bits:
        branches.build(old, out, bits, kraus)
    else:
        out[:] = old[:, branches.sources] * kraus[branches.operators, 0, 0]
    _send_home(source, step, branches, out)


def _send_home(source: State, step: ChannelStep, branches: Branches, out: Block) -> None:
    """Trade branches whose operator flips distributed bits that the dominant one does not."""
    flips = step.flips[branches.operators] ^ step.flips[0]
    for start, stop in _runs_of_equal(flips):
        if distance := source.row_distance(step.qubits, flips[start]):
            with source.comm.traffic.counted_as("steps"):
                trade_blocks(out[:, start:stop], source.comm, distance)


def _runs_of_equal(rows: NDArray[np.int8]) -> list[tuple[int, int]]:
    """First and one past the last of every run of equal rows."""
    changes = 1 + np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1))
    return list(pairwise([0, *changes.tolist(), len(rows)]))


@dataclass(frozen=True)
class _Share:
    """What one column group builds of another's branches.

    Attributes:
        source: the group whose columns they come from.
        target: the group that builds them.
        branches: with their sources numbered in the order in which the columns are sent; in the
            order in which they are built, piece by piece of columns that travel together.
        columns: which columns those are, on the source; empty on the target.
    """

    source: int
    target: int
    branches: Branches
    columns: NDArray[np.int64]


def _tell(
    handovers: Sequence[Handover], comm: GridCommunicator, branches: Branches, most: int
) -> list[_Share]:
    """The handovers that this column group takes part in; targets hear which branches they are.

    ``most`` columns travel together.
    """
    found: list[tuple[Handover, NDArray[np.float64], NDArray[np.int64]]] = []
    parcels, nothing = [], np.empty(0)
    for each in handovers:
        if comm.column == each.source:
            numbered, columns = _numbered(branches[each.branches], most)
            words = numbered.pack()
            found.append((each, words, columns))
            parcels.append(Parcel(each.target, words, each.source, nothing))
        elif comm.column == each.target:
            words = np.empty((3, len(each)))
            found.append((each, words, np.empty(0, np.int64)))
            parcels.append(Parcel(each.target, nothing, each.source, words))
    comm.trade_over_columns(parcels)
    return [
        _Share(each.source, each.target, Branches.unpack(words), columns)
        for each, words, columns in found
    ]


def _numbered(branches: Branches, most: int) -> tuple[Branches, NDArray[np.int64]]:
    """Branches of a share as :class:`_Share` has them; those of a column are together."""
    first = np.flatnonzero(np.diff(branches.sources, prepend=-1))
    numbers = np.searchsorted(first, np.arange(len(branches)), side="right") - 1
    numbered = Branches(branches.operators, numbers, branches.weights)
    order = np.lexsort((numbers, branches.operators, numbers // most))
    return numbered[order], branches.sources[first]


def _parcels(
    shares: Sequence[_Share],
    old: Block,
    out: Block,
    build: Callable[[Block, Branches, Block], None],
    most: int,
) -> Iterator[Parcel]:
    """Columns of all shares, piece by piece; those that come are built from when they are there.

    Args:
        shares: from :func:`_tell`.
        old: columns of this group.
        out: takes the branches of the shares that come to it, in their order.
        build: writes branches of columns into a block.
        most: columns of a piece.
    """
    place, nothing = 0, np.empty(0, old.dtype)
    for share in shares:
        pieces = share.branches.sources // most
        for number in range(int(pieces[-1]) + 1):
            here = slice(number * most, (number + 1) * most)
            if len(share.columns):
                for part in _row_parts(old, len(share.columns[here])):
                    sent = np.ascontiguousarray(old[part][:, share.columns[here]])
                    yield Parcel(share.target, sent, share.source, nothing)
                continue
            branches = share.branches[pieces == number]
            branches.sources -= here.start
            came = np.empty((len(old), int(branches.sources.max()) + 1), old.dtype)
            then = partial(build, came, branches, out[:, place : place + len(branches)])
            place += len(branches)
            for part in _row_parts(old, came.shape[1]):
                last = part.stop == len(old)
                yield Parcel(
                    share.target, nothing, share.source, came[part], then if last else None
                )


def _row_parts(block: Block, columns: int) -> Iterator[slice]:
    """Rows that travel together: as many as fit a buffer, with so many columns."""
    step = max(1, BUFFER_BYTES // (columns * block.itemsize))
    for start in range(0, len(block), step):
        yield slice(start, min(start + step, len(block)))
