"""What can be asked of a normalised factor where it lies, without ever forming 4**n numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lret_dist.circuits.saves import Save, SaveFactor, saved_bytes
from lret_dist.factors.gram import gram_matrix
from lret_dist.grid.communicator import Parcel
from lret_dist.machines.threads import limited_threads
from lret_dist.results.saving import save_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lret_dist.factors.state import State
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.results.kept_factors import KeptFactor

__all__ = ["Gram", "Inquiry", "Overlaps", "Question", "answer", "answer_bytes"]


@dataclass(frozen=True)
class Gram:
    """The Gram matrix L^dagger L, (rank, rank)."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The inner products L^dagger M with other columns, (rank, number).

    Attributes:
        number: number of the other columns.
        columns: these, (2**n, number), on the driver; None elsewhere.
    """

    number: int
    columns: NDArray[np.complex128] | None

    @classmethod
    def of(cls, columns: NDArray[np.complex128]) -> Overlaps:
        """The inner products with these columns."""
        return cls(columns.shape[1], columns)


#: Saved quantities are of the whole state, whose qubits are numbered from 0.
Question: TypeAlias = Save | Gram | Overlaps


@dataclass(frozen=True, eq=False)
class Inquiry:
    """A question about a kept factor.

    Attributes:
        kept: the factor.
        question: what is asked, or None to let it go.
    """

    kept: KeptFactor
    question: Question | None

    def for_followers(self) -> Inquiry:
        """The same for MPI ranks other than the driver, without its arrays."""
        if isinstance(self.question, Overlaps):
            return replace(self, question=replace(self.question, columns=None))
        return self

    def obey(self, comm: GridCommunicator, threads: int) -> Any:
        """Answer on the grid that keeps the factor, or let it go; collective."""
        if self.question is None:
            comm.shelf.drop(self.kept.number)
            return None
        with limited_threads(threads):
            return answer(comm.shelf.get(self.kept.number), self.question)


def answer(state: State, question: Question) -> Any:
    """The answer on the driver; collective. Elsewhere it must not be looked at."""
    match question:
        case Gram():
            return gram_matrix(state.factor, state.comm)
        case Overlaps():
            return _overlaps(state, question)
        case _:
            return save_value(state, question)


def answer_bytes(question: Question, num_qubits: int, rank: int) -> int:
    """About what an answer takes on the driver while it is computed."""
    match question:
        case Gram():
            return 2 * 16 * rank**2
        case Overlaps(number=number):
            return 2 * (16 * number << num_qubits)
        case SaveFactor():
            return 3 * (16 * rank << num_qubits)
        case _:
            return 2 * saved_bytes(question)


def _overlaps(state: State, question: Overlaps) -> NDArray[np.complex128] | None:
    """L^dagger M, (rank, number), on the driver."""
    comm, factor = state.comm, state.factor
    per_group = comm.columns_per_group(factor.columns)
    first = sum(per_group[: comm.column])
    products = np.zeros((question.number, sum(per_group)), np.complex128)
    mine = products[:, first : first + factor.columns]
    mine[:] = _dealt(state, question).conj().T @ factor.block
    comm.sum_on_driver(products)
    return products.conj().T if comm.is_driver else None


def _dealt(state: State, question: Overlaps) -> NDArray[np.complex128]:
    """The rows of the driver's columns that this MPI rank holds of the factor."""
    comm, rows = state.comm, 1 << state.layout.local_bits
    here = np.zeros((rows, question.number), np.complex128)
    if question.columns is not None:
        placed = _placed(state, question.columns)
        here[:] = placed[:rows]
        comm.trade_with_rows(_handed_out(placed, rows))
    elif comm.column == 0:
        nothing = here[:0]
        comm.trade_with_rows(iter([Parcel(0, nothing, 0, here)]))
    comm.sum_over_columns(here)
    return here


def _placed(state: State, columns: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The columns with their rows in the order of the MPI ranks, and of what each holds."""
    layout = state.layout
    n = layout.num_qubits
    axes = [n - 1 - layout.qubit(bit) for bit in reversed(range(n))]
    rows = columns.reshape((2,) * n + (-1,)).transpose([*axes, n]).reshape(columns.shape)
    # What distributed bits read is the number of the row group with the flipped bits.
    return np.ascontiguousarray(state.unflipped(rows))


def _handed_out(placed: NDArray[np.complex128], rows: int) -> Iterator[Parcel]:
    """Parcels of rows for every other row group, from the first one."""
    nothing = placed[:0]
    for group in range(1, len(placed) // rows):
        yield Parcel(group, placed[group * rows : (group + 1) * rows], 0, nothing)
