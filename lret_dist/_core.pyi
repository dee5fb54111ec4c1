"""Typed view of the compiled core.

A *block* is a 2-D array of complex128 or complex64 with 2**m rows, unit column stride and any row
stride of at least its number of columns, so a slice ``storage[:, :rank]`` of a wider array is a
block. ``bits`` are positions in the row index; ``bits[0]`` is the lowest bit of the index of a
small matrix (little-endian, as in Qiskit). Matrices are C-ordered complex128 whatever the
precision of the block. All kernels release the GIL and use OpenMP; those without a return value
work in place. Wrong shapes, dtypes, strides and bits raise ``ValueError`` or ``TypeError``.
"""

from collections.abc import Sequence
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Block: TypeAlias = NDArray[np.complex128] | NDArray[np.complex64]
RealBlock: TypeAlias = NDArray[np.float64] | NDArray[np.float32]
Matrix: TypeAlias = NDArray[np.complex128]

def apply_matrix(block: Block, bits: Sequence[int], matrix: Matrix) -> None:
    """Apply a dense (2**k, 2**k) matrix, k = 1..6, to the row bits ``bits`` of every column."""

def apply_controlled(
    block: Block,
    control_bits: Sequence[int],
    control_value: int,
    bits: Sequence[int],
    matrix: Matrix,
) -> None:
    """Apply ``matrix`` (k = 1..6) where the control bits read ``control_value``.

    Rows whose controls differ are neither read nor written. ``control_bits[0]`` is the lowest bit
    of ``control_value``.
    """

def apply_diagonal(block: Block, bits: Sequence[int], diagonal: NDArray[np.complex128]) -> None:
    """Multiply every row by ``diagonal[value of the row on bits]``, k = 1..20."""

def apply_permutation(
    block: Block,
    bits: Sequence[int],
    source: NDArray[np.int64],
    phases: NDArray[np.complex128],
) -> None:
    """Apply a monomial matrix, k = 1..6: ``new[a] = phases[a] * old[source[a]]``.

    ``a`` is the value of the row on ``bits``; ``source`` is a permutation of 0..2**k-1.
    """

NUM_BINS: int
"""Bins of :func:`bin_weights`: eight in each factor of two of weight.

Bin 0 holds all below 2**-56, the last one all from 1 up.
"""

