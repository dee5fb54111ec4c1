"""Small matrices prepared for the kernels: each is applied by the cheapest kernel that fits it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DENSE_COST", "DIAGONAL_COST", "PROJECTORS", "Operator", "bit_flips", "restrict"]

ComplexArray: TypeAlias = NDArray[np.complex128]
Block: TypeAlias = NDArray[np.complex128] | NDArray[np.complex64]

#: Of the outcomes 0 and 1 of a qubit.
PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex128)

#: What the kernels take for an amplitude, by number of qubits where the matrix is dense; measured
#: on 64 columns of 12 qubits and on one of 20.
DENSE_COST = (0.4, 0.5, 0.7, 1.65, 2.9, 5.2, 10.0)
DIAGONAL_COST, _PERMUTATION, _LEAST = 0.6, 0.8, 0.4


def bit_flips(matrices: ComplexArray) -> NDArray[np.int8]:
    """What each matrix of a (K, 2**k, 2**k) stack does to each bit, (K, k).

    0 where it keeps the bit, 1 where it flips it, -1 where it mixes both values. A qubit whose bit
    no matrix mixes may lie on a distributed bit: an MPI rank knows the bit's value, and needs only
    the matching sub-matrix.
    """
    size = matrices.shape[-1]
    changed = np.arange(size)[:, np.newaxis] ^ np.arange(size)[np.newaxis, :]
    flips = np.empty((len(matrices), size.bit_length() - 1), np.int8)
    for position in range(flips.shape[1]):
        flipping = (changed >> position & 1).astype(bool)
        flips_some = (matrices[:, flipping] != 0).any(axis=1)
        keeps_some = (matrices[:, ~flipping] != 0).any(axis=1)
        flips[:, position] = np.where(flips_some & keeps_some, -1, flips_some)
    return flips


def restrict(
    matrices: ComplexArray,
    positions: Sequence[int],
    values: Sequence[int],
    flips: Sequence[int] | None = None,
) -> ComplexArray:
    """Sub-matrices for fixed bits.

    Those columns whose bit ``positions[i]`` is ``values[i]``, and the same rows, but with the bits
    flipped for which ``flips[i]`` is 1.
    """
    index = np.arange(matrices.shape[-1])
    keep = np.ones(len(index), dtype=bool)
    flipped = 0
    for place, (position, value) in enumerate(zip(positions, values, strict=True)):
        keep &= (index >> position & 1) == value
        flipped |= (flips[place] if flips else 0) << position
    kept = np.flatnonzero(keep)
    return np.ascontiguousarray(matrices[..., (kept ^ flipped)[:, np.newaxis], kept])


class Operator:
    """A (2**k, 2**k) matrix that knows its structure.

    Attributes:
        matrix: the matrix, complex128, C order.
    """

    def __init__(self, matrix: ComplexArray) -> None:
        self.matrix = np.ascontiguousarray(matrix, dtype=np.complex128)
        self._restricted: dict[tuple[tuple[int, ...], tuple[int, ...]], Operator] = {}

    @cached_property
    def flips(self) -> tuple[int, ...]:
        """What it does to each bit, as :func:`bit_flips`."""
        return tuple(bit_flips(self.matrix[np.newaxis])[0].tolist())

    def restricted(self, positions: tuple[int, ...], values: tuple[int, ...]) -> Operator:
        """The operator for fixed values of positions that it does not mix."""
        if not positions:
            return self
        key = (positions, values)
        if key not in self._restricted:
            flips = [self.flips[position] for position in positions]
            self._restricted[key] = Operator(restrict(self.matrix, positions, values, flips))
        return self._restricted[key]

    @property
    def is_diagonal(self) -> bool:
        """Whether all entries off the diagonal are zero."""
        return self._diagonal is not None

    @cached_property
    def cost(self) -> float:
        """Nanoseconds for each amplitude it is applied to, roughly, on one thread."""
        if self._diagonal is not None:
            return DIAGONAL_COST
        if self._permutation is not None:
            return _PERMUTATION
        if self._control is not None:
            positions, _, target = self._control
            return max(_LEAST, DENSE_COST[len(target).bit_length() - 1] / (1 << len(positions)))
        return DENSE_COST[len(self.matrix).bit_length() - 1]

    def apply(self, block: Block, bits: Sequence[int]) -> None:
        """Apply the matrix to the row bits of every column, in place."""
        if self._diagonal is not None:
            self._apply_diagonal(block, bits, self._diagonal)
        elif self._permutation is not None:
            _core.apply_permutation(block, bits, *self._permutation)
        elif self._control is not None:
            positions, value, target = self._control
            controls = [bits[p] for p in positions]
            targets = [bit for p, bit in enumerate(bits) if p not in positions]
            _core.apply_controlled(block, controls, value, targets, target)
        else:
            _core.apply_matrix(block, bits, self.matrix)

    def _apply_diagonal(self, block: Block, bits: Sequence[int], diagonal: ComplexArray) -> None:
        if len(diagonal) == 1:
            if diagonal[0] != 1:
                block *= block.dtype.type(diagonal[0])
        else:
            _core.apply_diagonal(block, bits, diagonal)

    @cached_property
    def _diagonal(self) -> ComplexArray | None:
        diagonal = self.matrix.diagonal().copy()
        off = np.count_nonzero(self.matrix) - np.count_nonzero(diagonal)
        return None if off else diagonal

    @cached_property
    def _permutation(self) -> tuple[NDArray[np.int64], ComplexArray] | None:
        nonzero = self.matrix != 0
        if (nonzero.sum(axis=0) != 1).any() or (nonzero.sum(axis=1) != 1).any():
            return None
        source = nonzero.argmax(axis=1).astype(np.int64)
        return source, self.matrix[np.arange(len(source)), source]

    @cached_property
    def _control(self) -> tuple[tuple[int, ...], int, ComplexArray] | None:
        """Controls (positions, value) and the matrix that acts where they read that value."""
        positions: list[int] = []
        value = 0
        for position in (p for p, flip in enumerate(self.flips) if flip == 0):
            for idle in (0, 1):
                part = restrict(self.matrix, [position], [idle])
                if np.array_equal(part, np.eye(len(part))):
                    value |= (1 - idle) << len(positions)
                    positions.append(position)
                    break
        if not positions:
            return None
        values = [value >> place & 1 for place in range(len(positions))]
        return tuple(positions), value, restrict(self.matrix, positions, values)
