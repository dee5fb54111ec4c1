"""Density matrices of several histories, which go through the same steps together.

A step on few qubits costs a history more in calls than in arithmetic; one after the other in
memory, all histories take one call. The number of the history is the upper part of an index whose
lower 2n bits are those of :mod:`lret_dist.density.density_state`, so the kernels are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lret_dist import _core
from lret_dist.density.density_state import (
    DensityState,
    diagonal_strings,
    most_pass_qubits,
    passes,
    weights_of,
)
from lret_dist.grid.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lret_dist.density.density_state import Part, RealArray
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import ChannelStep, UnitaryStep

__all__ = ["DensityStack", "stack_passes"]


class DensityStack:
    """Pauli coefficients of several density matrices on one process.

    Attributes:
        vectors: (number, 4**n) float64 or float32 coefficients.
    """

    def __init__(self, vectors: RealArray) -> None:
        """Copy the coefficients of at least one density matrix, (number, 4**n)."""
        # The kernels want a power of two of numbers; what is behind the last history is zero.
        number, size = vectors.shape
        self._padded = np.zeros((1 << (number - 1).bit_length(), size), vectors.dtype)
        self.vectors = self._padded[:number]
        self.vectors[:] = vectors

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""
        return (int(self.vectors.shape[1]).bit_length() - 1) // 2

    @property
    def number(self) -> int:
        """Number of density matrices."""
        return len(self.vectors)

    @property
    def bytes(self) -> int:
        """Memory of the coefficients."""
        return int(self._padded.nbytes)

    def apply(self, parts: Sequence[Part]) -> None:
        """Apply the transfer matrices of one pass to all of them."""
        placed = [([b for q in qubits for b in (2 * q, 2 * q + 1)], m) for qubits, m in parts]
        _core.apply_transfers(self._padded.reshape(-1), placed)

    def masses(self, qubit: int) -> NDArray[np.float64]:
        """Weights of both outcomes of a qubit, (number, 2)."""
        return weights_of(self.vectors[:, diagonal_strings((qubit,))])

    def probabilities(self) -> NDArray[np.float64]:
        """Weights of all basis states, (number, 2**n)."""
        return weights_of(self.vectors[:, diagonal_strings(range(self.num_qubits))])

    def traces(self) -> NDArray[np.float64]:
        """Traces, (number,)."""
        return self.vectors[:, 0].astype(np.float64)

    def taken(self, rows: NDArray[np.int64]) -> DensityStack:
        """Those with these numbers; one may be taken several times."""
        return DensityStack(self.vectors[rows])

    def measured(
        self, rows: NDArray[np.int64], outcomes: NDArray[np.int64], qubit: int
    ) -> DensityStack:
        """Those with these numbers, of the same trace, where a qubit was found as it was.

        Args:
            rows: number of the density matrix each comes from.
            outcomes: what is found, 0 or 1.
            qubit: the qubit that is measured.
        """
        masses = self.masses(qubit)
        scales = masses.sum(axis=1)[rows] / masses[rows, outcomes]
        found = self.taken(rows)
        view = found.vectors.reshape(len(rows), -1, 4, 4**qubit)
        signs = (1.0 - 2.0 * outcomes)[:, np.newaxis, np.newaxis].astype(view.dtype)
        halves = (scales / 2)[:, np.newaxis, np.newaxis].astype(view.dtype)
        # The projector on an outcome is (1 + Z) / 2 or (1 - Z) / 2.
        view[:, :, 0] = (view[:, :, 0] + signs * view[:, :, 3]) * halves
        view[:, :, 1:3] = 0
        view[:, :, 3] = signs * view[:, :, 0]
        return found

    def joined(self, other: DensityStack) -> DensityStack:
        """These and the others behind them."""
        return DensityStack(np.concatenate([self.vectors, other.vectors]))

    def state(self, row: int, comm: GridCommunicator) -> DensityState:
        """One of them, in the same memory, on a process grid of one MPI rank."""
        n = self.num_qubits
        return DensityState(n, self.vectors[row], Layout(2 * n, 0), comm)


def stack_passes(
    steps: Sequence[UnitaryStep | ChannelStep], num_qubits: int
) -> Iterator[list[Part]]:
    """The transfer matrices of steps, grouped into passes over memory."""
    parts = [(part.qubits, part.transfer) for step in steps for part in step.narrow]
    most = most_pass_qubits(Layout(2 * num_qubits, 0))
    for _, members in passes([qubits for qubits, _ in parts], most):
        yield [parts[member] for member in members]