def bin_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum, then number, of the weights in each bin, (2, NUM_BINS), of a 2-D array.

    What is not a number counts as zero.
    """

def weights_from(weights: NDArray[np.float64], cut: int) -> NDArray[np.int64]:
    """Flat indices of the weights in bin ``cut`` and above, in order, of a 2-D array."""

def branch(
    block: Block,
    out: Block,
    bits: Sequence[int],
    operators: NDArray[np.complex128],
    operator_index: NDArray[np.int64],
    source: NDArray[np.int64],
    scale: NDArray[np.float64],
) -> None:
    """Build chosen branches: ``out[:, c] = scale[c] * K[operator_index[c]] @ block[:, source[c]]``.

    ``operators`` has shape (K, 2**k, 2**k), k = 1..6. ``out`` has as many rows as ``block`` and
    one column per branch; it may be a slice of the same storage if the columns do not overlap.
    """

def reduced_matrices(block: Block, bits: Sequence[int]) -> NDArray[np.complex128]:
    """Reduced matrix of every column on ``bits`` (k = 1..3), shape (columns, 2**k, 2**k).

    ``out[j, a, b] = sum over the other bits of L[a, j] * conj(L[b, j])``.
    """

def column_weights(block: Block) -> NDArray[np.float64]:
    """Squared norm of every column, shape (columns,). Sums are accumulated in double."""

def probabilities(block: Block) -> NDArray[np.float64]:
    """Sum over columns of ``abs(L)**2`` for every row, shape (rows,)."""

def squared_norms(columns: Block) -> NDArray[np.float64]:
    """Squared norm of each of (columns, rows), shape (columns,)."""

def z_values(columns: Block) -> NDArray[np.float64]:
    """<Z> of every bit in each of (columns, rows), unnormalised, and at last its squared norm.

    Shape (columns, bits + 1).
    """

def weighted_probabilities(columns: Block, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """``factors @ abs(columns)**2`` for (columns, rows), shape (rows,)."""

def pauli_overlap(left: Block, right: Block, x_mask: int, z_mask: int) -> complex:
    """Sum over rows x and columns j of ``conj(left[x, j]) * (X**x_mask Z**z_mask right)[x, j]``.

    ``(X**x_mask Z**z_mask v)[x] = (-1)**popcount((x ^ x_mask) & z_mask) * v[x ^ x_mask]``. With
    ``left is right`` and the phase ``1j**popcount(x_mask & z_mask)`` (from Y = i X Z) it is an
    expectation value.
    """

def gram(block: Block) -> Block:
    """Gram matrix ``block.conj().T @ block`` by BLAS, full Hermitian, in the block's dtype.

    Calls BLAS from the threads of the core, as :func:`rotate` does: limit BLAS itself to one.
    """

def rotate(block: Block, matrix: Block, out: Block) -> None:
    """``out[:, :] = block @ matrix``, row chunk by row chunk.

    ``matrix`` has shape (columns of block, columns of out) and the block's dtype. ``out`` may be
    columns of the same storage as ``block``, also the same columns.
    """

def restride(
    storage: NDArray[np.complex128] | NDArray[np.complex64],
    rows: int,
    columns: int,
    old_stride: int,
    new_stride: int,
) -> None:
    """Move the rows of a block inside flat 1-D ``storage`` to another row stride, in place.

    Row i moves from ``i * old_stride`` to ``i * new_stride``; ``columns`` elements each. Works in
    both directions without a second buffer.
    """

def pack_rows(
    block: Block | RealBlock,
    bits: Sequence[int],
    value: int,
    start: int,
    out: Block | RealBlock,
) -> None:
    """Copy the rows whose ``bits`` read ``value``, in ascending order, into ``out``.

    ``out`` has shape (count, columns): rows number start .. start + count of that subset. It must
    not overlap ``block``.
    """

def unpack_rows(
    block: Block | RealBlock,
    bits: Sequence[int],
    value: int,
    start: int,
    source: Block | RealBlock,
) -> None:
    """Inverse of :func:`pack_rows`: write ``source`` into those rows of the block."""

def pauli_values(
    columns: Block, x_masks: NDArray[np.int64], z_masks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """<v|P|v> of every row v of ``columns`` and every Pauli string P, (C, strings).

    A string has X where only its x mask has a bit, Z where only its z mask has one, Y where both.
    """

#: (bits, (K, 2**k, 2**k) Kraus operators, their probabilities if all are multiples of unitaries,
#: mean and least value of |K_0 v|**2 over unit vectors)
SampledStep: TypeAlias = tuple[
    Sequence[int], NDArray[np.complex128], NDArray[np.float64] | None, float, float
]

class SampledColumnsDouble:
    """Exact and sampled columns of a batch; see cpp/include/lret/sampled.hpp.

    ``columns`` is a C-ordered (capacity, rows) array that is changed in place: ``tail`` sampled
    columns, then one exact column for each of ``weights``, then room for more.
    """

    def __init__(
        self,
        columns: Block,
        tail: int,
        weights: NDArray[np.float64],
        resolution: float,
        spacing: float,
        seed: int,
        batch: int,
    ) -> None: ...
    def on(self, columns: Block) -> Self:
        """The same on another array, which holds a copy of the columns."""

    def run(self, steps: Sequence[SampledStep], first_number: int) -> list[int]:
        """Take whole columns through steps; the number of exact columns after each."""

    def partial_weights(self, step: SampledStep) -> NDArray[np.float64]:
        """|K v|**2 of the rows held here, operator by operator, (K * columns,)."""

    def advance(self, step: SampledStep, number: int, weights: NDArray[np.float64]) -> list[int]:
        """One step, given the weights of all rows; the sampled columns that were joined."""

    def weights(self) -> NDArray[np.float64]:
        """True weights of the sampled columns, then of the exact ones."""

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Set these weights."""

    @property
    def exact(self) -> int:
        """Number of exact columns."""

class SampledColumnsSingle(SampledColumnsDouble):
    """The same in single precision."""

def apply_transfers(
    vector: RealBlock, steps: Sequence[tuple[Sequence[int], NDArray[np.float64]]]
) -> None:
    """Apply real (2**k, 2**k) matrices, k = 2..12, to bits of a vector's index, one by one.

    ``steps`` holds pairs (bits, matrix) that touch at most 12 bits together. The 1-D vector of
    2**m elements is read and written once, whatever the number of steps.
    """

def uniform_numbers(
    key: int, draws: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The number in [0, 1) of each counter (number, draw) of Philox 4x32-10 under a 64-bit key.

    ``draws`` and ``numbers`` are 1-D and of one length, as is what is returned.
    """

def set_num_threads(threads: int) -> None:
    """Set the number of OpenMP threads that the kernels use (1 to 4096)."""

def get_num_threads() -> int:
    """Number of OpenMP threads that the kernels use."""

def simd_level() -> str:
    """Instruction set in use: ``"avx512"``, ``"avx2"`` or ``"baseline"``."""

def build_info() -> dict[str, str]:
    """Compiler and its flags, build type, OpenMP version and SIMD levels compiled in.

    Each SIMD level adds flags of its own.
    """
