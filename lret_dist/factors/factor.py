"""The factor L of the density matrix, rho = L L^dagger: the part that one MPI rank holds."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core

__all__ = ["Factor"]

Block: TypeAlias = NDArray[np.complex128] | NDArray[np.complex64]

#: Room for new columns that growing adds, as a part of the columns there are.
_HEADROOM = 1 / 16
#: Part of a row that must hold columns; the rest is room to grow again.
_LEAST_FILLED = 1 / 4


class Factor:
    """A (rows, columns) block in one growing buffer, row-major.

    Growing reallocates the flat buffer (which the C library does without a copy for large ones)
    and then moves the rows apart, so that memory never exceeds the columns there are by more than
    the headroom.

    Attributes:
        rows: rows of the block, a power of two.
        weights: (columns,) float64: the squared norm of every whole column, over all row groups.
    """

    def __init__(self, rows: int, dtype: np.dtype[Any], *, reserve: int = 1) -> None:
        """Make a block without columns, with memory set aside for ``reserve`` of them."""
        self.rows = rows
        self.weights: NDArray[np.float64] = np.empty(0)
        self._storage: NDArray[Any] = np.empty(rows * max(1, reserve), dtype)
        self._stride = 1
        self._columns = 0

    @classmethod
    def from_columns(cls, columns: Block, weights: NDArray[np.float64], reserve: int) -> Factor:
        """A factor that holds a copy of given columns."""
        factor = cls(len(columns), columns.dtype, reserve=reserve)
        factor.append(columns.shape[1])[:] = columns
        factor.weights = weights.copy()
        return factor

    def copy(self) -> Factor:
        """An independent factor with the same columns."""
        return Factor.from_columns(self.block, self.weights, self._columns)

    @property
    def dtype(self) -> np.dtype[Any]:
        """complex128 or complex64."""
        return self._storage.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the buffer."""
        return self._storage.nbytes

    @property
    def capacity(self) -> int:
        """Columns that the buffer has room for."""
        return self._storage.size // self.rows

    @property
    def columns(self) -> int:
        """Number of columns on this MPI rank."""
        return self._columns

    @property
    def block(self) -> Block:
        """View of the columns; it is no longer valid once the factor has grown."""
        return self.first(self._columns)

    def first(self, columns: int) -> Block:
        """View of the first columns, those there are or those that there is room for."""
        assert columns <= self._stride
        return self._view()[:, :columns]

    def memory_of(self, rows: range, shape: tuple[int, int]) -> NDArray[Any]:
        """An array of undefined content in the memory of some rows, or elsewhere if it is larger.

        Writing to it destroys the rows.
        """
        place = self._storage[rows.start * self._stride : rows.stop * self._stride]
        size = shape[0] * shape[1]
        return place[:size].reshape(shape) if size <= place.size else np.empty(shape, self.dtype)

    def append(self, count: int) -> Block:
        """Add ``count`` columns of undefined content and return a view of them.

        The caller sets ``weights``.
        """
        first = self._columns
        self.reserve(first + count)
        self._columns = first + count
        return self._view()[:, first : self._columns]

    def resize(self, columns: int) -> None:
        """Keep the first columns, or add undefined ones; rows of few columns are closed up."""
        self.reserve(columns)
        self._columns = columns
        if columns < _LEAST_FILLED * self._stride:
            self._restride(max(1, columns))

    def reserve(self, columns: int) -> None:
        """Make room for ``columns`` columns in all."""
        if columns <= self._stride:
            return
        stride = columns + int(columns * _HEADROOM)
        if self.rows * stride > self._storage.size:
            # Views handed out before are dead by contract, so their count does not matter.
            self._storage.resize(self.rows * stride, refcheck=False)
        self._restride(stride)

    def trim(self) -> None:
        """Give back the room that the columns do not fill."""
        self._restride(max(1, self._columns))
        self._storage.resize(self.rows * self._stride, refcheck=False)

    def _restride(self, stride: int) -> None:
        if stride != self._stride:
            used = min(self._columns, self._stride, stride)
            _core.restride(self._storage, self.rows, used, self._stride, stride)
            self._stride = stride

    def _view(self) -> NDArray[Any]:
        return self._storage[: self.rows * self._stride].reshape(self.rows, self._stride)
