"""The option ``--observable``: sums of Pauli strings, saved before the last measurements."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.library import SaveExpectationValue

from lret_qiskit.cli.final_measurements import before_final_measurements
from lret_qiskit.primitives.observables import Observable
from lret_qiskit.translators import translate_circuit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit
    from qiskit.result import Result

__all__ = ["OBSERVABLE_HELP", "NamedObservable", "expectation_values", "with_observables"]

OBSERVABLE_HELP = (
    "An expectation value, before the last measurements: a Pauli string for all qubits in Qiskit's "
    'order, qubit 0 last, as "ZZII"; or letters with their qubits, as "Z0 X3"; or a sum, as '
    '"0.5*Z0 Z1 - XX". May be given several times.'
)
_KEY = "lret_observable_{}"
_FACTOR = r"(?P<factor>(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*\*?\s*"
_PLACED = r"(?P<placed>[IXYZ]\d+(?:[\s*]*[IXYZ]\d+)*)"
_TERM = re.compile(
    rf"\s*(?P<sign>[+-])?\s*(?:{_FACTOR})?(?:{_PLACED}|(?P<string>[IXYZ]+))\s*(?=[+-]|$)",
    re.IGNORECASE,
)
_LETTER = re.compile(r"([IXYZ])(\d+)")


@dataclass(frozen=True)
class NamedObservable:
    """An observable as it was named.

    Attributes:
        text: the words of the user.
        observable: what they mean.
    """

    text: str
    observable: Observable

    @classmethod
    def parsed(cls, text: str, num_qubits: int) -> NamedObservable:
        """Read an observable of a circuit on so many qubits.

        Raises:
            ValueError: saying what is wrong with it.
        """
        sums: dict[tuple[tuple[int, str], ...], float] = {}
        place = 0
        while place < len(text) or not sums:
            term = _TERM.match(text, place)
            if term is None or (place and term["sign"] is None):
                raise ValueError(
                    'expected Pauli strings, as "ZZII", "Z0 X3" or "0.5*ZZ - XX", got '
                    f"{text!r}" + (f", wrong from {text[place:]!r} on" if place else "")
                )
            place = term.end()
            pauli = _pauli(term, num_qubits)
            sums[pauli] = sums.get(pauli, 0.0) + _coefficient(term)
        constant = sums.pop((), 0.0)
        terms = tuple(sorted((pauli, value) for pauli, value in sums.items() if value))
        return cls(text, Observable(constant, terms))

    def instruction(self, number: int, *, pershot: bool) -> tuple[Any, list[int]]:
        """What saves its value under the key of its ``number``, and the qubits that it acts on."""
        qubits = sorted({qubit for pauli, _ in self.observable.terms for qubit, _ in pauli})
        places = {qubit: place for place, qubit in enumerate(qubits)}
        strings = [
            ("".join(letter for _, letter in pauli), [places[qubit] for qubit, _ in pauli], value)
            for pauli, value in self.observable.terms
        ]
        operator = SparsePauliOp.from_sparse_list(strings, num_qubits=len(qubits))
        return SaveExpectationValue(operator, label=_KEY.format(number), pershot=pershot), qubits


def with_observables(
    circuit: QuantumCircuit, observables: Sequence[NamedObservable]
) -> QuantumCircuit:
    """The circuit, saving the observables' values of the state before its last measurements."""
    if not observables:
        return circuit
    # Where outcomes decide what is done, each shot has values of its own, and they a spread.
    pershot = translate_circuit(circuit).is_dynamic
    saves = [
        each.instruction(number, pershot=pershot)
        for number, each in enumerate(observables)
        if each.observable.terms
    ]
    return before_final_measurements(circuit, saves)


def expectation_values(
    result: Result, observables: Sequence[NamedObservable]
) -> list[dict[str, Any]]:
    """Values with their errors, as plain data.

    ``error_bound`` is certified: no more than so much is lost of the value, None where small
    branches were sampled. ``standard_error`` is that of sampling, None where nothing was sampled.
    """
    return [_value(result, number, each) for number, each in enumerate(observables)]


def _value(result: Result, number: int, named: NamedObservable) -> dict[str, Any]:
    facts, observable, key = result.results[0].metadata, named.observable, _KEY.format(number)
    saved = result.data(0).get(key, 0.0)
    sampled = facts["truncation"] == "unbiased"
    error = facts["standard_errors"][key] if sampled and observable.terms else None
    if isinstance(saved, list):
        each = np.array(saved, dtype=np.float64)
        saved, error = each.mean(), each.std() / math.sqrt(max(1, each.size - 1))
    # |Tr O (rho - sigma)| is at most twice the trace distance times the norm of O.
    bound = None if sampled else 2 * facts["truncation_error"] * observable.size
    return {
        "observable": named.text,
        "value": observable.constant + float(saved),
        "error_bound": bound,
        "standard_error": None if error is None else float(error),
    }


def _coefficient(term: re.Match[str]) -> float:
    size = float(term["factor"] or 1)
    if not math.isfinite(size):
        raise ValueError(f"coefficients must be finite, got {term['factor']}")
    return -size if term["sign"] == "-" else size


def _pauli(term: re.Match[str], num_qubits: int) -> tuple[tuple[int, str], ...]:
    """A term's letters but I with their qubits, the lowest first."""
    if term["string"] is not None:
        string = term["string"].upper()
        if len(string) != num_qubits:
            raise ValueError(
                f"the circuit has {num_qubits} qubits, and {string} {len(string)} letters; name "
                f"single qubits as in Z0 X3"
            )
        letters = dict(enumerate(reversed(string)))
    else:
        letters = _placed(term["placed"].upper(), num_qubits)
    return tuple(sorted((qubit, letter) for qubit, letter in letters.items() if letter != "I"))


def _placed(text: str, num_qubits: int) -> dict[int, str]:
    letters: dict[int, str] = {}
    for letter, digits in _LETTER.findall(text):
        qubit = int(digits)
        if qubit >= num_qubits:
            raise ValueError(f"the circuit has qubits 0 to {num_qubits - 1}, got {letter}{qubit}")
        if qubit in letters:
            raise ValueError(f"{text} names qubit {qubit} twice")
        letters[qubit] = letter
    return letters
