"""Seeded samples of the classical register, the same on every process grid.

Random numbers come from counter-based generators keyed by the seed and by what they are for, and
are drawn on the driver; amplitudes are summed in the order of the basis states.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lret_dist.circuit import Measure
    from lret_dist.communicator import GridCommunicator

__all__ = ["Purpose", "generator", "misread", "sample_rows", "write_bits", "written_bits"]


class Purpose(IntEnum):
    """What random numbers are for: no two purposes share any."""

    SAMPLE = 0
    READOUT = 1
    SPLIT = 2
    SHUFFLE = 3
    BATCH = 4
    FINAL_READOUT = 5
    MISREAD = 6


def generator(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """A counter-based generator for one purpose, and one history or batch named by integers."""
    # The length comes first, as a seed sequence is the same with zeros behind it.
    words = [seed, purpose, len(key), *key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def sample_rows(
    comm: GridCommunicator, weights: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sample basis states from the weights of the rows held here, shape (shots,); collective.

    Every MPI rank gets all samples; only the driver's generator is used.
    """
    cumulative = np.cumsum(weights)
    totals = np.zeros(comm.grid.rows)
    totals[comm.row] = cumulative[-1]
    comm.sum_over_rows(totals)
    uniform = rng.random(shots)
    comm.broadcast(uniform)
    edges = np.cumsum(totals)
    points = uniform * edges[-1]
    groups = np.minimum(np.searchsorted(edges, points, side="right"), len(edges) - 1)
    mine = np.flatnonzero(groups == comm.row)
    before = edges[comm.row] - totals[comm.row]
    # The last row that carries weight ends the search, so that rounding cannot pass it.
    last = int(np.searchsorted(cumulative, cumulative[-1], side="left"))
    found = np.searchsorted(cumulative, points[mine] - before, side="right")
    rows = np.zeros(shots, np.int64)
    rows[mine] = np.minimum(found, last) + comm.row * len(cumulative)
    comm.sum_over_rows(rows)
    return rows


def written_bits(
    rows: NDArray[np.int64], measures: Sequence[Measure], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """What each measurement writes, readout error included, shape (shots, measures)."""
    bits = np.empty((len(rows), len(measures)), np.bool_)
    for place, measure in enumerate(measures):
        bits[:, place] = rows >> measure.qubit & 1
        if measure.readout is not None:
            bits[:, place] = misread(bits[:, place], measure.readout, rng)
    return bits


def misread(
    outcomes: NDArray[np.bool_], readout: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Read outcomes through a readout matrix p[outcome, written bit]."""
    written: NDArray[np.bool_] = rng.random(len(outcomes)) < readout[outcomes.astype(np.intp), 1]
    return written


def write_bits(samples: NDArray[np.uint8], clbits: Iterable[int], bits: NDArray[np.bool_]) -> None:
    """Write bits, in order, into registers of shape (shots, bytes), clbit 0 lowest, in place."""
    for place, clbit in enumerate(clbits):
        byte, bit = divmod(clbit, 8)
        samples[:, byte] &= np.uint8(0xFF ^ (1 << bit))
        samples[:, byte] |= bits[:, place].astype(np.uint8) << np.uint8(bit)
