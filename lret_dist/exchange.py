"""Exchange of distributed row bits with local ones.

Swapping distributed bits D with local bits A moves the amplitudes at (D = d, A = a) to
(D = a, A = d): a row group with D = v sends its rows with A = u to the row group with D = u, and
puts what comes back into the same rows. Each pair of MPI ranks trades 2**-k of a block for k bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.communicator import BUFFER_BYTES, GridCommunicator
from lret_dist.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lret_dist.layout import Layout

__all__ = ["swap_bits"]

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
    for block in blocks:
        if pairs and pairs[0][0] >= layout.local_bits:
            _swap_distributed(block, layout.local_bits, comm, pairs)
        else:
            for pair in pairs:
                _SWAP.apply(block, pair)
    for pair in pairs:
        layout.swap_bits(*pair)


def _swap_distributed(
    block: NDArray[Any], local_bits: int, comm: GridCommunicator, pairs: Sequence[tuple[int, int]]
) -> None:
    mine = comm.row_bit_values([bit for bit, _ in pairs], local_bits)
    local = [bit for _, bit in pairs]
    for pattern in range(1, 1 << len(pairs)):
        partner, value = comm.row, 0
        for place, (bit, _) in enumerate(pairs):
            flipped = pattern >> place & 1
            partner ^= flipped << (bit - local_bits)
            value |= (mine[place] ^ flipped) << place
        _trade_rows(block, comm, local, value, partner)


def _trade_rows(
    block: NDArray[Any], comm: GridCommunicator, bits: list[int], value: int, partner: int
) -> None:
    """Exchange the rows whose bits read ``value`` with another row group's, buffer by buffer."""
    rows, columns = block.shape
    if columns == 0:
        return
    count = rows >> len(bits)
    most = max(1, BUFFER_BYTES // (columns * block.dtype.itemsize))
    for start in range(0, count, most):
        send = np.empty((min(most, count - start), columns), block.dtype)
        receive = np.empty_like(send)
        _core.pack_rows(block, bits, value, start, send)
        comm.swap_with_row(partner, send, receive)
        _core.unpack_rows(block, bits, value, start, receive)
