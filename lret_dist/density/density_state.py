"""The density matrix itself, as its Pauli coefficients: for states whose rank saturates.

Coefficient number sum_q 4**q p_q is Tr(P rho), where P has letter p_q of I, X, Y, Z on qubit q; so
qubit q lies on the bits 2q and 2q + 1 of the index. All coefficients of a Hermitian matrix are
real: half the memory and a quarter of the operations of the complex matrix. A channel on k qubits
is a real 4**k x 4**k transfer matrix on 2k bits, and several of them are applied in one pass over
memory. The index is shared by the row groups of the process grid as the rows of a factor are;
column group 0 alone holds it.

Source for transfer matrices: Greenbaum, "Introduction to Quantum Gate Set Tomography" (2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist import _core
from lret_dist.grid.exchange import swap_bits
from lret_dist.grid.layout import Layout, plan_distribution
from lret_dist.grid.schedule import Access, windows
from lret_dist.machines.parallel_map import parallel_map
from lret_dist.numerics.channels import transfer_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lret_dist.factors.state import State
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import ChannelStep, UnitaryStep

__all__ = [
    "DensityState",
    "Part",
    "RealArray",
    "diagonal_strings",
    "most_pass_qubits",
    "passes",
    "weights_of",
]

RealArray = NDArray[Any]
#: Qubits, and the (4**k, 4**k) transfer matrix that acts on them.
Part: TypeAlias = "tuple[Sequence[int], NDArray[np.float64]]"

#: Most qubits of the steps that share one pass over memory: 4**5 lines of 128 bytes fit the cache.
_PASS_QUBITS = 5
#: Qubits of a tile of the matrix that is formed at once, and bytes of the columns it is formed of.
_TILE_QUBITS = 8
_CHUNK_BYTES = 1 << 24

#: Coefficients of one qubit from the entries (0, 0), (1, 0), (0, 1), (1, 1) of the real matrix
#: R = Re(rho) + Im(rho), but for the sign below. J = -i Y is real.
_FROM_ENTRIES = np.array([[1.0, 0, 0, 1], [0, 1, 1, 0], [0, -1, 1, 0], [1, 0, 0, -1]])
_TO_ENTRIES = np.linalg.inv(_FROM_ENTRIES)
#: Sign of a coefficient by its number of letters Y, modulo 4: i**y or i**(y + 1), which is real.
_SIGNS = np.array([1.0, -1, -1, 1])


class DensityState:
    """One MPI rank's part of the Pauli coefficients; most methods are collective over the grid.

    Attributes:
        num_qubits: number of qubits.
        vector: (4**n / row groups,) float64 or float32 coefficients; empty outside of column
            group 0.
        layout: where the 2n bits of the index lie.
        comm: messages of the grid.
    """

    def __init__(
        self, num_qubits: int, vector: RealArray, layout: Layout, comm: GridCommunicator
    ) -> None:
        self.num_qubits = num_qubits
        self.vector = vector
        self.layout = layout
        self.comm = comm

    @classmethod
    def zeros(cls, num_qubits: int, dtype: np.dtype[Any], comm: GridCommunicator) -> DensityState:
        """All qubits zero: coefficient 1 for every string of I and Z; for a factor's dtype."""
        layout = Layout(2 * num_qubits, comm.grid.row_bits)
        if comm.column:
            return cls(num_qubits, np.zeros(0, dtype.type(0).real.dtype), layout, comm)
        vector = np.zeros(1 << layout.local_bits, dtype.type(0).real.dtype)
        index = diagonal_strings(range(num_qubits))
        here = index[index >> layout.local_bits == comm.row]
        vector[here & (len(vector) - 1)] = 1
        return cls(num_qubits, vector, layout, comm)

    @classmethod
    def from_factor(cls, state: State) -> DensityState:
        """The density matrix L L^dagger of a factor, which is left as it is.

        Cost: 4 * 4**n * rank flops, shared by all MPI ranks.
        """
        comm, num_qubits = state.comm, state.layout.num_qubits
        layout = _layout_of_squares(state.layout, comm.grid.row_bits)
        vector = np.zeros(1 << layout.local_bits, state.factor.dtype.type(0).real.dtype)
        _add_entries(vector, state, layout.local_bits)
        comm.sum_over_columns(vector)
        density = cls(num_qubits, vector if comm.column == 0 else vector[:0], layout, comm)
        density._entries_to_coefficients()
        return density

    def copy(self) -> DensityState:
        """An independent state on the same grid."""
        return DensityState(self.num_qubits, self.vector.copy(), self.layout.copy(), self.comm)

    def rank(self) -> int:
        """Number of columns that a factor of a density matrix of full rank has."""
        return 1 << self.num_qubits

    def run(
        self, steps: Sequence[UnitaryStep | ChannelStep]
    ) -> Iterator[tuple[Sequence[int], bool]]:
        """Apply steps, several in one pass over memory, in an order that gives the same state.

        Yields:
            The numbers of the steps that are done, before the first pass and after each, and
            whether no other has been begun.
        """
        # A transfer matrix on more qubits costs more than those that it is the product of.
        owners = [number for number, step in enumerate(steps) for _ in step.narrow]
        parts = [(part.qubits, part.transfer) for step in steps for part in step.narrow]
        left = [len(step.narrow) for step in steps]
        done: list[int] = []
        begun: set[int] = set()
        yield done, True
        for members in self._passes(parts):
            for number in (owners[member] for member in members):
                left[number] -= 1
                begun.add(number)
                if left[number] == 0:
                    done.append(number)
            yield done, len(done) == len(begun)

    def project(self, matrix: NDArray[np.complex128], qubits: Sequence[int]) -> None:
        """Apply a matrix that is no unitary: rho becomes M rho M^dagger."""
        self._apply_all([(qubits, transfer_matrix(matrix[np.newaxis]))])

    def trace(self) -> float:
        """Tr(rho)."""
        return self.pauli(0, 0)

    def pauli(self, x_mask: int, z_mask: int) -> float:
        """Tr(P rho), unnormalised; the masks are those of :meth:`State.pauli`."""
        letters = [(x_mask >> q & 1, z_mask >> q & 1) for q in range(self.num_qubits)]
        numbers = [_LETTER[letter] for letter in letters]
        index = np.array([sum(number << 2 * q for q, number in enumerate(numbers))])
        return float(self._coefficients(index)[0])

    def marginal(self, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Weights of the outcomes of ``qubits``, (2**k,), unnormalised, on every MPI rank."""
        return weights_of(self._coefficients(diagonal_strings(qubits)))

    def probabilities(self) -> NDArray[np.float64]:
        """Weights of this row group's basis states, (2**n / row groups,)."""
        rows = (1 << self.num_qubits) // self.comm.grid.rows
        whole = self.marginal(range(self.num_qubits))
        return whole[self.comm.row * rows : (self.comm.row + 1) * rows].copy()

    def density_matrix(self, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
        """Reduced density matrix of ``qubits``, (2**k, 2**k), unnormalised, on the driver."""
        index = np.zeros(1, np.int64)
        for qubit in qubits:
            index = (index + (np.arange(4) << 2 * qubit)[:, np.newaxis]).reshape(-1)
        vector = self._coefficients(index, everywhere=False)
        if not self.comm.is_driver:
            return None
        pairs = [(2 * place, 2 * place + 1) for place in range(len(qubits))]
        vector *= _SIGNS[_letters_y(np.arange(len(vector)), pairs) % 4]
        _on_every_qubit(vector, _TO_ENTRIES, len(qubits))
        side = np.arange(1 << len(qubits))
        row, column = _spread(side), _spread(side) << 1
        rho = np.empty((len(side), len(side)), np.complex128)
        for x in side:
            entries, mirrored = vector[row[x] | column], vector[row | column[x]]
            rho[x].real = (entries + mirrored) / 2
            rho[x].imag = (entries - mirrored) / 2
        return rho

    def columns(self, qubits: Sequence[int]) -> NDArray[np.complex128] | None:
        """A factor of the reduced state, (2**k, rank), unnormalised, on the driver; collective.

        Cost: about 20 * 8**k flops there.
        """
        rho = self.density_matrix(qubits)
        if rho is None:
            return None
        weights, vectors = np.linalg.eigh(rho)
        kept = np.flatnonzero(weights > weights[-1] * np.finfo(self.vector.dtype).eps)[::-1]
        return np.ascontiguousarray(vectors[:, kept] * np.sqrt(weights[kept]))

    def _coefficients(
        self, index: NDArray[np.int64], *, everywhere: bool = True
    ) -> NDArray[np.float64]:
        """The coefficients of these numbers, on every MPI rank or on the driver alone."""
        place = np.zeros_like(index)
        for bit in range(2 * self.num_qubits):
            place |= (index >> bit & 1) << self.layout.bit(bit)
        found = np.zeros(len(index))
        if self.comm.column == 0:
            mine = np.flatnonzero(place >> self.layout.local_bits == self.comm.row)
            found[mine] = self.vector[place[mine] & ((1 << self.layout.local_bits) - 1)]
        if everywhere:
            self.comm.sum_over_all(found)
        else:
            self.comm.sum_on_driver(found)
        return found

    def _apply_all(self, parts: Sequence[Part]) -> None:
        for _ in self._passes(parts):
            pass

    def _passes(self, parts: Sequence[Part]) -> Iterator[list[int]]:
        """Apply transfer matrices, several in a pass, passes in the order of fewest exchanges.

        Yields:
            The numbers of the parts that a pass has applied.
        """
        local_bits, bits = self.layout.local_bits, 2 * self.num_qubits
        away = sum(1 << self.layout.qubit(bit) for bit in range(local_bits, bits))
        masks = [sum(1 << bit for bit in _bits_of(qubits)) for qubits, _ in parts]
        accesses = [Access(mask, mask, 0) for mask in masks]
        most = most_pass_qubits(self.layout)
        for window in windows(accesses, bits, bits - local_bits, away):
            self._distribute(bit for bit in range(bits) if window.distributed >> bit & 1)
            for _, members in passes([parts[number][0] for number in window.steps], most):
                numbers = [window.steps[member] for member in members]
                self._apply([parts[number] for number in numbers])
                yield numbers

    def _distribute(self, bits: Iterable[int]) -> None:
        """Exchange until these bits of the index, and no others, lie on distributed ones."""
        pairs = plan_distribution(self.layout, bits)
        if pairs and self.comm.column == 0:
            with self.comm.traffic.counted_as("exchange"):
                swap_bits([self.vector[:, np.newaxis]], self.layout, self.comm, pairs)
        else:
            for pair in pairs:
                self.layout.swap_bits(*pair)

    def _apply(self, parts: Sequence[Part]) -> None:
        if self.comm.column == 0:
            placed = [
                (self.layout.bits(bit for q in qubits for bit in (2 * q, 2 * q + 1)), matrix)
                for qubits, matrix in parts
            ]
            _core.apply_transfers(self.vector, placed)

    def _entries_to_coefficients(self) -> None:
        self._apply_all([((qubit,), _FROM_ENTRIES) for qubit in range(self.num_qubits)])
        self._multiply_by_signs()

    def _multiply_by_signs(self) -> None:
        """Multiply every coefficient by its sign, wherever its bits lie."""
        low = min(2 * _TILE_QUBITS, self.layout.local_bits)
        step = np.arange(1 << low)
        pairs = [self.layout.bits((2 * q, 2 * q + 1)) for q in range(self.num_qubits)]
        inside = [pair for pair in pairs if max(pair) < low]
        outside = [pair for pair in pairs if max(pair) >= low]
        letters = _letters_y(step, inside)
        signs = [_SIGNS[(letters + more) % 4] for more in range(4)]
        first = self.comm.row << self.layout.local_bits
        for start in range(0, len(self.vector), len(step)):
            tile = self.vector[start : start + len(step)]
            if any(min(pair) < low for pair in outside):
                tile *= _SIGNS[(letters + _letters_y(step + (first + start), outside)) % 4]
            else:
                tile *= signs[int(_letters_y(np.array([first + start]), outside)[0]) % 4]


def _layout_of_squares(layout: Layout, distributed: int) -> Layout:
    """Where the bits of the density matrix lie when the qubits of its rows lie as they do."""
    squares = Layout(2 * layout.num_qubits, distributed)
    for qubit in range(layout.num_qubits):
        for part in (0, 1):
            wanted, there = 2 * layout.bit(qubit) + part, squares.bit(2 * qubit + part)
            if there != wanted:
                squares.swap_bits(there, wanted)
    return squares


def _letters_y(index: NDArray[np.int64], pairs: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """How many of the pairs of bits read 2, the number of the letter Y."""
    letters = np.zeros_like(index)
    for low, high in pairs:
        letters += (index >> high & 1) & ~(index >> low)
    return letters


#: Number of the letter with (X part, Z part).
_LETTER = {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}


def most_pass_qubits(layout: Layout) -> int:
    """Most qubits of the steps that share a pass."""
    return min(_PASS_QUBITS, layout.local_bits // 2)


def passes(
    qubits_of_steps: Sequence[Sequence[int]], most_qubits: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Group steps so that each group touches few qubits; steps that share a qubit keep their order.

    Yields:
        The qubits of a group, and the numbers of its steps in order. A group touches at most
        ``most_qubits`` qubits, or those of one wide step.
    """
    left = list(range(len(qubits_of_steps)))
    while left:
        group: list[int] = []
        taken = set(qubits_of_steps[left[0]])
        blocked: set[int] = set()
        later = []
        for number in left:
            qubits = set(qubits_of_steps[number])
            if not qubits & blocked and len(taken | qubits) <= max(most_qubits, len(taken)):
                taken |= qubits
                group.append(number)
            else:
                blocked |= qubits
                later.append(number)
        yield sorted(taken), group
        left = later


def diagonal_strings(qubits: Iterable[int]) -> NDArray[np.int64]:
    """Numbers of the strings of I and Z on ``qubits``, (2**k,), the first qubit lowest."""
    index = np.zeros(1, np.int64)
    for qubit in qubits:
        index = np.concatenate([index, index | 3 << 2 * qubit])
    return index


def weights_of(coefficients: RealArray) -> NDArray[np.float64]:
    """Weights of basis states, (..., 2**k), from the coefficients of :func:`diagonal_strings`."""
    weights, size = coefficients.astype(np.float64), coefficients.shape[-1]
    for place in range(size.bit_length() - 1):
        pairs = weights.reshape(*weights.shape[:-1], -1, 2, 1 << place)
        zero, one = pairs[..., 0, :], pairs[..., 1, :]
        weights = np.stack([zero + one, zero - one], axis=-2).reshape(coefficients.shape)
    found: NDArray[np.float64] = np.clip(weights / size, 0, None)
    return found


def _bits_of(qubits: Iterable[int]) -> set[int]:
    return {bit for qubit in qubits for bit in (2 * qubit, 2 * qubit + 1)}


def _spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move bit q of every value to bit 2q."""
    out = np.zeros_like(values)
    for bit in range(31):
        out |= (values >> bit & 1) << 2 * bit
    return out


def _on_every_qubit(vector: RealArray, matrix: NDArray[np.float64], num_qubits: int) -> None:
    for first in range(0, num_qubits, _PASS_QUBITS):
        qubits = range(first, min(first + _PASS_QUBITS, num_qubits))
        _core.apply_transfers(vector, [([2 * q, 2 * q + 1], matrix) for q in qubits])


def _add_entries(vector: RealArray, state: State, local_bits: int) -> None:
    """Add R = Re(L L^dagger) + Im(L L^dagger) of this column group, rows on even bits.

    With L = A + iB, R = A (A - B)^T + B (A + B)^T, tile by tile.
    """
    comm, factor = state.comm, state.factor
    low = min(_TILE_QUBITS, local_bits // 2)
    side = 1 << low
    inside = np.empty(side * side, np.int64)
    here = np.arange(side)
    inside[_spread(here)[:, np.newaxis] | _spread(here) << 1] = here[:, np.newaxis] * side + here
    tiles = len(vector) >> 2 * low
    most = max(1, _CHUNK_BYTES // (factor.dtype.itemsize << state.layout.num_qubits))
    for start in range(0, factor.columns, most):
        whole = state.unflipped(comm.gather_rows_everywhere(factor.block[:, start : start + most]))
        left = np.concatenate([whole.real, whole.imag], axis=1)
        right = np.concatenate([whole.real - whole.imag, whole.real + whole.imag], axis=1)

        def add_tile(tile: int, left: RealArray = left, right: RealArray = right) -> None:
            number = comm.row * tiles + tile
            x, y = _gathered(number), _gathered(number >> 1)
            product = left[x * side : (x + 1) * side] @ right[y * side : (y + 1) * side].T
            target = vector[tile << 2 * low : (tile + 1) << 2 * low]
            target += product.reshape(-1).take(inside)

        for _ in parallel_map(add_tile, range(tiles), _core.get_num_threads()):
            pass


def _gathered(number: int) -> int:
    """Every second bit of a number, from bit 0 on."""
    return sum((number >> 2 * bit & 1) << bit for bit in range(31))
