"""What a state rho = L L^dagger tells, wherever its factor L of shape (2**n, rank) lies."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuits.saves import SaveDensityMatrix, SaveExpectationValue, SaveProbabilities
from lret_dist.circuits.states import as_columns
from lret_dist.results.questions import Gram, Overlaps

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lret_dist.results.low_rank_state import LowRankState
    from lret_dist.results.questions import Question

__all__ = ["FactoredState", "checked_qubits"]

#: Part of the largest coefficient of an observable up to which an imaginary part is rounding.
_ROUNDING = 1e-10


class FactoredState(ABC):
    """A normalised mixed state of n qubits as a factor L with rho = L L^dagger.

    Below, r is the number of columns of L. Times are in operations, memory in numbers, and both
    are shared by the MPI ranks that hold the factor. Qubits are numbered as in Qiskit: qubit 0 is
    the lowest bit of a row of L.
    """

    @property
    @abstractmethod
    def num_qubits(self) -> int:
        """Number of qubits, n."""

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of columns of L, at least the rank of rho."""

    @abstractmethod
    def gather(self) -> LowRankState:
        """The state with all of L, 2**n r numbers, in this process."""

    @abstractmethod
    def _ask(self, question: Question) -> Any:
        """The answer to a question about the normalised state."""

    def eigenvalues(self) -> NDArray[np.float64]:
        """The min(r, 2**n) largest eigenvalues of rho, the others are zero; largest first.

        Cost: 2**n r**2 for the Gram matrix L^dagger L, and about 10 r**3.
        """
        values = np.linalg.eigvalsh(self._ask(Gram()).astype(np.complex128))[::-1]
        return np.clip(values[: 1 << self.num_qubits], 0.0, None)

    def purity(self) -> float:
        """Tr(rho**2), the squared Frobenius norm of L^dagger L. Cost: 2**n r**2."""
        gram = self._ask(Gram())
        return float(np.vdot(gram, gram).real)

    def entropy(self, base: Any = 2) -> float:
        """Von Neumann entropy -Tr(rho log rho). Cost: that of :meth:`eigenvalues`.

        Args:
            base: base of the logarithm, positive and not 1.

        Raises:
            ValueError: for another base.
        """
        if not isinstance(base, Real) or not 0 < float(base) < math.inf or base == 1:
            raise ValueError(f"base must be a positive number other than 1, got {base!r}")
        values = self.eigenvalues()
        values = values[values > 0]
        return float(-(values * np.log(values)).sum() / math.log(base)) + 0.0

    def probabilities(self, qubits: Iterable[int] | None = None) -> NDArray[np.float64]:
        """Probabilities of the outcomes of ``qubits``, (2**k,), the first the lowest bit.

        Cost: 2**n r, and 2**n numbers.

        Args:
            qubits: the qubits; default: all.

        Raises:
            ValueError: for qubits that are not there, or repeated.
        """
        wires = checked_qubits(range(self.num_qubits) if qubits is None else qubits, self)
        found: NDArray[np.float64] = self._ask(SaveProbabilities("", wires))
        return found

    def density_matrix(self, qubits: Iterable[int]) -> NDArray[np.complex128]:
        """Reduced density matrix of ``qubits``, (2**k, 2**k), the first the lowest bit.

        Cost: 2**(n + k) r, and 4**k numbers.

        Args:
            qubits: the qubits that are left; there is no default, as all make 4**n numbers.

        Raises:
            ValueError: for qubits that are not there, or repeated.
        """
        found: NDArray[np.complex128] = self._ask(
            SaveDensityMatrix("", checked_qubits(qubits, self))
        )
        return found

    def expectation_value(self, observable: Any, qubits: Iterable[int] | None = None) -> float:
        """Tr(O rho) of a sum O of Pauli strings. Cost: 2**n r for each string.

        Args:
            observable: a string such as ``"XIZ"``, whose last letter acts on ``qubits[0]``; a
                mapping of strings to real coefficients, pairs of them, or what gives pairs by a
                method ``to_list``, such as Qiskit's ``SparsePauliOp``.
            qubits: the qubits that it acts on; default: all.

        Raises:
            TypeError: for any other observable.
            ValueError: for strings of another length, coefficients that are not real, or qubits
                that are not there.
        """
        wires = checked_qubits(range(self.num_qubits) if qubits is None else qubits, self)
        return float(self._ask(SaveExpectationValue("", wires, _terms(observable, len(wires)))))

    def fidelity(self, other: FactoredState | ArrayLike) -> float:
        """Fidelity (Tr sqrt(sqrt(rho) sigma sqrt(rho)))**2 with another state sigma = M M^dagger.

        It is the squared sum of the singular values of L^dagger M.
        Cost: 2**n r s, where s is the number of columns of M, and r s**2; 8**n more where sigma is
        given as a density matrix.

        Args:
            other: another state with a factor; a state vector, (2**n,); a density matrix
                (2**n, 2**n); or a factor M, (2**n, s). The columns of a factor kept on MPI ranks
                are gathered.

        Raises:
            TypeError: for anything else.
            ValueError: for another number of qubits, or an array that is no state.
        """
        values = np.linalg.svd(self._overlaps(other), compute_uv=False)
        return float(values.sum() ** 2)

    def inner_product(self, other: FactoredState | ArrayLike) -> float:
        """Tr(rho sigma), the squared Frobenius norm of L^dagger M; see :meth:`fidelity`.

        Cost: 2**n r s.
        """
        overlaps = self._overlaps(other)
        return float(np.vdot(overlaps, overlaps).real)

    def _overlaps(self, other: FactoredState | ArrayLike) -> NDArray[np.complex128]:
        found: NDArray[np.complex128] = self._ask(Overlaps.of(self._columns_of(other)))
        return found

    def _columns_of(self, other: FactoredState | ArrayLike) -> NDArray[np.complex128]:
        """Columns of a factor of another state of as many qubits."""
        if isinstance(other, FactoredState):
            if other.num_qubits != self.num_qubits:
                raise ValueError(
                    f"the other state must have {self.num_qubits} qubits, got {other.num_qubits}"
                )
            return other.gather().columns
        try:
            array: NDArray[np.complex128] = np.asarray(other, dtype=np.complex128)
        except (TypeError, ValueError):
            array = np.zeros((), np.complex128)
        if array.ndim not in (1, 2):
            raise TypeError(
                f"the other state must be a LowRankState, a FactorHandle, or an array of one or "
                f"two dimensions, got {type(other).__name__}"
            )
        if not np.isfinite(array).all():
            raise ValueError("the other state must be finite; some entries are NaN or infinite")
        return as_columns(array, self.num_qubits, "the other state")


