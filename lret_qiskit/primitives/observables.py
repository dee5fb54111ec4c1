"""Observables as sums of Pauli strings, and which sums of a run give them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray
    from qiskit.primitives.containers.observables_array import ObservablesArray

__all__ = [
    "Observable",
    "SavedSums",
    "acting_qubits",
    "distinct_observables",
    "without_idle_qubits",
]

#: A Pauli string: (qubit, letter) of all qubits but those with I, the lowest first.
Pauli = tuple[tuple[int, str], ...]

#: Each letter of an observable as a sum of Pauli matrices. Those but I, X, Y, Z are projectors.
_LETTERS: dict[str, tuple[tuple[str, float], ...]] = {
    "I": (("I", 1.0),),
    **{letter: ((letter, 1.0),) for letter in "XYZ"},
    **{
        letter: (("I", 0.5), (pauli, sign / 2))
        for letter, pauli, sign in zip("01+-rl", "ZZXXYY", (1, -1, 1, -1, 1, -1), strict=True)
    },
}
#: Most Pauli strings that one term may become: a projector on k qubits becomes 2^k.
_MOST_STRINGS = 1 << 16


@dataclass(frozen=True)
class Observable:
    """A Hermitian operator: a multiple of the identity, and a sum of other Pauli strings.

    Attributes:
        constant: coefficient of the identity.
        terms: the other Pauli strings with their coefficients.
    """

    constant: float
    terms: tuple[tuple[Pauli, float], ...]

    @property
    def size(self) -> float:
        """Bound on the norm of what is not a multiple of the identity."""
        return sum(abs(coefficient) for _, coefficient in self.terms)


def distinct_observables(array: ObservablesArray) -> tuple[list[Observable], NDArray[np.intp]]:
    """The observables without repetitions, and the number of each one's in the array's shape.

    Raises:
        ValueError: for a coefficient that is not finite, and a product of so many projectors that
            it becomes too many Pauli strings.
    """
    numbers: dict[Observable, int] = {}
    # Each element is a dictionary of labels, in which the last letter acts on qubit 0.
    elements = np.asarray(array)
    found = [numbers.setdefault(_observable(element), len(numbers)) for element in elements.ravel()]
    return list(numbers), np.array(found, dtype=np.intp).reshape(elements.shape)


def acting_qubits(array: ObservablesArray) -> set[int]:
    """Qubits that some term of some observable acts on."""
    labels = {label for each in np.asarray(array).ravel() for label in each}
    return {qubit for label in labels for qubit, letter in enumerate(label[::-1]) if letter != "I"}


def without_idle_qubits(observable: Observable, used: Collection[int]) -> Observable:
    """The same expectation value where all qubits but the used ones are in their zero state."""
    sums: dict[Pauli, float] = {}
    for pauli, coefficient in observable.terms:
        idle = {letter for qubit, letter in pauli if qubit not in used}
        if idle <= {"Z"}:
            left = tuple(pair for pair in pauli if pair[0] in used)
            sums[left] = sums.get(left, 0.0) + coefficient
    return _of_sums(sums, observable.constant)


class SavedSums:
    """Sums of Pauli strings to save in one run, from which some observables follow.

    Each observable is a sum of its own, so that the standard error of a sampled run is that of
    the observable. Where observables share Pauli strings and the run has no such error, each
    string is saved by itself, once.

    Attributes:
        size: largest bound on the norm of an observable without its multiple of the identity.
        scale: what the observables are divided by before they are saved.
        sums: what is saved, as Pauli strings and their coefficients.
    """

    def __init__(self, observables: Sequence[Observable], *, shared: bool) -> None:
        """Choose the sums.

        Args:
            observables: what is wanted.
            shared: whether Pauli strings may be saved by themselves.
        """
        self._observables = observables
        strings = list(dict.fromkeys(pauli for each in observables for pauli, _ in each.terms))
        self.size = max((each.size for each in observables), default=0.0)
        self.scale = self.size or 1.0
        if shared and len(strings) < sum(len(each.terms) for each in observables):
            self.scale = 1.0
            self.sums: list[Sequence[tuple[Pauli, float]]] = [[(each, 1.0)] for each in strings]
            place = {pauli: number for number, pauli in enumerate(strings)}
            self._weights = np.zeros((len(observables), len(strings)))
            for row, each in zip(self._weights, observables, strict=True):
                for pauli, coefficient in each.terms:
                    row[place[pauli]] = coefficient
        else:
            kept = [number for number, each in enumerate(observables) if each.terms]
            self.sums = [
                [(pauli, value / self.scale) for pauli, value in observables[number].terms]
                for number in kept
            ]
            self._weights = self.scale * np.eye(len(observables))[:, kept]

    def values(self, saved: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expectation values of the observables from those of the sums."""
        constants = np.array([each.constant for each in self._observables])
        values: NDArray[np.float64] = constants + self._weights @ saved
        return values

    def errors(self, saved: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard errors of the observables from those of the sums."""
        errors: NDArray[np.float64] = np.abs(self._weights) @ saved
        return errors

    def bounds(self, truncation_error: float) -> NDArray[np.float64]:
        """Largest error of each observable where the state's trace distance is bounded.

        |Tr O (rho - sigma)| is at most twice the trace distance times the norm of O, to which a
        multiple of the identity adds nothing.
        """
        return np.array([2 * truncation_error * each.size for each in self._observables])


def _observable(labels: Mapping[str, float]) -> Observable:
    sums: dict[Pauli, float] = {}
    for label, coefficient in labels.items():
        if not math.isfinite(coefficient):
            raise ValueError(f"coefficients must be finite, got {coefficient} for {label!r}")
        for pauli, factor in _expanded(label):
            sums[pauli] = sums.get(pauli, 0.0) + factor * float(coefficient)
    return _of_sums(sums)


def _expanded(label: str) -> list[tuple[Pauli, float]]:
    """A label as a sum of Pauli strings."""
    letters = [(qubit, _LETTERS[each]) for qubit, each in enumerate(reversed(label)) if each != "I"]
    projectors = sum(len(parts) > 1 for _, parts in letters)
    if 1 << projectors > _MOST_STRINGS:
        raise ValueError(
            f"an observable with {projectors} letters of 0, 1, +, -, r, l becomes 2^{projectors} "
            f"Pauli strings, and more than {_MOST_STRINGS} are too many: sample it instead"
        )
    qubits = [qubit for qubit, _ in letters]
    return [
        (
            tuple(
                (q, letter) for q, (letter, _) in zip(qubits, choice, strict=True) if letter != "I"
            ),
            float(np.prod([factor for _, factor in choice])),
        )
        for choice in product(*(parts for _, parts in letters))
    ]


def _of_sums(sums: Mapping[Pauli, float], constant: float = 0.0) -> Observable:
    terms = sorted((pauli, value) for pauli, value in sums.items() if pauli and value != 0)
    return Observable(constant + sums.get((), 0.0), tuple(terms))
