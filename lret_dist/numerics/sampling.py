"""Seeded samples of the classical register, the same on every process grid.

Every random number is a counter's: a shot has one for each decision that it comes to, whatever
other shots there are and whoever asks. The driver draws them; amplitudes are summed in the order of
the basis states.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lret_dist import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from lret_dist.circuits.circuit import Measure
    from lret_dist.grid.communicator import GridCommunicator

__all__ = [
    "Purpose",
    "misread",
    "misread_together",
    "random_key",
    "rows_at",
    "sample_rows",
    "uniforms",
    "write_bits",
    "written_bits",
]


class Purpose(IntEnum):
    """What random numbers are for: no two purposes share any."""

    OUTCOME = 0
    READOUT = 1
    BATCH = 2


@lru_cache(maxsize=1 << 10)
def random_key(seed: int, purpose: Purpose, *names: int) -> int:
    """A key of 64 bits for one purpose, and for what is named by integers."""
    # The length comes first, as a seed sequence is the same with zeros behind it.
    words = np.random.SeedSequence([seed, purpose, len(names), *names])
    return int(words.generate_state(1, np.uint64)[0])


def uniforms(
    seed: int, purpose: Purpose, draws: NDArray[np.int64] | int, numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Random numbers in [0, 1) of shots, (shots,).

    Args:
        seed: the seed.
        purpose: what they are for.
        draws: how many decisions each shot has come through, or all of them, (shots,).
        numbers: numbers of the shots, (shots,).
    """
    draws = np.broadcast_to(np.asarray(draws, np.int64), numbers.shape)
    key = random_key(seed, purpose)
    return _core.uniform_numbers(key, np.ascontiguousarray(draws), np.ascontiguousarray(numbers))


def sample_rows(
    comm: GridCommunicator, weights: NDArray[np.float64], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Sample basis states from the weights of the rows held here, shape (shots,); collective.

    Every MPI rank gets all samples; only the driver's random numbers, (shots,), are used.
    """
    shots = len(uniform)
    cumulative = np.cumsum(weights)
    totals = np.zeros(comm.grid.rows)
    totals[comm.row] = cumulative[-1]
    comm.sum_over_rows(totals)
    comm.broadcast(uniform)
    edges = np.cumsum(totals)
    points = uniform * edges[-1]
    groups = np.minimum(np.searchsorted(edges, points, side="right"), len(edges) - 1)
    mine = np.flatnonzero(groups == comm.row)
    before = edges[comm.row] - totals[comm.row]
    found = rows_at(cumulative, points[mine] - before)
    rows = np.zeros(shots, np.int64)
    rows[mine] = found + comm.row * len(cumulative)
    comm.sum_over_rows(rows)
    return rows


def rows_at(cumulative: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """The row that each point lies in, where rows reach up to these sums of their weights."""
    # The last row that carries weight ends the search, so that rounding cannot pass it.
    last = np.searchsorted(cumulative, cumulative[-1], side="left")
    found: NDArray[np.int64] = np.minimum(np.searchsorted(cumulative, points, side="right"), last)
    return found


def written_bits(
    rows: NDArray[np.int64],
    measures: Sequence[Measure],
    draw: Callable[[int], NDArray[np.float64]],
) -> NDArray[np.bool_]:
    """What each measurement writes, readout error included, shape (shots, measures).

    Args:
        rows: basis state of each shot.
        measures: the measurements.
        draw: random numbers of all shots for a measurement by its place.
    """
    bits = np.empty((len(rows), len(measures)), np.bool_)
    for place, measure in enumerate(measures):
        bits[:, place] = rows >> measure.qubit & 1
        if measure.readout is not None:
            bits[:, place] = misread(bits[:, place], measure.readout, draw(place))
    return bits


def misread(
    outcomes: NDArray[np.bool_], readout: NDArray[np.float64], uniform: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Read outcomes through a readout matrix p[outcome, written bit]."""
    written: NDArray[np.bool_] = uniform < readout[outcomes.astype(np.intp), 1]
    return written


def misread_together(
    values: NDArray[np.int64], probabilities: NDArray[np.float64], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Read numbers of several bits through a matrix p[number before, number after]."""
    edges = np.cumsum(probabilities, axis=1)[:, :-1]
    after: NDArray[np.int64] = (uniform[:, np.newaxis] >= edges[values]).sum(axis=1)
    return after


def write_bits(samples: NDArray[np.uint8], clbits: Iterable[int], bits: NDArray[np.bool_]) -> None:
    """Write bits, in order, into registers of shape (shots, bytes), clbit 0 lowest, in place."""
    for place, clbit in enumerate(clbits):
        byte, bit = divmod(clbit, 8)
        samples[:, byte] &= np.uint8(0xFF ^ (1 << bit))
        samples[:, byte] |= bits[:, place].astype(np.uint8) << np.uint8(bit)
