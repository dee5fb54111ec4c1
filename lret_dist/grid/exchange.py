"""Exchange of rows between the row groups of a process grid.

Swapping distributed bits D with local bits A moves the amplitudes at (D = d, A = a) to
(D = a, A = d): a row group with D = v sends its rows with A = u to the row group with D = u, and
puts what comes back into the same rows. Each pair of MPI ranks trades 2**-k of a block for k bits.
Rows go through a few small buffers, so that they are packed while others travel.
"""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.grid.communicator import BUFFER_BYTES, IN_FLIGHT, GridCommunicator, Parcel
from lret_dist.numerics.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lret_dist.grid.layout import Layout

__all__ = ["swap_bits", "trade_blocks", "vector_in_order"]

_SWAP = Operator(np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]])


def swap_bits(
    blocks: Sequence[NDArray[Any]],
    layout: Layout,
    comm: GridCommunicator,
    pairs: Sequence[tuple[int, int]],
) -> None:
    """Swap the row bits of every pair, in place, and record it in the layout; collective.

    Args:
        blocks: the rows that this MPI rank holds, complex or real, of one state or of several that
            share their layout.
        layout: where the qubits are; changed.
        comm: the grid's messages.
        pairs: disjoint pairs of bits, all (distributed, local) or, for complex blocks, all
            (local, local).
    """
    if pairs and pairs[0][0] >= layout.local_bits:
        parcels = (p for block in blocks for p in _swapped_rows(block, layout, comm.row, pairs))
        comm.trade_with_rows(parcels)
    else:
        for block in blocks:
            for pair in pairs:
                _SWAP.apply(block, pair)
    for pair in pairs:
        layout.swap_bits(*pair)


def trade_blocks(block: NDArray[Any], comm: GridCommunicator, distance: int) -> None:
    """Exchange whole blocks, in place, with the row group whose number differs in these bits."""
    comm.trade_with_rows(_parcels(block, [], 0, comm.row ^ distance))


def vector_in_order(
    vector: NDArray[np.float64], layout: Layout, comm: GridCommunicator
) -> NDArray[np.float64]:
    """A value for each row held here, brought into the order of the qubits.

    Args:
        vector: (local rows,) values, laid out as the layout says; changed.
        layout: where the qubits are; it is left as it is.
        comm: the grid's messages.

    Returns:
        The values of this row group's rows when every qubit q lies on bit q.
    """
    own, local = layout.copy(), layout.local_bits
    spread = range(local, layout.num_qubits)
    column = vector[:, np.newaxis]
    # First those that belong on distributed bits, one by one, as they may lie on each other's.
    for qubit in spread:
        if (bit := own.bit(qubit)) != qubit:
            if bit >= local:
                swap_bits([column], own, comm, [(bit, local - 1)])
            swap_bits([column], own, comm, [(qubit, own.bit(qubit))])
    if own.flipped:
        trade_blocks(column, comm, own.flipped)
    axes = [local - 1 - own.bit(qubit) for qubit in reversed(range(local))]
    return np.ascontiguousarray(vector.reshape((2,) * local).transpose(axes)).reshape(-1)


def _swapped_rows(
    block: NDArray[Any], layout: Layout, row: int, pairs: Sequence[tuple[int, int]]
) -> Iterator[Parcel]:
    mine = layout.values(row, [bit for bit, _ in pairs])
    local = [bit for _, bit in pairs]
    for pattern in range(1, 1 << len(pairs)):
        partner, value = row, 0
        for place, (bit, _) in enumerate(pairs):
            flipped = pattern >> place & 1
            partner ^= flipped << (bit - layout.local_bits)
            value |= (mine[place] ^ flipped) << place
        yield from _parcels(block, local, value, partner)


def _parcels(block: NDArray[Any], bits: list[int], value: int, partner: int) -> Iterator[Parcel]:
    """The rows whose bits read ``value``, to be traded with a row group's, buffer by buffer."""
    rows, columns = block.shape
    if columns == 0:
        return
    count = rows >> len(bits)
    most = max(1, BUFFER_BYTES // (columns * block.dtype.itemsize))
    # Parcels under way and the one that is packed have a pair of buffers each.
    pairs = cycle(np.empty((IN_FLIGHT, 2, min(most, count), columns), block.dtype))
    for start, pair in zip(range(0, count, most), pairs, strict=False):
        sent, came = pair[:, : count - start]
        _core.pack_rows(block, bits, value, start, sent)
        unpack = partial(_core.unpack_rows, block, bits, value, start, came)
        yield Parcel(partner, sent, partner, came, unpack)