def checked_qubits(qubits: Iterable[int], state: FactoredState) -> tuple[int, ...]:
    """Qubits of a state, all different.

    Raises:
        TypeError: for what are no integers.
        ValueError: for qubits that are not there, repeated, or none.
    """
    try:
        wires = tuple(index(qubit) for qubit in qubits)
    except TypeError:
        raise TypeError(f"qubits must be a list of integers, got {qubits!r}") from None
    wrong = [qubit for qubit in wires if not 0 <= qubit < state.num_qubits]
    if wrong:
        raise ValueError(f"qubit {wrong[0]} is out of range: there are {state.num_qubits} qubits")
    if not wires or len(set(wires)) < len(wires):
        raise ValueError(f"qubits must be distinct, and at least one, got {list(wires)}")
    return wires


def _terms(observable: Any, width: int) -> tuple[tuple[str, float], ...]:
    """An observable as pairs of Pauli strings on ``width`` qubits and real coefficients."""
    pairs = _pairs(observable)
    coefficients = [complex(value) for _, value in pairs]
    largest = max(map(abs, coefficients), default=0.0)
    if any(not abs(value.imag) <= _ROUNDING * largest for value in coefficients):
        raise ValueError(f"observable must be Hermitian: real coefficients, got {coefficients}")
    for string, _ in pairs:
        if len(string) != width or set(string) - set("IXYZ"):
            raise ValueError(
                f"observable needs Pauli strings of {width} characters of I, X, Y, Z, one for each "
                f"qubit; got {string!r}"
            )
    return tuple(
        (string, value.real) for (string, _), value in zip(pairs, coefficients, strict=True)
    )


def _pairs(observable: Any) -> list[tuple[str, Any]]:
    if isinstance(observable, str):
        return [(observable, 1.0)]
    if hasattr(observable, "to_list"):
        observable = observable.to_list()
    elif isinstance(observable, Mapping):
        observable = observable.items()
    try:
        pairs = [(str(string), value) for string, value in observable]
        [complex(value) for _, value in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            f"observable must be a Pauli string, a mapping of strings to coefficients, or a "
            f"SparsePauliOp, got {observable!r}"
        ) from None
    return pairs
