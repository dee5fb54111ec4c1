"""A state as a factor L, rho = L L^dagger, in this process."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.factor import Factor
from lret_dist.factors.state import State
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.grid.layout import Layout
from lret_dist.grid.process_grid import ProcessGrid
from lret_dist.machines.threads import limited_threads
from lret_dist.results.factored_state import FactoredState, checked_qubits
from lret_dist.results.questions import Question, answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["LowRankState"]


class LowRankState(FactoredState):
    """A mixed state of n qubits as its factor L, (2**n, r): what a saved factor is.

    Nothing but :meth:`density_matrix` of all qubits forms 4**n numbers. It never changes.

    Example:
        >>> import numpy as np
        >>> state = LowRankState(np.eye(4)[:, [0, 3]])  # as likely 00 as 11
        >>> round(state.purity(), 9), round(state.entropy(), 9)
        (0.5, 1.0)
        >>> state.expectation_value("ZZ")
        1.0
    """

    def __init__(self, columns: ArrayLike) -> None:
        """Copy a factor, divided by its norm, so that Tr(rho) = 1.

        Args:
            columns: L, (2**n, r) with n >= 1, or a state vector (2**n,).

        Raises:
            TypeError: for what is no array of numbers.
            ValueError: for another shape, a zero norm, or entries that are not finite.
        """
        given = _checked(columns)
        norm = float(np.linalg.norm(given))
        if not 0 < norm < np.inf:
            raise ValueError(
                f"columns must be finite, and not all zero; the sum of their squares is {norm**2}"
            )
        factor = Factor(len(given), given.dtype, reserve=given.shape[1])
        np.divide(given, norm, out=factor.append(given.shape[1]))
        self._hold(factor)

    @classmethod
    def _of(cls, factor: Factor) -> LowRankState:
        """The state with a factor that nobody else uses."""
        state = cls.__new__(cls)
        factor.block[:] /= np.linalg.norm(factor.block)
        state._hold(factor)
        return state

    def _hold(self, factor: Factor) -> None:
        factor.weights = _core.column_weights(factor.block)
        layout = Layout(len(factor.block).bit_length() - 1, 0)
        self._state = State(factor, layout, GridCommunicator(ProcessGrid(1, 1)))

    def __repr__(self) -> str:
        return f"LowRankState(num_qubits={self.num_qubits}, rank={self.rank})"

    def __reduce__(self) -> tuple[Any, ...]:
        return LowRankState, (np.ascontiguousarray(self.columns),)

    def __copy__(self) -> LowRankState:
        return self

    def __deepcopy__(self, _: Any) -> LowRankState:
        return self

    @property
    def num_qubits(self) -> int:
        """Number of qubits, n."""
        return self._state.layout.num_qubits

    @property
    def rank(self) -> int:
        """Number of columns of L, at least the rank of rho."""
        return self._state.factor.columns

    @property
    def columns(self) -> NDArray[np.complex128]:
        """L, (2**n, r), read-only; qubit 0 is the lowest bit of a row."""
        view: Any = self._state.factor.block.view()
        view.flags.writeable = False
        return view  # type: ignore[no-any-return]

    def gather(self) -> LowRankState:
        """The state itself: all of L is in this process."""
        return self

    def compressed(self, epsilon: Any = 0.0) -> LowRankState:
        """The state with the fewest columns within an error, normalised again.

        Cost: 2**n r**2, about 50 r**3, and 2**n r numbers.

        Args:
            epsilon: trace that may be discarded, in [0, 1); the trace distance to this state is at
                most that. 0 discards nothing but rounding.

        Raises:
            ValueError: for an epsilon out of range.
        """
        number = isinstance(epsilon, Real) and not isinstance(epsilon, bool)
        if not number or not 0 <= float(epsilon) < 1:
            raise ValueError(f"epsilon must be a number in [0, 1), got {epsilon!r}")
        return _compressed(self._state.factor.copy(), self.num_qubits, float(epsilon))

    def partial_trace(self, qubits: Iterable[int]) -> LowRankState:
        """The state of the other qubits, in their order, once ``qubits`` are traced out.

        As ``qiskit.quantum_info.partial_trace``; the result is compressed within rounding.
        Cost: with k qubits left and c = 2**(n - k) r columns, 2**n r min(2**k, c), about
        50 min(2**k, c)**3, and 2**n r numbers.

        Args:
            qubits: the qubits that are traced out; not all.

        Raises:
            ValueError: for qubits that are not there, or repeated, or when none would be left.
        """
        out = checked_qubits(qubits, self)
        n = self.num_qubits
        left = [qubit for qubit in range(n) if qubit not in out]
        if not left:
            raise ValueError(f"at least one of the {n} qubits must be left")
        axes = [n - 1 - qubit for qubit in (*reversed(left), *out)]
        tensor = self.columns.reshape((2,) * n + (self.rank,)).transpose([*axes, n])
        columns = (self.rank << n) >> len(left)
        factor = Factor(1 << len(left), tensor.dtype, reserve=columns)
        factor.append(columns)[:] = tensor.reshape(-1, columns)
        factor.weights = _core.column_weights(factor.block)
        return _compressed(factor, len(left), 0.0)

    def trace_distance(self, other: FactoredState | ArrayLike) -> float:
        """Half the trace norm of the difference to another state, see :meth:`fidelity`.

        With [L M] = Q R, it has the eigenvalues of R diag(1, -1) R^dagger.
        Cost: 2**n (r + s)**2, about 10 (r + s)**3, and 2**n (r + s) numbers.
        """
        pair = np.concatenate([self.columns, self._columns_of(other)], axis=1)
        signs = np.where(np.arange(pair.shape[1]) < self.rank, 1.0, -1.0)
        with limited_threads(_core.get_num_threads()):
            triangle: NDArray[np.complex128] = np.asarray(np.linalg.qr(pair, mode="r"))
            values = np.linalg.eigvalsh((triangle * signs) @ triangle.conj().T)
        return float(np.abs(values).sum() / 2)

    def _ask(self, question: Question) -> Any:
        # BLAS gets one thread: the kernels call it from their own.
        with limited_threads(_core.get_num_threads()):
            return answer(self._state, question)


def _checked(columns: ArrayLike) -> NDArray[np.complex128]:
    """Columns as a two-dimensional array with 2**n rows, n >= 1."""
    try:
        array = np.asarray(columns, dtype=np.complex128)
    except (TypeError, ValueError):
        raise TypeError(
            f"columns must be an array of numbers, got {type(columns).__name__}"
        ) from None
    if array.ndim == 1:
        array = array[:, np.newaxis]
    rows = len(array) if array.ndim == 2 else 0
    if rows < 2 or rows & (rows - 1) or not array.shape[1]:
        raise ValueError(
            f"columns must have the shape (2**n, rank), or (2**n,) for a pure state, "
            f"got {np.shape(columns)}"
        )
    return array


def _compressed(factor: Factor, num_qubits: int, epsilon: float) -> LowRankState:
    comm = GridCommunicator(ProcessGrid(1, 1))
    with limited_threads(_core.get_num_threads()):
        compress(factor, comm, Cut(epsilon, 1 << num_qubits), num_qubits)
    return LowRankState._of(factor)
